"""The watch in the service: bad news reaches the lender it concerns, once, and asks only where it must."""

import json
from collections.abc import Generator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from models.watching.concentration import Concentration
from models.watching.exposures import Exposures, Firms
from models.watching.watch import Watch, Watched, run_watch
from serving.alerts.concentration import look_for_concentration, raise_concentration
from serving.watching import rounds
from serving.watching.rounds import Watcher
from tests.builders import TinyLake, record, registered
from tests.databases import Ledger
from tests.lending import end_watch, lend, listen, watch
from tests.service import BANK, OTHER_BANK, Running, service

CODE = "91370100MA{:08d}"
FIRST, SECOND = CODE.format(1), CODE.format(2)
TODAY = datetime(2026, 11, 21, 12)


def settle_in(home: Path) -> None:
    lake = TinyLake(home / "lake", CODE)
    lake.land("reg_basic", [registered(key) for key in (1, 2, 3)])


@pytest.fixture
def running(ledger: Ledger) -> Generator[Running]:
    with service(ledger.clone(), before=settle_in) as started:
        started.clock.now = TODAY
        listen(started, BANK)
        listen(started, OTHER_BANK)
        yield started


@pytest.fixture
def watcher(running: Running) -> Watcher:
    return Watcher(running.house.settings.home, running.house.subject_of)


def a_round(running: Running, watcher: Watcher) -> int:
    running.clock.now += timedelta(minutes=1)
    return running.run(watcher.work(running.house.database, running.clock.now))


def name_dishonest(running: Running, key: int) -> None:
    lake = TinyLake(running.house.settings.home / "lake", CODE)
    day = running.clock.now.date().isoformat()
    row = record(
        key, "dishonest_debtor", {"case_no": f"N{key}", "published_on": day, "filed_on": day}
    )
    lake.land("dishonest_debtor", [{**row, "available_at": running.clock.now}])


def alerts_of(running: Running, institution: str) -> list[tuple[str, str, str]]:
    """Enterprise, signal and level of the open alerts."""
    return running.sql(
        "SELECT uscc, signal, level FROM alert WHERE institution = %(whose)s AND state <> 'closed' ORDER BY 1, 2",
        whose=institution,
    )


def name_in_notice(running: Running) -> set[str]:
    return {
        json.loads(body)["enterprise"]["name"] for (body,) in running.sql("SELECT body FROM notice")
    }


def notices_to(running: Running, institution: str) -> list[tuple[str, list[str]]]:
    return running.sql(
        "SELECT n.uscc, n.needs FROM notice n JOIN webhook_endpoint e USING (endpoint_id) "
        "WHERE n.kind = 'alert.changed' AND e.institution = %(whose)s ORDER BY n.notice_id",
        whose=institution,
    )


def test_bad_news_reaches_the_lender_it_concerns_and_once(
    running: Running, watcher: Watcher
) -> None:
    lend(running, FIRST)
    lend(running, SECOND, institution=OTHER_BANK)
    assert a_round(running, watcher) == 0
    name_dishonest(running, 1)
    assert a_round(running, watcher) == 2  # the lender's and the platform's own
    assert alerts_of(running, BANK) == [(FIRST, "W01", "R")] == alerts_of(running, "platform")
    assert alerts_of(running, OTHER_BANK) == []
    assert notices_to(running, BANK) == [(FIRST, [])]  # a public record needs no consent
    assert notices_to(running, OTHER_BANK) == []
    assert name_in_notice(running) == {registered(1)["name"]}
    again = Watcher(running.house.settings.home, running.house.subject_of)
    assert [a_round(running, watcher), a_round(running, again)] == [0, 0]


def test_only_whose_inputs_changed_are_asked_and_everybody_on_a_new_day(
    running: Running, watcher: Watcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    def counted(one: Watch, exposures: Exposures, firms: Firms, before: Firms | None) -> Watched:
        asked.append(len(exposures))
        return run_watch(one, exposures, firms, before)

    monkeypatch.setattr(rounds, "run_watch", counted)
    lend(running, FIRST)
    lend(running, SECOND, institution=OTHER_BANK)
    a_round(running, watcher)
    a_round(running, watcher)
    name_dishonest(running, 1)
    a_round(running, watcher)
    lend(running, SECOND)
    a_round(running, watcher)
    running.clock.now += timedelta(days=1)
    a_round(running, watcher)
    # Two firms, each seen by its lender and the platform; nothing; one of them; a new lender of the other and
    # the platform, which sees another sum; all five.
    assert asked == [4, 2, 2, 5]


def test_a_lender_hears_of_its_own_arrears_and_of_others_by_consent_alone(
    running: Running, watcher: Watcher
) -> None:
    lend(running, FIRST, days_past_due=40)
    lend(running, FIRST, institution=OTHER_BANK)
    a_round(running, watcher)
    assert (FIRST, "W47", "O") in alerts_of(running, BANK)
    assert alerts_of(running, OTHER_BANK) == []
    consent = watch(running, FIRST, "loan", institution=OTHER_BANK)
    a_round(running, watcher)
    assert [signal for _, signal, _ in alerts_of(running, OTHER_BANK)] == ["W46"]
    assert notices_to(running, OTHER_BANK) == [(FIRST, ["loan", "postloan"])]
    end_watch(running, consent)
    a_round(running, watcher)
    assert len(notices_to(running, OTHER_BANK)) == 1


def test_a_firm_off_the_register_and_a_home_without_loans_ask_nothing(
    running: Running, watcher: Watcher
) -> None:
    assert a_round(running, watcher) == 0
    lend(running, CODE.format(9))
    assert a_round(running, watcher) == 0


def test_concentration_is_told_to_the_platform_once_a_month(running: Running) -> None:
    found = [Concentration("industry", "F", 90, 6, 0.067, 0.03, ("rise",))]

    async def tell() -> int:
        async with running.house.database.transaction() as connection:
            return await raise_concentration(connection, found, running.clock.now)

    told = [running.run(tell()), running.run(tell())]
    running.clock.now += timedelta(days=30)
    assert [*told, running.run(tell())] == [1, 0, 1]
    rows = running.sql(
        "SELECT actor, count, limit_per_window FROM alarm WHERE kind = 'concentration'"
    )
    assert rows == [("industry F", 6, 90)] * 2
    assert look_for_concentration(running.house.settings.home, running.clock.now) == []
