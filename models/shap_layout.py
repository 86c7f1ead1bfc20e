"""The order in which the compiled loops walk an ensemble.

Trees are taken in chunks whose outcomes fit the processor's first cache. Within a chunk twigs of
equal width stand together, so that inner loops keep their trip counts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from numpy.typing import ArrayLike

from models.arrays import FloatArray
from models.tree_model import TreeEnsemble
from models.tree_paths import Condition, Twig

Int32Array = npt.NDArray[np.int32]
Uint8Array = npt.NDArray[np.uint8]
Uint32Array = npt.NDArray[np.uint32]

ScalarT = TypeVar("ScalarT", bound=np.generic)

#: Trees of a chunk: outcomes of 64 rows at some hundred splits stay within 32 KiB.
_CHUNK_TREES = 16


@dataclass(frozen=True, eq=False)
class ShapLayout:
    """Flat arrays for `models.shap_kernels`.

    A *slot* is a byte of a chunk's scratch: outcomes of its splits, then its leaves (for the walk to
    a row's leaf), then *joints*, the conjunctions of splits of one feature.

    Parameters
    ----------
    chunks : ndarray of shape (c + 1, 7)
        First tree, split, leaf, joint, set and twig of each chunk, and the depth of its trees.
    node_source : ndarray of shape (s,)
        Column a split reads, of four copies of the row: missing goes right, missing goes left, and
        both again with 0 as missing.
    threshold : ndarray of shape (s,)
    sets : ndarray of shape (categorical splits, 4)
        Slot, column, first word and number of words.
    joints : ndarray of shape (j, 4)
        Slot and whether it is negated, twice.
    twigs : ndarray of shape (g + 1, 4)
        First bit, first column, start in the table, first leaf.
    bit_slot, column_feature, twig_leaf : ndarray
        Of all twigs, end to end.
    child : ndarray of shape (2 * (s + l),)
        Slot to the right and to the left of each split; a leaf leads to itself.
    tree_root : ndarray of shape (t,)
        Slot where each tree starts.
    question_column : ndarray of shape (q,)
        Column of each leaf's question in its twig's table.
    need_start : ndarray of shape (q + 1,)
    need : ndarray of shape (n, 2)
        Bits of the twig, and their values, that make the answer to a question "yes".
    table_size : int
        Numbers in the table.
    """

    chunks: Int32Array
    node_source: Uint32Array
    threshold: FloatArray
    sets: Int32Array
    joints: Int32Array
    twigs: Int32Array
    bit_slot: Uint32Array
    column_feature: Uint32Array
    twig_leaf: Int32Array
    child: Uint32Array
    tree_root: Uint32Array
    question_column: Int32Array
    need_start: Int32Array
    need: Int32Array
    table_size: int


class _Chunk:
    """Trees that share a scratch of slots."""

    def __init__(self, ensemble: TreeEnsemble, first: int, last: int) -> None:
        self.ensemble = ensemble
        self.trees = range(first, last)
        self.nodes = range(*ensemble.split_start[[first, last]].tolist())
        self.leaves = range(*ensemble.leaf_start[[first, last]].tolist())
        self.joints: list[tuple[int, int, int, int]] = []
        self._joint_of: dict[Condition, int] = {}

    def slot_of(self, place: int) -> int:
        """Slot of a split, or of a leaf given as `~leaf`."""
        if place >= 0:
            return place - self.nodes.start
        return len(self.nodes) + ~place - self.leaves.start

    def answer(self, condition: Condition) -> int:
        """Slot that answers a condition; joints are made as they are asked for."""
        node, goes_left = condition[-1]
        if len(condition) == 1:
            return self.slot_of(node)
        if condition not in self._joint_of:
            before = condition[:-1]
            flip = 1 - before[0][1] if len(before) == 1 else 0
            joint = (self.answer(before), flip, self.slot_of(node), 1 - goes_left)
            self._joint_of[condition] = len(self.nodes) + len(self.leaves) + len(self.joints)
            self.joints.append(joint)
        return self._joint_of[condition]

    def roots(self) -> list[int]:
        """Slots where the trees start."""
        return [self.slot_of(int(self.ensemble.roots[tree])) for tree in self.trees]

    def children(self) -> list[int]:
        """Slots right and left of each split, then of each leaf."""
        own = slice(self.nodes.start, self.nodes.stop)
        pairs = zip(
            self.ensemble.right[own].tolist(), self.ensemble.left[own].tolist(), strict=True
        )
        ways = [self.slot_of(place) for pair in pairs for place in pair]
        return ways + [self.slot_of(~leaf) for leaf in self.leaves for _ in range(2)]

    def sets(self) -> list[tuple[int, int, int, int]]:
        """Categorical splits."""
        of = self.ensemble
        return [
            (
                self.slot_of(node),
                int(of.feature[node]),
                int(of.category_start[node]),
                int(of.category_count[node]),
            )
            for node in self.nodes
            if of.is_categorical[node]
        ]

    def depth(self) -> int:
        """Splits on the longest path; children stand behind their parents."""
        depth = dict.fromkeys(self.nodes, 0)
        for node in self.nodes:
            for side in (self.ensemble.left, self.ensemble.right):
                if side[node] >= 0:
                    depth[int(side[node])] = depth[node] + 1
        return 1 + max(depth.values(), default=-1)


@lru_cache(maxsize=4)
def lay_out(ensemble: TreeEnsemble) -> ShapLayout:
    """Order an ensemble for the compiled loops; the same ensemble always gives the same layout."""
    trees = len(ensemble.roots)
    of_tree: dict[int, list[Twig]] = {}
    for twig in ensemble.paths.twigs:
        of_tree.setdefault(twig.tree, []).append(twig)
    chunks: list[tuple[int, ...]] = []
    sets: list[tuple[int, ...]] = []
    joints: list[tuple[int, ...]] = []
    twigs: list[Twig] = []
    bit_slot: list[int] = []
    child: list[int] = []
    roots: list[int] = []
    for first in range(0, trees, _CHUNK_TREES):
        chunk = _Chunk(ensemble, first, min(first + _CHUNK_TREES, trees))
        counted = (len(joints), len(sets), len(twigs))
        chunks.append((first, chunk.nodes.start, chunk.leaves.start, *counted, chunk.depth()))
        own = [twig for tree in chunk.trees for twig in of_tree[tree]]
        own.sort(key=lambda twig: (len(twig.features), len(twig.bits)))
        bit_slot += [chunk.answer(condition) for twig in own for condition in twig.bits]
        twigs += own
        sets += chunk.sets()
        joints += chunk.joints
        child += chunk.children()
        roots += chunk.roots()
    end = (len(ensemble.feature), len(ensemble.leaf_value), len(joints), len(sets), len(twigs))
    chunks.append((trees, *end, 0))
    starts = _starts(twigs)
    need_start, need, question_column = _needs(ensemble, twigs)
    return ShapLayout(
        chunks=_int32(chunks, 7),
        node_source=_uint32(
            ensemble.feature
            + len(ensemble.feature_names)
            * (2 * ensemble.zero_is_missing + ensemble.missing_goes_left)
        ),
        threshold=ensemble.threshold,
        sets=_int32(sets, 4),
        joints=_int32(joints, 4),
        twigs=_int32(starts, 4),
        bit_slot=_uint32(bit_slot),
        column_feature=_uint32([feature for twig in twigs for feature in twig.features]),
        twig_leaf=_int32([leaf for twig in twigs for leaf in twig.leaves]),
        child=_uint32(child),
        tree_root=_uint32(roots),
        question_column=_int32(question_column),
        need_start=_int32(need_start),
        need=_int32(need, 2),
        table_size=starts[-1][2],
    )


def _starts(twigs: Sequence[Twig]) -> list[tuple[int, int, int, int]]:
    """First bit, first column, start in the table and first leaf of each twig, and the ends."""
    starts = [(0, 0, 0, 0)]
    for twig in twigs:
        bit, column, start, leaf = starts[-1]
        bits, width = len(twig.bits), len(twig.features)
        starts.append(
            (bit + bits, column + width, start + (width << bits), leaf + len(twig.leaves))
        )
    return starts


def _needs(
    ensemble: TreeEnsemble, twigs: Sequence[Twig]
) -> tuple[list[int], list[tuple[int, int]], list[int]]:
    """How the bits of a twig answer the questions of its leaves, and the questions' columns."""
    paths = ensemble.paths
    steps = list(zip(paths.step_node.tolist(), paths.step_left.tolist(), strict=True))
    needs: list[list[tuple[int, int]]] = [[] for _ in paths.question_feature]
    column_of = [0] * len(needs)
    for twig in twigs:
        bit_of = {condition: bit for bit, condition in enumerate(twig.bits)}
        for leaf in twig.leaves:
            for question in range(*paths.question_start[[leaf, leaf + 1]].tolist()):
                feature = int(paths.question_feature[question])
                column_of[question] = twig.features.index(feature)
                condition = tuple(
                    steps[slice(*paths.step_start[[question, question + 1]].tolist())]
                )
                needs[question] = _answered(condition, bit_of)
    start = [0, *accumulate(len(of_question) for of_question in needs)]
    return start, [need for of_question in needs for need in of_question], column_of


def _answered(condition: Condition, bit_of: Mapping[Condition, int]) -> list[tuple[int, int]]:
    """Bits and values that answer a condition: what is asked above the twig, then splits inside."""
    for length in range(len(condition), 0, -1):
        above = condition[:length]
        if above in bit_of:
            first = [(bit_of[above], above[0][1] if length == 1 else 1)]
            break
    else:
        length, first = 0, []
    return first + [(bit_of[((node, 1),)], way) for node, way in condition[length:]]


def _int32(values: ArrayLike, columns: int = 0) -> Int32Array:
    array = np.array(values, dtype=np.int32)
    return _fixed(array.reshape(-1, columns) if columns else array)


def _uint32(values: ArrayLike) -> Uint32Array:
    return _fixed(np.array(values, dtype=np.uint32))


def _fixed(array: npt.NDArray[ScalarT]) -> npt.NDArray[ScalarT]:
    """Close an array against writing; compiled functions see one type of array only."""
    array.setflags(write=False)
    return array
