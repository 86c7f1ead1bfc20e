"""A product from its hand-in to the shelf and off it again; what cannot be matched is said at once."""

from collections.abc import Generator
from datetime import date, timedelta
from typing import Any

import pytest

from models.products.book import load_products
from serving.database.addresses import Addresses
from tests.service import FIRM, NOON, OTHER_BANK, Ask, Running, service

PATH = "/v1/products"
MAY = ["product:submit", "product:read", "product:change"]
TODAY = NOON.date()
TERMS = {
    "valid_from": TODAY.isoformat(),
    "source": "price list of the test bank",
    "when": "enterprise_age_months >= 24 months and tax_paid_sum_12m_cny >= 3 万元",
    "regions": ["3713"],
    "limit": {"at_most": "300 万元", "bounds": [[{"of": "tax_paid_mean_24m_cny", "times": 8}]]},
    "rate": {"least": 4.0, "most": 5.5, "quoted_on": TODAY.isoformat()},
    "term_months": {"least": 12, "most": 36},
    "guarantee": ["credit"],
    "evidence": "V",
}
NEW: dict[str, Any] = {
    "code": "TEST-TAX",
    "name": {"zh": "测试税贷", "en": "test tax loan"},
    "lender": {"zh": "测试银行", "en": "test bank"},
    "terms": TERMS,
}


@pytest.fixture(scope="module")
def started(fresh_database: Addresses) -> Generator[Running]:
    with service(fresh_database) as one:
        yield one


@pytest.fixture
def running(started: Running) -> Running:
    started.clock.now = NOON
    started.sql("DELETE FROM product_version; DELETE FROM product")
    return started


@pytest.fixture
def bank(running: Running) -> Ask:
    return running.bank(MAY)


def with_terms(**terms: object) -> dict[str, Any]:
    return NEW | {"terms": TERMS | terms}


def on_shelf(running: Running, day: date) -> set[str]:
    """Codes that would be matched on a day, beside the starter catalogue."""

    async def codes() -> set[str]:
        async with running.house.database.transaction() as connection:
            found = await running.house.shelves.on(connection, day)
            return {entry.code for entry, _ in found.shelf.products}

    return running.run(codes()) - {entry.code for entry in load_products()}


def publish(running: Running, code: str = "TEST-TAX", version: int = 1) -> int:
    said = {"outcome": "published", "note": "numbers checked"}
    path = f"{PATH}/{code}/versions/{version}/review"
    return running.post(path, running.operator(), json=said).status_code


def test_a_product_stands_on_the_shelf_from_its_review_to_its_end(
    running: Running, bank: Ask
) -> None:
    until = (TODAY + timedelta(days=30)).isoformat()
    handed_in = running.post(PATH, bank, json=with_terms(valid_until=until))
    assert handed_in.status_code == 201, handed_in.text
    assert handed_in.json()["state"] == "in_review"
    assert handed_in.json()["asks"] == [
        "enterprise_age_months >= 24 months",
        "tax_paid_sum_12m_cny >= 3 万元",
        "region_code between 371300 and 371399",
    ]
    assert on_shelf(running, TODAY) == set()
    assert publish(running) == 200
    assert on_shelf(running, TODAY) == on_shelf(running, TODAY + timedelta(days=30)) == {"TEST-TAX"}
    # The day after its last it is matched no more.
    assert on_shelf(running, TODAY + timedelta(days=31)) == set()
    assert publish(running) == 409


def test_a_new_version_takes_the_place_of_the_old_one_on_its_day(
    running: Running, bank: Ask
) -> None:
    later = TODAY + timedelta(days=10)
    running.post(PATH, bank, json=NEW)
    running.post(PATH, bank, json=with_terms(valid_from=later.isoformat(), when=None))
    assert publish(running, version=1) == publish(running, version=2) == 200

    async def asked(day: date) -> object:
        async with running.house.database.transaction() as connection:
            shelf = (await running.house.shelves.on(connection, day)).shelf
            return next(v.when for entry, v in shelf.products if entry.code == "TEST-TAX")

    assert running.run(asked(TODAY)) == TERMS["when"]
    assert running.run(asked(later)) is None


def test_a_withdrawn_product_is_gone_at_once_and_its_code_with_it(
    running: Running, bank: Ask
) -> None:
    running.post(PATH, bank, json=NEW)
    publish(running)
    other = running.bank(MAY, uscc=OTHER_BANK)
    reason = {"reason": "no longer offered"}
    assert running.post(f"{PATH}/TEST-TAX/withdraw", other, json=reason).status_code == 404
    assert on_shelf(running, TODAY) == {"TEST-TAX"}
    assert running.post(f"{PATH}/TEST-TAX/withdraw", bank, json=reason).status_code == 204
    assert on_shelf(running, TODAY) == set()
    assert running.post(PATH, bank, json=NEW).status_code == 409


def test_the_platform_takes_a_starter_product_off(running: Running) -> None:
    code = load_products()[0].code

    async def codes() -> set[str]:
        async with running.house.database.transaction() as connection:
            found = await running.house.shelves.on(connection, TODAY)
            return {entry.code for entry, _ in found.shelf.products}

    assert code in running.run(codes())
    path = f"{PATH}/{code}/withdraw"
    reason = {"reason": "not offered in this city"}
    assert running.post(path, running.operator(), json=reason).status_code == 204
    assert code not in running.run(codes())


def test_nobody_else_sees_what_waits_and_everybody_what_stands(running: Running, bank: Ask) -> None:
    running.post(PATH, bank, json=NEW)
    other, owner = running.bank(MAY, uscc=OTHER_BANK), running.owner(FIRM)
    path = f"{PATH}/TEST-TAX"
    assert running.get(path, bank).status_code == 200
    assert running.get(path, running.operator()).status_code == 200
    assert running.get(path, other).status_code == running.get(path, owner).status_code == 404
    assert running.get(PATH, other).json()["items"] == []
    publish(running)
    assert running.get(path, owner).json()[0]["state"] == "published"
    assert running.post(PATH, other, json=NEW).status_code == 409


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        pytest.param(
            {"when": "enterprise_age_month >= 24 months"}, "enterprise_age_months", id="name"
        ),
        pytest.param({"when": "tax_paid_sum_12m_cny >= 3"}, "has no unit", id="unit"),
        pytest.param(
            {"when": "sales_active_months_count_12m > 3 and sales_active_months_count_12m < 2"},
            "can never be true",
            id="never",
        ),
        pytest.param({"requires_tags": ["no_such_tag"]}, "no_such_tag", id="tag"),
        pytest.param({"purposes": ["gambling"]}, "gambling", id="purpose"),
        pytest.param(
            {"limit": {"bounds": [[{"of": "debt_ratio", "times": 2}]]}}, "is in ratio", id="limit"
        ),
        pytest.param({"valid_from": "2020-01-01"}, "which is past", id="past"),
    ],
)
def test_what_cannot_be_matched_is_said_at_once(
    running: Running, bank: Ask, wrong: dict[str, object], told: str
) -> None:
    speaks = {"Accept-Language": "en"}
    answer = running.post(PATH, bank, json=with_terms(**wrong), headers=speaks)
    assert answer.status_code == 422, answer.text
    assert told in answer.json()["detail"]
    assert running.sql("SELECT count(*) FROM product") == [(0,)]


def test_a_check_keeps_nothing(running: Running, bank: Ask) -> None:
    answer = running.post(f"{PATH}/check", bank, json=NEW)
    assert answer.status_code == 200
    assert len(answer.json()["asks"]) == 3
    assert running.sql("SELECT count(*) FROM product") == [(0,)]


def test_a_starter_code_cannot_be_taken(running: Running, bank: Ask) -> None:
    code = load_products()[0].code
    assert running.post(PATH, bank, json=NEW | {"code": code}).status_code == 409
