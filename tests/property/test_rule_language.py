"""The rule language against a second evaluator, its own printer, and texts made to break it."""

import re
from typing import cast

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from features.errors import RuleError
from features.rules.compiled import compile_rule
from features.rules.evaluate import build
from features.rules.parser import parse_condition, parse_rule
from features.rules.syntax import Known, Rule, clauses
from tests.any_rules import FIRMS, RULES, TERMS, WORDS, Firm, columns_of, naive


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
