"""Loans are reported, corrected by newer versions and never edited; each sees its own."""

import json
from collections.abc import Generator
from datetime import datetime

import pytest

from tests.databases import Ledger
from tests.loan_reports import (
    FIRM,
    GUARANTOR,
    LENDER,
    OTHER_LENDER,
    SECOND,
    grant,
    guarantee,
    guarantor,
    lender,
    month,
)
from tests.service import Running, service


@pytest.fixture
def running(ledger: Ledger) -> Generator[Running]:
    with service(ledger.clone()) as started:
        started.clock.now = datetime(2026, 11, 20, 12)
        yield started


def test_a_loan_stands_as_its_latest_reports_say(running: Running) -> None:
    bank = lender(running)
    assert running.post("/v1/loans", bank, json=grant()).json() == {"result": "taken", "doubts": []}
    late = month(dpd=5, overdue_interest="12.50", five_class=2)
    made = running.post("/v1/loans/L-a/repayments", bank, json=late)
    assert made.status_code == 201, made.text
    loan = running.get("/v1/loans/L-a", bank).json()
    assert (loan["status"], loan["balance"], loan["days_past_due"], loan["five_class"]) == (
        "overdue",
        "90000.00",
        5,
        2,
    )
    assert loan["reported_month"] == "2026-06"
    assert [version["kind"] for version in loan["versions"]] == ["grant", "month"]


def test_a_correction_takes_the_place_of_a_report_and_says_who_when_and_why(
    running: Running,
) -> None:
    bank = lender(running)
    running.post("/v1/loans", bank, json=grant())
    path = "/v1/loans/L-a/repayments"
    running.post(path, bank, json=month())
    other = running.post(path, bank, json=month(balance="80000"))
    assert (other.status_code, other.json()["rule"]) == (409, "already_reported")
    running.clock.move(minutes=5)
    right = month(balance="80000", correction="余额录入错误")
    assert running.post(path, bank, json=right).json()["result"] == "corrected"
    loan = running.get("/v1/loans/L-a", bank).json()
    assert loan["balance"] == "80000.00"
    _, first, second = loan["versions"]
    assert (first["reported"]["balance"], second["reported"]["balance"]) == ("90000.00", "80000.00")
    assert second["supersedes"] == first["report_no"]
    assert (second["version"], second["reason"], second["reported_by"]) == (
        2,
        "余额录入错误",
        bank.id,
    )
    assert second["reported_at"] > first["reported_at"]


def test_the_same_report_again_is_known_again_however_its_numbers_are_written(
    running: Running,
) -> None:
    bank = lender(running)
    running.post("/v1/loans", bank, json=grant(rate="4.5"))
    again = running.post("/v1/loans", bank, json=grant(amount=100000.0, rate=4.50))
    assert again.json()["result"] == "unchanged"
    assert running.sql("SELECT count(*) FROM loan_report") == [(1,)]


def test_an_idempotency_key_gives_the_first_answer(running: Running) -> None:
    bank = lender(running)
    key = {"Idempotency-Key": "once"}
    first = running.post("/v1/loans", bank, json=grant(), headers=key)
    again = running.post("/v1/loans", bank, json=grant(), headers=key)
    assert (first.json()["result"], again.json()["result"]) == ("taken", "taken")
    assert again.headers["Idempotent-Replayed"] == "true"


def test_each_lender_and_each_firm_see_their_own(running: Running) -> None:
    bank, other, owner = lender(running), lender(running, OTHER_LENDER), running.owner(FIRM)
    running.post("/v1/loans", bank, json=grant())
    running.post("/v1/loans", bank, json=grant(loan_id="L-b", uscc=SECOND))
    running.post("/v1/loans", other, json=grant(amount="5000"))
    assert [one["loan_id"] for one in running.get("/v1/loans", bank).json()["items"]] == [
        "L-a",
        "L-b",
    ]
    seen = running.get("/v1/loans", owner).json()["items"]
    assert {(one["institution"], one["amount"]) for one in seen} == {
        (LENDER, "100000.00"),
        (OTHER_LENDER, "5000.00"),
    }
    one = running.get(f"/v1/loans/L-a?institution={OTHER_LENDER}", owner).json()
    assert (one["amount"], one["versions"][0]["reported_by"]) == ("5000.00", None)
    assert running.get("/v1/loans/L-b", owner).status_code == 404
    assert running.get("/v1/loans/L-b", other).status_code == 404
    assert running.post("/v1/loans/L-b/repayments", other, json=month()).status_code == 404


def test_a_guarantor_knows_its_guarantee_and_not_the_lenders_months(running: Running) -> None:
    bank, surety = lender(running), guarantor(running)
    assert running.post("/v1/guarantees", surety, json=guarantee()).status_code == 201
    running.post("/v1/loans", bank, json=grant())
    assert running.get("/v1/loans/L-a", bank).json()["guarantor"] == GUARANTOR
    assert running.get("/v1/loans/L-a", surety).status_code == 404
    assert running.get("/v1/guarantees", surety).json()["items"][0]["guarantee_id"] == "G-a"
    refused = running.post("/v1/guarantees", bank, json=guarantee())
    assert (refused.status_code, refused.json()["rule"]) == (409, "other_kind")
    refused = running.post("/v1/loans", surety, json=grant())
    assert refused.json()["rule"] == "other_kind"


def test_a_guarantee_that_names_another_lender_is_not_of_this_loan(running: Running) -> None:
    bank, surety = lender(running), guarantor(running)
    running.post("/v1/loans", bank, json=grant())
    running.post("/v1/guarantees", surety, json=guarantee(lender=OTHER_LENDER))
    assert running.get("/v1/loans/L-a", bank).json()["guarantor"] is None
    running.post("/v1/guarantees", surety, json=guarantee(guarantee_id="G-b", lender=LENDER))
    assert running.get("/v1/loans/L-a", bank).json()["guarantor"] == GUARANTOR


def test_a_file_says_of_every_row_what_came_of_it(running: Running) -> None:
    bank = lender(running)
    rows = [
        {"kind": "grant", **grant()},
        {"kind": "month", "loan_id": "L-a", **month(written_off="10000")},
        {"kind": "month", "loan_id": "L-a", **month(month="2026-08", balance="70000")},
        {"kind": "month", "loan_id": "L-x", **month()},
        {"kind": "grant", **grant(loan_id="11010519491231002X")},
        {"kind": "month", "loan_id": "L-a", **month(month="2026-13")},
        {"kind": "grant", **grant()},
        "no object",
    ]
    content = "\n".join(json.dumps(row) for row in rows)
    answer = running.post(
        "/v1/loan-files", bank, content=content, headers={"Content-Type": "application/x-ndjson"}
    ).json()
    counted = {name: answer[name] for name in ("rows", "taken", "unchanged", "refused")}
    assert counted == {"rows": 8, "taken": 3, "unchanged": 1, "refused": 4}
    assert [(one["row"], one["code"], one["member"]) for one in answer["listed"]] == [
        (3, "month_gap", ""),
        (4, "unknown_loan", ""),
        (5, "personal_value", "loan_id"),
        (6, "malformed", "month"),
        (8, "malformed", ""),
    ]
    # The grant came twice; 90,000 and 70,000 yuan are left in the two months.
    assert (answer["totals"]["grants"], answer["totals"]["granted_amount"]) == (2, "200000.00")
    assert (answer["totals"]["balance"], answer["totals"]["written_off"]) == (
        "160000.00",
        "10000.00",
    )


def test_a_table_of_text_is_read_like_lines(running: Running) -> None:
    bank = lender(running)
    table = (
        "kind,loan_id,uscc,granted_on,matures_on,amount,month,balance,dpd,five_class,restructured\r\n"
        f"grant,L-a,{FIRM},2026-06-10,2027-06-10,100000,,,,,\r\n"
        "month,L-a,,,,,2026-06,90000,0,1,false\r\n"
    )
    headers = {"Content-Type": "text/csv"}
    answer = running.post("/v1/loan-files", bank, content=table, headers=headers).json()
    assert (answer["taken"], answer["listed"]) == (2, [])
    refused = running.post("/v1/loan-files", bank, content="a,b\n1,2\n", headers=headers)
    assert (refused.status_code, refused.json()["fields"][0]["problem"]) == (422, "file")


def test_what_a_month_adds_up_to_is_held_against_what_was_declared(running: Running) -> None:
    bank = lender(running)
    running.post("/v1/loans", bank, json=grant(guarantee_mode="1"))
    running.post("/v1/loans", bank, json=grant(loan_id="L-b", amount="50000"))
    running.post("/v1/loans/L-a/repayments", bank, json=month(written_off="100", recovered="40"))
    totals = {
        "month": "2026-06",
        "granted_count": 2,
        "granted_amount": "150000",
        "credit_count": 1,
        "credit_amount": "100000",
        "balance": "140000",
        "written_off": "100",
        "recovered": "40",
    }
    answer = running.post("/v1/loan-reconciliations", bank, json=totals).json()
    assert not answer["agrees"]
    # Of L-b no month came: 140,000 - 90,000 are missing.
    different = {one["measure"]: one["difference"] for one in answer["measures"]}
    assert different.pop("balance") == "50000.00"
    assert {float(difference) for difference in different.values()} == {0.0}
    running.post("/v1/loans/L-b/repayments", bank, json=month(balance="50000"))
    assert [one["agrees"] for one in running.get("/v1/loan-reconciliations", bank).json()] == [True]
    assert running.get("/v1/loan-reconciliations", lender(running, OTHER_LENDER)).json() == []
    assert len(running.get("/v1/loan-reconciliations", running.operator()).json()) == 1
    more = totals | {"credit_amount": "150000.01"}
    assert running.post("/v1/loan-reconciliations", bank, json=more).status_code == 422


def test_completeness_counts_the_months_due_of_running_loans(running: Running) -> None:
    bank = lender(running)
    running.post("/v1/loans", bank, json=grant())
    running.post("/v1/loans", bank, json=grant(loan_id="L-b", granted_on="2026-10-31"))
    running.post("/v1/loans", bank, json=grant(loan_id="L-c"))
    for name in ("2026-06", "2026-07", "2026-10"):
        running.post("/v1/loans/L-a/repayments", bank, json=month(month=name))
    running.post("/v1/loans/L-c/closure", bank, json={"closed_on": "2026-07-01"})
    # On the 20th October is due: June to October of L-a are five, October of L-b one; L-c is settled.
    (score,) = running.get("/v1/loan-completeness", bank).json()
    assert (score["months_due"], score["months_received"], score["running_loans"]) == (6, 3, 2)
    assert (score["score"], score["latest_month"]) == (0.5, "2026-10")
    running.clock.now = datetime(2026, 11, 19, 12)
    (score,) = running.get("/v1/loan-completeness", running.operator()).json()
    # The day before, October is not due: four months of L-a alone, two of which came.
    assert (score["months_due"], score["months_received"]) == (4, 2)


@pytest.mark.parametrize("path", ["/v1/loans", "/v1/loans/L-a/closure", "/v1/guarantees"])
def test_nobody_reports_without_a_key(running: Running, path: str) -> None:
    assert running.post(path, json={}).status_code == 401
