"""What runs of the watch leave in the ledger and in the outbox, and what goes on by itself."""

from collections.abc import Generator, Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from features.contracts import load_catalogue
from features.lake import Lake
from serving.alerts.outcomes import read_outcomes, write_outcomes
from serving.alerts.repository import latest_alerts, write_alerts
from serving.alerts.tending import Desk, end_repaired, tend_alerts
from serving.disputes import tasks
from tests.cases import FIRM, NEIGHBOUR, cases, desk, land, repair_granted
from tests.databases import Ledger
from tests.service import BANK, OTHER_BANK, Running
from tests.warnings_by_hand import (
    alerts,
    assessment,
    finding,
    lend,
    listen,
    notices,
    take,
)

FRIDAY = date(2026, 11, 20)


def day(after: int) -> date:
    return FRIDAY + timedelta(days=after)


@pytest.fixture
def running(ledger: Ledger) -> Generator[Running]:
    addresses = ledger.clone()
    with cases(addresses) as service:
        lend(service, FIRM, "L-1")
        lend(service, FIRM, "L-2")
        lend(service, FIRM, "K-9", institution=OTHER_BANK)
        listen(service)
        listen(service, OTHER_BANK)
        yield service
    ledger.drop(addresses)


def tend(running: Running, now: datetime) -> Mapping[str, int]:
    done = running.run(tend_alerts(Desk(running.house.database, running.house.subject_of), now))
    return {name: count for name, count in done.items() if count}


def test_a_warning_is_pushed_to_its_lender_with_its_own_loans(running: Running) -> None:
    assert take(running, assessment(FIRM, "W10:O", on=FRIDAY)) == 1
    (told,) = notices(running)
    assert (told["level"], told["state"], told["loan_ids"]) == ("O", "pushed", ["L-1", "L-2"])
    assert told["enterprise"] == {"uscc": FIRM, "name": "测试公司"}
    assert told["acknowledge_by"] == "2026-11-24T18:00:00"  # two working days after a Friday
    assert (told["seen"]["signal"], told["data_date"], told["needs"]) == ("W10", "2026-11-20", [])
    assert [(one["name"], one["value_en"]) for one in told["seen"]["evidence"]] == [
        ("w10_value", "3")
    ]
    assert notices(running, OTHER_BANK) == []
    written = running.sql("SELECT tenant, action, subject FROM audit_event WHERE actor = 'alerts'")
    assert written == [(BANK, "alert:push:granted", running.house.subject_of(FIRM))]


def test_the_same_run_again_changes_nothing(running: Running) -> None:
    run = assessment(FIRM, "W10:O W12:O W15:Y", "W35", on=FRIDAY)
    assert take(running, run) == 4  # three signals, and the two orange ones together
    before = (alerts(running, "alert_id, level, state, acknowledge_by, as_of"), notices(running))
    assert take(running, run) == 0
    assert take(running, run, now=running.clock.now + timedelta(hours=3)) == 0
    after = (alerts(running, "alert_id, level, state, acknowledge_by, as_of"), notices(running))
    assert after == before


def test_each_institution_has_its_own(running: Running) -> None:
    runs = [assessment(FIRM, "W10:O", on=FRIDAY, institution=one) for one in (BANK, OTHER_BANK)]
    take(running, *runs, assessment(FIRM, "W10:O W35:R", on=FRIDAY, institution="platform"))
    assert [one["loan_ids"] for one in notices(running, OTHER_BANK)] == [["K-9"]]
    told = alerts(running, "signal, institution, state")
    assert ("W35", "platform", "verified") in told, "the platform counts and tells nobody"
    assert running.sql("SELECT count(*) FROM notice") == [(2,)]


def test_what_is_not_public_is_told_as_a_band_or_not_at_all(running: Running) -> None:
    seen = [finding("W35", "R", 17.0), finding("W38", "O", -0.55, "ratio")]
    take(running, assessment(FIRM, on=FRIDAY, more=seen))
    by_signal = {one["seen"]["signal"]: one for one in notices(running)}
    insured, power = by_signal["W35"], by_signal["W38"]
    assert (insured["seen"]["evidence"], insured["seen"]["says"]) == ([], [])
    assert insured["needs"] == ["postloan", "social_insurance"]
    assert [one["value_zh"] for one in power["seen"]["evidence"]] == ["下降50%至60%"]
    assert power["needs"] == ["postloan", "utilities"]
    kept = str(alerts(running, "evidence, says"))
    assert "17" not in kept
    assert "55" not in kept


def test_two_different_orange_ones_are_a_red_one(running: Running) -> None:
    take(running, assessment(FIRM, "W10:O", on=FRIDAY))
    take(running, assessment(FIRM, "W10:O W35:O", on=day(59)), now=datetime(2027, 1, 18, 12))
    (upgrade,) = [one for one in notices(running) if one["seen"]["signal"] == "U1"]
    assert (upgrade["level"], upgrade["needs"]) == ("R", ["postloan", "social_insurance"])
    assert [one["en"] for one in upgrade["seen"]["says"]] == ["W10 signal W10", "W35 signal W35"]
    # On the 61st day the first one is too old; two runs without it end the upgrade.
    for after in (61, 62):
        take(
            running,
            assessment(FIRM, "W10:O W35:O", on=day(after)),
            now=datetime(2027, 1, after - 41),
        )
    assert ("U1", "R", "closed", "expired") in alerts(running)


@pytest.mark.parametrize(
    ("found", "upgraded"),
    [("W10:Y W12:Y W15:Y", False), ("W10:Y W12:Y W47:Y", True), ("W10:Y W47:Y", False)],
)
def test_three_yellow_ones_from_two_sides_are_an_orange_one(
    running: Running, *, found: str, upgraded: bool
) -> None:
    take(running, assessment(FIRM, found, on=FRIDAY))
    assert (("U2", "O", "pushed", None) in alerts(running)) == upgraded


def test_a_higher_level_is_pushed_again_and_a_lower_one_is_not(running: Running) -> None:
    take(running, assessment(FIRM, "W10:Y", on=FRIDAY))
    bank = running.bank(["alert:read", "alert:change"])
    ((alert_id,),) = alerts(running, "alert_id")
    assert running.post(f"/v1/alerts/{alert_id}/acknowledgement", bank).status_code == 200
    take(running, assessment(FIRM, "W10:R", on=day(1)))
    assert alerts(running) == [("W10", "R", "pushed", None)]
    for after in (2, 3):
        take(running, assessment(FIRM, "W10:B", on=day(after)))
    assert alerts(running) == [("W10", "B", "pushed", None)]
    steps = [row[0] for row in running.sql("SELECT step FROM alert_event ORDER BY event_no")]
    assert [one for one in steps if one not in {"detect", "verify"}] == [
        "push",
        "acknowledge",
        "raise",
        "push",
        "lower",
    ]


def test_a_repaired_record_ends_its_warning_at_once_and_the_notice_says_so(
    running: Running,
) -> None:
    take(running, assessment(FIRM, "W10:O W35:Y", on=FRIDAY))
    take(running, assessment(NEIGHBOUR, "W10:O", on=FRIDAY))
    repair_granted(running)
    monday = datetime(2026, 11, 23, 9)
    assert tend(running, monday) == {"settled": 1}  # nobody has lent to the neighbour
    assert running.run(tasks.land_repairs(desk(running), monday)) == 1
    assert tend(running, monday + timedelta(minutes=1)) == {"repaired": 1}
    told = [one for one in notices(running) if one["outcome"] == "repaired"]
    assert [(one["seen"]["signal"], one["seen"]["evidence"]) for one in told] == [("W10", [])]
    # Another record keeps the signal true: the next run re-opens the same alert and marks it.
    take(running, assessment(FIRM, "W10:O", on=monday.date()), now=monday + timedelta(hours=1))
    rows = running.sql(
        "SELECT state, reopened FROM alert WHERE signal = 'W10' AND uscc = %(f)s", f=FIRM
    )
    assert rows == [("pushed", 1)]
    assert tend(running, monday + timedelta(hours=2)) == {}, "found after the repair, so it stays"


def test_a_repair_that_a_provider_delivers_ends_it_too(running: Running) -> None:
    home = running.house.settings.home
    take(running, assessment(FIRM, "W10:O", on=FRIDAY), assessment(NEIGHBOUR, "W10:O", on=FRIDAY))
    later = running.clock.now + timedelta(days=1)
    mine = Desk(running.house.database, running.house.subject_of)

    def end() -> int:
        return running.run(end_repaired(mine, Lake(home / "lake"), load_catalogue(), later))

    assert end() == 0
    notice = {"uscc": FIRM, "dataset": "admin_penalty", "record_no": "罚〔2026〕1号"}
    when = {"repaired_at": "2026-11-21 08:00:00", "decided_by": "某局", "certificate_no": "XF-1"}
    land(home, "credit_repair", {**notice, **when}, now=later - timedelta(hours=1))
    assert end() == 1
    assert end() == 0
    assert running.sql("SELECT uscc FROM alert WHERE outcome = 'repaired'") == [(FIRM,)]


def test_without_a_running_loan_it_ends(running: Running) -> None:
    take(running, assessment(FIRM, "W10:O", on=FRIDAY))
    assert tend(running, running.clock.now) == {}
    running.sql("UPDATE loan SET status = 'settled' WHERE loan_id = 'L-1'")
    assert tend(running, running.clock.now) == {}, "another loan is running"
    running.sql("UPDATE loan SET status = 'settled', guarantor = '' WHERE loan_id = 'L-2'")
    assert tend(running, running.clock.now) == {"settled": 1}
    assert notices(running)[-1]["outcome"] == "loan_settled"


def test_a_guarantor_of_a_running_loan_keeps_its_own(running: Running) -> None:
    surety = "91370000MA3SURE01X"
    listen(running, surety)
    running.sql("UPDATE loan SET guarantor = %(surety)s WHERE loan_id = 'L-2'", surety=surety)
    take(running, assessment(FIRM, "W10:O", on=FRIDAY, institution=surety))
    assert [one["loan_ids"] for one in notices(running, surety)] == [["L-2"]]
    assert tend(running, running.clock.now) == {}


def test_it_is_sent_again_until_it_is_closed_and_late_lenders_raise_an_alarm(
    running: Running,
) -> None:
    take(running, assessment(FIRM, "W10:R W15:B", on=FRIDAY))
    due = datetime(2026, 11, 23, 18)  # red: the next working day
    assert tend(running, due) == {}
    assert tend(running, due + timedelta(seconds=1)) == {"alarms": 1}
    assert tend(running, due + timedelta(hours=1)) == {}, "one alarm a deadline"
    week = running.clock.now + timedelta(days=7)
    assert tend(running, week) == {"repeated": 1}
    assert tend(running, week) == {}
    assert notices(running)[-1]["repeats"] == 1
    running.clock.now = week
    operator = running.operator()
    (late,) = running.get("/v1/alert-statistics", operator).json()["overdue"]
    assert (late["due"], late["due_at"]) == ("acknowledge", "2026-11-23T18:00:00")
    assert FIRM not in running.get("/v1/alert-statistics", operator).text


def test_what_no_run_knows_of_any_more_is_forgotten(running: Running) -> None:
    take(running, assessment(FIRM, "W15:B", on=FRIDAY))
    noon = running.clock.now
    assert "forgotten" not in tend(running, noon + timedelta(days=180))
    assert tend(running, noon + timedelta(days=181))["forgotten"] == 1
    assert alerts(running) == [("W15", "B", "closed", "expired")]


def test_two_open_alerts_of_a_key_cannot_be_written(running: Running) -> None:
    take(running, assessment(FIRM, "W10:O", on=FRIDAY))

    async def twice() -> None:
        async with running.house.database.transaction() as connection:
            (first,) = await latest_alerts(connection, [FIRM])
            await write_alerts(connection, [replace(first, alert_id="W-second")])

    with pytest.raises(psycopg.errors.UniqueViolation, match="alert_open"):
        running.run(twice())


def test_outcomes_are_labels_for_training(running: Running, tmp_path: Path) -> None:
    import duckdb  # noqa: PLC0415 - only here

    take(running, assessment(FIRM, "W10:O", on=FRIDAY))
    running.sql("UPDATE loan SET status = 'settled'")
    tend(running, running.clock.now)

    async def read() -> int:
        async with running.house.database.transaction() as connection:
            return write_outcomes(await read_outcomes(connection), tmp_path / "o.parquet")

    assert running.run(read()) == 1
    with duckdb.connect() as connection:
        found = connection.execute(f"FROM read_parquet('{tmp_path / 'o.parquet'}')").fetchall()
    assert found == [(FIRM, "W10", "O", FRIDAY, FRIDAY, FRIDAY, "loan_settled")]
