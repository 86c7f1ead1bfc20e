"""From a need to an answer: who sees an application, what consent opens of it, clocks, and what answers teach."""

from collections.abc import Generator
from datetime import timedelta
from typing import Any

import pytest

from features.identifiers import synthetic_uscc
from models.matching.chances import FILE_NAME, load_belief, read_chances
from serving.database.addresses import Addresses
from serving.needs.tasks import BATCH, Desk, refit, tend_applications
from tests.applying import FIRM, NEED, PRODUCT, apply, match, offer, state_need
from tests.consents_by_hand import grant
from tests.service import BANK, OTHER_BANK, Ask, Running, service
from tests.service import FIRM as UNKNOWN

OTHER_FIRM = synthetic_uscc("applying", "other firm")
MAY = ["need:create", "need:read", "application:read", "application:change"]
_BANKS = (
    "UPDATE match SET institution = %(bank)s, scope = 'grantee', opened = '{tax}', consents = '{C-0}' "
    "WHERE match_id = %(match)s"
)


@pytest.fixture(scope="module")
def running(fresh_database: Addresses) -> Generator[Running]:
    with service(fresh_database) as started:
        started.institution()
        started.institution(OTHER_BANK)
        offer(started)
        yield started


@pytest.fixture(autouse=True)
def _nobody_has_applied(running: Running) -> None:
    running.sql("DELETE FROM application_event; DELETE FROM application; DELETE FROM notice")


def step(running: Running, who: Ask, application_id: str, name: str, **body: object) -> Any:
    path = f"/v1/applications/{application_id}/{name}"
    return running.post(path, who, json=body) if name != "withdraw" else running.post(path, who)


def seen(running: Running, who: Ask, application_id: str) -> Any:
    answer = running.get(f"/v1/applications/{application_id}", who)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_need_is_its_firms_and_of_the_officer_who_took_it_down(running: Running) -> None:
    owner, officer = running.owner(FIRM), running.officer()
    own, taken = state_need(running, owner), state_need(running, officer)
    stranger = running.owner(OTHER_FIRM)
    statuses = [running.get(f"/v1/needs/{one}", who).status_code for who in (owner, officer, stranger) for one in (own, taken)]  # fmt: skip
    assert statuses == [200, 200, 404, 200, 404, 404]
    listed = running.get("/v1/needs", officer).json()["items"]
    assert [(one["need_id"], one["source"]) for one in listed] == [(taken, "officer")]
    wrong = {"uscc": FIRM, "need": NEED, "statements": {"offers_guarantor": "perhaps"}}
    refused = running.post("/v1/needs", owner, json=wrong)
    assert (refused.status_code, refused.json()["fields"][0]["place"]) == (
        422,
        "body.statements.offers_guarantor",
    )


def test_no_need_is_kept_of_a_code_that_the_lake_would_reject(running: Running) -> None:
    # Right in form; its check characters are not.
    body = {"uscc": UNKNOWN, "need": NEED}
    before = running.sql("SELECT count(*) FROM financing_need")
    for who in (running.owner(UNKNOWN), running.officer()):
        refused = running.post("/v1/needs", who, json=body)
        assert (refused.status_code, refused.json()["rule"]) == (409, "uscc")
    form = {"match_id": match(running, UNKNOWN), "product": PRODUCT}
    pressed = running.post("/me/applications", running.owner(UNKNOWN), data=form)
    assert (pressed.status_code, pressed.json()["rule"]) == (409, "uscc")
    assert running.sql("SELECT count(*) FROM financing_need") == before


def test_applying_twice_gives_the_open_application(running: Running) -> None:
    owner = running.owner(FIRM)
    body = {"need_id": state_need(running, owner), "match_id": match(running), "product": PRODUCT}
    first, again = (running.post("/v1/applications", owner, json=body) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["application_id"] == again.json()["application_id"]
    both = running.together(
        *(running.asking("POST", "/v1/applications", owner, json=body) for _ in range(2))
    )
    assert {one.json()["application_id"] for one in both} == {first.json()["application_id"]}
    assert len(first.json()["history"]) == 1
    step(running, owner, first.json()["application_id"], "withdraw")
    anew = running.post("/v1/applications", owner, json=body)
    assert anew.status_code == 201
    assert anew.json()["application_id"] != first.json()["application_id"]


def test_only_what_a_valid_match_of_ones_own_shows_may_be_applied_for(running: Running) -> None:
    owner = running.owner(FIRM)
    need_id = state_need(running, owner)
    offer(running, code="UNSEEN")

    def answered(match_id: str, product: str = PRODUCT) -> tuple[int, object]:
        body = {"need_id": need_id, "match_id": match_id, "product": product}
        found = running.post("/v1/applications", owner, json=body)
        return found.status_code, found.json().get("because")

    others = match(running, OTHER_FIRM)
    assert answered(others) == (404, None)
    assert answered(match(running), "UNSEEN") == (409, "not_in_match")
    assert answered(match(running, FIRM, "P01"), "P01") == (409, "no_lender")
    old = match(running)
    running.sql(
        "UPDATE match SET valid_until = valid_until - 1 WHERE match_id = %(match)s", match=old
    )
    assert answered(old) == (409, "match_expired")


def test_a_page_applies_with_the_need_and_words_its_match_was_made_for(running: Running) -> None:
    owner = running.owner(FIRM)

    def press(match_id: str, **more: str) -> Any:
        form = {"match_id": match_id, "product": PRODUCT, **more}
        return running.post("/me/applications", owner, data=form)

    given: dict[str, object] = {
        "offers": {"offers_guarantor": True},
        "statements": {"monthly_turnover_cny": 300000.0},
    }
    mine = match(running, told=given)
    # What else a form says is no word of the firm's: the match counts.
    assert press(mine, amount_cny="1", monthly_turnover_cny="9").status_code == 303
    (made,) = running.get("/v1/applications", owner).json()["items"]
    assert (made["amount_cny"], made["term_months"]) == (NEED["amount_cny"], NEED["term_months"])
    assert made["statements"] == {"offers_guarantor": True, "monthly_turnover_cny": 300000.0}

    kept = "SELECT (SELECT count(*) FROM financing_need), (SELECT count(*) FROM need_change)"
    before = running.sql(kept)
    assert press(match(running, told=given)).status_code == 303
    assert running.sql(kept) == before
    step(running, owner, made["application_id"], "withdraw")
    ((needs, changes),) = running.sql(kept)
    form = {"match_id": mine, "product": PRODUCT}
    pressed = running.together(
        *(running.asking("POST", "/me/applications", owner, data=form) for _ in range(4))
    )
    assert {one.status_code for one in pressed} == {303}
    # The application has the need that was stated with it: one line of each for the export.
    assert running.sql(kept) == [(needs + 1, changes + 2)]
    assert len(running.get("/v1/applications?state=open", owner).json()["items"]) == 1

    banks = match(running, told=given)
    running.sql(_BANKS, bank=BANK, match=banks)
    assert press(banks).status_code == 404
    needs = len(running.get("/v1/needs", owner).json()["items"])
    lenders_word = press(match(running, told={"statements": {"old_loan_balance_cny": 1.0}}))
    assert (lenders_word.status_code, lenders_word.json()["code"]) == (422, "malformed")
    assert press(match(running, FIRM, "OTHER")).json()["because"] == "not_in_match"
    assert len(running.get("/v1/needs", owner).json()["items"]) == needs


def test_an_institution_sees_its_own_products_applications_and_what_consent_opens(
    running: Running,
) -> None:
    owner, bank, other = running.owner(FIRM), running.bank(MAY), running.bank(MAY, uscc=OTHER_BANK)
    made = apply(running, owner)
    closed = seen(running, bank, made)
    assert closed["statements"] is None
    assert (closed["opened"], "tax" in closed["need_authorisation"]) == ([], True)
    assert not {"grade", "match_id"} & closed.keys()
    assert running.get(f"/v1/applications/{made}", other).status_code == 404
    assert running.get("/v1/applications", other).json()["items"] == []
    assert step(running, other, made, "contact").status_code == 404
    grant(running, FIRM, "tax")
    opened = seen(running, bank, made)
    assert opened["statements"] == {"offers_guarantor": True}
    assert (opened["opened"], "tax" in opened["need_authorisation"]) == (["tax"], False)
    assert seen(running, owner, made)["opened"] == ["tax"]


def test_from_contact_to_grant_with_the_loan_it_became(running: Running) -> None:
    owner, officer = running.owner(FIRM), running.officer()
    made = apply(running, owner)
    assert step(running, owner, made, "contact").status_code == 403
    assert step(running, officer, made, "contact", text="已电话联系").status_code == 200
    running.sql(
        "INSERT INTO loan (institution, loan_id, lake_id, uscc, granted_on, matures_on, amount_fen, balance_fen,"
        " days_past_due, five_class, status, updated_at) VALUES (%(bank)s, 'L-1', 'L-1', '91370000MA3OTHER1X',"
        " '2026-06-01', '2027-06-01', 100000, 100000, 0, 1, 'running', %(now)s)",
        bank=BANK,
        now=running.clock.now,
    )
    granting = {"amount_cny": "400000.00", "rate_percent": 4.35, "term_months": 12}
    anothers = step(running, officer, made, "grant", loan_id="L-1", **granting)
    assert (anothers.status_code, anothers.json()["because"]) == (409, "loan_of_another")
    granted = step(running, officer, made, "grant", loan_id="L-2", **granting).json()
    assert (granted["state"], granted["granted_cny"], granted["loan_id"]) == (
        "granted",
        "400000.00",
        "L-2",
    )
    assert (granted["decide_by"], granted["need_authorisation"]) == (None, [])
    assert [one["step"] for one in granted["history"]] == ["apply", "contact", "grant"]
    assert step(running, owner, made, "withdraw").status_code == 409


def test_a_granted_one_is_revisited_once_and_a_late_lender_is_reminded(running: Running) -> None:
    made, reported = (apply(running, running.owner(firm)) for firm in (FIRM, OTHER_FIRM))
    desk = Desk(running.house.database, running.house.subject_of)
    start = running.clock.now
    # An answer that came late was told of; the revisit has a clock and a reminder of its own.
    running.clock.move(days=20)
    assert running.run(tend_applications(desk, running.clock.now)) == 2
    officer = running.officer()
    assert step(running, officer, made, "revisit", outcome="in_use").status_code == 409
    for one in (made, reported):
        assert step(running, officer, one, "grant", amount_cny="1").status_code == 200

    def duties() -> list[tuple[str, str, bool]]:
        rows = running.get("/v1/application-duties", running.operator()).json()
        assert not any("uscc" in row for row in rows)
        return [(row["application_id"], row["due"], row["is_overdue"]) for row in rows]

    assert duties() == [(made, "revisit", False), (reported, "revisit", False)]
    assert running.run(tend_applications(desk, running.clock.now)) == 0
    running.clock.move(days=31)
    assert duties() == [(made, "revisit", True), (reported, "revisit", True)]
    assert [running.run(tend_applications(desk, running.clock.now)) for _ in range(2)] == [2, 0]
    officer, operator, owner = running.officer(), running.operator(), running.owner(FIRM)
    waiting = running.get("/v1/applications?state=revisit", officer).json()["items"]
    assert [one["overdue"] for one in waiting] == ["revisit", "revisit"]

    wrong = step(running, officer, made, "revisit", outcome="no_luck")
    assert (wrong.status_code, "in_use" in wrong.json()["detail"]) == (422, True)
    for text in ("长" * 501, "\x1b[2J"):
        refused = step(running, officer, made, "revisit", outcome="in_use", text=text)
        assert (refused.status_code, refused.json()["fields"][0]["place"]) == (422, "body.text")
    remark = "<b>已上门</b>" + "。" * 490
    asked = step(running, officer, made, "revisit", outcome="hard_to_repay", text=remark)
    assert (asked.status_code, asked.json()["words"]["zh"]) == (200, "还款有困难")
    assert step(running, owner, made, "revisit", outcome="in_use").status_code == 403
    told = step(running, operator, reported, "revisit", outcome="in_use", satisfaction=4, text=remark)  # fmt: skip
    assert told.json().keys() == {
        "application_id", "institution", "product", "outcome", "words", "satisfaction",
    }  # fmt: skip
    assert step(running, operator, reported, "revisit", outcome="in_use").status_code == 409
    assert duties() == []
    found = seen(running, owner, made)
    assert (found["revisit_by"], found["revisit_outcome"]) == (None, "hard_to_repay")
    assert (found["state"], found["satisfaction"]) == ("granted", None)
    assert seen(running, officer, reported)["satisfaction"] == 4
    assert [one["step"] for one in found["history"]] == ["apply", "remind", "grant", "remind", "revisit"]  # fmt: skip
    assert found["history"][-1]["said"]["text"] == remark
    assert "&lt;b&gt;已上门" in running.get(f"/bank/applications/{made}", officer).text
    recorded = "SELECT count(*) FROM audit_event WHERE strpos(audit_event::text, '上门') > 0"
    assert (running.sql(recorded), "上门" in running.logged.getvalue()) == ([(0,)], False)
    running.clock.now = start


def test_a_refusal_gives_a_reason_of_the_list_and_the_firm_is_told(running: Running) -> None:
    owner, bank = running.owner(FIRM), running.bank(MAY)
    made = apply(running, owner)
    refused = step(running, bank, made, "decline", reason="no_luck")
    assert (refused.status_code, "repayment_ability" in refused.json()["detail"]) == (422, True)
    assert step(running, bank, made, "decline", reason="repayment_ability").status_code == 200
    assert seen(running, owner, made)["reason_words"]["zh"] == "还款来源不足"
    codes = [one["code"] for one in running.get("/v1/decline-reasons", bank).json()]
    assert "repayment_ability" in codes


def test_who_is_late_is_listed_alarmed_and_reminded_once_and_the_unanswered_ends(
    running: Running,
) -> None:
    owner, operator = running.owner(FIRM), running.operator()
    made = apply(running, owner)
    start = running.clock.now
    desk = Desk(running.house.database, running.house.subject_of)

    def tend() -> int:
        return running.run(tend_applications(desk, running.clock.now))

    def alarms() -> int:
        query = "SELECT count(*) FROM alarm WHERE kind = 'application_overdue' AND actor = %(id)s"
        return int(running.sql(query, id=made)[0][0])

    assert (tend(), running.get("/v1/application-duties", operator).json()) == (0, [])
    running.clock.move(days=5)
    (late,) = running.get("/v1/application-duties", running.operator()).json()
    assert (late["application_id"], late["due"], late["institution"]) == (made, "contact", BANK)
    assert "uscc" not in late
    assert ([tend(), tend()], alarms()) == ([1, 0], 1)
    step(running, running.officer(), made, "contact")
    assert (tend(), alarms()) == (0, 1)
    running.clock.move(days=12)
    assert ([tend(), tend()], alarms()) == ([1, 0], 2)
    running.clock.move(days=30)
    assert tend() == 1
    assert seen(running, running.owner(FIRM), made)["state"] == "expired"
    running.clock.now = start
    assert BATCH > 1


def test_answers_teach_the_chances_of_approval(running: Running) -> None:
    belief = load_belief(running.clock.now.date())
    home = running.house.settings.home
    path = home / "matching" / FILE_NAME
    assert running.run(refit(running.house.database, home, running.clock.now)) == 0
    bank = running.bank(MAY)
    for number in range(12):
        owner = running.owner(synthetic_uscc("applying", str(number)))
        running.sql(
            "INSERT INTO rating (rating_id, uscc, institution, asked_by, scope, opened, consents, purpose, need_id,"
            " is_public_only, as_of, rated_at, valid_until, model, bundle_id, lake_version, score, grade, feature_hash,"
            " document) VALUES (%(id)s, %(uscc)s, '', 'U', 'self', '{}', '{}', 'self_report', '', false, %(now)s, %(now)s,"
            " %(now)s, 'm', 'b', 1, 600, 'BB', '', '{}')",
            id=f"R-{number}", uscc=owner.tenant, now=running.clock.now,
        )  # fmt: skip
        made = apply(running, owner)
        answered = step(running, bank, made, "decline", reason="debt_too_high")
        assert answered.status_code == 200
    assert running.run(refit(running.house.database, home, running.clock.now)) == 12
    found = read_chances(path, belief)
    assert found.fitted_on == running.clock.now.date()
    learnt = found.products[PRODUCT]
    bb = found.letters.index("BB")
    assert (learnt.answered, learnt.approve[bb] < found.everything.approve[bb] < 0.5) == (12, True)
    # Matches of other tests were seen and came to nothing; each of the 12 was applied from.
    assert learnt.shown >= 12
    assert learnt.apply > belief.apply


def test_a_lender_hears_of_an_application_and_of_its_withdrawal(running: Running) -> None:
    running.sql(
        "INSERT INTO webhook_endpoint (endpoint_id, institution, label, url, state, created_at, changed_at)"
        " VALUES ('W-needs', %(bank)s, 'test', 'https://receiver.bank.cn/n', 'active', %(now)s, %(now)s)",
        bank=BANK,
        now=running.clock.now - timedelta(days=1),
    )
    owner = running.owner(FIRM)
    made = apply(running, owner)
    step(running, owner, made, "withdraw")
    rows = running.sql(
        "SELECT kind, state, body FROM notice WHERE thing = %(id)s ORDER BY sequence", id=made
    )
    assert [(kind, state) for kind, state, _ in rows] == [
        ("application.changed", "folded"),
        ("application.changed", "waiting"),
    ]
    assert '"state": "withdrawn"' in rows[1][2]
    assert "offers_guarantor" not in rows[1][2]
