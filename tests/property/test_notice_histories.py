"""Through crashes, bad receivers and leaping clocks: nothing lost, nothing out of order, nothing twice."""

import asyncio
import os
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from types import ModuleType

import pytest

from serving.db import open_database
from serving.webhooks import dispatching, endpoint_repository, outbox, repository
from tests.databases import Ledger
from tests.notice_histories import History, Tally

STEPS = 16


async def histories(conninfo: str, seeds: range) -> Tally:
    """Several histories, one after the other."""
    database = await open_database(conninfo, size=4, wait_seconds=5)
    try:
        total = Tally()
        for seed in seeds:
            total.add(await History(database, seed).run(STEPS))
        return total
    finally:
        await database.close()


def run(ledger: Ledger, seeds: range) -> Tally:
    """On a ledger of their own; as its owner, who may clear it."""
    return asyncio.run(histories(ledger.clone().owner, seeds))


def test_sixty_histories(ledger: Ledger) -> None:
    tally = run(ledger, range(60))
    assert tally.histories == 60
    assert tally.crashes > 60
    assert tally.repeats > 20, "hardly anything was sent twice"
    assert tally.ends.keys() >= {"sent", "folded", "withheld"}


def soak_part(conninfo: str, seeds: range) -> Tally:
    """One process of the long run."""
    return asyncio.run(histories(conninfo, seeds))


@pytest.mark.soak
def test_ten_thousand_histories(ledger: Ledger) -> None:
    workers = max(2, os.cpu_count() or 2)
    count = int(os.environ.get("NOTICE_HISTORIES", "10000"))
    share = -(-count // workers)
    parts = [range(1_000 + n * share, 1_000 + (n + 1) * share) for n in range(workers)]
    ledgers = [ledger.clone().owner for _ in parts]
    total = Tally()
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        for tally in pool.map(soak_part, ledgers, parts):
            total.add(tally)
    print(total)
    assert total.histories >= count
    assert total.late, "no sending outlived its lease"
    assert total.ends["failed"], "nothing was ever given up"


@pytest.mark.parametrize(
    ("module", "name", "broken", "by", "found"),
    [
        (outbox, "_FOLD", "AND thing = %(thing)s", "", "folded into nothing|lost|in the end"),
        (repository, "_HEAD", "ORDER BY sequence", "ORDER BY sequence DESC", "reordered|lost"),
        (repository, "_CLAIM", "AND i.state = 'active'", "", "suspended and heard"),
        (
            repository,
            "_SECRETS",
            "ORDER BY created_at DESC",
            "AND false ORDER BY created_at",
            "in the end|waits",
        ),
        (
            repository,
            "_CLAIM",
            "(s.leased_until IS NULL OR s.leased_until <= %(now)s OR s.leased_until > %(lease_end)s)",
            "true",
            "reordered|lost",
        ),
        (
            endpoint_repository,
            "_REPLAY",
            "state IN ('sent', 'withheld', 'failed')",
            "true",
            "in effect|folded|record|lost",
        ),
    ],
    ids=["fold", "order", "suspended", "unsigned", "lease", "replay"],
)
def test_a_mistake_of_ours_is_found(
    module: ModuleType,
    name: str,
    broken: str,
    by: str,
    found: str,
    ledger: Ledger,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    query = getattr(module, name)
    assert broken in query
    monkeypatch.setattr(module, name, query.replace(broken, by))
    with pytest.raises(AssertionError, match=found):
        run(ledger, range(200))


def test_a_notice_that_leaves_without_asking_for_consent_is_found(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatching, "united", lambda _: {"tax"})
    with pytest.raises(AssertionError, match="is closed to"):
        run(ledger, range(200))
