"""The watch over access: how many strangers in an hour, whose they are, and what comes of it."""

from collections.abc import Generator
from datetime import timedelta
from typing import Any

import pytest

from serving.auth.alarms.watch import watch_access
from serving.database.addresses import Addresses
from tests.access_world import code
from tests.service import Running, service

BANK = code(700000)


@pytest.fixture(scope="module")
def running(fresh_database: Addresses) -> Generator[Running]:
    with service(fresh_database) as started:
        yield started


def looked(
    running: Running,
    actor: str,
    firms: range,
    *,
    result: str = "need_authorisation",
    tenant: str | None = BANK,
    consents: str = "{}",
    minutes_ago: float = 10,
    subject: bool = True,
) -> None:
    """Rows of the record as an endpoint leaves them."""
    running.sql(
        "INSERT INTO audit_event (at, request_id, actor_kind, actor, role, tenant, action, subject, consents, "
        "fields, result, detail) SELECT %(at)s, 'R', %(kind)s, %(actor)s, 'client', %(tenant)s, "
        "'rating:read:refused', subject, %(consents)s, '{}', %(result)s, '{}' "
        "FROM unnest(%(subjects)s::text[]) AS subject",
        at=running.clock.now - timedelta(minutes=minutes_ago),
        kind="client" if tenant else "person",
        actor=actor,
        tenant=tenant,
        subjects=[running.house.subject_of(code(firm)) if subject else None for firm in firms],
        consents=consents,
        result=result,
    )


def consented(running: Running, firms: range, *, status: str = "active", days_ago: int = 1) -> None:
    then = running.clock.now - timedelta(days=days_ago)
    running.sql(
        "INSERT INTO consent (consent_id, uscc, grantee, purpose, scopes, status, valid_from, valid_to, "
        "method, granted_at) SELECT 'C-' || uscc, uscc, %(bank)s, 'apply', '{tax}', %(status)s, %(day)s, "
        "%(day)s, 'online_sign', %(then)s FROM unnest(%(firms)s::text[]) AS uscc",
        firms=[code(number) for number in firms],
        bank=BANK,
        status=status,
        day=then.date(),
        then=then,
    )


def watch(running: Running) -> int:
    async def work() -> int:
        async with running.house.database.transaction() as connection:
            return await watch_access(connection, running.clock.now, running.house.subject_of)

    return running.run(work())


def count_of(running: Running, actor: str) -> list[Any]:
    rows = running.sql("SELECT count FROM alarm WHERE actor = %(actor)s", actor=actor)
    return [row[0] for row in rows]


@pytest.fixture(autouse=True)
def next_day(running: Running) -> None:
    running.clock.move(days=1)


def test_fifty_strangers_are_no_alarm_and_fifty_one_are(running: Running) -> None:
    looked(running, "A-fifty", range(50))
    looked(running, "A-fifty", range(50))  # the same firms again
    looked(running, "A-more", range(51))
    assert watch(running) == 1
    assert count_of(running, "A-fifty") == []
    assert count_of(running, "A-more") == [51]
    written = running.sql(
        "SELECT detail FROM audit_event WHERE action = 'alarm:raise:granted' ORDER BY audit_id DESC"
    )
    assert '"of": "A-more"' in written[0][0]


def test_an_actor_is_alarmed_about_once_an_hour(running: Running) -> None:
    looked(running, "A-again", range(60))
    assert [watch(running), watch(running)] == [1, 0]
    running.clock.move(minutes=61)
    looked(running, "A-again", range(60))
    assert watch(running) == 1


def test_what_is_older_than_an_hour_does_not_count(running: Running) -> None:
    looked(running, "A-slow", range(30), minutes_ago=61)
    looked(running, "A-slow", range(30, 60), minutes_ago=59)
    assert watch(running) == 0


def test_firms_with_a_live_or_recent_consent_are_no_strangers(running: Running) -> None:
    consented(running, range(100, 110))
    consented(running, range(110, 120), status="revoked", days_ago=360)
    consented(running, range(120, 130), status="expired", days_ago=370)
    # 20 related, of 30 others 10 were related once: 31 + 20 strangers.
    looked(running, "A-known", range(100, 170))
    assert watch(running) == 0  # 70 - 20 = 50
    looked(running, "A-known", range(170, 171))
    assert watch(running) == 1
    assert count_of(running, "A-known") == [51]


def test_looks_under_a_consent_never_count(running: Running) -> None:
    looked(running, "A-busy", range(200, 300), result="granted", consents="{C-1}")
    assert watch(running) == 0


def test_guessing_at_what_is_not_there_counts(running: Running) -> None:
    looked(running, "A-guess", range(51), result="not_found", subject=False)
    assert watch(running) == 1
    assert count_of(running, "A-guess") == [51]


def test_who_works_for_the_platform_is_watched_too(running: Running) -> None:
    looked(running, "U-curious", range(51), result="granted", tenant=None)
    assert watch(running) == 1


def test_an_alarm_is_closed_once_with_what_was_found(running: Running) -> None:
    looked(running, "A-closed", range(51))
    watch(running)
    operator, auditor = running.operator(), running.auditor()
    listed = running.get("/v1/alarms", auditor, params={"open": True, "limit": 200}).json()["items"]
    number = next(row["alarm_id"] for row in listed if row["actor"] == "A-closed")
    path, body = f"/v1/alarms/{number}/acknowledge", {"outcome": "a batch that was agreed"}
    assert running.post(path, auditor, json=body).status_code == 403
    assert running.post(path, operator, json=body).status_code == 204
    assert running.post(path, operator, json=body).status_code == 409
    assert running.post("/v1/alarms/999999/acknowledge", operator, json=body).status_code == 404
    open_ones = running.get("/v1/alarms", auditor, params={"open": True}).json()["items"]
    assert number not in [row["alarm_id"] for row in open_ones]
