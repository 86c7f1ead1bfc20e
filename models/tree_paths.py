"""What each leaf asks of a row, and which leaves are looked up together.

A leaf's path asks one question per distinct feature: does the row go the leaf's way at all splits of
that feature? With d features the answers are one of 2^d *patterns*, and all a leaf contributes
depends on the pattern alone.

A *twig* is a leaf, or a few neighbouring leaves under one split: the answers above the twig and the
outcomes inside it decide the patterns of all its leaves at once, so they share one look-up and one
table, which is smaller than theirs would be together.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from features.errors import BundleError
from models.arrays import FloatArray, IntArray

Int32Array = npt.NDArray[np.int32]

#: Distinct features on the way to a leaf, at most: a table has 2^d rows of d numbers.
MAX_PATH_FEATURES = 10
#: All tables of a model together, at most [bytes].
MAX_TABLE_BYTES = 1 << 30

#: Answers that may decide a twig; its table has 2^b rows.
_MAX_TWIG_BITS = 10
#: What one look-up less may cost in table size [bytes]. Measured with 300 trees: at depth 4 all up to
#: 8192 are as fast and 16384 is slower by a third; at depth 6 fewer look-ups are faster.
_LOOKUP_BYTES = 8192
_NUMBER_BYTES = 8


@dataclass(frozen=True, eq=False)
class Paths:
    """Questions of all leaves in flat arrays; a question is one distinct feature of one leaf.

    Parameters
    ----------
    question_start : ndarray of shape (l + 1,)
        Questions of each leaf, in order of first appearance on its path.
    question_feature : ndarray of shape (q,)
    cover_ratio : ndarray of shape (q,)
        Share of training rows that goes the leaf's way at the question's splits, their product.
    step_start : ndarray of shape (q + 1,)
        Splits of each question.
    step_node, step_left : ndarray of shape (p,)
        Split, and 1 where the leaf is on its left.
    pattern_start : ndarray of shape (l + 1,)
        Where the 2^d patterns of each leaf begin if all are laid end to end.
    twigs : tuple of Twig
        Every leaf is in exactly one.
    """

    question_start: IntArray
    question_feature: Int32Array
    cover_ratio: FloatArray
    step_start: IntArray
    step_node: Int32Array
    step_left: npt.NDArray[np.uint8]
    pattern_start: IntArray
    twigs: tuple["Twig", ...]

    @property
    def table_bytes(self) -> int:
        """Size of the contribution tables [bytes]."""
        return _NUMBER_BYTES * sum(len(twig.features) << len(twig.bits) for twig in self.twigs)


#: Splits of one feature on a path with the way taken (1 left) at each.
Condition = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Twig:
    """Leaves that are looked up together.

    Parameters
    ----------
    tree : int
    bits : tuple of Condition
        What is asked, first bit lowest. A condition of one split is asked as "does it go left?",
        whichever way leads on; a longer one as "does the row go the leaf's way at all of them?".
    features : tuple of int
        Features its leaves contribute to, the columns of its table.
    leaves : tuple of int
    """

    tree: int
    bits: tuple[Condition, ...]
    features: tuple[int, ...]
    leaves: tuple[int, ...]


@dataclass
class _Branch:
    """A split or leaf with the conditions above it."""

    place: int
    above: dict[int, Condition]
    twigs: list[Twig] = field(default_factory=list[Twig])
    cost: int = 0
    splits: tuple[int, ...] = ()
    leaves: tuple[int, ...] = ()


def find_paths(
    roots: Int32Array,
    feature: Int32Array,
    children: tuple[Int32Array, Int32Array],
    *,
    split_count: IntArray,
    leaf_count: IntArray,
) -> Paths:
    """Collect the questions of all leaves and bundle leaves into twigs.

    Parameters
    ----------
    roots, feature, children, split_count, leaf_count
        As in `models.tree_model.TreeEnsemble`; children are left and right.

    Raises
    ------
    BundleError
        If a path has too many distinct features, or the tables would be too large.
    """
    of_feature = feature.tolist()
    left, right = children[0].tolist(), children[1].tolist()
    conditions: dict[int, dict[int, Condition]] = {}
    twigs: list[Twig] = []
    for tree, root in enumerate(roots.tolist()):
        grown: dict[int, _Branch] = {}
        for branch in reversed(list(_branches(root, of_feature, left, right))):
            place = branch.place
            if place < 0:
                conditions[~place] = branch.above
                _require_shallow(tree, len(branch.above))
                branch.leaves = (~place,)
            else:
                ends = (grown.pop(left[place]), grown.pop(right[place]))
                branch.splits = (place, *ends[0].splits, *ends[1].splits)
                branch.leaves = (*ends[0].leaves, *ends[1].leaves)
                branch.twigs = [*ends[0].twigs, *ends[1].twigs]
                branch.cost = ends[0].cost + ends[1].cost
            _bundle(tree, branch, of_feature)
            grown[place] = branch
        twigs.extend(grown[root].twigs)
    paths = _flat(conditions, tuple(twigs), (left, right), split_count, leaf_count)
    if paths.table_bytes > MAX_TABLE_BYTES:
        found, limit = paths.table_bytes >> 20, MAX_TABLE_BYTES >> 20
        raise BundleError(
            en=f"The model needs tables of {found} MiB to be explained exactly, more than {limit} "
            "MiB. Train fewer or shallower trees.",
            zh=f"精确解释该模型需要 {found} MiB 的表，超过上限 {limit} MiB，请减少树的数量或深度。",
        )
    return paths


def _branches(
    root: int, feature: list[int], left: list[int], right: list[int]
) -> Iterator[_Branch]:
    """Walk one tree from its root, left before right."""
    open_branches = [_Branch(root, {})]
    while open_branches:
        branch = open_branches.pop()
        yield branch
        if branch.place >= 0:
            node = branch.place
            for child, goes_left in ((right[node], 0), (left[node], 1)):
                met = branch.above.get(feature[node], ())
                above = {**branch.above, feature[node]: (*met, (node, goes_left))}
                open_branches.append(_Branch(child, above))


def _bundle(tree: int, branch: _Branch, feature: list[int]) -> None:
    """Make one twig of the whole branch where that is no dearer than the twigs it has."""
    bits = len(branch.above) + len(branch.splits)
    if bits > _MAX_TWIG_BITS:
        return
    features = tuple(dict.fromkeys([*branch.above, *(feature[split] for split in branch.splits)]))
    # A tree that is one leaf asks nothing; a column of zeros gives it a row to look up all the same.
    features = features or (0,)
    cost = _LOOKUP_BYTES + (_NUMBER_BYTES * len(features) << bits)
    if branch.twigs and cost > branch.cost:
        return
    branch.cost = cost
    inside: list[Condition] = [((split, 1),) for split in branch.splits]
    branch.twigs = [Twig(tree, (*branch.above.values(), *inside), features, branch.leaves)]


def _flat(
    conditions: dict[int, dict[int, Condition]],
    twigs: tuple[Twig, ...],
    children: tuple[list[int], list[int]],
    split_count: IntArray,
    leaf_count: IntArray,
) -> Paths:
    ordered = [conditions[leaf] for leaf in range(len(conditions))]
    sizes = np.array([len(of_leaf) for of_leaf in ordered], dtype=np.int64)
    asked = [condition for of_leaf in ordered for condition in of_leaf.values()]
    steps = [step for condition in asked for step in condition]
    counts = [split_count.tolist(), leaf_count.tolist()]

    def ratio(condition: Condition) -> float:
        product = 1.0
        for node, goes_left in condition:
            child = children[0 if goes_left else 1][node]
            count = counts[0][child] if child >= 0 else counts[1][~child]
            product *= count / counts[0][node] if counts[0][node] else 0.0
        return product

    return Paths(
        question_start=np.concatenate([[0], np.cumsum(sizes)]),
        question_feature=np.array(
            [feature for of_leaf in ordered for feature in of_leaf], dtype=np.int32
        ),
        cover_ratio=np.array([ratio(condition) for condition in asked], dtype=np.float64),
        step_start=np.concatenate([[0], np.cumsum([len(c) for c in asked], dtype=np.int64)]),
        step_node=np.array([node for node, _ in steps], dtype=np.int32),
        step_left=np.array([goes_left for _, goes_left in steps], dtype=np.uint8),
        pattern_start=np.concatenate([[0], np.cumsum(2**sizes)]),
        twigs=twigs,
    )


def _require_shallow(tree: int, found: int) -> None:
    if found > MAX_PATH_FEATURES:
        raise BundleError(
            en=f"The model is too deep to be explained exactly: a leaf of tree {tree} depends on "
            f"{found} features, at most {MAX_PATH_FEATURES} are allowed because tables double with "
            f"each. Train with max_depth {MAX_PATH_FEATURES} or less.",
            zh=f"模型过深，无法精确解释：第 {tree} 棵树有叶节点依赖 {found} 个特征，上限为 "
            f"{MAX_PATH_FEATURES} 个（每多一个，表的大小翻倍）。请将 max_depth 设为 "
            f"{MAX_PATH_FEATURES} 或更小后重新训练。",
        )
