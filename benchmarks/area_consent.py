"""Consent on the real ledger: decisions a second, and how long after a revocation the next look is refused.

The pieces work on the address of any migrated, empty ledger; `compare` makes a private one with its disk
kept honest (every commit is on it before it counts).
"""

import asyncio
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TypeVar

from benchmarks.results import Entry, compared
from benchmarks.setting import Setting
from features.identifiers import synthetic_uscc
from features.scope import PLATFORM, Purpose
from serving.access.callers import Caller, Role
from serving.consent import service
from serving.consent.live import live_consent
from serving.consent.notices import notice_on
from serving.consent.states import Wish
from serving.database.embedded import embedded
from serving.database.migrate import upgrade
from serving.db import Connection, Database, open_database

AREA = "consent"
FIRMS = 1_000
DECISIONS = 5_000
REVOCATIONS = 1_000
PURPOSE = Purpose.PRE_CREDIT
Done = TypeVar("Done")

_entry = partial(compared, AREA, peer=None)


@dataclass(frozen=True)
class Refusals:
    """What came of revocations, each followed at once by a look over another connection.

    Attributes
    ----------
    seconds : list of float
        From the revocation's answer to the refusal.
    whole_seconds : list of float
        From the revocation's request to the refusal.
    leaks : int
        Looks that were still let through.
    """

    seconds: list[float]
    whole_seconds: list[float]
    leaks: int


def compare(setting: Setting) -> Iterator[Entry]:
    """Measure both on a private ledger."""
    with _ledger() as conninfo:
        rate, cpu = asyncio.run(_with_database(conninfo, setting.now, measure_decisions))
        done = asyncio.run(_with_database(conninfo, setting.now, measure_refusals))
    yield _entry(
        "Consent decisions, one connection",
        ours=rate,
        better="higher",
        unit="1/s",
        now=setting.now,
        note=f"{DECISIONS:,} transactions over {FIRMS:,} firms; {1000 * cpu:.2f} ms CPU a decision in the "
        "service's process",
    )
    ordered = sorted(done.seconds)
    whole = statistics.median(done.whole_seconds)
    yield _entry(
        "From revocation to refusal, median",
        ours=1000 * statistics.median(ordered),
        better="lower",
        unit="ms",
        now=setting.now,
        note=f"{len(ordered):,} revocations, the next look over another connection; p99 "
        f"{1000 * ordered[int(0.99 * len(ordered))]:.2f} ms, {done.leaks} let through; from the request "
        f"to revoke {1000 * whole:.2f} ms",
    )


async def measure_decisions(database: Database, now: datetime) -> tuple[float, float]:
    """Decisions a second of one connection, and CPU seconds a decision."""
    firms = await grant_many(database, now, "decisions")
    start, cpu = time.perf_counter(), time.process_time()
    for number in range(DECISIONS):
        if not await is_open(database, firms[number % len(firms)][0], now):
            raise RuntimeError("a live consent was not seen")
    wall, used = time.perf_counter() - start, time.process_time() - cpu
    return DECISIONS / wall, used / DECISIONS


async def measure_refusals(database: Database, now: datetime) -> Refusals:
    """Revoke one consent after the other, and look at once."""
    granted = await grant_many(database, now, "revocations", REVOCATIONS)
    seconds: list[float] = []
    whole: list[float] = []
    leaks = 0
    for uscc, consent_id in granted:
        began = time.perf_counter()
        async with database.transaction() as connection:
            await service.revoke(connection, _owner(uscc), consent_id, now)
        answered = time.perf_counter()
        leaks += await is_open(database, uscc, now)
        refused = time.perf_counter()
        seconds.append(refused - answered)
        whole.append(refused - began)
    return Refusals(seconds, whole, leaks)


async def is_open(database: Database, uscc: str, now: datetime) -> bool:
    """One decision in a transaction of its own."""
    async with database.transaction() as connection:
        consent = await live_consent(connection, uscc, PLATFORM, PURPOSE, now)
    return "tax" in consent.scopes


async def grant_many(
    database: Database, now: datetime, namespace: str, firms: int = FIRMS
) -> list[tuple[str, str]]:
    """(firm, consent) of one live consent a firm to the platform."""
    wish = Wish(
        grantee=PLATFORM,
        purpose=PURPOSE,
        scopes=frozenset({"tax", "invoice"}),
        valid_from=now.date(),
        valid_to=now.date() + timedelta(days=30),
        notice_version=notice_on(now.date()).version,
    )
    async with database.transaction() as connection:
        return [
            await _granted(connection, synthetic_uscc(namespace, str(number)), wish, now)
            for number in range(firms)
        ]


async def _granted(connection: Connection, uscc: str, wish: Wish, now: datetime) -> tuple[str, str]:
    consent = await service.grant(connection, _owner(uscc), wish, now)
    return uscc, consent.consent_id


def _owner(uscc: str) -> Caller:
    return Caller(Role.OWNER, id="P-1", tenant=uscc, real_name_level=2)


async def _with_database(
    conninfo: str, now: datetime, work: Callable[[Database, datetime], Awaitable[Done]]
) -> Done:
    database = await open_database(conninfo, size=2, wait_seconds=5)
    try:
        return await work(database, now)
    finally:
        await database.close()


@contextmanager
def _ledger() -> Generator[str]:
    with tempfile.TemporaryDirectory(prefix="consent-bench-") as folder:
        Path(folder).chmod(0o711)
        with embedded(Path(folder) / "database") as addresses:
            upgrade(addresses.owner)
            yield addresses.app
