import re
from dataclasses import replace
from datetime import date, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.contracts import Words
from features.errors import Language
from models.bundle import Bundle
from models.card import WIDTH, CardFacts, Subject, card_facts, render_card
from models.explain import explain
from models.manifest import GradeRate
from models.scorer import Scorer
from models.text import bar, mask_code, mask_name, padded, width_of, wrapped
from tests.unit.models.conftest import Workshop

SUBJECT = Subject(
    enterprise_name="山东信桥精密机械有限公司",
    uscc="91370100MA3C12345X",
    as_of_date=date(2020, 2, 29),
    first_invoice_on=date(2017, 1, 3),
    last_invoice_on=date(2020, 2, 27),
    available_until=datetime(2020, 2, 28, 9, 30),
)
FIRM = np.array([-0.4, 0.8, 2.5, 12.0, 3.0, 40.0])


@pytest.fixture(scope="module")
def facts(bundle: Bundle) -> CardFacts:
    ratings = Scorer(bundle).rate(np.vstack([np.zeros(6), FIRM]))
    return card_facts(SUBJECT, bundle, ratings, FIRM, row=1)


def column_of(card: str) -> list[int]:
    """The numbers at the right end of the composition: base, rows, total."""
    part = card.split("─" * WIDTH)[2]
    return [int(m[1]) for line in part.splitlines() if (m := re.search(r"│.*?\s([+-]?\d+)$", line))]


@pytest.mark.parametrize("language", ["zh", "en"])
def test_no_line_is_wider_than_the_page(facts: CardFacts, language: Language) -> None:
    lines = render_card(facts, language).splitlines()
    assert max(width_of(line) for line in lines) == WIDTH
    assert not any(line != line.rstrip() for line in lines)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_printed_column_adds_up(facts: CardFacts, language: Language) -> None:
    *parts, total = column_of(render_card(facts, language))
    assert len(parts) >= 4
    assert sum(parts) == total == facts.score


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_column_adds_up_at_the_end_of_the_scale(facts: CardFacts, language: Language) -> None:
    bound = replace(facts, points_limit=-37, score=facts.score - 37)
    *parts, total = column_of(render_card(bound, language))
    assert -37 in parts
    assert sum(parts) == total


def test_every_axis_stands_in_one_column(facts: CardFacts) -> None:
    part = render_card(facts).split("─" * WIDTH)[2]
    places = {width_of(line.split("│")[0]) for line in part.splitlines() if "│" in line}
    assert len(places) == 1


def test_the_card_says_what_its_numbers_are(facts: CardFacts) -> None:
    rated = replace(facts, rate=GradeRate(n=40, defaults=3, low=0.02712, high=0.1635))
    flat = re.sub(r"\s+", " ", render_card(rated, "en"))
    assert (
        "90 % interval of this grade's default rate in validation: 2.71 %–16.35 % (n=40, d=3)"
        in flat
    )
    assert "Default probability" in flat
    assert "undated label" in flat
    assert "not a 12-month PD" in flat
    assert "For reference only" in flat
    assert "invoice-rating@1" in flat
    assert facts.bundle_id[:16] in flat
    chinese = render_card(rated)
    assert "本等级在验证样本中违约率的 90 % 区间：2.71 %–16.35 %（n=40, d=3）" in chinese
    assert "违约概率" in chinese
    assert "12个月违约概率 " not in chinese
    assert "仅供参考，不构成授信承诺" in chinese


def test_a_twelve_month_model_is_called_so(facts: CardFacts) -> None:
    assert "12-month PD" in render_card(replace(facts, probability_kind="pd_12m"), "en")


def test_a_grade_nobody_had_shows_no_interval(facts: CardFacts) -> None:
    assert "无法给出区间" in render_card(replace(facts, rate=None))


def test_low_confidence_shows_a_range(facts: CardFacts) -> None:
    low = replace(facts, confidence="L", coverage=0.35, grade="BBB", grade_range=("A", "BB"))
    assert "A–BB" in render_card(low)
    assert "35 %" in render_card(low, "en")
    assert "等级范围" not in render_card(replace(low, confidence="M"))


def test_facts_and_advice_follow_the_points(facts: CardFacts, bundle: Bundle) -> None:
    points = {"R27": -20, "R08": -6, "R07": 9, "R28": 0, "R29": -1}
    values = {"sales_amount_yoy_12m": -0.4, "sales_active_months_count_12m": 12.0}
    told = replace(facts, explanation=explain(bundle.reasons, points, values))
    card = render_card(told)
    assert "近12个月销售额较上年同期下降30–50 %" in card
    assert "近12个整月月月有销售开票" in card
    assert "R08 客户结构" in card
    assert "低于参考企业" in card
    assert "R27 稳定订单" in card
    assert "R07 持续、如实开票" not in card


def test_withheld_data_are_named_with_their_scope(facts: CardFacts, bundle: Bundle) -> None:
    partial = explain(bundle.reasons, {"R07": 3, "R08": 0}, {}, withheld={"R08"})
    card = render_card(replace(facts, explanation=partial, withheld_scopes=("invoice",)), "en")
    assert "Data not authorised R08 Buyers (to authorise: invoice)" in card
    assert "Data not authorised" not in render_card(facts, "en")


def test_gathered_facts_are_those_of_the_row(
    facts: CardFacts, bundle: Bundle, workshop: Workshop
) -> None:
    ratings = Scorer(bundle).rate(workshop.sample)
    for row in range(5):
        one = card_facts(SUBJECT, bundle, ratings, workshop.sample[row], row=row)
        assert one.score == ratings.score[row]
        assert one.grade == ratings.grade[row]
        *parts, total = column_of(render_card(one))
        assert sum(parts) == total == one.score
    assert facts.explanation.withheld == ()


def test_withheld_groups_are_found_from_datasets(bundle: Bundle) -> None:
    ratings = Scorer(bundle).rate(FIRM[None, :])
    told = card_facts(SUBJECT, bundle, ratings, FIRM, withheld={"invoice_line"})
    assert [code for code, _ in told.explanation.withheld] == list(bundle.layout.groups)
    assert told.withheld_scopes == ("invoice",)


def test_the_card_hides_who_it_is_about(facts: CardFacts) -> None:
    card = render_card(facts)
    assert "山东****有限公司" in card
    assert "913701********345X" in card
    assert "信桥精密" not in card


def test_hostile_names_cannot_move_the_page(facts: CardFacts) -> None:
    evil = replace(SUBJECT, enterprise_name="\x1b[2J" + "长" * 200, uscc="\n" * 30)
    card = render_card(replace(facts, subject=evil, label=Words(zh="长" * 300, en="x " * 300)))
    assert "\x1b" not in card
    assert max(width_of(line) for line in card.splitlines()) <= WIDTH


def test_a_firm_without_invoices_has_no_dates(facts: CardFacts) -> None:
    bare = replace(facts, subject=Subject("E12", "E12", date(2020, 2, 29)))
    assert "发票日期 无" in render_card(bare)


@given(st.text(max_size=80), st.integers(4, 40))
def test_padding_gives_exact_columns(text: str, columns: int) -> None:
    assert width_of(padded(text, columns)) == columns
    assert width_of(padded(text, columns, to_right=True)) == columns


@given(st.text(alphabet="信用 ab，。%", max_size=120), st.integers(12, 40))
def test_wrapping_loses_nothing_but_spaces(text: str, columns: int) -> None:
    lines = list(wrapped(text, columns))
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    assert not any(line[:1] in "，。%" for line in lines[1:] if line)


@given(st.integers(-500, 500), st.integers(1, 500), st.integers(2, 30))
def test_bars_keep_their_width_and_side(points: int, largest: int, half: int) -> None:
    drawn = bar(points, max(largest, abs(points)), half)
    assert len(drawn) == 2 * half + 1
    left, right = drawn.split("│")
    assert bool(left.strip()) == (points < 0)
    assert bool(right.strip()) == (points > 0)


@pytest.mark.parametrize(
    ("name", "masked"),
    [
        ("***科技有限公司", "***科技有限公司"),
        ("Jinan Bridge Ltd.", "Ji****Ltd."),
        ("信桥机械厂", "信桥****械厂"),
        ("李四", "李****"),
        ("E123", "E123"),
    ],
)
def test_names_are_masked(name: str, masked: str) -> None:
    assert mask_name(name) == masked


def test_short_codes_are_masked_too() -> None:
    assert mask_code("12345678") == "12****8"
