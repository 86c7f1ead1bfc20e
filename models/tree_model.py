"""A LightGBM model text as flat arrays, read without LightGBM.

What stands here decides which way a value goes at a split, so it follows LightGBM's dense `predict`
to the bit: what is nearly zero is zero, each split treats missing values in its own way, and a
category is the whole part of its code. Whatever else a text may contain is refused by a sentence.
"""

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from features.errors import ModelInputError
from models.arrays import BoolArray, FloatArray, IntArray
from models.margin_kernels import margins_kernel
from models.tree_paths import Paths, find_paths
from models.tree_text import MISSING_NAN, MISSING_ZERO, TreeText, parse_model

Int32Array = npt.NDArray[np.int32]
Uint8Array = npt.NDArray[np.uint8]
Uint32Array = npt.NDArray[np.uint32]

ScalarT = TypeVar("ScalarT", bound=np.generic)


@dataclass(frozen=True, eq=False)
class TreeEnsemble:
    """Trees in flat arrays; splits and leaves are numbered through all trees.

    Parameters
    ----------
    sha256 : str
        Of the part of the text that decides predictions [hex, 64 characters].
    feature_names : tuple of str
        Columns in order.
    split_start, leaf_start : ndarray of shape (t + 1,)
        Number of the first split and leaf of each tree.
    feature, threshold, decision_type : ndarray of shape (s,)
        Of each split; `decision_type` as in the text (1 categorical, 2 missing goes left, then two
        bits of what counts as missing). The threshold of a categorical split means nothing.
    left, right : ndarray of shape (s,)
        Where a row goes on: a split, or `~leaf`.
    gain : ndarray of shape (s,)
        Loss reduction of each split in training.
    split_count : ndarray of shape (s,)
        Training rows that reached each split.
    category_start, category_count : ndarray of shape (s,)
        Words of the set of categories that go left at a categorical split, in `category_words`; a
        numeric split has none.
    category_words : ndarray of uint32
    leaf_value : ndarray of shape (l,)
        Contribution to the margin [log-odds], shrinkage included.
    leaf_count : ndarray of shape (l,)
        Training rows in each leaf.
    """

    sha256: str
    feature_names: tuple[str, ...]
    split_start: IntArray
    leaf_start: IntArray
    feature: Int32Array
    threshold: FloatArray
    decision_type: Uint8Array
    left: Int32Array
    right: Int32Array
    gain: FloatArray
    split_count: IntArray
    category_start: Int32Array
    category_count: Int32Array
    category_words: Uint32Array
    leaf_value: FloatArray
    leaf_count: IntArray

    @cached_property
    def roots(self) -> Int32Array:
        """Where each tree starts: a split, or `~leaf` of a tree that is one leaf; shape (t,)."""
        is_single = np.diff(self.split_start) == 0
        roots = np.where(is_single, ~self.leaf_start[:-1], self.split_start[:-1])
        return roots.astype(np.int32)

    @cached_property
    def is_categorical(self) -> BoolArray:
        """Splits on a set of categories, shape (s,)."""
        return (self.decision_type & 1).astype(bool)

    @cached_property
    def missing_goes_left(self) -> BoolArray:
        """Which way a missing value goes at each split, shape (s,).

        A split that was trained without missing values reads them as 0.
        """
        kind = (self.decision_type >> 2) & 3
        default = (self.decision_type & 2).astype(bool)
        is_known = (kind == MISSING_NAN) | (kind == MISSING_ZERO)
        goes_left = np.where(is_known, default, self.threshold >= 0.0)
        return goes_left & ~self.is_categorical

    @cached_property
    def zero_is_missing(self) -> BoolArray:
        """Numeric splits that read 0 as missing, shape (s,)."""
        return (((self.decision_type >> 2) & 3) == MISSING_ZERO) & ~self.is_categorical

    @cached_property
    def gains(self) -> FloatArray:
        """Loss reduction of all splits on each feature in training, shape (k,)."""
        total = np.zeros(len(self.feature_names))
        np.add.at(total, self.feature, np.maximum(self.gain, 0.0))
        return total

    @cached_property
    def paths(self) -> Paths:
        """What each leaf asks of a row."""
        return find_paths(
            self.roots,
            self.feature,
            (self.left, self.right),
            split_count=self.split_count,
            leaf_count=self.leaf_count,
        )

    def margin(self, matrix: FloatArray) -> FloatArray:
        """Raw margin of rows, equal to `Booster.predict(raw_score=True)` to the last bit.

        Parameters
        ----------
        matrix : ndarray of shape (n, k)
            NaN where missing, infinities allowed.

        Returns
        -------
        ndarray of shape (n,)
            Log-odds before calibration, higher = riskier.

        Raises
        ------
        ModelInputError
            If the matrix has another width or type.
        """
        return self.margins(matrix, np.ones((1, len(self.feature_names)), dtype=np.bool_))[0]

    def margins(self, matrix: FloatArray, is_open: BoolArray) -> FloatArray:
        """Raw margins of rows in several looks.

        Parameters
        ----------
        matrix : ndarray of shape (n, k)
        is_open : ndarray of shape (d, k)
            Which columns each look sees; the others are missing.

        Returns
        -------
        ndarray of shape (d, n)

        Raises
        ------
        ModelInputError
            If the matrix has another width or type.
        """
        self.require_columns(matrix)
        margin = np.empty((len(is_open), len(matrix)))
        margins_kernel(
            np.ascontiguousarray(matrix),
            np.ascontiguousarray(is_open),
            self.roots,
            self.feature,
            self.threshold,
            self.left,
            self.right,
            self.missing_goes_left,
            self.zero_is_missing,
            self.is_categorical,
            self.category_start,
            self.category_count,
            self.category_words,
            self.leaf_value,
            margin,
        )
        return margin

    def require_columns(self, matrix: FloatArray) -> None:
        """Refuse a matrix that is not one of this model's features."""
        is_matrix = matrix.ndim == 2 and matrix.dtype == np.float64  # noqa: PLR2004  a matrix
        if not is_matrix or matrix.shape[1] != len(self.feature_names):
            raise ModelInputError(
                en=f"The trees read {len(self.feature_names)} float64 columns, got {matrix.dtype} "
                f"of shape {matrix.shape}.",
                zh=f"模型读取 {len(self.feature_names)} 列 float64，现为 {matrix.dtype}"
                f"{matrix.shape}。",
            )


def read_ensemble(text: str) -> TreeEnsemble:
    """Read a LightGBM model text.

    Parameters
    ----------
    text : str
        As `Booster.model_to_string` writes it.

    Raises
    ------
    BundleError
        If the text is damaged, is not a sum of trees with one output, or has trees too deep to be
        explained exactly.
    """
    head, trees = parse_model(text)
    ensemble = _joined(head.feature_names, trees)
    _ = ensemble.paths  # trees too deep are refused now and not at the first rating
    return ensemble


def _joined(feature_names: tuple[str, ...], trees: tuple[TreeText, ...]) -> TreeEnsemble:
    """Number splits and leaves through all trees."""
    splits = np.cumsum([0, *(len(tree.feature) for tree in trees)])
    leaves = np.cumsum([0, *(len(tree.leaf_value) for tree in trees)])
    words = np.cumsum([0, *(len(tree.category_words) for tree in trees)])

    def children(side: str) -> Int32Array:
        found = [
            np.where(child >= 0, child + split, child - leaf)
            for child, split, leaf in zip(
                (getattr(tree, side) for tree in trees), splits[:-1], leaves[:-1], strict=True
            )
        ]
        return _fixed(np.concatenate(found).astype(np.int32))

    starts = [tree.category_start + start for tree, start in zip(trees, words[:-1], strict=True)]
    digest = hashlib.sha256(repr(feature_names).encode())
    for tree in trees:
        digest.update(tree.source.encode())
    return TreeEnsemble(
        sha256=digest.hexdigest(),
        feature_names=feature_names,
        split_start=_fixed(splits),
        leaf_start=_fixed(leaves),
        feature=_fixed(np.concatenate([tree.feature for tree in trees]).astype(np.int32)),
        threshold=_fixed(np.concatenate([tree.threshold for tree in trees])),
        decision_type=_fixed(np.concatenate([tree.decision_type for tree in trees])),
        left=children("left"),
        right=children("right"),
        gain=_fixed(np.concatenate([tree.gain for tree in trees])),
        split_count=_fixed(np.concatenate([tree.split_count for tree in trees])),
        category_start=_fixed(np.concatenate(starts).astype(np.int32)),
        category_count=_fixed(
            np.concatenate([tree.category_count for tree in trees]).astype(np.int32)
        ),
        category_words=_fixed(np.concatenate([tree.category_words for tree in trees])),
        leaf_value=_fixed(np.concatenate([tree.leaf_value for tree in trees])),
        leaf_count=_fixed(np.concatenate([tree.leaf_count for tree in trees])),
    )


def _fixed(array: npt.NDArray[ScalarT]) -> npt.NDArray[ScalarT]:
    """Close an array against writing; compiled functions see one type of array only."""
    array.setflags(write=False)
    return array
