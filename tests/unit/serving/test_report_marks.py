"""Disputed, commented and repaired records in reports."""

from collections.abc import Generator
from typing import Any

import pytest

from serving.database.addresses import Addresses
from tests.cases import FIRM, PENALTY, PENALTY_NO, cases, filed, land
from tests.service import Ask, Running


@pytest.fixture(scope="module")
def running(fresh_database: Addresses) -> Generator[Running]:
    with cases(fresh_database) as started:
        yield started


def report(running: Running, who: Ask, purpose: str = "apply") -> dict[str, Any]:
    made = running.post("/v1/reports", who, json={"uscc": FIRM, "purpose": purpose})
    assert made.status_code == 201, made.text
    return made.json()


def penalties(made: dict[str, Any]) -> dict[str, Any]:
    parts = [part for s in made["report"]["sections"] for part in s.get("parts", ())]
    return next(part for part in parts if part["dataset"] == "admin_penalty")


def test_a_record_is_marked_commented_and_gone_once_repaired(running: Running) -> None:
    owner, bank = running.owner(FIRM), running.bank(["report:create", "report:read"])
    [row] = penalties(report(running, bank))["rows"]
    assert set(row) == {"values"}

    filed(running, owner)
    said = {**PENALTY, "text": "已全部缴清。"}
    assert running.post("/v1/statements", owner, json=said).status_code == 201
    made = report(running, bank)
    [row] = penalties(made)["rows"]
    since = running.clock.now.date().isoformat()
    assert row["marks"] == [{"mark": "disputed", "since": since}]
    assert row["statements"] == ["已全部缴清。"]
    [section] = [s for s in made["report"]["sections"] if s["code"] == "objections"]
    assert [one["dataset"] for one in section["marks"]] == ["admin_penalty"]
    page = running.get(f"/v1/reports/{made['number']}.html", bank).text
    assert "异议中" in page
    assert "已全部缴清。" in page

    notice = {"dataset": "admin_penalty", "record_no": PENALTY_NO, "decided_by": "信用中国"}
    row = {"uscc": FIRM, **notice, "repaired_at": "2026-11-01 09:00:00"}
    land(running.house.settings.home, "credit_repair", row, now=running.clock.now)
    assert penalties(report(running, bank))["state"] == "no_record"
    again = running.get(f"/v1/reports/{made['number']}", bank)
    assert (again.status_code, again.json()["code"]) == (409, "report_outdated")
    # The firm keeps what was said of it, and alone is told of the repair.
    assert running.get(f"/v1/reports/{made['number']}", owner).status_code == 200
    states = {
        who: next(
            part["state"]
            for s in told["report"]["sections"]
            for part in s.get("parts", ())
            if part["dataset"] == "credit_repair"
        )
        for who, told in (
            ("bank", report(running, bank)),
            ("owner", report(running, owner, "self_report")),
        )
    }
    assert states == {"bank": "not_shared", "owner": "shown"}
