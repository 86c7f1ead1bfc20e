"""A portfolio: every institution its own, the platform in the large, counts that add up."""

from collections.abc import Generator
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.database.addresses import Addresses
from serving.portfolio.hiding import hide_small
from tests.lending import end_watch, lend, watch
from tests.service import BANK, OTHER_BANK, Ask, Running, service

PATH = "/v1/portfolio"
MAY = ["portfolio:read"]


@pytest.fixture(scope="module")
def running(fresh_database: Addresses) -> Generator[Running]:
    with service(fresh_database) as started:
        yield started


@pytest.fixture(autouse=True)
def _nothing_is_lent_yet(running: Running) -> None:
    running.sql(
        "DELETE FROM loan; DELETE FROM alert; DELETE FROM rating; DELETE FROM consent_event"
    )


def firm(number: int, region: str = "371302") -> str:
    return f"91{region}MA{number:07d}X"


def warn(running: Running, uscc: str, level: str, began: datetime, **more: Any) -> None:
    """An alert, open unless `closed` says when it was closed."""
    closed = more.get("closed")
    running.sql(
        "INSERT INTO alert (alert_id, institution, uscc, name, signal, dimension, level, state, began_at, level_since,"
        " as_of, counted, less_runs, outcome, closed_at, has_cleared, reopened, repeats, found_on, found_at, model,"
        " datasets, needs, evidence, says) VALUES (%(id)s, %(institution)s, %(uscc)s, 'x', %(id)s, 'F5', %(level)s,"
        " %(state)s, %(began)s, %(began)s, %(began)s, %(began)s, 0, %(outcome)s, %(closed)s, false, 0, 0, %(began)s,"
        " %(began)s, '', '{}', '{}', '{}', '{}')",
        id=f"W-{next(running.numbers)}",
        institution=more.get("institution", BANK),
        uscc=uscc,
        level=level,
        state="closed" if closed else "pushed",
        outcome="mitigated" if closed else None,
        closed=closed,
        began=began,
    )


def rate(running: Running, uscc: str, grade: str, as_of: date, **more: Any) -> None:
    """A rating of the institution's, made from scopes `postloan` and `tax`."""
    running.sql(
        "INSERT INTO rating (rating_id, uscc, institution, asked_by, scope, opened, consents, purpose, need_id,"
        " is_public_only, as_of, rated_at, valid_until, model, bundle_id, lake_version, score, grade, feature_hash,"
        " document) VALUES (%(id)s, %(uscc)s, %(institution)s, 'system', 'grantee', '{postloan,tax}', '{}', 'postloan',"
        " '', false, %(as_of)s, %(as_of)s, %(as_of)s, 'm', 'b', 1, 600, %(grade)s, '', '{}')",
        id=f"R-{next(running.numbers)}",
        uscc=uscc,
        institution=more.get("institution", BANK),
        as_of=as_of,
        grade=grade,
    )


def told(running: Running, who: Ask, **params: str) -> Any:
    answer = running.get(PATH, who, params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_loans_are_counted_once_and_only_while_they_run(running: Running) -> None:
    bank, now = running.bank(MAY), running.clock.now
    first, second, third = firm(1), firm(2, "371311"), firm(3)
    lend(running, first, balance_fen=100_00, product_code="P01")
    lend(running, first, balance_fen=300_50, product_code="P02", days_past_due=31, status="overdue")
    lend(running, second, balance_fen=50_00, days_past_due=30)
    lend(running, third, status="settled")
    lend(running, third, institution=OTHER_BANK, guarantor=BANK)
    for uscc, level in ((first, "R"), (first, "Y"), (second, "Y"), (third, "O")):
        warn(running, uscc, level, now)
    warn(running, first, "R", now, institution=OTHER_BANK)
    warn(running, second, "O", now - timedelta(days=40), closed=now)
    seen = told(running, bank)
    # 100.00 + 300.50 + 50.00; 31 days are more than 30, 30 are not; the third owes nothing any more.
    assert (seen["borrowers"], seen["loans"], seen["balance"]) == (2, 3, "450.50")
    assert (seen["overdue"], seen["guaranteed"]) == (1, 1)
    assert seen["alerts"] == {"R": 1, "O": 0, "Y": 2, "B": 0}
    assert [
        (part["code"], part["borrowers"], part["balance"], part["alerts"]["Y"])
        for part in seen["regions"]
    ] == [("371302", 1, "400.50", 1), ("371311", 1, "50.00", 1)]
    assert seen["regions"][0]["words"]["zh"] == "兰山区"
    # The first firm counts under the product of its largest loan.
    assert [(part["code"], part["balance"]) for part in seen["products"]] == [
        ("P02", "400.50"),
        ("P01", "50.00"),
    ]
    assert [part["code"] for part in seen["industries"]] == [""], "no build says it here"
    assert [(one["month"], one["new"], one["closed"]) for one in seen["months"][-2:]] == [
        ("2026-10", 1, 0),
        ("2026-11", 4, 1),
    ]
    assert (len(seen["months"]), seen["months"][0]["month"]) == (12, "2025-12")


def test_grades_count_while_they_are_open_and_move_over_three_months(running: Running) -> None:
    bank, today = running.bank(MAY), running.clock.now.date()
    before = date(2026, 8, 20)  # three months before 20 November
    worse, closed, fresh, old = (firm(number) for number in range(10, 14))
    for uscc in (worse, closed, fresh, old):
        lend(running, uscc)
    ended = watch(running, closed, "tax")
    for uscc in (worse, fresh, old):
        watch(running, uscc, "tax")
    rate(running, worse, "A", before)
    rate(running, worse, "AAA", before + timedelta(days=1))  # neither then nor the latest
    rate(running, worse, "BB", today)
    rate(running, closed, "CCC", today)
    rate(running, fresh, "AA", today)
    rate(running, fresh, "C", today, institution=OTHER_BANK)
    rate(running, old, "B", date(2026, 5, 20))  # six months before: too old even for then
    end_watch(running, ended)
    seen = told(running, bank)
    graded = {one["grade"]: one["borrowers"] for one in seen["grades"] if one["borrowers"]}
    assert (graded, seen["ungraded"]) == ({"BB": 1, "AA": 1}, 2)
    moved = seen["migration"]
    assert (moved["then"], moved["better"], moved["same"], moved["worse"]) == (
        before.isoformat(),
        0,
        0,
        1,
    )
    grades = moved["grades"]
    assert moved["borrowers"][grades.index("A")][grades.index("BB")] == 1
    assert sum(map(sum, moved["borrowers"])) == 1


def test_the_platform_sees_no_small_counts_and_must_say_whose(running: Running) -> None:
    operator, now = running.operator(), running.clock.now
    for number in range(12):
        lend(running, firm(100 + number))
    lend(running, firm(200, "371311"))
    for _ in range(3):
        warn(running, firm(100), "R", now)
    seen = told(running, operator, institution=BANK)
    assert (seen["borrowers"], seen["overdue"]) == (13, 0)
    # One of one region could be reckoned from 13 - 12, so the twelve are hidden, too.
    assert [(part["borrowers"], part["balance"]) for part in seen["regions"]] == [(None, None)] * 2
    assert seen["alerts"] == {"R": None, "O": 0, "Y": 0, "B": 0}
    assert seen["months"][-1]["new"] is None
    asked = running.get(PATH, operator)
    assert (asked.status_code, asked.json()["code"]) == (422, "malformed")


def test_nobody_sees_anothers(running: Running) -> None:
    running.institution(OTHER_BANK)
    bank = running.bank(MAY)
    assert running.get(PATH).status_code == 401
    assert running.get(PATH, bank, params={"institution": OTHER_BANK}).status_code == 404
    assert running.get(PATH, running.owner()).status_code == 403
    assert told(running, bank, institution=BANK) == told(running, running.officer())


def test_the_page_says_it_in_both_languages(running: Running) -> None:
    officer = running.officer()
    lend(running, firm(300))
    warn(running, firm(300), "R", running.clock.now)
    chinese = running.get("/bank/portfolio", officer).text
    assert "兰山区" in chinese
    assert "红色" in chinese
    assert "50.00" in chinese, "500,000 yuan are fifty times ten thousand"
    english = running.get("/bank/portfolio", officer, params={"lang": "en"}).text
    assert "How grades moved" in english
    assert chinese.count('aria-current="page"') == 1


@given(counts=st.lists(st.integers(0, 40), max_size=8), least=st.integers(1, 12))
def test_no_small_count_is_told_or_can_be_reckoned(counts: list[int], least: int) -> None:
    shown = hide_small(counts, least)
    assert all(one is None or one == 0 or one >= least for one in shown)
    assert all(one in {None, count} for one, count in zip(shown, counts, strict=True))
    others = sum(count > 0 for count in counts)
    assert shown.count(None) != 1 or others == 1
