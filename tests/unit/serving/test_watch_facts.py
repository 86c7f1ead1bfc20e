"""Signals that rest on what a lender's own loans, other lenders and deliveries say: each fires in a round."""

from collections.abc import Generator, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from features.identifiers import synthetic_uscc
from models.watching.exposures import Firms
from models.watching.look import LookBack
from models.watching.opinions import Judge
from models.watching.setting import Setting, set_watch
from serving.watching import rounds
from serving.watching.rounds import Watcher
from tests.builders import TinyLake, record, registered
from tests.databases import Ledger
from tests.lending import end_watch, lend, narrow_watch, watch
from tests.rated_town import Town, make_town
from tests.service import BANK, OTHER_BANK, Running, service

CODE = "91370100MA{:08d}"
FIRST, SECOND = CODE.format(1), CODE.format(2)
TODAY = datetime(2026, 11, 21, 12)


@pytest.fixture
def running(ledger: Ledger) -> Generator[Running]:
    def settle_in(home: Path) -> None:
        TinyLake(home / "lake", CODE).land("reg_basic", [registered(key) for key in (1, 2)])

    with service(ledger.clone(), before=settle_in) as started:
        started.clock.now = TODAY
        yield started


def land(running: Running, dataset: str, *rows: dict[str, str], key: int = 1) -> None:
    lake = TinyLake(running.house.settings.home / "lake", CODE)
    lake.land(dataset, [record(key, dataset, row) for row in rows])


def a_round(running: Running) -> None:
    """Everybody is asked, as by a process that has just begun."""
    running.clock.now += timedelta(minutes=1)
    watcher = Watcher(running.house.settings.home, running.house.subject_of)
    running.run(watcher.work(running.house.database, running.clock.now))


def open_signals(running: Running, institution: str = BANK) -> set[tuple[str, str]]:
    found = running.sql(
        "SELECT uscc, signal FROM alert WHERE institution = %(whose)s AND state <> 'closed'",
        whose=institution,
    )
    return {(str(uscc), str(signal)) for uscc, signal in found}


def mortgage(proof: str, to: str, on: str) -> dict[str, str]:
    return {"proof_no": proof, "mortgagee_id": to, "registered_on": on}


def test_a_new_mortgage_to_another_lender_warns_who_has_its_scope(running: Running) -> None:
    for uscc in (FIRST, SECOND):
        lend(running, uscc, granted_on=date(2026, 9, 1))
        lend(running, uscc, granted_on=date(2026, 9, 1), institution=OTHER_BANK)
        watch(running, uscc, "realestate")
    watch(running, FIRST, "realestate", institution=OTHER_BANK)
    land(running, "realestate_mortgage", mortgage("1", OTHER_BANK, "2026-11-10"))
    # Registered before the loan was granted, and learnt of this month.
    old = {**mortgage("2", OTHER_BANK, "2026-08-31"), "known": "2026-11-10"}
    land(running, "realestate_mortgage", old, key=2)
    a_round(running)
    assert open_signals(running) == {(FIRST, "W09")}
    assert open_signals(running, OTHER_BANK) == set()


def ask(running: Running, uscc: str, institution: str, at: datetime, purpose: str = "pre_credit") -> None:  # fmt: skip
    running.sql(
        "INSERT INTO rating (rating_id, uscc, institution, asked_by, scope, opened, consents, purpose, need_id, "
        "is_public_only, as_of, rated_at, valid_until, model, bundle_id, lake_version, score, grade, feature_hash, "
        "document) VALUES (%(id)s, %(uscc)s, %(whose)s, 'A-1', 'grantee', '{}', '{}', %(purpose)s, '', false, %(at)s, "
        "%(at)s, %(at)s, 'm', 'b', 1, 600, 'BB', '', '{}')",
        id=f"R-{next(running.numbers)}",
        uscc=uscc,
        whose=institution,
        purpose=purpose,
        at=at,
    )


def test_three_lenders_that_asked_within_90_days_warn_who_sees_loans_elsewhere(
    running: Running,
) -> None:
    lenders = [synthetic_uscc("test", f"{number}") for number in range(3)]
    at = running.clock.now + timedelta(minutes=1)  # of the round
    for uscc, days in ((FIRST, 89), (SECOND, 90)):
        lend(running, uscc)
        watch(running, uscc, "loan")
        ask(running, uscc, lenders[0], at - timedelta(days=days))
        for lender in (lenders[1], lenders[2], lenders[2]):
            ask(running, uscc, lender, at - timedelta(days=1))
        ask(running, uscc, "91370000MA3BANK03X", at, purpose="postloan")
    lend(running, FIRST, institution=OTHER_BANK)
    watch(running, FIRST, "tax", institution=OTHER_BANK)
    a_round(running)
    assert open_signals(running) == {(FIRST, "W48")}
    # Who asks elsewhere is not told without the scope that opens loans elsewhere.
    assert open_signals(running, OTHER_BANK) == set()
    # Which signal it is may be known, the number not.
    assert running.sql("SELECT evidence, needs FROM alert WHERE institution = %(b)s", b=BANK) == [
        ([], ["loan", "postloan"])
    ]


def test_a_green_loan_whose_label_lapsed_warns(running: Running) -> None:
    for uscc, is_green in ((FIRST, True), (SECOND, False)):
        loan_id = lend(running, uscc)
        running.sql("UPDATE loan SET is_green = %(g)s WHERE loan_id = %(i)s", g=is_green, i=loan_id)
        watch(running, uscc, "carbon")
    quarter = {"period": "2026Q2", "period_end": "2026-06-30", "emission_tco2e": "1", "grade": "yellow"}  # fmt: skip
    before = {**quarter, "period": "2026Q1", "period_end": "2026-03-31"}
    for key in (1, 2):
        land(running, "carbon_account", before, {**quarter, "label_cert_until": "2026-11-20"}, key=key)  # fmt: skip
    a_round(running)
    assert open_signals(running) == {(FIRST, "W51")}


def test_a_feed_that_stopped_under_a_live_consent_warns(running: Running) -> None:
    consents = dict[str, str]()
    for key, uscc in ((1, FIRST), (2, SECOND)):
        lend(running, uscc)
        consents[uscc] = watch(running, uscc, "social_insurance")
        months = [
            {"month": month, "insured": "4", "employer_amount": "1.00"}
            for month in ("202607", "202608")
        ]
        land(running, "pension_month", *months[: 3 - key], key=key)
    # It came in when it was opened: the second firm's August has been due since 20 September.
    running.sql("UPDATE consent SET valid_from = '2026-09-20' WHERE status = 'active'")
    running.clock.now = datetime(2026, 11, 4, 12)
    a_round(running)
    assert open_signals(running) == set()  # 45 days after 20 September
    running.clock.now = datetime(2026, 11, 5, 12)
    a_round(running)
    assert open_signals(running) == {(SECOND, "W56")}
    running.sql("UPDATE consent SET valid_from = '2026-09-21' WHERE status = 'active'")
    end_watch(running, consents[FIRST])
    running.clock.now = datetime(2026, 12, 10, 12)
    a_round(running)
    # The first firm's September has been late for 51 days by now, but nothing of it is open any more.
    assert open_signals(running) == {(SECOND, "W56")}


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Town:
    return make_town(tmp_path_factory.mktemp("town"))


def alert_about_model(running: Running) -> dict[str, Any]:
    (alert,) = running.get("/v1/alerts?signal=W54", running.bank(["alert:read"])).json()["items"]
    return alert


def test_a_lender_is_told_what_changed_since_it_granted_the_loan(
    ledger: Ledger, town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    uscc, days = town.usccs[0], list[date]()

    def set_to_warn(bundles: Path, tables: Path, day: date) -> Setting:
        """The champion as a warning that warns of everybody."""
        found = set_watch(bundles, tables, day)
        assert found.watch.rating is not None
        warning = Judge(found.watch.rating.bundle)
        return replace(found, watch=replace(found.watch, warning=warning, cut_off=0.0))

    class Counted(LookBack):
        def firms(self, day: date, usccs: Sequence[str]) -> Firms:
            days.append(day)
            return super().firms(day, usccs)

    monkeypatch.setattr(rounds, "set_watch", set_to_warn)
    monkeypatch.setattr(rounds, "LookBack", Counted)
    with service(ledger.clone(), before=town.move_in) as running:
        running.clock.now = TODAY
        lend(running, uscc, granted_on=date(2026, 3, 15))
        watch(running, uscc, "invoice", "tax", "utilities", "social_insurance")
        a_round(running)
        alert = alert_about_model(running)
        said = alert["seen"]["since_grant"][0]
        assert said["zh"].startswith("自 2026-03-15 放款以来，预警模型评分由 ")
        assert "（2026-02-28）变为 " in said["zh"]
        assert not any("放款" in one["zh"] for one in alert["seen"]["says"])
        page = f"/bank/alerts/{alert['alert_id']}"
        assert said["zh"] in running.get(page, running.person("officer", BANK)).text
        assert set(days) == {date(2026, 2, 28)}
        # A day later it holds as before: what was told stands, and nobody is looked up again.
        days.clear()
        running.clock.now += timedelta(days=1)
        a_round(running)
        assert alert_about_model(running)["seen"]["since_grant"] == alert["seen"]["since_grant"]
        assert days == []
        # With less open to the lender it is told anew, of what is open alone.
        narrow_watch(running, only_consent(running), "invoice", "utilities", "social_insurance")
        a_round(running)
        assert set(days) == {date(2026, 2, 28)}
        narrower = alert_about_model(running)["seen"]["since_grant"]
        assert narrower[0]["zh"].startswith(
            ("自 2026-03-15 放款", "无法与放款时（2026-03-15）对比")
        )
        assert narrower != alert["seen"]["since_grant"]


def only_consent(running: Running) -> str:
    ((consent_id,),) = running.sql(
        "SELECT consent_id FROM consent WHERE grantee = %(bank)s AND status = 'active'", bank=BANK
    )
    return str(consent_id)
