"""What a product manager reads when a rule is wrong, and which version of a rule counts when."""

from datetime import date

import numpy as np
import pytest

from features.definitions import REGISTRY
from features.errors import RuleError
from features.rules.book import RuleVersion, in_force
from features.rules.compiled import compile_rule
from features.rules.units import load_units
from features.rules.vocabulary import Term, Vocabulary

STATUS = Term("reg_status", "code", tuple(str(number) for number in range(1, 11)))
WORDS = Vocabulary.of(REGISTRY, [STATUS])


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("enterprise_age_month >= 12 months", "no feature or fact 'enterprise_age_month'. Did you mean 'enterprise_age_months'"),
        ("enterprise_age_months >= 30 %", "enterprise_age_months is in months, and the limit has '%'. Use 个月"),
        ("enterprise_age_months >= 12", "the limit has no unit. Use 个月, 月, month, months, 年, year, years; for instance 12 months"),
        ("tax_arrears_now_cny > 50 万", "the limit has '万'. Use 元, yuan, CNY, 万元, 亿元; for instance 50 万元"),
        ("debt_ratio < '70 %'", "debt_ratio is a number; write for instance 30 %"),
        ("debt_ratio", "debt_ratio alone is no condition, since it is in ratio"),
        ("dishonest_debtor_now = 1", "is yes or no. Write 'dishonest_debtor_now' or 'not dishonest_debtor_now'"),
        ("reg_status in ['3', '44']", "reg_status is one of '1', '2'"),
        ("reg_status = 3", "in quotes, not 3"),
        ("reg_status > '3'", "orders codes, which have no order"),
        ("enterprise_age_months < 0 months", "'enterprise_age_months < 0 months' can never be true"),
        ("enterprise_age_months >= 0 months", "is true for every value there is. Drop it; if it should ask for a record, write 'enterprise_age_months is known'"),
        ("buyer_count_12m > 5 and buyer_count_12m < 3", "'buyer_count_12m > 5 and buyer_count_12m < 3' can never be true"),
        ("dishonest_debtor_now or not dishonest_debtor_now", "is true for every value there is"),
        ("debt_ratio between 70 % and 30 %", "can never be true"),
        ("reg_status != '3' or reg_status != '4'", "is true for every value there is"),
        ("debt_ratio > 30 % debt_ratio < 50 %", "character 19: expected 'and', 'or' or the end, found 'debt_ratio'"),
        ("debt_ratio > ", "character 13: expected a number with its unit, or a code in quotes, found the end"),
        ("(debt_ratio > 3", "expected ')', found the end"),
        ("debt_ratio ≥ 3", "character 12: '≥ 3' is no part of a rule"),
        ("and", "character 1: expected a name, found 'and'"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_place_and_its_remedy(text: str, sentence: str) -> None:
    with pytest.raises(RuleError) as refused:
        compile_rule(text, WORDS, "product P02")
    assert refused.value.en.startswith("product P02")
    assert sentence in refused.value.en


def test_an_unrelated_clause_does_not_hide_a_contradiction() -> None:
    text = "debt_ratio < 50 % and tax_nonnormal_now and debt_ratio > 70 %"
    with pytest.raises(
        RuleError, match=r"'debt_ratio < 50 % and debt_ratio > 70 %' can never be true"
    ):
        compile_rule(text, WORDS)


def test_more_clauses_than_a_reader_can_hold_are_refused() -> None:
    one = "debt_ratio > {} % or "
    compile_rule("".join(one.format(n) for n in range(63)) + "tax_nonnormal_now", WORDS)
    with pytest.raises(RuleError, match="the rule has 65 clauses; at most 64 fit"):
        compile_rule("".join(one.format(n) for n in range(64)) + "tax_nonnormal_now", WORDS)


def test_a_rule_knows_which_data_it_needs() -> None:
    rule = compile_rule({"any_of": ["tax_nonnormal_now", "debt_ratio > 70 %"]}, WORDS)
    assert rule.names == ("debt_ratio", "tax_nonnormal_now")
    assert "tax_nonnormal" in rule.datasets
    with pytest.raises(RuleError, match="asks about debt_ratio, which was not looked up"):
        rule.evaluate({"tax_nonnormal_now": np.zeros(1)})


def test_units_are_worked_out_exactly_at_the_limit() -> None:
    # 30 % is 0.3 and 1.2 亿元 is 120 000 000, without a rounding error at the limit.
    rule = compile_rule("debt_ratio <= 30 % and assets_latest_cny >= 1.2 亿元", WORDS)
    assert rule.ask({"debt_ratio": 0.3, "assets_latest_cny": 120_000_000.0}) is True
    assert (
        rule.ask({"debt_ratio": np.nextafter(0.3, 1), "assets_latest_cny": 120_000_000.0}) is False
    )
    assert rule.ask({"debt_ratio": 0.3, "assets_latest_cny": 119_999_999.99}) is False


def test_every_unit_of_a_feature_can_be_written() -> None:
    # A code that is a number, as of a region, is no feature but an attribute of the register.
    of_features = {name: unit for name, unit in load_units().units.items() if name != "number"}
    assert {feature.unit for feature in REGISTRY} - {"flag"} == set(of_features)
    for name, unit in of_features.items():
        feature = next(f for f in REGISTRY if f.unit == name)
        compile_rule(f"{feature.name} > {unit.example}", WORDS)


def test_the_version_of_the_day_counts() -> None:
    one = RuleVersion(
        valid_from=date(2025, 1, 1), valid_until=date(2025, 6, 30), when="x", source="s"
    )
    two = RuleVersion(valid_from=date(2026, 1, 1), when="y", source="s")
    found = [
        in_force([two, one], day)
        for day in (date(2024, 12, 31), date(2025, 1, 1), date(2025, 6, 30), date(2025, 7, 1), date(2026, 1, 1))
    ]  # fmt: skip
    assert found == [None, one, one, None, two]
