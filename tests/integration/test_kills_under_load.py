"""Killed at any moment, the service answers again, and its ledger is what was answered: no more, no less."""

import os
import random
import re
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, LiteralString

import psycopg
import pytest

from benchmarks.callers import Headers, add_bank, add_owners
from features.clock import now_in_shanghai
from features.identifiers import synthetic_uscc
from serving.audit.heads import Custody
from serving.database.addresses import Addresses
from serving.database.embedded import embedded, wait_until_stopped
from serving.database.processes import of_data_folder
from serving.database.site import read_site
from tests.consents_by_hand import open_town
from tests.kills import KILLS, differences
from tests.real_service import Server, serving, until
from tests.writing_callers import RATE, STORY, Teller

if TYPE_CHECKING:
    from tests.rated_town import Town


BANK = synthetic_uscc("kills", "bank")
TELLERS, FIRMS_EACH = 4, 16
#: The keeper gives a server up that dies more often in a row.
MOST_KILLS = 4

Then = Callable[[Addresses, Callable[[], list[str]]], None]
_MISSED: dict[LiteralString, str] = {
    "DELETE FROM idempotent_answer WHERE key = (SELECT min(key) FROM idempotent_answer)": "done, and its answer is not kept",
    "DELETE FROM consent_event WHERE event_no = 1": "^granted C-.*: 1 rows of the record without it",
    "DELETE FROM audit_event WHERE audit_id = (SELECT min(audit_id) FROM audit_event "
    "WHERE action = 'consent:change:granted')": "^changed C-.*: 1 without a row of the record",
    "DELETE FROM audit_event WHERE audit_id = (SELECT min(audit_id) FROM audit_event "
    "WHERE action = 'consent:read:granted')": "^look .*: answered without a row of the record",
}

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def test_three_kills_leave_nothing_without_its_record() -> None:
    history(1, ["transaction", "worker", "server"], then=check_is_not_blind)


@pytest.mark.soak
def test_a_hundred_kills_leave_nothing_without_its_record(tmp_path: Path) -> None:
    from tests.rated_town import make_town  # noqa: PLC0415 - loads LightGBM, for this test alone

    town = make_town(tmp_path)
    rng = random.Random(100)  # noqa: S311 - a seed, not a secret
    counts = Counter[str]()
    for number in range(int(os.environ.get("KILLS", "100")) // MOST_KILLS):
        names = rng.choices(sorted(KILLS), k=MOST_KILLS)
        history(number, names, town=town)
        counts.update(names)
    assert set(counts) == set(KILLS)


def history(
    seed: int, names: list[str], *, then: Then | None = None, town: "Town | None" = None
) -> None:
    """Load a service, kill one part after the other and at last all, and look at what is left.

    With a town the bank also asks for ratings of its firms.
    """
    rng = random.Random(seed)  # noqa: S311 - a seed, not a secret
    with serving(town.move_in if town else lambda _: None) as server:
        tellers = let_in(server, seed, town.usccs if town else [])
        for teller in tellers:
            teller.start()
        killed = [kill(server, name, tellers, rng) for name in names]
        for teller in tellers:
            teller.stopped.set()
        for teller in tellers:
            teller.join(60)
            assert not teller.is_alive()
        asked = [one for teller in tellers for one in teller.asked]
        assert server.ask("/readyz")[0] == 200
        assert (len(server.children("serving.worker")), server.process.poll()) == (2, None)
        until(lambda: len(server.children("serving.maintenance")) == 1)
        end_all_at_once(server)
        with embedded(server.home / "database") as addresses:
            custody = Custody(server.home / "audit", server.home / "vault" / "audit")
            undone = [one for one in killed if one]
            found = differences(addresses, custody, asked, undone)
            assert not found, "; ".join(found[:20])
            if then is not None:
                then(addresses, lambda: differences(addresses, custody, asked, undone))
        assert {one.write for one in asked} == {*STORY, *([RATE] if town else [])}
        assert sum(len(one.attempts) > 1 for one in asked) > 0, "no kill was felt by anybody"
        wait_until_stopped(server.home / "database")


def let_in(server: Server, seed: int, rated: Sequence[str]) -> list[Teller]:
    """Callers with firms of their own; one more asks for ratings where there is anybody to rate."""
    now = now_in_shanghai()
    firms = [synthetic_uscc("kills", str(number)) for number in range(TELLERS * FIRMS_EACH)]
    with embedded(server.home / "database") as addresses:
        bank = add_bank(addresses, server.home, BANK, {"consent:read", "rating:create"}, now)
        open_town(addresses, rated, BANK, now)
        owners = list(zip(firms, add_owners(addresses, firms, now), strict=True))
    tellers = [
        Teller(server.port, BANK, bank, owners[number::TELLERS], 1_000 * seed + number)
        for number in range(TELLERS)
    ]
    no_owners: list[tuple[str, Headers]] = [(firm, {}) for firm in rated]
    last = Teller(server.port, BANK, bank, no_owners, 1_000 * seed + TELLERS, [RATE])
    return [*tellers, last] if rated else tellers


def kill(server: Server, name: str, tellers: list[Teller], rng: random.Random) -> str:
    """Kill at a random moment; return when everybody is answered again."""
    moment = rng.randint(5, 80)
    _until_answered(tellers, moment, in_all=True)
    killed = KILLS[name](server, rng)
    _until_answered(tellers, 2)
    return killed


def _until_answered(tellers: list[Teller], more: int, *, in_all: bool = False) -> None:
    """Wait until all together, or each, have been answered so often again."""
    before = [len(teller.asked) for teller in tellers]

    def is_so() -> bool:
        failed = [one for t in tellers for one in t.asked[-1:] if not one.is_done]
        assert failed == []
        grown = [len(t.asked) - count for t, count in zip(tellers, before, strict=True)]
        return sum(grown) >= more if in_all else min(grown) >= more

    until(is_so, 60)


def end_all_at_once(server: Server) -> None:
    """Kill the parent: nothing of it may be left, in any process."""
    site = read_site(server.home / "database")
    assert site is not None
    server.process.kill()
    until(lambda: not server.children("serving.worker"))
    until(lambda: not server.children("serving.maintenance"))
    wait_until_stopped(server.home / "database")
    assert of_data_folder(site.data) == []


def check_is_not_blind(addresses: Addresses, told: Callable[[], list[str]]) -> None:
    """Take one row of each kind away: every one is missed."""
    for statement, sentence in _MISSED.items():
        with psycopg.connect(addresses.owner, autocommit=True) as connection:
            assert connection.execute(statement).rowcount == 1
        assert any(re.search(sentence, line) for line in told()), sentence
