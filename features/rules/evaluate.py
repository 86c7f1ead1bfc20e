"""A rule as a function of columns; limits are worked out once, when it is built."""

import operator
from collections.abc import Callable, Mapping
from functools import reduce

import numpy as np
import numpy.typing as npt

from features.rules.planes import BoolArray, Planes
from features.rules.syntax import (
    AllOf,
    Among,
    AnyOf,
    Between,
    Clause,
    Compare,
    Flag,
    Known,
    Not,
    Operator,
    Rule,
)
from features.rules.vocabulary import Vocabulary, limit_of

#: Numbers, NaN where nothing is known; of codes text, empty where nothing is known.
Column = npt.NDArray[np.float64] | npt.NDArray[np.str_]
Columns = Mapping[str, Column]
Test = Callable[[Columns], Planes]

_COMPARE: Mapping[Operator, Callable[[Column, float | str], BoolArray]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def build(rule: Rule, vocabulary: Vocabulary, where: str) -> Test:
    """Turn a rule whose clauses have been checked into a function of columns."""
    match rule:
        case Not(part):
            inner = build(part, vocabulary, where)
            return lambda columns: ~inner(columns)
        case AllOf(parts):
            every = [build(part, vocabulary, where) for part in parts]
            return lambda columns: reduce(operator.and_, [test(columns) for test in every])
        case AnyOf(parts):
            some = [build(part, vocabulary, where) for part in parts]
            return lambda columns: reduce(operator.or_, [test(columns) for test in some])
        case _:
            return _clause(rule, vocabulary, where)


def is_known(column: Column) -> BoolArray:
    """Where anything is on record, shape (n,)."""
    return np.asarray(~np.isnan(column) if column.dtype.kind == "f" else column != "")


def _clause(clause: Clause, vocabulary: Vocabulary, where: str) -> Test:
    name = clause.name
    if isinstance(clause, Known):
        return lambda columns: _always_answered(is_known(columns[name]))
    holds = _comparison(clause, vocabulary, where)
    return lambda columns: Planes.where(holds(columns[name]), is_known(columns[name]))


def _always_answered(true: BoolArray) -> Planes:
    return Planes(true, np.ones_like(true))


def _comparison(
    clause: Clause, vocabulary: Vocabulary, where: str
) -> Callable[[Column], BoolArray]:
    term = vocabulary.term(clause.name, where)
    match clause:
        case Compare(operator=sign, value=value):
            compare, limit = _COMPARE[sign], limit_of(term, value, where)
            return lambda column: np.asarray(compare(column, limit))
        case Between(low=low, high=high):
            lowest, highest = limit_of(term, low, where), limit_of(term, high, where)
            at_least, at_most = _COMPARE[">="], _COMPARE["<="]
            return lambda column: np.asarray(at_least(column, lowest) & at_most(column, highest))
        case Among(values=values):
            limits = [limit_of(term, value, where) for value in values]
            return lambda column: np.isin(column, limits)
        case Flag() | Known():
            return lambda column: np.asarray(_COMPARE["="](column, 1.0))
