"""What a firm lacks, in words: the limit, the distance, and who could settle what nobody knows."""

from datetime import date

import pytest

from features.contracts import Words, load_catalogue
from features.rules.vocabulary import Vocabulary
from models.matching.explaining import Explanation, Needs, Teller, needs_of
from models.matching.facts import load_facts
from models.matching.matcher import Matcher
from models.matching.meanings import Meanings
from models.scale import load_scale
from models.tags.book import TagBook, TagEntry
from models.watching.setting import COLUMNS

TAGS = TagBook(
    {"t": Words(zh="科技", en="technology")},
    (
        TagEntry.model_validate(
            {
                "code": "tech_firm",
                "words": {"zh": "科技型", "en": "technology firm"},
                "group": "t",
                "versions": [
                    {"valid_from": date(2026, 1, 1), "when": "tech_sme_flag", "source": "us"}
                ],
            }
        ),
        TagEntry.model_validate(
            {
                "code": "old_brand",
                "words": {"zh": "老字号", "en": "time-honoured brand"},
                "group": "t",
                "kind": "certified",
            }
        ),
    ),
)
TAGGED = TAGS.at(date(2026, 6, 30), Vocabulary.of(COLUMNS, load_facts().terms))
MEANINGS = Meanings.of(
    COLUMNS,
    load_facts(),
    TAGS.entries,
    TAGGED.vocabulary,
    catalogue=load_catalogue(),
    scale=load_scale(),
)


def told(
    rule: str,
    values: dict[str, float | str],
    closed: frozenset[str] = frozenset(),
    *,
    may_see_values: bool = True,
) -> list[Explanation]:
    matcher = Matcher.of([("product P", rule)], TAGGED.vocabulary)
    row = matcher.conditions.row(values)
    missing = matcher.missing(0, matcher.conditions.ask(row[None])[0])
    teller = Teller.of(matcher.conditions, MEANINGS)
    return list(teller.tell_all(missing, row, closed, may_see_values=may_see_values))


@pytest.mark.parametrize(
    ("rule", "value", "words", "found", "short", "distance"),
    [
        ("enterprise_age_months >= 2 years", 21, "成立月数：不低于 24 个月", "21 个月", "还差 3 个月", 3),
        # Whole invoices: to have more than 3 takes a fourth.
        ("sales_invoices_count_12m > 3", 3, "近12个月销项发票张数：高于 3", "3", "还差 1", 1),
        ("sales_invoices_count_12m < 3", 5, "近12个月销项发票张数：低于 3", "5", "超出 3", 3),
        # A fen short of 500,000 is never "now 50 万元" nor "0 short".
        ("sales_amount_sum_12m_cny >= 50 万元", 499_999.99, "近12个月销项金额：不低于 50 万元", "49.99 万元", "还差 0.01 元", 0.01),
        ("vat_sales_yoy_3m > -30 %", -0.35, "最近3个月申报销售额同比：高于 -30%", "-35%", "还差 5 个百分点", 0.05),
        ("not vat_sales_yoy_3m > 10 %", 0.125, "最近3个月申报销售额同比：不超过 10%", "12.5%", "超出 2.5 个百分点", 0.025),
        ("grade_rank <= 5", 7, "基础信用评级位次（1为AAA，10为D）：BB 及以上", "CCC", "超出 2 级", 2),
        # The nearer of both: 30 - 26 = 4 against 30 - 12 = 18.
        ("need_term_months between 6 months and 12 months or need_term_months = 26 months", 30, "需求期限：在 6 个月 至 12 个月 之间或26 个月", "30 个月", "超出 4 个月", 4),
    ],
)  # fmt: skip
def test_a_limit_is_told_with_its_distance(
    rule: str, value: float, words: str, found: str, short: str, distance: float
) -> None:
    name = next(name for name in TAGGED.vocabulary.terms if f"{name} " in f"{rule} ")
    (one,) = told(rule, {name: value})
    (ask,) = one.asks
    assert (one.is_failed, one.words.zh, ask.kind) == (True, words, "threshold")
    assert ask.found is not None
    assert ask.short is not None
    assert (ask.found.zh, ask.short.zh) == (found, short)
    assert ask.distance == pytest.approx(distance, abs=1e-9)


def test_codes_and_places_are_told_by_their_names() -> None:
    rule = "industry_section in ['A', 'C'] and region_code between 371300 and 371399"
    industry, region = told(rule, {"industry_section": "K", "region_code": 110101})
    assert (
        industry.words.en
        == "section of industry: Agriculture, forestry, animal husbandry and fishery or Manufacturing"
    )
    assert [ask.found and ask.found.zh for ask in industry.asks] == ["房地产业"]
    assert region.words.zh == "所在地区代码：临沂市"
    assert [ask.kind for ask in (*industry.asks, *region.asks)] == ["fact", "fact"]


def test_alternatives_are_told_as_such_and_only_the_unknown_ones_are_asked_for() -> None:
    rule = "offers_real_estate or offers_guarantor or old_loan_class_level <= 1"
    (one,) = told(rule, {"offers_real_estate": 0})
    assert not one.is_failed
    assert one.words.zh.count("，或") == 2
    assert [(ask.kind, ask.meaning.name) for ask in one.asks] == [
        ("supply", "offers_guarantor"),
        ("confirm", "old_loan_class_level"),
    ]
    assert one.asks[0].question == Words(zh="是否有保证人？", en="Does anybody stand surety?")
    assert needs_of([one]) == Needs((), ("offers_guarantor", "old_loan_class_level"))


def test_what_is_closed_is_a_scope_to_open_and_what_is_open_a_record_to_come() -> None:
    rule = "vat_sales_sum_12m_cny >= 100 万元"
    datasets = COLUMNS["vat_sales_sum_12m_cny"].datasets
    (shut,), (empty,) = told(rule, {}, datasets), told(rule, {})
    assert [(ask.kind, ask.scopes) for ask in shut.asks] == [("authorise", ("tax",))]
    assert [(ask.kind, ask.scopes) for ask in empty.asks] == [("record", ())]
    assert needs_of([shut, empty]) == Needs(("tax",), ("vat_sales_sum_12m_cny",))
    (unrecorded,) = told("vat_sales_sum_12m_cny is known", {}, datasets)
    assert [(ask.kind, ask.scopes) for ask in unrecorded.asks] == [("authorise", ("tax",))]


def test_tags_to_gain_to_lose_to_be_certified_and_to_open() -> None:
    rule = "tag_tech_firm and not tag_old_brand"
    gain, lose = told(rule, {"tag_tech_firm": 0, "tag_old_brand": 1})
    assert (gain.words.zh, lose.words.zh) == ("具有标签“科技型”", "不带标签“老字号”")
    assert [one.asks[0].kind for one in (gain, lose)] == ["tag", "tag"]
    opened, certified = told(rule, {}, TAGGED.vocabulary.terms["tag_tech_firm"].datasets)
    assert [(ask.kind, ask.scopes) for ask in opened.asks] == [("authorise", ("tech",))]
    assert [(ask.kind, ask.scopes) for ask in certified.asks] == [("tag", ())]


def test_who_may_not_see_values_learns_no_distance_either() -> None:
    (one,) = told("enterprise_age_months >= 2 years", {"enterprise_age_months": 21}, may_see_values=False)  # fmt: skip
    (ask,) = one.asks
    assert (ask.kind, ask.found, ask.short, ask.distance) == ("threshold", None, None, None)
    (coded,) = told("industry_section = 'C'", {"industry_section": "K"}, may_see_values=False)
    assert coded.asks[0].found is None
