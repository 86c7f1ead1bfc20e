"""What goes on by itself: repairs land once whoever dies, corrections are noticed, firms rated again."""

import signal
import subprocess
import sys
from collections.abc import Generator
from datetime import datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from features.errors import RejectedBatchError
from features.scope import Purpose
from serving.db import Connection
from serving.disputes import beside, tasks
from serving.disputes.rows import OpenDutyRow
from serving.disputes.workdays import Due
from tests.cases import (
    FIRM,
    PENALTY,
    PLEA,
    cases,
    checking,
    desk,
    filed,
    land,
    notices_in_lake,
    penalties_seen,
    penalty,
    rating_of,
    repair_granted,
    step,
)
from tests.databases import Ledger
from tests.service import Running

ROOT = Path(__file__).parents[3]
MONDAY = datetime(2026, 11, 23, 9)


@pytest.fixture
def running(ledger: Ledger) -> Generator[Running]:
    addresses = ledger.clone()
    with cases(addresses) as service:
        yield service
    ledger.drop(addresses)


def home_of(running: Running) -> Path:
    return running.house.settings.home


def state_of(running: Running, case_id: str) -> str:
    return running.sql("SELECT state FROM credit_case WHERE case_id = %(id)s", id=case_id)[0][0]


def worker(running: Running, point: str) -> int:
    arguments = [str(home_of(running)), running.addresses.app, point]
    done = subprocess.run(
        [sys.executable, "-m", "tests.repair_worker", *arguments],
        cwd=ROOT,
        check=False,
        timeout=120,
    )
    return done.returncode


def due_for_rating(running: Running) -> list[OpenDutyRow]:
    async def ask() -> list[OpenDutyRow]:
        async with running.house.database.transaction() as connection:
            return await tasks.rerate_due(connection)

    return running.run(ask())


def rate(running: Running, rating_id: str | None, now: datetime = MONDAY) -> None:
    (duty,) = due_for_rating(running)

    async def tell() -> bool:
        async with running.house.database.transaction() as connection:
            return await tasks.rated(desk(running), connection, duty, rating_id, now)

    assert [running.run(tell()), running.run(tell())] == [True, False]


@pytest.mark.parametrize(
    ("point", "in_lake", "state"),
    [("landing", 0, "granted"), ("landed", 1, "granted"), ("moving", 1, "granted")],
)
def test_a_repair_lands_once_whoever_dies(
    running: Running, point: str, in_lake: int, state: str
) -> None:
    case_id = repair_granted(running)
    assert penalties_seen(home_of(running), now=MONDAY) == 1
    assert worker(running, point) == -signal.SIGKILL
    assert (notices_in_lake(home_of(running)), state_of(running, case_id)) == (in_lake, state)
    assert running.run(tasks.land_repairs(desk(running), MONDAY)) == 1
    assert running.run(tasks.land_repairs(desk(running), MONDAY)) == 0
    assert (notices_in_lake(home_of(running)), state_of(running, case_id)) == (1, "effective")
    assert running.sql("SELECT count(*) FROM repair_notice WHERE landed_at IS NULL") == [(0,)]
    assert running.sql("SELECT count(*) FROM case_event WHERE step = 'land'") == [(1,)]
    assert running.sql("SELECT count(*) FROM audit_event WHERE actor = 'disputes'") == [(1,)]


def test_a_repaired_record_is_gone_but_for_a_replay(running: Running) -> None:
    repair_granted(running)
    home = home_of(running)
    assert running.run(tasks.land_repairs(desk(running), MONDAY)) == 1
    assert penalties_seen(home, now=MONDAY) == 0
    assert penalties_seen(home, now=MONDAY, purpose=Purpose.REPLAY) == 1
    running.clock.now = MONDAY
    gone = running.post("/v1/disputes", running.owner(FIRM), json={**PENALTY, "text": PLEA})
    assert gone.status_code == 404


def test_a_repair_ends_with_a_new_rating(running: Running) -> None:
    case_id = repair_granted(running)
    running.run(tasks.land_repairs(desk(running), MONDAY))
    (due,) = due_for_rating(running)
    # landed on Monday, so by Tuesday 18:00
    assert (due.case_id, due.uscc, due.due_at) == (case_id, FIRM, datetime(2026, 11, 24, 18))
    rate(running, "R-new")
    assert state_of(running, case_id) == "closed"
    assert due_for_rating(running) == []
    done = running.sql("SELECT is_done, rating_id FROM case_duty WHERE duty = 're_rate'")
    assert done == [(True, "R-new")]


def test_a_refused_repair_is_applied_for_again(running: Running) -> None:
    owner, operator = running.owner(FIRM), running.operator()
    body = {
        "dataset": "admin_penalty",
        "record_no": "罚〔2026〕1号",
        "application_no": "XF-1",
        "text": PLEA,
    }
    case_id = running.post("/v1/repairs", owner, json=body).json()["case_id"]
    step(running, operator, case_id, "forward", reference="函")
    step(running, operator, case_id, "refuse", basis="公示期未满", decided_by="测试市监管局")
    assert running.sql("SELECT count(*) FROM repair_notice") == [(0,)]
    assert step(running, owner, case_id, "reapply", text="公示期已满")["state"] == "applied"


def test_records_that_cannot_be_repaired_are_refused(running: Running) -> None:
    body = {"dataset": "reg_basic", "record_no": "1", "application_no": "XF-1", "text": PLEA}
    answer = running.post("/v1/repairs", running.owner(FIRM), json=body)
    assert answer.status_code == 422


def test_a_dispute_waits_for_the_correction_and_the_rating(running: Running) -> None:
    owner, operator = running.owner(FIRM), running.operator()
    case_id = filed(running, owner)
    checking(running, operator, case_id)
    step(running, operator, case_id, "correct", basis="金额有误")
    assert running.run(tasks.notice_corrections(desk(running), MONDAY)) == 0
    land(home_of(running), "admin_penalty", penalty(FIRM, fine_amount="500.00"), now=MONDAY)
    later = MONDAY + timedelta(hours=1)
    assert running.run(tasks.notice_corrections(desk(running), later)) == 1
    assert running.run(tasks.notice_corrections(desk(running), later)) == 0
    path = f"/v1/disputes/{case_id}/steps"
    early = running.post(path, operator, json={"step": "answer", "answer_zh": "已更正。"})
    assert (early.status_code, early.json()["state"]) == (409, "correction_landed")
    rate(running, None, later)
    told = step(running, operator, case_id, "answer", answer_zh="已更正并重新评级。")
    assert (told["state"], told["outcome"]) == ("answered", "corrected")


def test_a_notice_of_repair_is_a_correction_too(running: Running) -> None:
    owner, operator = running.owner(FIRM), running.operator()
    case_id = filed(running, owner)
    checking(running, operator, case_id)
    step(running, operator, case_id, "correct", basis="已修复")
    repair_granted(running)
    done = [running.run(tasks.tend_cases(desk(running), MONDAY)) for _ in range(2)]
    assert [one["repairs_landed"] for one in done] == [1, 0]
    assert [one["corrections_noticed"] for one in done] == [0, 1]
    assert state_of(running, case_id) == "correction_landed"


def test_an_answer_closes_when_no_appeal_is_possible(running: Running) -> None:
    owner, operator = running.owner(FIRM), running.operator()
    case_id = filed(running, owner)
    checking(running, operator, case_id)
    step(running, operator, case_id, "reject", basis="与原件一致")
    step(running, operator, case_id, "answer", answer_zh="维持。")
    last = datetime(2026, 12, 5, 23, 59)
    assert running.run(tasks.close_answered(desk(running), last)) == 0
    assert running.run(tasks.close_answered(desk(running), datetime(2026, 12, 6))) == 1
    assert state_of(running, case_id) == "closed"


def test_who_decided_does_not_decide_the_appeal(running: Running) -> None:
    owner, operator = running.owner(FIRM), running.operator()
    case_id = filed(running, owner)
    checking(running, operator, case_id)
    step(running, operator, case_id, "reject", basis="与原件一致")
    step(running, operator, case_id, "answer", answer_zh="维持。")
    step(running, owner, case_id, "appeal", text="请再核查")
    step(running, operator, case_id, "forward", reference="函2")
    step(running, operator, case_id, "check")
    path = f"/v1/disputes/{case_id}/steps"
    same = running.post(path, operator, json={"step": "reject", "basis": "同前"})
    assert (same.status_code, same.json()["because"]) == (409, "not_decided")
    assert step(running, running.operator(), case_id, "reject", basis="同前")["state"] == "rejected"


def requested(running: Running) -> str:
    owner = running.owner(FIRM)
    body = {"rating_id": rating_of(running, FIRM, "R-1"), "text": PLEA}
    answer = running.post("/v1/reviews", owner, json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()["case_id"]


def notes(running: Running) -> list[tuple[str, str | None, str | None]]:
    async def ask(connection: Connection) -> list[tuple[str, str | None, str | None]]:
        found = await beside.review_notes(connection, "R-1")
        return [(note.outcome, note.grade, note.new_rating_id) for note in found]

    async def look() -> list[tuple[str, str | None, str | None]]:
        async with running.house.database.transaction() as connection:
            return await ask(connection)

    return running.run(look())


def test_a_review_is_of_ones_own_rating(running: Running) -> None:
    rating_of(running, FIRM, "R-1")
    body = {"rating_id": "R-1", "text": PLEA}
    from_next_door = running.post("/v1/reviews", running.owner("91370000MA3TEST01X"), json=body)
    assert from_next_door.status_code == 404


def test_an_override_is_a_note_of_two_people(running: Running) -> None:
    case_id = requested(running)
    one, two = running.operator(), running.operator()
    path = f"/v1/reviews/{case_id}/steps"
    strange = running.post(path, one, json={"step": "assign", "reviewer": running.auditor().id})
    assert strange.status_code == 422
    step(running, one, case_id, "assign", reviewer=one.id)
    assert running.post(path, two, json={"step": "uphold", "basis": "x"}).status_code == 409
    step(running, one, case_id, "propose_override", basis="年报未及时入库", grade="A")
    alone = running.post(path, one, json={"step": "confirm_override"})
    assert (alone.status_code, alone.json()["because"]) == (409, "not_assignee")
    step(running, two, case_id, "confirm_override")
    told = step(running, one, case_id, "answer", answer_zh="等级调整为 A。")
    assert told["outcome"] == "grade_overridden"
    assert notes(running) == [("grade_overridden", "A", None)]
    assert running.sql("SELECT grade FROM rating WHERE rating_id = 'R-1'") == [("BBB",)]


def test_a_review_may_order_a_new_rating_or_uphold(running: Running) -> None:
    case_id = requested(running)
    one, two = running.operator(), running.operator()
    step(running, one, case_id, "assign", reviewer=one.id)
    step(running, one, case_id, "order_rating", basis="数据已更新")
    rate(running, "R-2")
    step(running, one, case_id, "answer", answer_zh="已重新评级。")
    step(running, running.owner(FIRM), case_id, "appeal", text="仍有异议")
    path = f"/v1/reviews/{case_id}/steps"
    again = running.post(path, two, json={"step": "assign", "reviewer": one.id})
    assert again.json()["because"] == "fresh_reviewer"
    step(running, two, case_id, "assign", reviewer=two.id)
    step(running, two, case_id, "uphold", basis="无误")
    assert notes(running) == [("re_rated", None, "R-2"), ("upheld", None, None)]


def test_notes_and_history_cannot_be_changed_by_the_service(running: Running) -> None:
    requested(running)
    with psycopg.connect(running.addresses.app) as connection:
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="case_event"):
            connection.execute("UPDATE case_event SET step = 'x'")
        connection.rollback()
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="review_note"):
            connection.execute("DELETE FROM review_note")


def test_a_deadline_is_counted_anew_when_holidays_are_arranged(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    case_id = filed(running, running.owner(FIRM))
    running.sql("UPDATE case_duty SET is_provisional = true, due_at = '2027-01-05 18:00'")
    assert running.run(tasks.settle_deadlines(desk(running))) == 2
    assert running.run(tasks.settle_deadlines(desk(running))) == 0
    due = running.sql("SELECT due_at FROM case_duty WHERE case_id = %(id)s ORDER BY 1", id=case_id)
    assert due == [(datetime(2026, 11, 24, 18),), (datetime(2026, 12, 10, 18),)]
    running.sql("UPDATE case_duty SET is_provisional = true")
    unknown = Due(datetime(2027, 1, 5, 18), is_provisional=True)

    def not_arranged(*_: object, **__: object) -> Due:
        return unknown

    monkeypatch.setattr(tasks, "due_of", not_arranged)
    assert running.run(tasks.settle_deadlines(desk(running))) == 0


def test_two_people_never_move_a_case_at_once(running: Running) -> None:
    case_id = filed(running, running.owner(FIRM))
    path = f"/v1/disputes/{case_id}/steps"
    body = {"step": "accept"}
    asked = [running.asking("POST", path, running.operator(), json=body) for _ in range(4)]
    answers = sorted(answer.status_code for answer in running.together(*asked))
    assert answers == [200, 409, 409, 409]
    assert running.sql("SELECT count(*) FROM case_event WHERE step = 'accept'") == [(1,)]


def test_the_same_record_is_not_filed_twice_at_once(running: Running) -> None:
    owner = running.owner(FIRM)
    body = {**PENALTY, "text": PLEA}
    asked = [running.asking("POST", "/v1/disputes", owner, json=body) for _ in range(4)]
    answers = sorted(answer.status_code for answer in running.together(*asked))
    assert answers == [201, 409, 409, 409]


def test_a_notice_the_lake_refuses_keeps_no_other_back(running: Running) -> None:
    case_id = repair_granted(running)
    running.sql(
        "INSERT INTO credit_case (case_id, kind, uscc, dataset, record_key, about, text, state, state_since, filed_by, filed_at) "
        "VALUES ('R-0', 'repair', 'no code', 'admin_penalty', '{}', 'others', 'x', 'granted', '2026-11-20', 'p', '2026-11-20')"
    )
    running.sql(
        "INSERT INTO repair_notice VALUES ('R-0', 'no code', 'admin_penalty', '1', '2026-11-20', 'a', 'c')"
    )
    with pytest.raises(RejectedBatchError, match="repair-R-0"):
        running.run(tasks.land_repairs(desk(running), MONDAY))
    assert state_of(running, case_id) == "effective"
    assert state_of(running, "R-0") == "granted"
