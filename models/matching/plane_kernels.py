"""The inner loops of matching everyone: 64 firms a machine word, two words a condition.

Of a condition the first word marks firms of which it is known to hold, the second those of which it is
not known to fail. A rule is the AND of its conditions' words, so firms cost a sixty-fourth each. Arrays are flat: row views of
two-dimensional ones were measured to cost many times the work.
"""

from typing import TYPE_CHECKING, Any, cast

import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from models.arrays import FloatArray, IntArray
from models.matching.kernels import KNOWN, OUTSIDE, WITHIN, Int8Array
from models.shap_kernels import Int32Array, Uint8Array, compiled

if TYPE_CHECKING:
    from collections.abc import Callable

WordArray = npt.NDArray[np.uint64]

#: Firms of a word, and words that go through all rules together: their planes fit a core's own cache.
BITS, WORDS = 64, 8
CHUNK = BITS * WORDS

_ZERO, _ONE, _ALL = np.uint64(0), np.uint64(1), np.uint64(2**64 - 1)


def _population(_: Any, word: Any) -> Any:
    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.ctpop(arguments[0])

    return types.uint64(word), generate


def _lowest(_: Any, word: Any) -> Any:
    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], ir.IntType(1)(1))

    return types.uint64(word), generate


#: Bits that are set, and the place of the lowest of them.
_count = cast("Callable[[np.uint64], np.uint64]", intrinsic(_population))
_place = cast("Callable[[np.uint64], np.uint64]", intrinsic(_lowest))


@compiled
def _within(
    values: FloatArray, first: int, rows: int, low: float, high: float, out: WordArray, to: int
) -> None:
    """One bit a firm: its value lies within both ends, which no unknown value does."""
    full = rows // BITS
    for word in range(full):  # a loop of constant length becomes a few wide instructions
        bits, start = _ZERO, np.uint64(first + BITS * word)
        for bit in range(BITS):
            value = values[start + np.uint64(bit)]
            bits |= np.uint64((value >= low) & (value <= high)) << np.uint64(bit)
        out[to + word] = bits
    for word in range(full, WORDS):
        bits, start = _ZERO, first + BITS * word
        for bit in range(rows - BITS * word):
            value = values[start + bit]
            bits |= np.uint64((value >= low) & (value <= high)) << np.uint64(bit)
        out[to + word] = bits


@compiled
def _literals(  # noqa: PLR0917 - plain arrays are what compiles well
    values: FloatArray,
    firms: int,
    first: int,
    rows: int,
    name: Int32Array,
    operator: Int8Array,
    low: FloatArray,
    high: FloatArray,
    known: WordArray,
    holds: WordArray,
    may_hold: WordArray,
) -> None:
    """Both words of every literal for one chunk of firms; `known` has those of every name."""
    for column in range(len(known) // WORDS):
        _within(values, column * firms + first, rows, -np.inf, np.inf, known, column * WORDS)
    for place in range(len(name)):
        to, seen, kind = place * WORDS, name[place] * WORDS, operator[place]
        if kind < KNOWN:
            start = name[place] * firms + first
            _within(values, start, rows, low[place], high[place], holds, to)
        for word in range(WORDS):
            has, inside = known[seen + word], holds[to + word]
            if kind == WITHIN:
                may_hold[to + word] = inside | ~has
            elif kind == OUTSIDE:
                holds[to + word] = has & ~inside
                may_hold[to + word] = ~inside
            else:
                answer = has if kind == KNOWN else ~has
                holds[to + word] = answer
                may_hold[to + word] = answer


@compiled
def _conditions(
    start: Int32Array,
    asked: Int32Array,
    of_literal: WordArray,
    out: WordArray,
) -> None:
    """A condition's word: any of its literals."""
    for condition in range(len(start) - 1):
        for word in range(WORDS):
            out[condition * WORDS + word] = _ZERO
        for place in range(start[condition], start[condition + 1]):
            literal = asked[place] * WORDS
            for word in range(WORDS):
                out[condition * WORDS + word] |= of_literal[literal + word]


@compiled
def _tally(words: WordArray, start: int, valid: WordArray) -> np.int64:
    found = _ZERO
    for word in range(WORDS):
        found += _count(words[start + word] & valid[word])
    return np.int64(found)


@compiled
def _rules(  # noqa: PLR0917 - plain arrays are what compiles well
    start: Int32Array,
    asked: Int32Array,
    left: WordArray,
    valid: WordArray,
    holds: WordArray,
    may_hold: WordArray,
    fits: WordArray,
    sure: WordArray,
    counts: IntArray,
    alone: IntArray,
) -> None:
    """Who meets each rule, and of the rest how many fail one condition only, and which."""
    once = np.empty(WORDS, dtype=np.uint64)
    for rule in range(len(start) - 1):
        to, first, last = rule * WORDS, start[rule], start[rule + 1]
        near = _ZERO
        for word in range(0, WORDS, 2):  # accumulators of two words stay in registers
            sure0, sure1 = valid[word], valid[word + 1]
            fits0, fits1 = sure0, sure1
            once0 = once1 = twice0 = twice1 = _ZERO
            for place in range(first, last):
                condition = np.uint64(asked[place])
                at = condition * np.uint64(WORDS) + np.uint64(word)
                yes0, yes1 = holds[at], holds[at + _ONE]
                no0, no1 = ~may_hold[at], ~may_hold[at + _ONE]
                leave = left[condition]
                sure0 &= yes0
                sure1 &= yes1
                fits0 &= yes0 | (leave & ~no0)
                fits1 &= yes1 | (leave & ~no1)
                twice0 |= once0 & no0
                twice1 |= once1 & no1
                once0 |= no0
                once1 |= no1
            sure[to + word], sure[to + word + 1] = sure0, sure1
            fits[to + word], fits[to + word + 1] = fits0, fits1
            possible0, possible1 = valid[word] & ~once0, valid[word + 1] & ~once1
            once0, once1 = valid[word] & once0 & ~twice0, valid[word + 1] & once1 & ~twice1
            once[word], once[word + 1] = once0, once1
            near |= once0 | once1
            counts[4 * rule] += np.int64(_count(sure0) + _count(sure1))
            counts[4 * rule + 1] += np.int64(_count(fits0) + _count(fits1))
            counts[4 * rule + 2] += np.int64(
                _count(possible0 & ~fits0) + _count(possible1 & ~fits1)
            )
            counts[4 * rule + 3] += np.int64(_count(once0) + _count(once1))
        if near:
            for place in range(first, last):
                at, found = asked[place] * WORDS, _ZERO
                for word in range(WORDS):
                    found += _count(once[word] & ~may_hold[at + word])
                alone[place] += np.int64(found)


@compiled
def _take(  # noqa: PLR0917 - plain arrays are what compiles well
    first: int,
    rows: int,
    grade: Int32Array,
    order: Int32Array,
    rules: int,
    fits: WordArray,
    sure: WordArray,
    most: int,
    top: Int32Array,
    is_sure: Uint8Array,
) -> None:
    """The first rules each firm meets, in the order of its grade."""
    wanting, taken = np.empty(WORDS, dtype=np.uint64), np.zeros(CHUNK, dtype=np.int32)
    for letter in range(len(order) // max(rules, 1)):
        some = _ZERO
        for word in range(WORDS):
            bits = _ZERO
            for bit in range(min(BITS, rows - BITS * word)):
                mine = grade[first + BITS * word + bit] == letter
                bits |= np.uint64(mine) << np.uint64(bit)
            wanting[word] = bits
            some |= bits
        for rank in range(rules):
            if some == _ZERO:
                break
            rule = order[letter * rules + rank]
            some = _ZERO
            for word in range(WORDS):
                found = fits[rule * WORDS + word] & wanting[word]
                while found:
                    bit = _place(found)
                    row = BITS * word + np.int64(bit)
                    to = (first + row) * most + taken[row]
                    top[to] = rule
                    is_sure[to] = (sure[rule * WORDS + word] >> bit) & _ONE
                    taken[row] += 1
                    if taken[row] == most:
                        wanting[word] &= ~(_ONE << bit)
                    found &= found - _ONE
                some |= wanting[word]


@compiled
def everyone_kernel(  # noqa: PLR0917 - plain arrays are what compiles well
    values: FloatArray,
    grade: Int32Array,
    name: Int32Array,
    operator: Int8Array,
    low: FloatArray,
    high: FloatArray,
    start: Int32Array,
    asked: Int32Array,
    rule_start: Int32Array,
    rule_asked: Int32Array,
    left: WordArray,
    order: Int32Array,
    most: int,
    top: Int32Array,
    is_sure: Uint8Array,
    counts: IntArray,
    alone: IntArray,
    failing: IntArray,
) -> None:
    """Match firms against every rule, a chunk of words at a time; `values` are their columns in a row."""
    firms = len(grade)
    names, conditions, rules = len(values) // max(firms, 1), len(start) - 1, len(rule_start) - 1
    known = np.empty(names * WORDS, dtype=np.uint64)
    literal_holds = np.zeros(len(name) * WORDS, dtype=np.uint64)
    literal_may = np.empty(len(name) * WORDS, dtype=np.uint64)
    holds = np.empty(conditions * WORDS, dtype=np.uint64)
    may_hold = np.empty(conditions * WORDS, dtype=np.uint64)
    fits = np.empty(rules * WORDS, dtype=np.uint64)
    sure = np.empty(rules * WORDS, dtype=np.uint64)
    valid = np.empty(WORDS, dtype=np.uint64)
    for first in range(0, firms, CHUNK):
        rows = min(CHUNK, firms - first)
        for word in range(WORDS):
            here = min(BITS, rows - BITS * word)
            valid[word] = _ZERO if here <= 0 else _ALL >> np.uint64(BITS - here)
        _literals(
            values, firms, first, rows, name, operator, low, high, known, literal_holds, literal_may
        )
        _conditions(start, asked, literal_holds, holds)
        _conditions(start, asked, literal_may, may_hold)
        for condition in range(conditions):
            at = condition * WORDS
            may = _tally(may_hold, at, valid)
            failing[2 * condition] += rows - may
            failing[2 * condition + 1] += may - _tally(holds, at, valid)
        _rules(rule_start, rule_asked, left, valid, holds, may_hold, fits, sure, counts, alone)
        _take(first, rows, grade, order, rules, fits, sure, most, top, is_sure)
