"""What travels together to the ledger: who asks with what is foreseen, and what is written with the record."""

from collections.abc import Generator
from dataclasses import dataclass
from datetime import datetime

import pytest

from serving.ahead import Ahead, Question
from serving.database.addresses import Addresses
from serving.ratings.service import foreseen
from tests.service import BANK, OTHER_BANK, Running, service
from tests.service_rooms import GRANT, TRIAL, door

NOW = datetime(2026, 11, 20, 12, 0)
FIRM = "91370100MA3C0W2J9X"


@dataclass(frozen=True)
class Number:
    n: int


ONE = Question(Number, "SELECT 1 AS n", {})
ROWS = Question(Number, "SELECT count(*)::int AS n FROM trial", {})


@pytest.fixture(scope="module")
def running(fresh_database: Addresses) -> Generator[Running]:
    with service(fresh_database, rooms=[door], pool_size=2) as started:
        started.sql(TRIAL)
        started.sql(GRANT)
        yield started


def test_what_was_foreseen_is_answered_once_and_then_asked_again(running: Running) -> None:
    async def work() -> list[int]:
        ahead = Ahead(lambda institution: [ROWS] if institution == BANK else [])
        async with running.house.database.connection() as connection:
            first = await ahead.first(connection, ONE, BANK)
            await connection.execute("INSERT INTO trial (step) VALUES (1)")
            known, asked = [await ahead.rows(connection, ROWS) for _ in range(2)]
        return [first.n if first else 0, known[0].n, asked[0].n]

    before = running.sql("SELECT count(*)::int FROM trial")[0][0]
    assert running.run(work()) == [1, before, before + 1]


def test_the_first_question_begins_the_transaction(running: Running) -> None:
    async def work() -> None:
        async with running.house.database.connection() as connection:
            await Ahead().first(connection, ONE, BANK)
            await connection.execute("INSERT INTO trial (step) VALUES (1)")
            raise RuntimeError("undone")

    before = running.sql("SELECT count(*) FROM trial")
    with pytest.raises(RuntimeError, match="undone"):
        running.run(work())
    assert running.sql("SELECT count(*) FROM trial") == before


def test_what_fails_at_the_end_leaves_neither_answer_nor_row(running: Running) -> None:
    operator, before = running.operator(), running.sql("SELECT count(*) FROM trial")
    assert running.post("/v1/trials/late", operator, json={"step": 13}).status_code == 500
    assert running.sql("SELECT count(*) FROM trial") == before
    recorded = "SELECT action FROM audit_event WHERE actor = %(id)s"
    assert running.sql(recorded, id=operator.id) == []
    assert running.post("/v1/trials/late", operator, json={"step": 12}).status_code == 200
    assert running.sql("SELECT count(*) FROM trial") == [(before[0][0] + 1,)]
    assert running.sql(recorded, id=operator.id) == [("self:read:granted",)]


@pytest.mark.parametrize(
    "body", [None, [], "x", {}, {"uscc": f"{FIRM[:-1]}\0", "purpose": "apply"}, {"uscc": FIRM}]
)
def test_of_a_malformed_request_nothing_is_foreseen(body: object) -> None:
    assert list(foreseen(body, BANK, NOW)) == []


def test_a_rating_foresees_the_consent_to_who_asks() -> None:
    body = {"uscc": FIRM, "purpose": "apply"}
    consent, _ = foreseen(body, OTHER_BANK, NOW)
    assert consent.given == {
        "uscc": FIRM,
        "grantee": OTHER_BANK,
        "purpose": "apply",
        "today": NOW.date(),
    }
    assert len(foreseen({**body, "public_only": True}, BANK, NOW)) == 1
