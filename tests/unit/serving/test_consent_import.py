"""Consents of the lake come into a ledger: same state, never twice, never back."""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from features.contracts import load_catalogue
from features.ingest import ingest_files
from features.lake import Lake
from features.snapshot import CONSENTS
from features.vault import Vault
from serving.consent import service
from serving.consent.bring_in import BroughtIn, bring_in
from serving.consent.export import export_new
from serving.db import Connection
from serving.landing import Destination, ledger_mapping
from tests.consent_histories import History, looks_need_consent, open_at
from tests.consent_ledgers import BANK, FIRM, NOW, OTHER, OWNER, connected, events_of
from tests.databases import Ledger
from tests.factories import write_csv

LATER = NOW + timedelta(days=1)
HEADER = [
    "uscc",
    "event_id",
    "consent_id",
    "event",
    "occurred_at",
    "grantee",
    "purpose",
    "scopes",
    "valid_from",
    "valid_to",
]


@pytest.fixture
def to(tmp_path: Path) -> Destination:
    lake = Lake(tmp_path / "lake")
    return Destination(lake, load_catalogue(), Vault(tmp_path / "vault"), tmp_path / "work")


def deliver(to: Destination, *rows: list[str]) -> None:
    """Events as another platform would deliver them."""
    to.work.mkdir(exist_ok=True)
    path = write_csv(to.work / f"{len(to.lake.view().batches)}.csv", [HEADER, *rows])
    ingest_files(
        [path], ledger_mapping(to.catalogue, CONSENTS, "occurred_at"), to.lake, to.vault, now=LATER
    )


def row(event: str, consent: str = "X-1", event_id: str = "e1", **changes: str) -> list[str]:
    told = {
        "uscc": FIRM,
        "event_id": event_id,
        "consent_id": consent,
        "event": event,
        "occurred_at": "2026-03-02 09:00:00",
        "grantee": BANK,
        "purpose": "apply",
        "scopes": "tax;invoice",
        "valid_from": "2026-03-02",
        "valid_to": "2026-05-01",
    }
    return list((told | changes).values())


async def brought(connection: Connection, to: Destination, now: datetime = LATER) -> BroughtIn:
    return await bring_in(connection, to.lake.view(), to.catalogue, now=now, request_id="R-1")


async def states(connection: Connection) -> list[tuple[Any, ...]]:
    cursor = await connection.execute(
        "SELECT consent_id, status, scopes, need_id, method FROM consent ORDER BY consent_id"
    )
    return await cursor.fetchall()


def test_a_ledger_goes_through_the_lake_into_another(
    ledger: Ledger, to: Destination, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks_need_consent(monkeypatch.setattr)
    history = History(ledger.clone().app, seed=5)
    asyncio.run(history.run(1_000))

    async def run() -> None:
        async with connected(history.conninfo) as old, connected(ledger.clone().owner) as new:
            exported = await export_new(old, to, now=history.now)
            first = await brought(new, to, history.now)
            again = await brought(new, to, history.now)
            assert (first.read, first.events, first.refused) == (exported, exported, 0)
            assert again == replace(first, events=0, consents=0, changed=0)
            assert await open_at(new, history.now) == await open_at(old, history.now)
            assert await export_new(new, to, now=history.now) == 0

    asyncio.run(run())


def test_what_comes_later_changes_what_came_before(ledger: Ledger, to: Destination) -> None:
    async def run() -> None:
        async with connected(ledger.clone().owner) as connection:
            deliver(to, row("granted"))
            assert await brought(connection, to) == BroughtIn(1, 1, 1, 0, 0)
            deliver(to, row("revoked", event_id="e2", occurred_at="2026-03-02 10:00:00"))
            assert await brought(connection, to) == BroughtIn(2, 1, 0, 1, 0)
            assert await states(connection) == [
                ("X-1", "revoked", ["tax", "invoice"], "", "imported")
            ]

    asyncio.run(run())


def test_what_has_run_out_comes_in_ended_and_is_not_ended_again(
    ledger: Ledger, to: Destination
) -> None:
    last_day = datetime(2026, 5, 1, 23, 59)

    async def run() -> None:
        async with connected(ledger.clone().owner) as connection:
            deliver(to, row("granted"), row("granted", "X-2", "e2", valid_to="2026-04-30"))
            await brought(connection, to, last_day)
            assert [state[1] for state in await states(connection)] == ["active", "expired"]
            cursor = await connection.execute(
                "SELECT ended_at FROM consent WHERE consent_id = 'X-2'"
            )
            assert await cursor.fetchall() == [(datetime(2026, 5, 1),)]
            async with connection.transaction():
                assert await service.expire_due(connection, last_day, str, limit=10) == 0

    asyncio.run(run())


def test_of_events_at_one_instant_the_most_restrictive_holds(
    ledger: Ledger, to: Destination
) -> None:
    async def run() -> None:
        async with connected(ledger.clone().owner) as connection:
            deliver(to, row("revoked", event_id="e1"), row("granted", event_id="e2"))
            await brought(connection, to)
            assert (await states(connection))[0][1] == "revoked"

    asyncio.run(run())


def test_two_loans_of_one_lender_live_side_by_side(ledger: Ledger, to: Destination) -> None:
    async def run() -> None:
        async with connected(ledger.clone().owner) as connection:
            deliver(to, row("granted", "X-1", "e1"), row("granted", "X-2", "e2"))
            await brought(connection, to)
            deliver(to, row("granted", "X-3", "e3"))
            await brought(connection, to)
            needs = [(state[0], state[3]) for state in await states(connection)]
            assert needs == [("X-1", ""), ("X-2", "X-2"), ("X-3", "X-3")]

    asyncio.run(run())


def test_an_imported_consent_is_taken_back_here_and_the_lake_hears_of_it(
    ledger: Ledger, to: Destination
) -> None:
    async def run() -> None:
        async with connected(ledger.clone().owner) as connection:
            deliver(to, row("granted"))
            await brought(connection, to)
            async with connection.transaction():
                await service.revoke(connection, OWNER, "X-1", NOW + timedelta(hours=2))
            assert await export_new(connection, to, now=LATER) == 1
            assert await brought(connection, to) == BroughtIn(2, 0, 0, 0, 0)
            assert [event[1] for event in await events_of(connection)] == ["granted", "revoked"]

    asyncio.run(run())


@pytest.mark.parametrize(
    "rows",
    [
        [row("granted"), row("narrowed", uscc=OTHER, event_id="e2")],
        [row("granted"), row("granted", "X-2", uscc=OTHER)],
        [row("granted"), row("narrowed", event_id="e2", grantee=OTHER)],
        [row("granted", valid_to="2026-03-01")],
        [row("granted", consent="X" * 59)],
    ],
)
def test_a_history_that_contradicts_itself_opens_nothing(
    rows: list[list[str]], ledger: Ledger, to: Destination
) -> None:
    async def run() -> None:
        async with connected(ledger.clone().owner) as connection:
            deliver(to, *rows)
            done = await brought(connection, to)
            assert (done.events, done.consents) == (0, 0)
            assert done.refused > 0
            assert await states(connection) == []

    asyncio.run(run())


def test_what_happens_after_now_is_not_known_yet(ledger: Ledger, to: Destination) -> None:
    async def run() -> None:
        async with connected(ledger.clone().owner) as connection:
            deliver(
                to, row("granted"), row("revoked", event_id="e2", occurred_at="2026-03-02 20:00")
            )
            await brought(connection, to, NOW + timedelta(hours=1))
            assert (await states(connection))[0][1] == "active"

    asyncio.run(run())
