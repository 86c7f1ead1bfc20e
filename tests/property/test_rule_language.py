"""The rule language against a second evaluator, its own printer, and texts made to break it."""

import re
from decimal import Decimal
from typing import cast

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from features.errors import RuleError
from features.rules.compiled import compile_rule
from features.rules.evaluate import Column, build
from features.rules.parser import parse_condition, parse_rule
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
    clauses,
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
FIRMS = st.fixed_dictionaries(
    {
        "age": st.none() | st.sampled_from([0.0, 1.0, 12.0, 12.5, 24.0, 36.0]),
        "debt": st.none() | st.sampled_from([-0.02, 0.0, 0.3, 0.12, 1.0, 3.0]),
        "paid": st.none() | st.sampled_from([-1.0, 0.0, 12.5, 10_000.0, 125_000.0]),
        "on_list": st.none() | st.sampled_from([0.0, 1.0]),
        "status": st.none() | st.sampled_from(["1", "2", "3"]),
    }
)
Firm = dict[str, float | str | None]


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


@given(RULES, st.lists(FIRMS, min_size=1, max_size=6))
def test_a_table_one_firm_and_a_second_evaluator_agree(rule: Rule, firms: list[Firm]) -> None:
    test = build(rule, WORDS, "rule")
    planes = test(columns_of(firms))
    assert not (planes.true & ~planes.known).any()
    for place, firm in enumerate(firms):
        expected = naive(rule, firm)
        assert test(columns_of([firm])).only() is expected
        assert (planes.true[place], planes.known[place]) == (expected is True, expected is not None)


@given(RULES)
def test_a_rule_is_read_back_as_it_was_written(rule: Rule) -> None:
    assert parse_rule(str(rule)) == rule
    assert parse_condition(str(rule), "rule") == rule


@given(RULES)
def test_nothing_known_is_never_favourable(rule: Rule) -> None:
    nothing: Firm = dict.fromkeys(TERMS)
    asks_for_records = any(isinstance(clause, Known) for clause in clauses(rule))
    verdict = build(rule, WORDS, "rule")(columns_of([nothing])).only()
    assert asks_for_records or verdict is None


@given(RULES, FIRMS, st.sampled_from(sorted(TERMS)))
def test_learning_a_value_never_overturns_an_answer(rule: Rule, firm: Firm, name: str) -> None:
    """Kleene's logic is monotone in knowledge, but for rules that ask what is known."""
    if any(isinstance(clause, Known) for clause in clauses(rule)):
        return
    test = build(rule, WORDS, "rule")
    before = test(columns_of([firm | {name: None}])).only()
    assert before is None or test(columns_of([firm])).only() is before


def refusal(content: object) -> RuleError | None:
    """What the compiler says against a rule; anything but a `RuleError` fails the test."""
    try:
        compile_rule(content, WORDS, "R1")
    except RuleError as refused:
        return refused
    return None


@given(RULES, st.lists(FIRMS, min_size=1, max_size=40))
def test_no_firm_contradicts_what_is_called_senseless(rule: Rule, firms: list[Firm]) -> None:
    refused = refusal(str(rule))
    if refused is None:
        return
    said = re.fullmatch(r"R1: '(.+)' (can never be true|is true for every value).*", refused.en)
    assert said is not None, refused.en
    answers = {naive(parse_rule(said[1]), firm) for firm in firms if within_reach(firm)}
    assert (said[2] == "can never be true") not in answers


def within_reach(firm: Firm) -> bool:
    """A ratio ends at -1 and 10, and months begin at 0."""
    return cast("float", firm["age"] or 0) >= 0


@given(
    st.text(max_size=60)
    | st.lists(
        st.sampled_from([*"()[],%<>='\"", "and", "or", "not", "in", "is", "known", "between", "age", "on_list",
                         "12", "-0.5", "months", "万元", "'1'", "==", "!=", "status", "ages"]),
        max_size=14,
    ).map(" ".join)
)  # fmt: skip
@example("(" * 5_000)
@example("not " * 900 + "on_list")
@example("age in [" + "1 月," * 700)
@example("age > 1e5 months")
@example("age > " + "9" * 40 + " months")
@example("age > ² months")
@example("\ud800")
def test_no_text_breaks_the_compiler(text: str) -> None:
    refused = refusal(text)
    assert refused is None or (refused.en.startswith("R1") and refused.zh.startswith("R1"))


@given(st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["on_list", "age >", ""]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(["all_of", "any_of", "none_of", "al_of"]), inner, max_size=2),
    max_leaves=6,
))  # fmt: skip
def test_no_document_breaks_the_compiler(content: object) -> None:
    refused = refusal(content)
    assert refused is None or refused.en.startswith("R1")


def test_deep_lists_end_in_a_sentence() -> None:
    content: object = "on_list"
    for _ in range(30):
        content = {"any_of": [content]}
    with pytest.raises(RuleError, match="lists stand 20 deep"):
        compile_rule(content, WORDS)
