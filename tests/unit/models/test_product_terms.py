"""What a product would be for one firm: limit, rate, term and fees, with the arithmetic beside them."""

from datetime import date
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from features.errors import RuleError
from features.rules.vocabulary import Term, Vocabulary
from models.matching.facts import load_facts
from models.products.base import base_rule, weakest_grade
from models.products.book import ProductEntry
from models.products.carbon import load_carbon_link
from models.products.limits import limit_names
from models.products.rates import load_rates
from models.products.terms import OfferTerms, TermsTable

DAY = date(2026, 6, 30)
VOCABULARY = Vocabulary(
    {term.name: term for term in load_facts().terms}
    | {"contract_cny": Term("contract_cny", "cny"), "staff_count": Term("staff_count", "count")}
)
_WORDS = {"zh": "示例", "en": "example"}
_PLAIN: dict[str, Any] = {
    "valid_from": "2026-01-01", "source": "example", "evidence": "P", "regions": ["*"],
    "guarantee": ["credit"], "limit": {}, "rate": {}, "term_months": {},
}  # fmt: skip


def product(**given: object) -> ProductEntry:
    """One product with one version; what is given replaces the plain one's."""
    return ProductEntry.model_validate(
        {"code": "X1", "name": _WORDS, "lender": _WORDS, "versions": [_PLAIN | given]}
    )


def offer(entry: ProductEntry, **values: float | str | None) -> OfferTerms:
    return TermsTable.of([(entry, entry.versions[0])], VOCABULARY, DAY).offers(values)


def limits(found: OfferTerms) -> tuple[float, float, float]:
    return (
        found.limit_cny.item(),
        found.limit_at_least_cny.item(),
        found.limit_at_most_cny.item(),
    )


UNKNOWN = pytest.approx(float("nan"), nan_ok=True)
CONTRACT = product(
    limit={
        "at_most": "1000 万元",
        "at_least": "10 万元",
        "bounds": [[{"of": "contract_cny", "times": 0.85}]],
    }
)


@pytest.mark.parametrize(
    ("contract", "limit"),
    [
        (2_000_000, 1_700_000),  # 0.85 * 2m
        (20_000_000, 10_000_000),  # 0.85 * 20m = 17m, over the ceiling
        (117_648, 100_000),  # 0.85 * 117,648 = 100,000.8: the smallest loan
        (117_647, 0),  # 0.85 * 117,647 = 99,999.95: below it, none
        (-500_000, 0),
    ],
)
def test_a_limit_is_the_least_of_ceiling_and_share(contract: float, limit: float) -> None:
    assert limits(offer(CONTRACT, contract_cny=contract)) == (limit, limit, limit)


def test_an_unknown_fact_leaves_the_ceiling_alone_known() -> None:
    assert limits(offer(CONTRACT)) == (UNKNOWN, 0, 10_000_000)
    assert not offer(CONTRACT, contract_cny=None).limit_is_known[0]


def test_a_limit_adds_up_and_every_sum_binds() -> None:
    sums = [
        [{"of": "tobacco_orders_quarter_cny", "times": 0.6667}, {"of": "monthly_turnover_cny", "times": 1.5}],
        [{"of": "contract_cny", "times": 1.0}],
    ]  # fmt: skip
    both = product(limit={"bounds": sums})
    # 90,000 * 0.6667 + 20,000 * 1.5 = 60,003 + 30,000
    given = {"tobacco_orders_quarter_cny": 90_000.0, "monthly_turnover_cny": 20_000.0}
    assert limits(offer(both, **given, contract_cny=100_000)) == (90_003, 90_003, 90_003)
    assert limits(offer(both, **given, contract_cny=80_000)) == (80_000, 80_000, 80_000)
    assert limits(offer(both, **given)) == (UNKNOWN, 0, 90_003)
    assert limits(offer(both)) == (UNKNOWN, 0, UNKNOWN)


CAPPED = product(
    limit={
        "at_most": "800 万元",
        "caps": [
            {"when": "size_class = 'small' and offers_guarantor", "at_most": "500 万元"},
            {"when": "size_class = 'small'", "at_most": "300 万元"},
            {"at_most": "100 万元", "bounds": [[{"of": "contract_cny", "times": 2.0}]]},
        ],
    }
)


def test_the_first_cap_that_holds_counts() -> None:
    both = offer(CAPPED, size_class="small", offers_guarantor=1)
    assert limits(both) == (5_000_000, 5_000_000, 5_000_000)
    alone = offer(CAPPED, size_class="small", offers_guarantor=0)
    assert limits(alone) == (3_000_000, 3_000_000, 3_000_000)
    # Two times 400,000 is under the 1m of all others.
    other = offer(CAPPED, size_class="micro", contract_cny=400_000)
    assert limits(other) == (800_000, 800_000, 800_000)


def test_an_undecided_cap_leaves_a_limit_between_those_that_may_count() -> None:
    assert limits(offer(CAPPED, size_class="small")) == (UNKNOWN, 3_000_000, 5_000_000)
    # Of an unknown size any cap may count, and the last of them rests on an unknown contract.
    assert limits(offer(CAPPED)) == (UNKNOWN, 0, 5_000_000)


def test_without_a_cap_for_others_the_own_ceiling_may_count() -> None:
    open_ended = product(
        limit={"at_most": "800 万元", "caps": [{"when": "size_class = 'small'", "at_most": "300 万元"}]}
    )  # fmt: skip
    assert limits(offer(open_ended)) == (UNKNOWN, 3_000_000, 8_000_000)
    assert limits(offer(open_ended, size_class="micro")) == (8_000_000, 8_000_000, 8_000_000)


def test_a_limit_nobody_names_stays_unknown() -> None:
    assert limits(offer(product())) == (UNKNOWN, 0, UNKNOWN)


def test_a_sum_adds_up_money_or_things_that_bring_it() -> None:
    heads = product(limit={"bounds": [[{"of": "staff_count", "times": 1000.0}]]})
    assert limits(offer(heads, staff_count=3)) == (3000, 3000, 3000)
    places = product(limit={"bounds": [[{"of": "grade_rank", "times": 1000.0}]]})
    with pytest.raises(RuleError, match="grade_rank, which is in level"):
        offer(places)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"limit": {"at_most": "-5 万元"}}, "not above nothing"),
        ({"limit": {"at_most": "5 months"}}, "in cny"),
        ({"limit": {"at_least": "6 万元", "at_most": "5 万元"}}, "at_least is over its at_most"),
        ({"limit": {"caps": [{"when": "tag_tech"}]}}, "an amount, a bound, or both"),
        ({"limit": {"bounds": [[{"of": "x_cny", "times": float("inf")}]]}}, "less than or equal"),
        ({"limit": {"bounds": [[]]}}, "at least 1 item"),
        ({"rate": {"least": float("nan")}}, "less than or equal"),
        ({"rate": {"least": 5.0, "most": 4.0}}, "least is over its most"),
        ({"term_months": {"least": 13, "most": 12}}, "least is over its most"),
    ],
)
def test_a_product_that_contradicts_itself_is_refused(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        product(**wrong)


def test_it_says_what_a_limit_rests_on() -> None:
    found = limit_names(CAPPED.versions[0].limit, VOCABULARY)
    assert found == ("contract_cny", "size_class", "offers_guarantor")


RATED = product(when="grade_rank <= 6", rate={"base": "lpr_1y", "least": 0.5, "most": 3.0})


@pytest.mark.parametrize(
    ("rank", "rate"),
    [
        (1, 3.5),  # LPR 3.0 and 0.5 points
        (3, 4.5),  # two of the five steps from AAA to B: 3.5 + 2/5 * 2.5
        (6, 6.0),  # the weakest grade it takes
        (8, 6.0),  # weaker is not taken, and would not be dearer
    ],
)
def test_a_rate_rises_with_the_grade(rank: float, rate: float) -> None:
    found = offer(RATED, grade_rank=rank)
    assert found.rate_percent[0] == rate
    assert (found.rate_least_percent[0], found.rate_most_percent[0]) == (3.5, 6.0)


def test_without_a_rating_the_range_is_known_and_the_rate_is_not() -> None:
    found = offer(RATED)
    assert np.isnan(found.rate_percent[0])
    assert (found.rate_least_percent[0], found.rate_most_percent[0]) == (3.5, 6.0)
    assert offer(product(rate={"least": 4.35, "most": 4.35})).rate_percent[0] == 4.35
    assert np.isnan(offer(product(), grade_rank=1).rate_least_percent[0])


def test_the_base_rule_bounds_the_grades_of_every_product() -> None:
    assert weakest_grade([base_rule(DAY)], "base") == 8
    # Seven steps from AAA to CC: 4 + 1/7 * 1.4 = 4.2
    assert offer(product(rate={"least": 4.0, "most": 5.4}), grade_rank=2).rate_percent[0] == 4.2


def test_a_rate_before_the_first_published_one_is_unknown() -> None:
    table = TermsTable.of([(RATED, RATED.versions[0])], VOCABULARY, date(2020, 1, 1))
    assert np.isnan(table.offers({"grade_rank": 1}).rate_percent[0])
    assert load_rates().base("lpr_1y", date.max) > 0


@pytest.mark.parametrize(
    ("wanted", "term"), [(6, 12), (12, 12), (24, 24), (36, 36), (37, 36), (None, 36)]
)
def test_a_term_is_the_wanted_one_within_the_range(wanted: float | None, term: float) -> None:
    ranged = product(term_months={"least": 12, "most": 36})
    assert offer(ranged, need_term_months=wanted).term_months[0] == term


def test_a_term_without_an_end_is_the_wanted_one() -> None:
    assert offer(product(), need_term_months=200).term_months[0] == 200
    assert np.isnan(offer(product()).term_months[0])


def test_fees_add_up() -> None:
    two = [{"words": _WORDS, "percent_at_most": 0.75}, {"words": _WORDS, "percent_at_most": 0.5}]
    assert offer(product(fees=two)).fee_percent[0] == 1.25
    assert offer(product()).fee_percent[0] == 0


LINKED = product(
    carbon_linked=True,
    limit={"at_most": "1000 万元", "bounds": [[{"of": "contract_cny", "times": 0.8}]]},
    rate={"least": 4.0, "most": 4.0},
    term_months={"least": 6, "most": 36},
)


@pytest.mark.parametrize(
    ("level", "change", "rate", "ceiling", "longest"),
    [
        (1, 0.0, 3.7, 12_000_000, 45),  # -30 bp, x 1.2, 36 * 1.25
        (1, -0.05, 3.65, 12_000_000, 45),  # five full percent: -5 bp more
        (2, -0.0599, 3.8, 11_000_000, 39),  # -15 - 5 bp, x 1.1, 36 * 1.1 = 39.6
        (2, -0.2, 3.65, 11_000_000, 39),  # -15 - 20 bp
        (2, -0.9, 3.65, 11_000_000, 39),  # never more than -20
        (3, 0.3, 4.0, 10_000_000, 36),
        (4, 0.0, 4.2, 8_000_000, 28),  # +20 bp, x 0.8, 36 * 0.8 = 28.8
        (4, -0.03, 4.17, 8_000_000, 28),  # a red firm that mends gets its bonus
        (None, -0.2, 4.0, 10_000_000, 36),  # no account: neither bonus nor malus
    ],
)
def test_a_linked_product_follows_the_carbon_account(
    level: float | None, change: float, rate: float, ceiling: float, longest: float
) -> None:
    given = {"carbon_grade_level": level, "carbon_intensity_yoy": change, "contract_cny": 9e9}
    found = offer(LINKED, **given)
    assert found.rate_percent[0] == pytest.approx(rate)
    assert found.limit_cny[0] == ceiling
    assert found.term_months[0] == longest
    assert found.carbon.grade == level


def test_a_good_account_lends_no_more_against_a_thing_and_a_bad_one_less() -> None:
    # 0.8 * 5m = 4m; red: 0.8 * 4m = 3.2m
    for level, limit in [(1, 4_000_000), (4, 3_200_000)]:
        found = offer(LINKED, carbon_grade_level=level, contract_cny=5_000_000)
        assert found.limit_cny[0] == limit


def test_other_products_leave_the_carbon_account_alone() -> None:
    found = offer(CONTRACT, carbon_grade_level=1, contract_cny=9e9)
    assert found.limit_cny[0] == 10_000_000


def test_the_link_says_what_it_takes_back() -> None:
    link = load_carbon_link().at(DAY)
    assert link is not None
    assert "回升" in link.claw_back.zh
    assert load_carbon_link().at(date(2020, 1, 1)) is None


def test_many_products_are_worked_out_as_one_would_be() -> None:
    entries = [CONTRACT, CAPPED, RATED, LINKED]
    table = TermsTable.of([(one, one.versions[0]) for one in entries], VOCABULARY, DAY)
    values = {"contract_cny": 3e6, "size_class": "small", "offers_guarantor": 1, "grade_rank": 2,
              "need_term_months": 18, "carbon_grade_level": 2}  # fmt: skip
    found = table.offers(values)
    assert len(found) == len(table) == 4
    assert set(values) <= set(table.names)
    for place, entry in enumerate(entries):
        alone = offer(entry, **values)
        for name in ("limit_cny", "rate_percent", "term_months", "fee_percent"):
            assert getattr(found, name)[place] == pytest.approx(
                getattr(alone, name)[0], nan_ok=True
            )
