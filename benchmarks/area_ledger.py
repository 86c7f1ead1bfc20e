"""What consent, record and door cost a look, and how soon a revocation is felt.

Over HTTP the bank reads ratings: who asks, whether the consent lives, one row of the record, committed to
disk before the answer leaves. The bound beside it is a bare endpoint that inserts one row and commits.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import count
from statistics import median
from time import perf_counter, process_time

from benchmarks.load.cpu import tree_cpu_seconds
from benchmarks.load.floor_insert import DETAIL, INSERT
from benchmarks.load.outcome import Report
from benchmarks.load.plan import fixed_times
from benchmarks.load.run import Target, run_load
from benchmarks.load.search import Bounds, Found, search_rate
from benchmarks.our_ledger import (
    BANK,
    PURPOSE,
    Firm,
    Ledger,
    bare_service,
    let_in,
    opened,
    our_service,
    private_ledger,
)
from benchmarks.refusals import Refusals, measure_refusals
from benchmarks.results import Entry, compared
from benchmarks.setting import Setting
from serving.access.callers import Caller, Role
from serving.access.decision import Action, Resource, refusal
from serving.audit.record import Entry as Row
from serving.audit.record import write_entry
from serving.consent.live import live_consent
from serving.db import Connection, Database

AREA = "ledger"
LOOK = Action.RATING_READ

_entry = partial(compared, AREA)


@dataclass(frozen=True)
class Sizes:
    """How much is measured: at most five minutes in all.

    Attributes
    ----------
    trial_seconds, trials
        Of the search for the highest rate.
    block_seconds, turns
        Of the runs in turns at our highest rate.
    write_seconds : float
        Of each side with each number of connections.
    """

    firms: int = 1_000
    trial_seconds: float = 2.0
    trials: int = 24
    block_seconds: float = 4.0
    turns: int = 3
    write_seconds: float = 2.0
    connections: tuple[int, ...] = (1, 2, 8)


@dataclass(frozen=True)
class Side:
    """The search for the highest rate, and runs at one rate in turns with the other side's."""

    found: Found
    runs: tuple[Report, ...]

    @property
    def cpu_ms(self) -> float:
        """CPU of all its processes a request, median [ms]."""
        return median(sum(run.cpu_ms.values()) for run in self.runs)


@dataclass(frozen=True)
class Writes:
    """Transactions of one process: how many a second, and the CPU of each in both processes [ms]."""

    rate: float
    client_ms: float
    server_ms: float


#: Does one transaction.
Write = Callable[[Database], Awaitable[None]]


def compare(setting: Setting, sizes: Sizes | None = None) -> Iterator[Entry]:
    """Measure everything on one private ledger."""
    sizes = sizes or Sizes(turns=setting.turns)
    with private_ledger(setting.work / "home") as ledger:
        bank, firms = let_in(ledger, sizes.firms, setting.now)
        pairs = measure_writes(ledger, firms, sizes, setting.now)
        with our_service(ledger, bank, firms) as ours, bare_service(ledger) as bound:
            sides = measure_looks(ours, bound, sizes)
            rng = random.Random(7)  # noqa: S311 - a seed, not a secret
            refusals = measure_refusals(ours.url, bank, firms, rng)
    yield from _looks(*sides, sizes, setting.now)
    for number, (ours_written, bare) in pairs.items():
        yield _written(number, ours_written, bare, setting.now)
    yield from _refused(refusals, len(firms), setting.now)


def measure_looks(ours: Target, bound: Target, sizes: Sizes) -> tuple[Side, Side]:
    """Search the highest rate of both, then load both in turns at the rate that ours holds."""
    bounds = Bounds(trials=sizes.trials)
    found = [
        search_rate(partial(_load, side, sizes.trial_seconds), bounds=bounds)
        for side in (ours, bound)
    ]
    rate = found[0].rate or 50.0
    runs: list[list[Report]] = [[], []]
    for _ in range(sizes.turns):
        for side, reports in zip((ours, bound), runs, strict=True):
            reports.append(_load(side, sizes.block_seconds, rate))
    return Side(found[0], tuple(runs[0])), Side(found[1], tuple(runs[1]))


def _load(target: Target, seconds: float, rate: float) -> Report:
    return run_load(target, fixed_times(rate, seconds), seconds=seconds)


def measure_writes(
    ledger: Ledger, firms: Sequence[Firm], sizes: Sizes, now: datetime
) -> dict[int, tuple[Writes, Writes]]:
    """Ours and the bare INSERT side by side, by the number of connections."""
    sides = (ledger.addresses.app, _our_write(firms, now)), (ledger.floor, _bare_write)
    pairs: dict[int, tuple[Writes, Writes]] = {}
    for number in sizes.connections:
        ours, bare = (
            asyncio.run(_written_by(ledger, conninfo, write, number, sizes.write_seconds))
            for conninfo, write in sides
        )
        pairs[number] = ours, bare
    return pairs


async def _written_by(
    ledger: Ledger, conninfo: str, write: Write, connections: int, seconds: float
) -> Writes:
    async with opened(conninfo, connections) as database:
        for _ in range(10):  # statements are prepared, pages are in memory
            await asyncio.gather(*(write(database) for _ in range(connections)))
        used, server = process_time(), tree_cpu_seconds(ledger.server)
        begun = perf_counter()

        async def one() -> int:
            done = 0
            while perf_counter() - begun < seconds:
                await write(database)
                done += 1
            return done

        done = sum(await asyncio.gather(*(one() for _ in range(connections))))
        wall = perf_counter() - begun
        client_ms = 1e3 * (process_time() - used) / done
        server_ms = 1e3 * (tree_cpu_seconds(ledger.server) - server) / done
        return Writes(done / wall, client_ms, server_ms)


def _our_write(firms: Sequence[Firm], now: datetime) -> Write:
    """As the door does it: read the live consents, decide, write the row, commit."""
    caller = Caller(Role.CLIENT, id="A-load", tenant=BANK, permissions=frozenset({LOOK}))
    numbers = count()

    async def write(database: Database) -> None:
        number = next(numbers)
        firm = firms[number % len(firms)]
        async with database.transaction() as connection:
            await _look(connection, caller, firm, number, now)

    return write


async def _look(
    connection: Connection, caller: Caller, firm: Firm, number: int, now: datetime
) -> None:
    consent = await live_consent(connection, firm.uscc, BANK, PURPOSE, now)
    resource = Resource(firm.uscc, BANK, frozenset({"tax"}), PURPOSE)
    refused = refusal(caller, LOOK, resource, consent)
    if refused is not None:
        raise refused
    row = Row(
        at=now,
        request_id=f"R-{number:020x}",
        actor_kind=caller.kind,
        actor=caller.id,
        role=str(caller.role),
        tenant=BANK,
        action=f"{LOOK}:granted",
        subject=f"{number % 1000:064x}",
        purpose=PURPOSE,
        consents=consent.ids,
        fields=("score", "grade"),
        result="granted",
        detail={"rating": firm.rating_id},
    )
    await write_entry(connection, row)


async def _bare_write(database: Database) -> None:
    async with database.transaction() as connection:
        await connection.execute(INSERT, DETAIL)


def _looks(ours: Side, bound: Side, sizes: Sizes, now: datetime) -> Iterator[Entry]:
    yield _entry(
        "Looks under consent, highest rate with p99 <= 20 ms, against a bare insert",
        ours=ours.found.rate or 0.0,
        peer=bound.found.rate or 0.0,
        better="higher",
        unit="1/s",
        now=now,
        note=f"2 workers each, the same PostgreSQL, {sizes.firms:,} firms; the bound, not a rival: FastAPI, one "
        f"INSERT, COMMIT; ours {_found(ours.found)}; bound {_found(bound.found)}",
    )
    yield _entry(
        "CPU a look, all processes, against a bare insert",
        ours=ours.cpu_ms,
        peer=bound.cpu_ms,
        better="lower",
        unit="ms",
        now=now,
        note=f"both at {ours.runs[0].offered_rate:,.0f}/s, {len(ours.runs)} runs in turns; ours {_parts(ours)}; bound "
        f"{_parts(bound)}; the generator apart: {median(run.generator_cpu_ms for run in ours.runs):.3f} ms",
    )


def _found(found: Found) -> str:
    broken = "did not break" if found.breaks_at is None else f"breaks at {found.breaks_at:,.0f}/s"
    if found.best is None:
        return f"held no rate, {broken}"
    return f"p50 {found.best.p50_ms:.1f} ms, p99 {found.best.p99_ms:.1f} ms, {broken}"


def _parts(side: Side) -> str:
    return ", ".join(
        f"{name} {median(run.cpu_ms[name] for run in side.runs):.2f} ms"
        for name in side.runs[0].cpu_ms
    )


def _written(connections: int, ours: Writes, bare: Writes, now: datetime) -> Entry:
    return _entry(
        f"Decisions with their row of the record, {connections} connection{'s' * (connections > 1)}, against a bare insert",
        ours=ours.rate,
        peer=bare.rate,
        better="higher",
        unit="1/s",
        now=now,
        note=f"one process, every commit on disk; CPU a transaction: ours {ours.client_ms:.2f} ms and {ours.server_ms:.2f} "
        f"ms of PostgreSQL, bare {bare.client_ms:.2f} ms and {bare.server_ms:.2f} ms",
    )


def _refused(done: Refusals, revocations: int, now: datetime) -> Iterator[Entry]:
    ordered = sorted(done.seconds)
    p99 = ordered[int(0.99 * len(ordered))]
    note = f"{revocations:,} revocations over HTTP while the bank asked {done.looks:,} times on two connections"
    yield _entry(
        "From the answer of a revocation to the first refusal, median",
        ours=1e3 * median(ordered),
        peer=None,
        better="lower",
        unit="ms",
        now=now,
        note=f"{note}; p99 {1e3 * p99:.2f} ms; counted to the end of the first request begun after it",
    )
    yield _entry(
        "Looks begun after a revocation's answer and let through",
        ours=done.leaks,
        peer=None,
        better="neither",
        unit="",
        now=now,
        note=f"{note}; {done.seen:,} of them begun before it were let through",
    )
