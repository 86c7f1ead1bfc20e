"""Cases over HTTP: who may ask, what a firm and the platform do, what an institution sees."""

import json
from collections.abc import Generator
from typing import Any

import pytest

from serving.database.addresses import Addresses
from serving.disputes.steps import FIRST, STEPS
from serving.disputes.tasks import tend_cases
from serving.disputes.words import load_words
from tests.cases import FIRM, NEIGHBOUR, PENALTY, PLEA, SHANDONG, cases, checking, desk, filed, step
from tests.databases import Ledger
from tests.service import ANYBODY, BANK, Running

REPAIR = {
    "dataset": "admin_penalty",
    "record_no": "罚〔2026〕1号",
    "application_no": "XF-1",
    "text": "已缴清罚款并承诺。",
}
ROOMS = {
    "disputes": {**PENALTY, "text": PLEA},
    "reviews": {"rating_id": "R-1", "text": PLEA},
    "repairs": REPAIR,
}


@pytest.fixture
def running(ledger: Ledger) -> Generator[Running]:
    addresses = ledger.clone()
    with cases(addresses) as service:
        yield service
    ledger.drop(addresses)


@pytest.fixture(scope="module")
def empty(fresh_database: Addresses) -> Generator[Running]:
    with cases(fresh_database) as service:
        yield service


@pytest.mark.parametrize("room", ROOMS)
def test_nobody_is_asked_who_he_is(empty: Running, room: str) -> None:
    asked: list[tuple[str, str, Any]] = [
        ("POST", "", ROOMS[room]),
        ("GET", "", None),
        ("GET", "/D-1", None),
        ("POST", "/D-1/steps", {"step": "accept"}),
    ]
    for method, path, body in asked:
        answer = empty.ask(method, f"/v1/{room}{path}", ANYBODY, json=body)
        assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")


@pytest.mark.parametrize("path", ["/v1/marks?uscc=x", "/v1/duties/overdue"])
def test_nobody_reads_marks_or_duties(empty: Running, path: str) -> None:
    assert empty.get(path).status_code == 401


@pytest.mark.parametrize("room", ROOMS)
def test_a_bank_neither_files_nor_reads_cases(empty: Running, room: str) -> None:
    kind = room.removesuffix("s")
    bank = empty.bank([f"{kind}:file", f"{kind}:read", f"{kind}:change"])
    assert empty.post(f"/v1/{room}", bank, json=ROOMS[room]).json()["code"] == "not_permitted"
    assert empty.get(f"/v1/{room}", bank).json()["code"] == "not_permitted"


def test_a_dispute_is_answered_with_its_clocks(running: Running) -> None:
    owner, operator = running.owner(FIRM), running.operator()
    answer = running.post("/v1/disputes", owner, json=ROOMS["disputes"])
    assert answer.status_code == 201
    case = answer.json()
    assert answer.headers["Location"] == f"/v1/disputes/{case['case_id']}"
    # Friday 20 November, noon: two working days end on Tuesday, twenty days on 10 December
    due = {duty["duty"]: duty["due_at"] for duty in case["duties"]}
    assert due == {"forward_to_province": "2026-11-24T18:00:00", "answer": "2026-12-10T18:00:00"}
    assert (case["state"], case["state_zh"], case["next_steps"]) == (
        "received",
        "已收到",
        ["withdraw"],
    )
    checking(running, operator, case["case_id"])
    step(running, operator, case["case_id"], "reject", basis="与原件一致")
    told = step(
        running, operator, case["case_id"], "answer", answer_zh="经核查，记录与决定书一致。"
    )
    assert (told["state"], told["outcome"]) == ("answered", "rejected")
    assert all(duty["is_done"] for duty in told["duties"])
    seen = running.get(f"/v1/disputes/{case['case_id']}", owner).json()
    assert seen["answer_zh"] == "经核查，记录与决定书一致。"
    assert seen["appeal_until"] == "2026-12-06T00:00:00"
    assert {event["actor"] for event in seen["history"]} == {None}
    assert [event["step"] for event in seen["history"]] == [
        "file", "accept", "forward", "check", "reject", "answer",
    ]  # fmt: skip


def test_in_shandong_the_clock_is_shorter(running: Running) -> None:
    case_id = filed(running, running.owner(SHANDONG))
    duties = running.get(f"/v1/disputes/{case_id}", running.operator()).json()["duties"]
    # seven working days after Friday 20 November
    assert {d["duty"]: d["due_at"] for d in duties}["answer"] == "2026-12-01T18:00:00"


def test_a_case_of_another_firm_is_not_there(running: Running) -> None:
    case_id, neighbour = filed(running, running.owner(FIRM)), running.owner(NEIGHBOUR)
    assert running.get(f"/v1/disputes/{case_id}", neighbour).status_code == 404
    taken = running.post(f"/v1/disputes/{case_id}/steps", neighbour, json={"step": "withdraw"})
    assert taken.status_code == 404
    assert running.get("/v1/disputes", neighbour).json()["items"] == []
    assert running.get(f"/v1/repairs/{case_id}", running.operator()).status_code == 404


def test_a_firm_disputes_its_own_records_only(running: Running) -> None:
    owner = running.owner(FIRM)
    other = {**ROOMS["disputes"], "record": {"doc_no": "罚〔2026〕2号"}}
    assert running.post("/v1/disputes", owner, json=other).status_code == 404


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (
            {"dataset": "admin_penalties"},
            "There is no dataset of that name. Did you mean 'admin_penalty'",
        ),
        (
            {"dataset": "consent_event", "record": {"event_id": "1"}},
            "There is no dataset of that name",
        ),
        ({"record": {"fine_amount": "1"}}, "A record of 'admin_penalty' is named by doc_no"),
        ({"text": "x" * 2001}, "text"),
        ({"text": " "}, "text"),
        ({"text": "a\u0000b"}, "text"),
        ({"uscc": FIRM}, "extra_forbidden"),
    ],
)
def test_a_wrong_body_says_where(running: Running, change: dict[str, Any], found: str) -> None:
    body = {**ROOMS["disputes"], **change}
    answer = running.post(
        "/v1/disputes", running.owner(FIRM), json=body, headers={"Accept-Language": "en"}
    )
    assert answer.status_code == 422
    assert found in answer.text


def test_the_same_record_is_disputed_once_at_a_time(running: Running) -> None:
    owner = running.owner(FIRM)
    case_id = filed(running, owner)
    again = running.post("/v1/disputes", owner, json=ROOMS["disputes"])
    assert (again.status_code, again.json()["case_id"]) == (409, case_id)
    assert step(running, owner, case_id, "withdraw")["state"] == "withdrawn"
    assert filed(running, owner) != case_id


def test_a_repeated_filing_is_answered_once(running: Running) -> None:
    owner = running.owner(FIRM)
    key = {"Idempotency-Key": "file-1"}
    first = running.post("/v1/disputes", owner, json=ROOMS["disputes"], headers=key)
    second = running.post("/v1/disputes", owner, json=ROOMS["disputes"], headers=key)
    assert first.status_code == second.status_code == 201
    assert first.json()["case_id"] == second.json()["case_id"]
    assert running.sql("SELECT count(*) FROM credit_case") == [(1,)]


def test_steps_out_of_turn_change_nothing(running: Running) -> None:
    case_id = filed(running, running.owner(FIRM))
    operator = running.operator()
    path = f"/v1/disputes/{case_id}/steps"
    assert running.post(path, operator, json={"step": "check"}).status_code == 409
    assert running.post(path, operator, json={"step": "answer"}).status_code == 409
    assert running.post(path, operator, json={"step": "land"}).status_code == 403
    assert running.post(path, operator, json={"step": "fly"}).status_code == 422
    assert running.post(path, running.auditor(), json={"step": "accept"}).status_code == 403
    assert running.get(f"/v1/disputes/{case_id}", operator).json()["state"] == "received"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("disputes/%00", 404),
        ("disputes/%E5%BC%82", 404),
        ("disputes?state=%00", 422),
        ("marks?uscc=%00", 422),
    ],
)
def test_strange_characters_find_nothing(empty: Running, path: str, status: int) -> None:
    assert empty.get(f"/v1/{path}", empty.owner(FIRM)).status_code == status


def test_half_a_character_is_no_text(empty: Running) -> None:
    body = json.dumps({**ROOMS["disputes"], "text": "\ud800"}).encode()
    headers = {"Content-Type": "application/json"}
    answer = empty.post("/v1/disputes", empty.owner(FIRM), content=body, headers=headers)
    assert answer.status_code == 422


def test_every_state_has_words() -> None:
    states = {step.target for step in STEPS} | set(FIRST.values())
    assert set(load_words().states) == states


def test_lists_are_of_one_firm_and_go_on(running: Running) -> None:
    owner = running.owner(FIRM)
    ids: list[str] = []
    for _ in range(3):
        ids.append(filed(running, owner))
        step(running, owner, ids[-1], "withdraw")
    first = running.get("/v1/disputes?limit=2", owner).json()
    rest = running.get("/v1/disputes", owner, params={"limit": 2, "cursor": first["next"]}).json()
    assert [c["case_id"] for c in first["items"] + rest["items"]] == ids[::-1]
    assert rest["next"] is None
    assert PLEA not in str(first)
    filed(running, owner)
    open_ones = running.get("/v1/disputes?state=received", running.operator()).json()["items"]
    assert len(open_ones) == 1


def test_an_auditor_reads_the_case_without_the_owners_words(running: Running) -> None:
    case_id = filed(running, running.owner(FIRM))
    seen = running.get(f"/v1/disputes/{case_id}", running.auditor())
    assert seen.status_code == 200
    assert PLEA not in seen.text


def test_the_owners_words_are_in_no_log_and_no_record(running: Running) -> None:
    owner, operator = running.owner(FIRM), running.operator()
    case_id = filed(running, owner)
    checking(running, operator, case_id)
    step(running, operator, case_id, "reject", basis="与原件一致")
    step(running, operator, case_id, "answer", answer_zh="维持。")
    step(running, owner, case_id, "appeal", text=PLEA + "再次申诉")
    rows = running.sql("SELECT detail || action || result FROM audit_event")
    said = running.sql("SELECT said::text FROM case_event")
    assert rows
    assert PLEA not in str(rows) + str(said) + running.logged.getvalue()


def consent(running: Running, scopes: list[str]) -> None:
    running.sql(
        "INSERT INTO consent (consent_id, uscc, grantee, purpose, scopes, status, valid_from, valid_to, method, granted_at) "
        "VALUES ('C-1', %(uscc)s, %(bank)s, 'apply', %(scopes)s, 'active', '2026-11-01', '2026-12-31', 'online_sign', '2026-11-01')",
        uscc=FIRM,
        bank=BANK,
        scopes=scopes,
    )


def test_a_bank_sees_the_mark_and_the_statement_under_consent(running: Running) -> None:
    owner = running.owner(FIRM)
    filed(running, owner)
    said = running.post("/v1/statements", owner, json={**PENALTY, "text": "正在与执法机关核对。"})
    assert said.status_code == 201
    bank = running.bank(["dispute:marks"])
    marks = f"/v1/marks?uscc={FIRM}&purpose=apply"
    assert running.get(marks, bank).json()["code"] == "need_authorisation"
    consent(running, ["invoice"])
    seen = running.get(marks, bank)
    assert [(m["mark_zh"], m["dataset"]) for m in seen.json()["marks"]] == [
        ("异议中", "admin_penalty")
    ]
    assert [s["text"] for s in seen.json()["statements"]] == ["正在与执法机关核对。"]
    assert PLEA not in seen.text


def test_a_mark_of_a_closed_dataset_is_not_told(running: Running) -> None:
    running.sql(
        "INSERT INTO credit_case (case_id, kind, uscc, dataset, record_key, about, text, state, state_since, filed_by, filed_at) "
        "VALUES ('D-1', 'dispute', %(uscc)s, 'tax_credit_rating', '{\"rating_year\": \"2025\"}', 'others', 'x', 'received', "
        "'2026-11-20', 'p', '2026-11-20')",
        uscc=FIRM,
    )
    bank = running.bank(["dispute:marks"])
    marks = f"/v1/marks?uscc={FIRM}&purpose=apply"
    consent(running, ["invoice"])
    assert running.get(marks, bank).json()["marks"] == []
    running.sql("UPDATE consent SET scopes = '{tax}'")
    assert [m["dataset"] for m in running.get(marks, bank).json()["marks"]] == ["tax_credit_rating"]
    mine = running.get(f"/v1/marks?uscc={FIRM}", running.owner(FIRM)).json()["marks"]
    assert [m["record"] for m in mine] == [{"rating_year": "2025"}]
    other = running.get(f"/v1/marks?uscc={FIRM}", running.owner(NEIGHBOUR))
    assert other.status_code == 404


def test_a_record_that_cannot_be_settled_keeps_both_views(running: Running) -> None:
    owner, operator = running.owner(FIRM), running.operator()
    case_id = filed(running, owner)
    checking(running, operator, case_id)
    step(running, operator, case_id, "record_both", basis="双方各执一词")
    marks = f"/v1/marks?uscc={FIRM}"
    assert running.get(marks, owner).json()["marks"][0]["mark"] == "disputed"
    step(running, operator, case_id, "answer", answer_zh="并列记载。")
    assert running.get(marks, owner).json()["marks"][0]["mark"] == "both_views"
    step(running, owner, case_id, "appeal", text="有新证据")
    assert running.get(marks, owner).json()["marks"][0]["mark"] == "disputed"


def test_a_statement_is_replaced_and_taken_back(running: Running) -> None:
    owner = running.owner(FIRM)
    first = running.post("/v1/statements", owner, json={**PENALTY, "text": "一"}).json()
    second = running.post("/v1/statements", owner, json={**PENALTY, "text": "二"}).json()
    marks = f"/v1/marks?uscc={FIRM}"
    assert [s["text"] for s in running.get(marks, owner).json()["statements"]] == ["二"]
    path = f"/v1/statements/{second['statement_id']}"
    assert running.ask("DELETE", path, running.owner(NEIGHBOUR)).status_code == 404
    assert running.ask("DELETE", path, owner).status_code == 204
    assert (
        running.ask("DELETE", f"/v1/statements/{first['statement_id']}", owner).status_code == 404
    )
    assert running.get(marks, owner).json()["statements"] == []
    long = running.post("/v1/statements", owner, json={**PENALTY, "text": "字" * 501})
    assert long.status_code == 422


def test_what_is_overdue_is_listed_and_raises_one_alarm(running: Running) -> None:
    case_id = filed(running, running.owner(FIRM))
    running.clock.move(days=4, hours=6)  # Tuesday 18:00: not over yet
    operator = running.operator()
    assert running.get("/v1/duties/overdue", operator).json() == []
    running.clock.move(seconds=1)
    operator = running.operator()
    overdue = running.get("/v1/duties/overdue", operator).json()
    assert [(o["case_id"], o["duty"]) for o in overdue] == [(case_id, "forward_to_province")]
    now = running.clock.now
    assert running.run(tend_cases(desk(running), now))["alarms"] == 1
    assert running.run(tend_cases(desk(running), now))["alarms"] == 0
    assert running.sql("SELECT kind, actor FROM alarm") == [("duty_overdue", case_id)]
    assert running.get("/v1/duties/overdue", running.owner(FIRM)).status_code == 403
