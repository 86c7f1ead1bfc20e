"""Random rules over five made-up names, random firms, and Kleene's tables one firm at a time."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from random import Random
from typing import cast

import numpy as np
from hypothesis import strategies as st

from features.rules.evaluate import Column
from features.rules.syntax import (
    AllOf,
    Among,
    AnyOf,
    Between,
    Code,
    Compare,
    Flag,
    Known,
    Not,
    Operator,
    Quantity,
    Rule,
    Value,
)
from features.rules.vocabulary import Term, Vocabulary

TERMS = {
    "age": Term("age", "months"),
    "debt": Term("debt", "ratio"),
    "paid": Term("paid", "cny"),
    "on_list": Term("on_list", "flag"),
    "status": Term("status", "code", ("1", "2", "3")),
}
WORDS = Vocabulary(TERMS)
UNITS = {"age": ("months", "年"), "debt": ("", "%"), "paid": ("元", "万元")}
SCALE = {"months": 1, "年": 12, "": 1, "%": Decimal("0.01"), "元": 1, "万元": 10_000}
#: Small numbers, so that values meet limits exactly.
NUMBERS = st.integers(-3, 30).map(Decimal) | st.sampled_from([Decimal("0.30"), Decimal("12.5")])
SIGNS: list[Operator] = ["=", "!=", "<", "<=", ">", ">="]


def value_of(name: str) -> st.SearchStrategy[Value]:
    if name == "status":
        return st.sampled_from(TERMS["status"].codes).map(Code)
    return st.builds(Quantity, NUMBERS, st.sampled_from(UNITS[name]))


def clause_on(name: str) -> st.SearchStrategy[Rule]:
    value = value_of(name)
    some: list[st.SearchStrategy[Rule]] = [
        st.builds(Compare, st.just(name), st.sampled_from(SIGNS[:2]), value),
        st.builds(Among, st.just(name), st.lists(value, min_size=1, max_size=3).map(tuple)),
        st.builds(Known, st.just(name)),
    ]
    if name != "status":
        some += [
            st.builds(Compare, st.just(name), st.sampled_from(SIGNS), value),
            st.builds(Between, st.just(name), value, value),
        ]
    return st.one_of(some)


CLAUSES = st.sampled_from(["age", "debt", "paid", "status"]).flatmap(clause_on) | st.just(
    Flag("on_list")
)


def joined(parts: st.SearchStrategy[Rule]) -> st.SearchStrategy[Rule]:
    several = st.lists(parts, min_size=2, max_size=3).map(tuple)
    return st.builds(Not, parts) | st.builds(AllOf, several) | st.builds(AnyOf, several)


RULES = st.recursive(CLAUSES, joined, max_leaves=8)
Firm = dict[str, float | str | None]
VALUES: Mapping[str, Sequence[float | str | None]] = {
    "age": [None, 0.0, 1.0, 12.0, 12.5, 24.0, 36.0],
    "debt": [None, -0.02, 0.0, 0.3, 0.12, 1.0, 3.0],
    "paid": [None, -1.0, 0.0, 12.5, 10_000.0, 125_000.0],
    "on_list": [None, 0.0, 1.0],
    "status": [None, "1", "2", "3"],
}
FIRMS = st.fixed_dictionaries({name: st.sampled_from(some) for name, some in VALUES.items()})


def drawn_firm(rng: Random) -> Firm:
    """The same from a seed, for worlds too large to shrink."""
    return {name: rng.choice(some) for name, some in VALUES.items()}


def drawn_rule(rng: Random, deep: int = 3) -> Rule:
    """A rule from a seed."""
    kind = rng.choice(["clause", "not", "all", "all", "any", "any"]) if deep else "clause"
    if kind == "clause":
        return _drawn_clause(rng)
    if kind == "not":
        return Not(drawn_rule(rng, deep - 1))
    joint = AllOf if kind == "all" else AnyOf
    return joint(tuple(drawn_rule(rng, deep - 1) for _ in range(rng.randint(2, 3))))


def _drawn_clause(rng: Random) -> Rule:
    name = rng.choice(list(TERMS))
    if name == "on_list":
        return rng.choice([Flag, Known])(name)
    low, high = (_drawn_value(rng, name) for _ in range(2))
    is_code = name == "status"
    return rng.choice(
        [Known(name), Among(name, (low, high)), Compare(name, rng.choice(SIGNS[: 2 if is_code else 6]), low),
         *([] if is_code else [Between(name, low, high)])]
    )  # fmt: skip


def _drawn_value(rng: Random, name: str) -> Value:
    if name == "status":
        return Code(rng.choice(TERMS[name].codes))
    return Quantity(Decimal(rng.choice(["-3", "0", "0.30", "1", "2", "12", "12.5", "30"])), rng.choice(UNITS[name]))  # fmt: skip


def naive(rule: Rule, firm: Firm) -> bool | None:
    """Kleene's tables, one firm and one clause at a time."""
    match rule:
        case Not(part):
            inner = naive(part, firm)
            return None if inner is None else not inner
        case AllOf(parts):
            found = [naive(part, firm) for part in parts]
            return False if False in found else None if None in found else True
        case AnyOf(parts):
            found = [naive(part, firm) for part in parts]
            return True if True in found else None if None in found else False
        case Known(name):
            return firm[name] is not None
        case _:
            return naive_clause(rule, firm[rule.name])


def naive_clause(clause: Rule, found: float | str | None) -> bool | None:
    if found is None:
        return None
    match clause:
        case Flag():
            return found == 1
        case Compare(operator=sign, value=value):
            limit = in_units(value)
            if sign in {"=", "!="}:
                return (found == limit) == (sign == "=")
            low, high = cast("float", found), cast("float", limit)
            is_less = low < high if "<" in sign else low > high
            return is_less or ("=" in sign and low == high)
        case Between(low=low, high=high):
            return (
                cast("float", in_units(low))
                <= cast("float", found)
                <= cast("float", in_units(high))
            )
        case Among(values=values):
            return any(found == in_units(value) for value in values)
        case _:
            raise AssertionError(clause)


def in_units(value: Value) -> float | str:
    return value.text if isinstance(value, Code) else float(value.number * SCALE[value.unit])


def columns_of(firms: list[Firm]) -> dict[str, Column]:
    return {
        name: np.array([firm[name] or "" for firm in firms], dtype=np.str_)
        if name == "status"
        else np.array([np.nan if firm[name] is None else firm[name] for firm in firms], dtype=np.float64)
        for name in TERMS
    }  # fmt: skip
