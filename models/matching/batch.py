"""All firms against all rules at once: counts, near misses, and the first rules each firm meets.

What only the firm or a lender can say (the need, what it puts up, its own word) is not on record at
night. Such conditions are left to the asking: a rule that everything on record meets *fits*, and is *sure* only
where nothing is left to ask. What is unknown on record never counts for a firm.
"""

from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from features.rules.evaluate import Columns
from models.arrays import BoolArray, FloatArray, IntArray
from models.matching.conditions import Int32Array
from models.matching.matcher import Matcher
from models.matching.plane_kernels import everyone_kernel

#: Firms whose values are laid side by side at a time: enough to fill the kernel, few enough for a cache.
SLICE = 4096
#: In the place of a rule where a firm meets no further one.
NOTHING = -1


@dataclass(frozen=True, eq=False)
class Counts:
    """How many firms meet p rules of c conditions, and what the others lack.

    Attributes
    ----------
    firms : int
    sure : ndarray of int64, shape (p,)
        Every condition is known to hold.
    fits : ndarray of int64, shape (p,)
        Everything on record is known to hold; `sure` is part of it.
    undecided : ndarray of int64, shape (p,)
        Nothing fails, and something on record is unknown: more data would decide.
    near : ndarray of int64, shape (p,)
        Exactly one condition is known to fail.
    alone : ndarray of int64, as long as `Matcher.asked`
        Of these by the one condition.
    failed, unknown : ndarray of int64, shape (c,)
        Firms of which a condition is known to fail, or of which nobody can tell.
    """

    firms: int
    sure: IntArray
    fits: IntArray
    undecided: IntArray
    near: IntArray
    alone: IntArray
    failed: IntArray
    unknown: IntArray

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(
            self.firms + other.firms,
            self.sure + other.sure,
            self.fits + other.fits,
            self.undecided + other.undecided,
            self.near + other.near,
            self.alone + other.alone,
            self.failed + other.failed,
            self.unknown + other.unknown,
        )


@dataclass(frozen=True, eq=False)
class Matches:
    """Of n firms the first k rules they meet, and everything counted.

    Attributes
    ----------
    top : ndarray of int32, shape (n, k)
        Rules that fit, best first; `NOTHING` behind the last.
    is_sure : ndarray of bool, shape (n, k)
        Nothing is left to ask.
    """

    top: Int32Array
    is_sure: BoolArray
    counts: Counts


@dataclass(frozen=True, eq=False)
class Everyone:
    """Rules ready to be asked of any number of firms.

    Parameters
    ----------
    matcher : Matcher
        p rules over c conditions.
    order : ndarray of int32, shape (g, p)
        Rules best first, for each of g kinds of firms (grades, and one for no grade).
    is_left : ndarray of bool, shape (c,)
        Conditions left to the asking; see `left_to_ask`.
    most : int
        Rules kept of a firm, k.
    threads : int
    """

    matcher: Matcher
    order: Int32Array
    is_left: BoolArray
    most: int = 10
    threads: int = 1

    def match(self, columns: Columns, grade: IntArray) -> Matches:
        """Match a block of firms; what is found of one never depends on the others.

        Parameters
        ----------
        columns : mapping of str to ndarray, shape (n,)
            Every name of the rules; NaN, or the empty text of a code, where nothing is known.
        grade : ndarray of int64, shape (n,)
            Which row of `order` each firm goes by.

        Raises
        ------
        KeyError
            If a column was not looked up.

        Examples
        --------
        >>> from features.rules.vocabulary import Term, Vocabulary
        >>> words = Vocabulary({"age": Term("age", "months"), "debt": Term("debt", "ratio")})
        >>> book = [("old", "age >= 2 years"), ("sound", "age >= 2 years and debt < 70 %")]
        >>> matcher = Matcher.of(book, words)
        >>> order = np.array([[1, 0]], dtype=np.int32)
        >>> firms = {"age": np.array([24.0, 30, 3]), "debt": np.array([0.5, np.nan, 0.5])}
        >>> found = Everyone(matcher, order, np.zeros(2, bool), most=2).match(firms, np.zeros(3, int))
        >>> found.top.tolist(), found.counts.near.tolist(), found.counts.undecided.tolist()
        ([[1, 0], [0, -1], [-1, -1]], [1, 1], [0, 1])
        """
        firms, graded = len(grade), grade.astype(np.int32)
        top = np.full((firms, self.most), NOTHING, dtype=np.int32)
        is_sure = np.zeros((firms, self.most), dtype=np.uint8)

        def part(first: int, last: int) -> Counts:
            into = self._nothing()
            for at in range(first, last, SLICE):
                rows = slice(at, min(at + SLICE, last))
                self._count(columns, rows, graded[rows], top[rows], is_sure[rows], into)
            return into.counts(last - first)

        size = max(-(-firms // self.threads), 1)
        spans = [(at, min(at + size, firms)) for at in range(0, max(firms, 1), size)]
        if len(spans) == 1:
            return Matches(top, is_sure.view(np.bool_), part(*spans[0]))
        with ThreadPoolExecutor(len(spans)) as pool:
            first, *others = pool.map(part, *zip(*spans, strict=True))
        return Matches(top, is_sure.view(np.bool_), sum(others, first))

    def _nothing(self) -> "_Tallies":
        rules, conditions = len(self.matcher), len(self.matcher.conditions)
        sizes = (4 * rules, len(self.matcher.asked), 2 * conditions)
        names = len(self.matcher.conditions.names)
        return _Tallies(
            np.empty(names * SLICE), *(np.zeros(size, dtype=np.int64) for size in sizes)
        )

    def _count(
        self,
        columns: Columns,
        rows: slice,
        grade: Int32Array,
        top: Int32Array,
        is_sure: npt.NDArray[np.uint8],
        into: "_Tallies",
    ) -> None:
        conditions = self.matcher.conditions
        values = into.values[: len(conditions.names) * len(grade)]
        conditions.fill(values.reshape(len(conditions.names), len(grade)), columns, rows)
        # Every bit of a condition's word, where it is left to the asking.
        left = np.where(self.is_left, np.uint64(2**64 - 1), np.uint64(0))
        everyone_kernel(
            values, grade, *conditions.arrays, self.matcher.start, self.matcher.asked, left,
            np.ascontiguousarray(self.order).ravel(), self.most, top.reshape(-1), is_sure.reshape(-1),
            into.of_rule, into.alone, into.of_condition,
        )  # fmt: skip


@dataclass(frozen=True, eq=False)
class _Tallies:
    """What one thread writes to: values of a slice of firms, and counts in the kernel's form."""

    values: FloatArray
    of_rule: IntArray
    alone: IntArray
    of_condition: IntArray

    def counts(self, firms: int) -> Counts:
        of_rule, of_condition = self.of_rule.reshape(-1, 4).T, self.of_condition.reshape(-1, 2).T
        sure, fits, undecided, near = of_rule
        failed, unknown = of_condition
        return Counts(firms, sure, fits, undecided, near, self.alone, failed, unknown)


def left_to_ask(matcher: Matcher, names: Collection[str]) -> BoolArray:
    """Conditions that mention what is only known by asking, shape (c,)."""
    asked = frozenset(names)
    found = [not asked.isdisjoint(one.names) for one in matcher.conditions.conditions]
    return np.array(found, dtype=np.bool_)
