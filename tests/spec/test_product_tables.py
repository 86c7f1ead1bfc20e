"""Runs the tables of `tests/spec/products`: the firm that just meets a product, and each step beyond.

A case names the product and says what the firm of `product_world` has beside; null is unknown. Each line of
`beyond` fails one condition more. `terms` says what the firm would get, null where nobody can tell.
"""

from functools import cache
from pathlib import Path

import pytest
import yaml
from pydantic import Field

from features.documents import Document
from features.rules.parser import parse_condition
from features.rules.syntax import clauses
from models.matching.matcher import Matcher
from models.products.base import base_rule
from models.products.book import load_products
from models.products.shelf import Shelf
from models.products.terms import TermsTable
from tests.product_world import DAY, GOOD_FIRM, region_of, vocabulary
from tests.shown_limits import Given, is_shown

TABLES = sorted((Path(__file__).parent / "products").glob("*.yaml"))
BASE = "BASE"


class Terms(Document):
    """What a firm would get with something changed."""

    given: Given = Field(default_factory=dict)
    limit_cny: float | None = None
    rate_percent: float | None = None
    term_months: float | None = None
    fee_percent: float | None = None


class Case(Document):
    """One firm, one product."""

    product: str
    title: str
    meets: Given
    beyond: list[Given] = Field(min_length=1)
    terms: list[Terms] = Field(default_factory=list[Terms])


def read_cases() -> list[Case]:
    listed = (yaml.safe_load(path.read_text(encoding="utf-8")) for path in TABLES)
    return [Case.model_validate(one) for part in listed for one in part]


CASES = read_cases()
CODES = tuple(entry.code for entry in load_products())


@cache
def shelf() -> Shelf:
    return Shelf.of(load_products(), vocabulary(), DAY, base_rule(DAY))


@cache
def terms() -> TermsTable:
    return TermsTable.of(shelf().products, vocabulary(), DAY)


@cache
def place_of(code: str) -> int:
    return [entry.code for entry, _ in shelf().products].index(code)


@cache
def rules(code: str) -> tuple[Matcher, int]:
    """The matcher that holds a product's rule, and its place there."""
    if code == BASE:
        return Matcher.of([("base", base_rule(DAY))], vocabulary()), 0
    return shelf().matcher, place_of(code)


def firm(case: Case, changed: Given) -> Given:
    home: Given = {}
    if case.product != BASE:
        home = {"region_code": region_of(shelf().products[place_of(case.product)][1].regions)}
    return GOOD_FIRM | home | case.meets | changed


def found(case: Case, changed: Given) -> tuple[int, int]:
    """How many conditions fail, and how many are unknown."""
    matcher, place = rules(case.product)
    verdicts = matcher.verdicts(matcher.conditions.row(firm(case, changed)))
    return int(verdicts.failed[place]), int(verdicts.unknown[place])


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.product}: {case.title}")
def test_a_firm_at_the_limit_is_eligible_and_one_beyond_is_not(case: Case) -> None:
    assert found(case, {}) == (0, 0)
    for changed in case.beyond:
        failed, unknown = found(case, changed)
        assert failed >= 1, changed
        assert unknown == 0, changed


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.product}: {case.title}")
def test_what_fails_a_firm_must_be_known(case: Case) -> None:
    for name in {name for changed in case.beyond for name in changed}:
        # Of size and form either may do, so that both must be unknown.
        hidden: Given = (
            {"size_class": None, "entity_type": None} if name in _EITHER else {name: None}
        )
        failed, unknown = found(case, hidden)
        assert failed == 0, name
        assert unknown >= 1, name


_EITHER = {"size_class", "entity_type"}


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.product}: {case.title}")
def test_terms_are_what_the_table_says(case: Case) -> None:
    for told in case.terms:
        assert found(case, told.given) == (0, 0), told.given
        offers = terms().offers(firm(case, told.given))
        for name in told.model_fields_set - {"given"}:
            value = float(getattr(offers, name)[place_of(case.product)])
            wanted = getattr(told, name)
            assert value == pytest.approx(
                float("nan") if wanted is None else wanted, nan_ok=True
            ), name


@pytest.mark.parametrize("code", CODES)
def test_every_condition_of_a_product_is_shown(code: str) -> None:
    cases = [case for case in CASES if case.product == code]
    assert cases, "the tables of tests/spec/products leave it out"
    assert any(case.terms for case in cases)
    _, version = shelf().products[place_of(code)]
    shown = [
        firm(case, changed)
        for case in cases
        for changed in [{}, *case.beyond, *(told.given for told in case.terms)]
    ]
    conditions = [version.when, *(cap.when for cap in version.limit.caps)]
    asked = [c for one in conditions if one for c in clauses(parse_condition(one, code))]
    for clause in asked:
        assert is_shown(clause, shown, vocabulary()), f"{clause}"
    for tag in (*version.requires_tags, *version.excludes_tags):
        assert {given.get(f"tag_{tag}") for given in shown} >= {0, 1}, tag
    for purpose in version.purposes:
        assert purpose in {given["need_purpose"] for given in shown}


@pytest.mark.parametrize("code", CODES)
def test_a_product_stays_in_its_region(code: str) -> None:
    case = next(case for case in CASES if case.product == code)
    regions = shelf().products[place_of(code)][1].regions
    if regions == ["*"]:
        assert found(case, {"region_code": 110101}) == (0, 0)
        return
    assert found(case, {"region_code": 110101}) == (1, 0)
    assert found(case, {"region_code": None}) == (0, 1)
    last = int(regions[0].ljust(6, "9"))
    assert found(case, {"region_code": last}) == (0, 0)
    assert found(case, {"region_code": last + 1}) == (1, 0)


def test_the_starter_catalogue_has_every_product_of_its_list() -> None:
    assert list(CODES) == [f"P{number:02}" for number in range(1, 43)]
    assert {case.product for case in CASES} == {BASE, *CODES}
