"""Events reach the lake once each, in their order, whatever breaks on the way."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from features.contracts import load_catalogue
from features.engine import connect
from features.errors import RejectedBatchError
from features.lake import Lake
from features.snapshot import consent_events_by
from features.vault import Vault
from serving.consent import export, service
from serving.consent.export import export_new
from serving.db import Connection
from serving.landing import Destination
from tests.consent_ledgers import NOW, OWNER, connected, events_of, granted
from tests.databases import Ledger
from tests.faults import breaking

#: The lake hears of it an hour later.
LATER = NOW + timedelta(hours=1)


class PowerCutError(Exception):
    """Everything stops here."""


@pytest.fixture
def to(tmp_path: Path) -> Destination:
    lake = Lake(tmp_path / "lake")
    return Destination(lake, load_catalogue(), Vault(tmp_path / "vault"), tmp_path / "work")


def in_lake(to: Destination, columns: str) -> list[tuple[Any, ...]]:
    with connect(threads=1) as duck:
        query = consent_events_by(to.lake.view(), to.catalogue, LATER)
        ordered = f"SELECT * FROM ({query}) ORDER BY occurred_at"
        return duck.execute(f"SELECT {columns} FROM ({ordered})").fetchall()


async def a_life(connection: Connection) -> str:
    """Granted, narrowed, revoked, a second between."""
    consent = await granted(connection)
    name = consent.consent_id
    async with connection.transaction():
        await service.narrow(connection, OWNER, name, {"tax"}, NOW + timedelta(seconds=1))
    async with connection.transaction():
        await service.revoke(connection, OWNER, name, NOW + timedelta(seconds=2))
    return name


async def mark(connection: Connection) -> int:
    row = await (await connection.execute("SELECT last_event_no FROM consent_export")).fetchone()
    assert row is not None
    return int(row[0])


def test_a_revocation_counts_from_its_own_instant(ledger: Ledger, to: Destination) -> None:
    async def run() -> None:
        async with connected(ledger.clone().app) as connection:
            name = await a_life(connection)
            assert await export_new(connection, to, now=LATER) == 3
            assert await export_new(connection, to, now=LATER) == 0
            expected = [(name, "granted", NOW, NOW, ["tax", "invoice"])]
            for seconds, event in ((1, "narrowed"), (2, "revoked")):
                at = NOW + timedelta(seconds=seconds)
                expected.append((name, event, at, at, ["tax"]))
            found = in_lake(to, "consent_id, event, occurred_at, available_at, scopes")
            assert found == expected
            assert not list(to.work.iterdir())

    asyncio.run(run())


def test_a_break_at_any_step_loses_nothing_and_doubles_nothing(
    ledger: Ledger, to: Destination
) -> None:
    """Every write of the lake and both sides of reading and of the mark, one after the other."""

    async def is_broken_at(connection: Connection, step: int) -> bool:
        with breaking(step, PowerCutError()) as fault, pytest.MonkeyPatch.context() as patch:
            patch.setattr(export, "read_new", around_awaited(fault.step, export.read_new))
            patch.setattr(export, "move_mark", around_awaited(fault.step, export.move_mark))
            try:
                await export_new(connection, to, now=LATER)
            except PowerCutError:
                return True
        return False

    async def run() -> None:
        async with connected(ledger.clone().app) as connection:
            step, is_broken = 0, True
            while is_broken:
                await granted(connection, need_id=f"N-{step}", now=NOW + timedelta(seconds=step))
                is_broken = await is_broken_at(connection, step)
                await export_new(connection, to, now=LATER)
                every = await events_of(connection)
                assert [row[0] for row in every] == [row[0] for row in in_lake(to, "consent_id")]
                assert await mark(connection) == len(every)
                step += 1
            assert step > 10, "hardly any step was broken"

    asyncio.run(run())


def around_awaited(step: Callable[[], None], real: Callable[..., Any]) -> Callable[..., Any]:
    async def broken(*args: Any) -> Any:
        step()
        result = await real(*args)
        step()
        return result

    return broken


def test_a_row_the_lake_refuses_stops_the_export_and_not_the_others_silently(
    ledger: Ledger, to: Destination
) -> None:
    async def run() -> None:
        async with connected(ledger.clone().app) as connection:
            await granted(connection)
            await granted(connection, need_id="N-1")
            # No code of ours writes this; a hand in the ledger might.
            await connection.execute(
                "UPDATE consent SET purpose = '13800138000' WHERE need_id = ''"
            )
            with pytest.raises(RejectedBatchError, match="1 of 2 rows are bad"):
                await export_new(connection, to, now=LATER)
            assert await mark(connection) == 0

    asyncio.run(run())


def test_many_events_go_in_several_commits(ledger: Ledger, to: Destination) -> None:
    async def run() -> None:
        async with connected(ledger.clone().app) as connection:
            await a_life(connection)
            await granted(connection)
            await granted(connection, need_id="N-1")
            assert await export_new(connection, to, now=LATER, batch=2) == 5
            assert len(to.lake.view().batches) == 3

    asyncio.run(run())
