"""The grammar of a LightGBM model text, checked line by line.

A text that was cut short or bent must end in a sentence, never in a wrong tree that looks right: all
lengths, ranges and references are checked before an array leaves this module. What no reader can
notice is a digit changed into another digit; against that a bundle holds the hash of the text.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import NoReturn

import numpy as np
import numpy.typing as npt

from features.errors import BundleError
from models.arrays import FloatArray, IntArray

MISSING_ZERO = 1
MISSING_NAN = 2

_VERSIONS = ("v3", "v4")
_WHOLE = re.compile(r"-?[0-9]{1,18}")
_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]{1,3})?")
_WORD_END = 2**32
_DECISION_END = 12
_CATEGORICAL = 1
#: More trees, splits or categories than 32-bit numbers can count are no model of ours.
_LARGEST = 2**31 - 1


@dataclass(frozen=True)
class Head:
    """What stands before the trees.

    Parameters
    ----------
    feature_names : tuple of str
    sizes : tuple of int
        Characters of each tree's part of the text.
    """

    feature_names: tuple[str, ...]
    sizes: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class TreeText:
    """One tree with its own numbering; fields as in `models.tree_model.TreeEnsemble`."""

    source: str
    feature: IntArray
    threshold: FloatArray
    decision_type: npt.NDArray[np.uint8]
    left: IntArray
    right: IntArray
    gain: FloatArray
    split_count: IntArray
    category_start: IntArray
    category_count: IntArray
    category_words: npt.NDArray[np.uint32]
    leaf_value: FloatArray
    leaf_count: IntArray


def parse_model(text: str) -> tuple[Head, tuple[TreeText, ...]]:
    """Take a model text apart.

    Raises
    ------
    BundleError
        If it is damaged or is not a sum of plain trees with one output.
    """
    start, mark, _ = text.partition("\nTree=0\n")
    if not mark or not start.startswith("tree\n"):
        _damaged("its header or first tree is missing", "缺少文件头或第一棵树")
    head = _head(start)
    place = len(start) + 1
    trees: list[TreeText] = []
    for number, size in enumerate(head.sizes):
        source = text[place : place + size]
        if len(source) < size or not source.startswith(f"Tree={number}\n"):
            _damaged(f"tree {number} is not where it should be", f"第 {number} 棵树位置不符")
        trees.append(_TreeReader(number, source, len(head.feature_names)).tree())
        place += size
    if not text.startswith("end of trees\n", place):
        _damaged("trees are missing at its end", "末尾缺少树")
    return head, tuple(trees)


def _head(start: str) -> Head:
    lines = start.splitlines()
    keys = {key: value for key, _, value in (line.partition("=") for line in lines)}
    if keys.get("version") not in _VERSIONS:
        _damaged(
            f"its version is '{keys.get('version')}' and not {' or '.join(_VERSIONS)}",
            f"版本为“{keys.get('version')}”，应为 {'、'.join(_VERSIONS)}",
        )
    if keys.get("num_class") != "1" or keys.get("num_tree_per_iteration") != "1":
        _unfit(
            f"gives {keys.get('num_class')} outputs a row; a rating needs one",
            f"每行输出 {keys.get('num_class')} 个值，评级模型应为一个",
        )
    if "average_output" in keys:
        _unfit(
            "averages its trees (random forest); only sums of trees are explained",
            "为随机森林（取平均），仅支持求和的提升树",
        )
    names = tuple(keys.get("feature_names", "").split(" "))
    last = keys.get("max_feature_idx", "")
    if not _WHOLE.fullmatch(last) or int(last) + 1 != len(names) or not all(names):
        _damaged("its feature names are not as many as it says", "特征名数量不符")
    sizes = keys.get("tree_sizes", "").split()
    if not sizes or not all(_WHOLE.fullmatch(size) and int(size) > 0 for size in sizes):
        _damaged("its tree sizes are no numbers", "树的长度不是数字")
    return Head(names, tuple(int(size) for size in sizes))


class _TreeReader:
    """Reads the lines of one tree; every failure names the tree and the key."""

    def __init__(self, number: int, source: str, features: int) -> None:
        self.number = number
        self.source = source
        self.features = features
        self.lines = {
            key: value for key, _, value in (line.partition("=") for line in source.splitlines())
        }

    def tree(self) -> TreeText:
        """Read and check the whole tree."""
        leaves = self._whole("num_leaves", 1, low=1, end=_LARGEST)[0]
        categories = self._whole("num_cat", 1, low=0, end=_LARGEST)[0]
        if self._line("is_linear", absent="0") != "0":
            _unfit(
                f"has a linear model in the leaves of tree {self.number}; only constant leaves "
                "are explained",
                f"的第 {self.number} 棵树为线性叶，仅支持常数叶",
            )
        splits = int(leaves) - 1
        decision = self._whole("decision_type", splits, low=0, end=_DECISION_END)
        # A split of missing against present has an infinite threshold.
        threshold = self._floats("threshold", splits, infinite=("inf", "-inf"))
        start, count, words = self._categories(int(categories), decision, threshold)
        left = self._whole("left_child", splits, low=-int(leaves), end=splits)
        right = self._whole("right_child", splits, low=-int(leaves), end=splits)
        self._require_tree(left, right, int(leaves))
        is_single = splits == 0
        return TreeText(
            source=self.source,
            feature=self._whole("split_feature", splits, low=0, end=self.features),
            threshold=threshold,
            decision_type=decision.astype(np.uint8),
            left=left,
            right=right,
            # LightGBM keeps gains as float32.
            gain=self._floats("split_gain", splits).astype(np.float32).astype(np.float64),
            split_count=self._whole("internal_count", splits, low=0, end=2**53),
            category_start=start,
            category_count=count,
            category_words=words,
            leaf_value=self._floats("leaf_value", int(leaves)),
            leaf_count=np.zeros(1, dtype=np.int64)
            if is_single
            else self._whole("leaf_count", int(leaves), low=0, end=2**53),
        )

    def _categories(
        self, categories: int, decision: IntArray, threshold: FloatArray
    ) -> tuple[IntArray, IntArray, npt.NDArray[np.uint32]]:
        """Sets of the categorical splits: first word, number of words, all words."""
        none = np.zeros(len(decision), dtype=np.int64)
        is_set = (decision & _CATEGORICAL) == _CATEGORICAL
        if categories == 0:
            if is_set.any():
                self._damage("decision_type")
            return none, none, np.zeros(0, dtype=np.uint32)
        bounds = self._whole("cat_boundaries", categories + 1, low=0, end=_LARGEST)
        if bounds[0] != 0 or bool((np.diff(bounds) < 0).any()):
            self._damage("cat_boundaries")
        words = self._whole("cat_threshold", int(bounds[-1]), low=0, end=_WORD_END)
        place = np.where(is_set, threshold, 0.0)
        if bool(((place != np.floor(place)) | (place < 0) | (place >= categories)).any()):
            self._damage("threshold")
        number = place.astype(np.int64)
        start = np.where(is_set, bounds[number], 0)
        count = np.where(is_set, bounds[number + 1] - bounds[number], 0)
        return start, count, words.astype(np.uint32)

    def _require_tree(self, left: IntArray, right: IntArray, leaves: int) -> None:
        """Every split but the first and every leaf hang on exactly one split written before them."""
        children = np.concatenate([left, right])
        expected = np.concatenate([np.arange(-leaves, 0), np.arange(1, len(left))])
        parents = np.arange(len(left))
        is_later = ((left < 0) | (left > parents)) & ((right < 0) | (right > parents))
        if len(left) and (
            not bool(is_later.all()) or not np.array_equal(np.sort(children), expected)
        ):
            self._damage("left_child")

    def _line(self, key: str, absent: str | None = None) -> str:
        found = self.lines.get(key, absent)
        if found is None:
            _damaged(f"tree {self.number} lacks {key}", f"第 {self.number} 棵树缺少 {key}")
        return found

    def _whole(self, key: str, length: int, *, low: int, end: int) -> IntArray:
        words = self._line(key).split()
        if len(words) != length or not all(map(_WHOLE.fullmatch, words)):
            self._damage(key)
        found = np.array([int(word) for word in words], dtype=np.int64)
        if bool(((found < low) | (found >= end)).any()):
            self._damage(key)
        return found

    def _floats(self, key: str, length: int, infinite: Collection[str] = ()) -> FloatArray:
        words = self._line(key).split()
        if len(words) != length or not all(w in infinite or _NUMBER.fullmatch(w) for w in words):
            self._damage(key)
        found = np.array([float(word) for word in words], dtype=np.float64)
        if not infinite and not bool(np.isfinite(found).all()):
            self._damage(key)
        return found

    def _damage(self, key: str) -> NoReturn:
        _damaged(
            f"{key} of tree {self.number} does not hold what it should",
            f"第 {self.number} 棵树的 {key} 内容不符",
        )


def _damaged(en: str, zh: str) -> NoReturn:
    raise BundleError(en=f"The model text is damaged: {en}.", zh=f"模型文件已损坏：{zh}。")


def _unfit(en: str, zh: str) -> NoReturn:
    raise BundleError(en=f"The model {en}.", zh=f"模型{zh}。")
