"""No history of consent opens what is closed, and the lake says the same as the ledger."""

import asyncio
import os
from concurrent.futures import ProcessPoolExecutor
from datetime import date, datetime, timedelta
from multiprocessing import get_context
from pathlib import Path

import psycopg
import pytest

from features.clock import end_of
from features.contracts import load_catalogue
from features.ingest import ingest_files
from features.lake import Lake
from features.mapping import identity_mapping
from features.scope import DataScope, Purpose
from features.snapshot import open_snapshot
from features.vault import Vault
from serving.consent import live
from serving.consent.export import export_new
from serving.db import Connection
from serving.landing import Destination
from tests.consent_histories import (
    FIRMS,
    GRANTEES,
    PURPOSES,
    START,
    History,
    LeakError,
    Tally,
    looks_need_consent,
    open_at,
)
from tests.databases import Ledger
from tests.factories import write_csv

FAR = date(2027, 1, 1)


def test_two_thousand_steps_without_a_leak(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    looks_need_consent(monkeypatch.setattr)
    tally = asyncio.run(History(ledger.clone().app, seed=7).run(2_000))
    assert tally.seen > 150, "hardly anything was open"
    assert tally.at_once > 100
    assert set(tally.kinds) == {"look", "grant", "narrow", "revoke", "expire", "leave"}


@pytest.mark.parametrize(
    ("broken", "by"),
    [
        ("AND status = 'active'", ""),
        ("AND valid_to >= %(today)s", ""),
        ("AND purpose = %(purpose)s", ""),
        ("AND valid_from <= %(today)s", ""),
    ],
)
def test_a_leak_is_found(
    broken: str, by: str, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks_need_consent(monkeypatch.setattr)
    # The service reads what a mistake of ours would make it read.
    query = live.LIVE
    assert broken in query
    monkeypatch.setattr(live, "LIVE", query.replace(broken, by))
    with pytest.raises(LeakError, match="look"):
        asyncio.run(History(ledger.clone().app, seed=11, share_at_once=0.0).run(2_000))


@pytest.mark.parametrize("seed", [1])
def test_the_lake_opens_what_the_ledger_opens(
    seed: int, ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the end of every day, by everyone and for every purpose, consent by consent."""
    looks_need_consent(monkeypatch.setattr)
    told: dict[date, object] = {}
    to = Destination(
        Lake(tmp_path / "lake"), load_catalogue(), Vault(tmp_path / "vault"), tmp_path / "work"
    )
    _register(to, tmp_path / "reg_basic.csv")

    async def on_day(connection: Connection, day: date) -> None:
        told[day] = await open_at(connection, end_of(day) - timedelta(microseconds=1))
        if history.rng.random() < 0.5:
            await export_new(connection, to, now=history.now)

    history = History(ledger.clone().app, seed, share_at_once=0.2, on_day=on_day)
    asyncio.run(history.run(800))
    asyncio.run(_export(history.conninfo, to, history.now))
    assert len(told) > 5
    for day, opened in told.items():
        assert opened_in_lake(to, day, history.now) == opened, f"seed {seed}, {day}"


def _register(to: Destination, path: Path) -> None:
    write_csv(path, [["uscc", "name"], *([uscc, f"企业{uscc[-4:]}"] for uscc in FIRMS)])
    mapping = identity_mapping(to.catalogue["reg_basic"])
    ingest_files([path], mapping, to.lake, to.vault, now=START - timedelta(days=1))


async def _export(conninfo: str, to: Destination, now: datetime) -> None:
    async with await psycopg.AsyncConnection.connect(conninfo, autocommit=True) as connection:
        await export_new(connection, to, now=now)


def opened_in_lake(to: Destination, day: date, now: datetime) -> object:
    """As `open_at`, by the lake's own reading."""
    opened: dict[tuple[str, str, Purpose], dict[str, frozenset[str]]] = {
        (uscc, grantee, purpose): {}
        for uscc in FIRMS
        for grantee in GRANTEES
        for purpose in PURPOSES
    }
    view = to.lake.view()
    for grantee in GRANTEES:
        for purpose in PURPOSES:
            scope = DataScope(frozenset(), purpose, FAR, grantee)
            with open_snapshot(view, to.catalogue, day, scope, now=now, datasets=[]) as snapshot:
                rows = snapshot.connection.execute(
                    "SELECT uscc, consent_id, list(consent_scope) FROM live_consent "
                    "JOIN enterprise USING (enterprise_key) GROUP BY ALL"
                ).fetchall()
            for uscc, consent_id, scopes in rows:
                opened[uscc, grantee, purpose][consent_id] = frozenset(scopes)
    return opened


def soak_part(conninfo: str, seed: int, steps: int) -> Tally:
    """One process of the long run."""
    looks_need_consent(setattr)
    return asyncio.run(History(conninfo, seed).run(steps))


@pytest.mark.soak
def test_a_million_steps_without_a_leak(ledger: Ledger) -> None:
    workers = max(2, os.cpu_count() or 2)
    steps = int(os.environ.get("CONSENT_STEPS", "1000000"))
    runs = [(ledger.clone().app, 1_000 + number, steps // workers) for number in range(workers)]
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        tallies = list(pool.map(soak_part, *zip(*runs, strict=True)))
    assert sum(tally.steps for tally in tallies) >= steps - workers
    assert min(tally.seen for tally in tallies) > steps // workers // 20
