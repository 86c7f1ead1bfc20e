"""47 products as lenders and portals describe them: all compile, and nothing is invented."""

from typing import Any

import numpy as np
import pytest

from models.products.base import base_rule
from models.products.shelf import Shelf
from models.products.terms import OfferTerms, TermsTable
from tests.product_world import DAY, GOOD_FIRM, vocabulary
from tests.real_products import PATH, read_records, real_products, regions_of

pytestmark = [
    pytest.mark.data,
    pytest.mark.skipif(not PATH.is_file(), reason=f"there is no {PATH}; set XINQIAO_DATA"),
]
TAXPAYER: dict[str, float | str | None] = {
    "enterprise_age_months": 24,
    "tax_paid_sum_12m_cny": 30_000,
    "tax_paid_sum_3m_cny": 1,
    "tax_major_violation_flag_24m": 0,
    "admin_penalties_tax_count_24m": 0,
    "loan_default_now": 0,
    "tag_tax_ab": 1,
}


@pytest.fixture(scope="module")
def shelf() -> Shelf:
    return Shelf.of(real_products(), vocabulary(), DAY, base_rule(DAY))


def offers(shelf: Shelf, **given: float | str | None) -> OfferTerms:
    return TermsTable.of(shelf.products, vocabulary(), DAY).offers(GOOD_FIRM | given)


def eligible(shelf: Shelf, **given: float | str | None) -> set[str]:
    row = shelf.matcher.conditions.row(GOOD_FIRM | given)
    holds = shelf.matcher.verdicts(row).is_eligible
    return {entry.code for (entry, _), one in zip(shelf.products, holds, strict=True) if one}


def test_all_of_them_compile(shelf: Shelf) -> None:
    assert [entry.code for entry, _ in shelf.products] == [f"P{n:03}" for n in range(1, 48)]


def test_what_a_page_does_not_say_stays_unknown(shelf: Shelf) -> None:
    found = offers(shelf, grade_rank=4)
    for place, record in enumerate(read_records()):
        if record["max_amount_wan"] is None:
            assert np.isnan(found.limit_at_most_cny[place]), record["product_id"]
        else:
            assert found.limit_at_most_cny[place] <= record["max_amount_wan"] * 10_000
        for ours, theirs in (
            ("rate_least_percent", "rate_low_pct"),
            ("rate_most_percent", "rate_high_pct"),
        ):
            told = record[theirs]
            value = getattr(found, ours)[place]
            assert np.isnan(value) if told is None else value == told, record["product_id"]
    unnamed = sum(record["max_amount_wan"] is None for record in read_records())
    assert 0 < np.isnan(found.limit_cny).sum() - unnamed <= 2  # a house, or security, not told of


def test_every_page_is_shown_as_sure_as_it_is() -> None:
    for record, entry in zip(read_records(), real_products(), strict=True):
        version = entry.versions[0]
        assert (version.evidence == "P") == (record["confidence"] == "low")
        assert record["source_url"] in version.source
        assert record["target"] in "".join(n.zh for n in version.notes) or version.when


@pytest.mark.parametrize(
    ("text", "prefixes"),
    [
        ("宁德(福建)", ["3509"]),
        ("临沂郯城(山东)", ["371322"]),
        ("青岛/济南(山东)", ["3702", "3701"]),
        ("上海杨浦", ["310110"]),
        ("青海西宁", ["6301"]),
        ("北京", ["11"]),
        ("甘肃", ["62"]),
        ("全国", ["*"]),
    ],
)
def test_a_region_in_words_becomes_its_code(text: str, prefixes: list[str]) -> None:
    assert regions_of(text) == prefixes
    assert text in {record["region"] for record in read_records()}


def test_a_tax_loan_of_ningde_takes_its_taxpayers(shelf: Shelf) -> None:
    home = TAXPAYER | {"region_code": 350902}
    assert "P001" in eligible(shelf, **home)
    for change in ({"region_code": 371302}, {"tax_paid_sum_12m_cny": 29_999}, {"tag_tax_ab": None}):
        assert "P001" not in eligible(shelf, **home | change)
    found = offers(shelf, **home)
    assert (found.limit_cny[0], found.rate_percent[0]) == (30_000_000, 4.35)


def test_nine_tax_loans_ask_the_same(shelf: Shelf) -> None:
    nine = {f"P{number:03}" for number in range(2, 11)}
    assert nine <= eligible(shelf, **TAXPAYER)
    assert not nine & eligible(shelf, **TAXPAYER | {"enterprise_age_months": 23})
    assert not nine & eligible(shelf, **TAXPAYER | {"loan_default_now": None})


@pytest.mark.parametrize(
    ("code", "given"),
    [
        ("P034", {"tag_tech_sme": 1}),
        ("P035", {"tag_hnte": 1}),
        ("P036", {"tag_zjtx": 1}),
        ("P037", {"tag_zjtx_national": 1}),
        ("P027", {"entity_type": "coop", "region_code": 620102}),
    ],
)
def test_a_title_opens_its_product(shelf: Shelf, code: str, given: dict[str, Any]) -> None:
    assert code in eligible(shelf, **given)
    assert code not in eligible(shelf)


def test_county_products_stay_in_their_county(shelf: Shelf) -> None:
    tancheng = {"P029", "P030", "P031", "P032"}
    assert tancheng <= eligible(shelf, region_code=371322)
    assert not tancheng & eligible(shelf, region_code=371302)
    # Between 30,000 and 50,000 yuan.
    found = offers(shelf)
    place = [record["product_id"] for record in read_records()].index("P029")
    assert found.limit_cny[place] == 50_000


def test_security_decides_between_two_ceilings(shelf: Shelf) -> None:
    place = [record["product_id"] for record in read_records()].index("P045")
    for offered, limit in ((1, 10_000_000), (0, 5_000_000)):
        assert offers(shelf, offers_real_estate=offered).limit_cny[place] == limit
    assert not offers(shelf).limit_is_known[place]
