"""Products for some regions and some purposes: one firm alone and many at once, at the limit and one beyond."""

from datetime import date
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from features.errors import RuleError
from models.matching.batch import Everyone, left_to_ask
from models.products.book import ProductEntry
from models.products.shelf import PURPOSE, REGION, Shelf
from tests.product_world import vocabulary

DAY = date(2026, 6, 30)
_WORDS = {"zh": "示例", "en": "example"}
_PLAIN: dict[str, Any] = {"valid_from": "2026-01-01", "source": "example", "evidence": "P", "limit": {}, "rate": {}, "term_months": {}}  # fmt: skip


def shelf_of(*offers: tuple[list[str], list[str]]) -> Shelf:
    """A product for each pair of regions and purposes."""
    entries = [
        ProductEntry.model_validate(
            {"code": f"X{number}", "name": _WORDS, "lender": _WORDS,
             "versions": [_PLAIN | {"regions": regions, "purposes": purposes}]}
        )
        for number, (regions, purposes) in enumerate(offers)
    ]  # fmt: skip
    return Shelf.of(entries, vocabulary(), DAY)


def lacking(shelf: Shelf, **firm: float | str | None) -> tuple[int, int]:
    """How many conditions of the first product fail for a firm, and how many are unknown."""
    found = shelf.matcher.verdicts(shelf.matcher.conditions.row(firm))
    return int(found.failed[0]), int(found.unknown[0])


@pytest.mark.parametrize(
    ("regions", "inside", "outside"),
    [
        (["37"], [370000, 371302, 379999], [369999, 380000]),
        (["371"], [371000, 371302, 371999], [370999, 372000]),
        (["3713"], [371300, 371302, 371399], [371299, 371400, 370000]),
        (["37130"], [371300, 371302, 371309], [371299, 371310]),
        (["371302"], [371302], [371301, 371303, 371300]),
        (["3713", "4403"], [371302, 440300, 440399], [371400, 440299, 440400, 400000]),
        (["3713", "3714"], [371300, 371399, 371400, 371499], [371299, 371500]),
        (["37", "3713"], [371302, 370102], [380000]),
        (["*"], [371302, 110101], []),
        (["3713", "*"], [371302, 110101], []),
    ],
)
def test_a_prefix_stands_for_every_region_that_begins_with_it(
    regions: list[str], inside: list[int], outside: list[int]
) -> None:
    shelf = shelf_of((regions, []))
    assert [lacking(shelf, region_code=code) for code in inside] == [(0, 0)] * len(inside)
    assert [lacking(shelf, region_code=code) for code in outside] == [(1, 0)] * len(outside)
    # Where nobody knows the region, only a product for everywhere is surely for the firm.
    assert lacking(shelf, region_code=None) == ((0, 0) if "*" in regions else (0, 1))
    everyone = Everyone(shelf.matcher, np.zeros((1, 1), np.int32), left_to_ask(shelf.matcher, []))
    codes = np.array([*inside, *outside, np.nan])
    found = everyone.match({REGION: codes}, np.zeros(len(codes), np.int64))
    assert found.counts.sure.tolist() == [len(inside) + ("*" in regions)]
    assert found.counts.near.tolist() == [len(outside)]
    assert found.counts.undecided.tolist() == ["*" not in regions]


@pytest.mark.parametrize(
    ("region", "from_region"),
    [(371399, (0, 0)), (371400, (1, 0)), (None, (0, 1))],
    ids=["there", "elsewhere", "nowhere"],
)
@pytest.mark.parametrize(
    ("purpose", "from_purpose"),
    [("rnd", (0, 0)), ("commercialise", (0, 0)), ("operation", (1, 0)), (None, (0, 1))],
)
def test_region_and_purpose_are_asked_apart(
    region: int | None,
    from_region: tuple[int, int],
    purpose: str | None,
    from_purpose: tuple[int, int],
) -> None:
    firm = {REGION: region, PURPOSE: purpose}
    purposes = ["rnd", "commercialise"]
    assert lacking(shelf_of((["3713"], [])), **firm) == from_region
    assert lacking(shelf_of((["*"], purposes)), **firm) == from_purpose
    both = tuple(sum(pair) for pair in zip(from_region, from_purpose, strict=True))
    assert lacking(shelf_of((["3713"], purposes)), **firm) == both


def test_at_night_a_purpose_is_left_to_ask_and_a_region_is_not() -> None:
    shelf = shelf_of((["3713"], []), (["*"], ["rnd"]), (["3713"], ["rnd"]))
    left = left_to_ask(shelf.matcher, [PURPOSE])
    everyone = Everyone(shelf.matcher, np.array([[2, 1, 0]], dtype=np.int32), left, most=3)
    regions = np.array([371302.0, 370000, np.nan])
    found = everyone.match({REGION: regions, PURPOSE: np.full(3, "", "U1")}, np.zeros(3, np.int64))
    # In the region all three; outside, and where nobody knows, the one for everywhere alone.
    assert found.top.tolist() == [[2, 1, 0], [1, -1, -1], [1, -1, -1]]
    assert found.is_sure[0].tolist() == [False, False, True]
    assert found.counts.near.tolist() == [1, 0, 1]
    assert found.counts.undecided.tolist() == [1, 0, 1]


@pytest.mark.parametrize("regions", [["0713"], ["3"], ["3713021"], []])
def test_what_is_no_prefix_of_regions_is_refused(regions: list[str]) -> None:
    with pytest.raises(ValidationError, match="regions"):
        shelf_of((regions, []))


def test_a_purpose_nobody_asks_for_is_refused_with_the_product() -> None:
    with pytest.raises(RuleError, match=r"product X0.*'holiday'"):
        shelf_of((["*"], ["holiday"]))
