"""Every condition of every rule, once: numbers in arrays, asked about one firm or a million.

A condition is true (2), unknown (1) or false (0), so that *and* is the least, *or* the greatest and
*not* `2 - state` of Kleene's logic.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt

from features.rules.evaluate import Columns
from features.rules.normal import Literal, Part, parts_of
from features.rules.syntax import Between, Clause, Compare, Known, Rule, Value
from features.rules.vocabulary import Term, Vocabulary, limit_of
from models.arrays import FloatArray
from models.matching.kernels import KNOWN, NOT_KNOWN, OUTSIDE, WITHIN, states_kernel

FALSE, UNKNOWN, TRUE = 0, 1, 2
#: State of each of c conditions for each of n firms, shape (n, c).
StateArray = npt.NDArray[np.int8]
Int32Array = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Condition:
    """One thing a rule asks: any of a few literals.

    Parameters
    ----------
    part : tuple of Literal
    names : tuple of str
    datasets : frozenset of str
        What must be open for every name to be known.
    """

    part: Part
    names: tuple[str, ...]
    datasets: frozenset[str]

    def __str__(self) -> str:
        return " or ".join(map(str, self.part))


@dataclass(frozen=True, eq=False)
class Conditions:
    """Distinct conditions over m names, ready to be asked.

    Attributes
    ----------
    names : tuple of str
        Columns to look up, in order.
    conditions : tuple of Condition
        c of them; a rule refers to them by place.
    """

    vocabulary: Vocabulary
    names: tuple[str, ...]
    conditions: tuple[Condition, ...]
    _literal: tuple[Int32Array, npt.NDArray[np.int8], FloatArray, FloatArray]
    _start: Int32Array
    _asked: Int32Array

    def __len__(self) -> int:
        """Count the conditions."""
        return len(self.conditions)

    def row(self, values: Mapping[str, float | str | None]) -> FloatArray:
        """One firm's values as a row, shape (m,); what is left out is NaN, unknown."""
        codes = self._codes
        if not codes:
            return np.array([values.get(name) for name in self.names], dtype=np.float64)
        numbers = [None if name in codes else values.get(name) for name in self.names]
        found = np.array(numbers, dtype=np.float64)
        for name, (place, listed) in codes.items():
            found[place] = listed.get(values.get(name), np.nan)
        return found

    @property
    def arrays(
        self,
    ) -> tuple[Int32Array, npt.NDArray[np.int8], FloatArray, FloatArray, Int32Array, Int32Array]:
        """Literals (name, operator, both ends) and which of them each condition asks, for a kernel."""
        return *self._literal, self._start, self._asked

    def fill(self, found: FloatArray, columns: Columns, rows: slice = slice(None)) -> None:
        """Write columns of n firms into rows of a matrix, shape (m, n); codes become their places on their lists.

        Raises
        ------
        KeyError
            If a column was not looked up; unknown values are NaN or empty text.
        """
        for place, name in enumerate(self.names):
            column = columns[name][rows]
            if column.dtype.kind == "f":
                found[place] = column
                continue
            found[place] = np.nan
            for number, code in enumerate(self.vocabulary.terms[name].codes):
                found[place, column == code] = number

    def matrix(self, columns: Columns) -> FloatArray:
        """The same as a row a firm, shape (n, m)."""
        found = np.empty((len(self.names), len(next(iter(columns.values()), ()))))
        self.fill(found, columns)
        return np.ascontiguousarray(found.T)

    def ask(self, values: FloatArray) -> StateArray:
        """State of every condition, shape (n, c).

        Parameters
        ----------
        values : ndarray of float64, shape (n, m)
        """
        found = np.empty((len(values), len(self.conditions)), dtype=np.int8)
        states_kernel(np.ascontiguousarray(values), *self._literal, self._start, self._asked, found)
        return found

    @cached_property
    def _codes(self) -> dict[str, tuple[int, dict[float | str | None, int]]]:
        """Of names that are codes their place, and the place of each code on its list."""
        listed = {name: self.vocabulary.terms[name].codes for name in self.names}
        return {
            name: (place, {code: number for number, code in enumerate(listed[name])})
            for place, name in enumerate(self.names)
            if listed[name]
        }


@dataclass
class ConditionBuilder:
    """Collects the conditions of many rules, each once; `done` freezes them."""

    vocabulary: Vocabulary
    _names: dict[str, int] = field(default_factory=dict[str, int])
    _literals: dict[tuple[str, int, float, float], int] = field(
        default_factory=dict[tuple[str, int, float, float], int]
    )
    _conditions: dict[tuple[int, ...], int] = field(default_factory=dict[tuple[int, ...], int])
    _told: list[Condition] = field(default_factory=list[Condition])

    def take(self, rule: Rule, where: str) -> tuple[int, ...]:
        """Places of what a rule asks; it holds when all of them do.

        Raises
        ------
        RuleError
            If a name, unit or code is wrong, or the brackets stand for too many conditions.
        """
        return tuple(dict.fromkeys(self._part(part, where) for part in parts_of(rule, where)))

    def done(self) -> Conditions:
        """All conditions so far, as arrays."""
        names = [self._names[name] for name, *_ in self._literals]
        operators = [operator for _, operator, *_ in self._literals]
        limits = [(low, high) for *_, low, high in self._literals]
        low, high = (np.array([one[place] for one in limits], dtype=np.float64) for place in (0, 1))
        literal = (np.array(names, dtype=np.int32), np.array(operators, dtype=np.int8), low, high)
        start, asked = packed(list(self._conditions))
        return Conditions(
            self.vocabulary, tuple(self._names), tuple(self._told), literal, start, asked
        )

    def _part(self, part: Part, where: str) -> int:
        asked = tuple(sorted({self._literal(literal, where) for literal in part}))
        if asked not in self._conditions:
            self._conditions[asked] = len(self._conditions)
            names = tuple(dict.fromkeys(literal.clause.name for literal in part))
            datasets = frozenset(d for n in names for d in self.vocabulary.term(n, where).datasets)
            self._told.append(Condition(part, names, datasets))
        return self._conditions[asked]

    def _literal(self, literal: Literal, where: str) -> int:
        clause, sign = literal.clause, int(literal.is_negated)
        self.vocabulary.require(clause, where)
        if isinstance(clause, Known):
            operator, low, high = (KNOWN, NOT_KNOWN)[sign], 0.0, 0.0
        else:
            low, high, is_inside = _range(clause, self.vocabulary.term(clause.name, where), where)
            operator = WITHIN if is_inside != literal.is_negated else OUTSIDE
        self._names.setdefault(clause.name, len(self._names))
        return self._literals.setdefault((clause.name, operator, low, high), len(self._literals))


def packed(lists: Sequence[Sequence[int]]) -> tuple[Int32Array, Int32Array]:
    """Lists of numbers behind one another: where each begins, shape (k + 1,), and all of them."""
    start = np.zeros(len(lists) + 1, dtype=np.int32)
    np.cumsum([len(one) for one in lists], out=start[1:])
    return start, np.array([number for one in lists for number in one], dtype=np.int32)


def _range(clause: Clause, term: Term, where: str) -> tuple[float, float, bool]:
    """Both ends of the values of which a clause holds, and whether it holds inside them."""
    match clause:
        case Between(low=low, high=high):
            return _place(term, low, where), _place(term, high, where), True
        case Compare(operator=sign, value=value):
            place = _place(term, value, where)
            ends = {
                "<": (-np.inf, float(np.nextafter(place, -np.inf))),
                "<=": (-np.inf, place),
                ">": (float(np.nextafter(place, np.inf)), np.inf),
                ">=": (place, np.inf),
            }
            return *ends.get(sign, (place, place)), sign != "!="
        case _:
            return 1.0, 1.0, True


def _place(term: Term, value: Value, where: str) -> float:
    limit = limit_of(term, value, where)
    return float(term.codes.index(limit)) if isinstance(limit, str) else float(limit)
