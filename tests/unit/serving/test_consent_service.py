"""Consents on the real ledger: what is written, what is refused, who wins a race."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from serving.consent import repository, service
from serving.consent.live import live_consent
from serving.db import Connection
from serving.errors import ConflictError
from tests.consent_ledgers import (
    BANK,
    FIRM,
    GONE,
    NOW,
    OTHER,
    OWNER,
    WISH,
    connected,
    events_of,
    granted,
)
from tests.databases import Ledger

Act = Callable[[Connection], Coroutine[Any, Any, None]]


def on_ledger(ledger: Ledger, act: Act) -> None:
    """Run on a fresh ledger, as the service's role."""
    addresses = ledger.clone()

    async def run() -> None:
        async with connected(addresses.app) as connection:
            await act(connection)

    asyncio.run(run())
    ledger.drop(addresses)


def test_a_life(ledger: Ledger) -> None:
    async def act(connection: Connection) -> None:
        consent = await granted(connection, scopes=frozenset({"tax", "invoice", "loan"}))
        async with connection.transaction():
            narrowed = await service.narrow(
                connection, OWNER, consent.consent_id, {"loan", "tax"}, NOW
            )
        assert narrowed.scopes == ["tax", "loan"], "in the order people read them"
        async with connection.transaction():
            revoked = await service.revoke(connection, OWNER, consent.consent_id, NOW)
        assert (revoked.status, revoked.ended_at) == ("revoked", NOW)
        tick = timedelta(microseconds=1)
        name = consent.consent_id
        # Three events at one reading of the clock still have an order.
        assert await events_of(connection) == [
            (name, "granted", "", NOW, ["tax", "invoice", "loan"]),
            (name, "narrowed", "", NOW + tick, ["tax", "loan"]),
            (name, "revoked", "", NOW + 2 * tick, ["tax", "loan"]),
        ]
        rows = await repository.read_events(connection, name)
        assert [row.event_id for row in rows] == [f"{name}.{n:04d}" for n in (1, 2, 3)]

    on_ledger(ledger, act)


def test_a_second_live_consent_for_the_same_is_refused_by_name(ledger: Ledger) -> None:
    async def act(connection: Connection) -> None:
        first = await granted(connection)
        with pytest.raises(ConflictError, match=first.consent_id) as refused:
            await granted(connection)
        assert refused.value.details["consent_id"] == first.consent_id
        await granted(connection, need_id="N-1")
        await granted(connection, replace(OWNER, tenant=OTHER))
        async with connection.transaction():
            await service.revoke(connection, OWNER, first.consent_id, NOW)
        await granted(connection)

    on_ledger(ledger, act)


@pytest.mark.parametrize("grantee", [GONE, OTHER])
def test_only_an_active_institution_is_granted_to(grantee: str, ledger: Ledger) -> None:
    async def act(connection: Connection) -> None:
        with pytest.raises(ConflictError, match="no institution that is active"):
            await granted(connection, grantee=grantee)
        assert await events_of(connection) == []

    on_ledger(ledger, act)


def test_of_two_grants_at_once_one_stands(ledger: Ledger) -> None:
    addresses = ledger.clone()

    async def run() -> None:
        async with connected(addresses.app) as one, connected(addresses.app) as other:
            done = await asyncio.gather(granted(one), granted(other), return_exceptions=True)
            assert sorted(isinstance(result, ConflictError) for result in done) == [False, True]
            assert len(await events_of(one)) == 1

    asyncio.run(run())


def test_events_are_numbered_in_the_order_they_become_visible(ledger: Ledger) -> None:
    """A writer that began first and commits last must not be overtaken by the export's mark."""
    addresses = ledger.clone()

    async def run() -> None:
        async with connected(addresses.app) as slow, connected(addresses.app) as fast:
            async with slow.transaction():
                await service.grant(slow, OWNER, WISH, NOW)
                waiting = asyncio.create_task(granted(fast, replace(OWNER, tenant=OTHER)))
                done, _ = await asyncio.wait({waiting}, timeout=0.3)
                assert not done, "the second writer did not wait for the first"
            second = await waiting
            assert [row[0] for row in await events_of(fast)][1] == second.consent_id

    asyncio.run(run())


def test_the_last_query_ends_the_consent(ledger: Ledger) -> None:
    async def act(connection: Connection) -> None:
        consent = await granted(connection, max_queries=2)
        opened: list[tuple[str, ...]] = []
        for _ in range(3):
            async with connection.transaction():
                seen = await live_consent(connection, FIRM, BANK, WISH.purpose, NOW)
            opened.append(seen.ids)
        assert opened == [(consent.consent_id,), (consent.consent_id,), ()]
        last = (await events_of(connection))[-1]
        assert last[1:3] == ("expired", "used_up")
        ended = await repository.read(connection, consent.consent_id)
        assert ended is not None
        assert (ended.status, ended.queries_used) == ("used_up", 2)

    on_ledger(ledger, act)


def test_a_look_that_waited_for_an_ending_sees_nothing_of_what_ended(ledger: Ledger) -> None:
    """One consent with a limit and one without: both are there when the look begins, and gone when it has waited."""
    addresses = ledger.clone()

    async def run() -> tuple[str, ...]:
        async with connected(addresses.app) as one, connected(addresses.app) as other:
            await granted(one, max_queries=5)
            await granted(one, need_id="N-1")
            async with one.transaction():
                ended = await service.end_all_for(
                    one, BANK, NOW, "institution_exit", subject_of=lambda _: "s"
                )
                assert ended == 2
                look = asyncio.create_task(_look(other))
                await _until_waiting(one)
            return await look

    assert asyncio.run(run()) == ()
    ledger.drop(addresses)


async def _look(connection: Connection) -> tuple[str, ...]:
    async with connection.transaction():
        return (await live_consent(connection, FIRM, BANK, WISH.purpose, NOW)).ids


async def _until_waiting(connection: Connection) -> None:
    """Return when another backend of this ledger waits for a lock."""
    waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
    for _ in range(2000):
        row = await (await connection.execute(waiting)).fetchone()
        if row is not None and row[0]:
            return
        await asyncio.sleep(0.001)
    raise AssertionError("the look waits for nobody")


def test_a_consent_ends_after_its_last_day_and_that_is_on_record(ledger: Ledger) -> None:
    async def act(connection: Connection) -> None:
        consent = await granted(connection)
        on_last_day = NOW + timedelta(days=30)
        counts: list[int] = []
        for now in (on_last_day, on_last_day + timedelta(days=1), on_last_day + timedelta(days=1)):
            async with connection.transaction():
                counts.append(await service.expire_due(connection, now, subject_of=lambda _: "s"))
        assert counts == [0, 1, 0]
        assert (await events_of(connection))[-1][1:3] == ("expired", "date_passed")
        cursor = await connection.execute(
            "SELECT actor_kind, subject, consents, result FROM audit_event"
        )
        assert await cursor.fetchall() == [("system", "s", [consent.consent_id], "date_passed")]

    on_ledger(ledger, act)


def test_the_exit_of_an_institution_ends_all_it_holds(ledger: Ledger) -> None:
    async def act(connection: Connection) -> None:
        await granted(connection)
        await granted(connection, need_id="N-1")
        kept = await granted(connection, grantee="platform")
        async with connection.transaction():
            ended = await service.end_all_for(
                connection, BANK, NOW, "institution_exit", subject_of=lambda _: "s"
            )
        assert ended == 2
        cursor = await connection.execute("SELECT consent_id FROM consent WHERE status = 'active'")
        assert await cursor.fetchall() == [(kept.consent_id,)]

    on_ledger(ledger, act)


def test_a_code_the_lake_would_reject_consents_to_nothing(ledger: Ledger) -> None:
    async def act(connection: Connection) -> None:
        with pytest.raises(ConflictError, match="credit code is not valid"):
            await granted(connection, replace(OWNER, tenant="91370000MA3TE5T000"))

    on_ledger(ledger, act)
