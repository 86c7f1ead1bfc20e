"""What an institution reads and does about its warnings, and what closes when a consent ends."""

from collections.abc import Generator
from datetime import date, timedelta
from typing import Any

import pytest

from tests.cases import FIRM, NEIGHBOUR
from tests.consents_by_hand import grant, revoke
from tests.databases import Ledger
from tests.service import BANK, OTHER_BANK, Ask, Running, service
from tests.warnings_by_hand import alerts, assessment, finding, lend, take

FRIDAY = date(2026, 11, 20)
BOTH = ("alert:read", "alert:change", "watch_list:read", "watch_list:change")


@pytest.fixture
def running(ledger: Ledger) -> Generator[Running]:
    addresses = ledger.clone()
    with service(addresses) as started:
        lend(started, FIRM, "L-1")
        yield started
    ledger.drop(addresses)


def listed(running: Running, who: Ask, **filters: str) -> list[dict[str, Any]]:
    answer = running.get("/v1/alerts", who, params=filters)
    assert answer.status_code == 200, answer.text
    return answer.json()["items"]


def test_from_the_push_to_the_outcome(running: Running) -> None:
    take(running, assessment(FIRM, "W10:O", on=FRIDAY))
    bank = running.bank(BOTH)
    (first,) = listed(running, bank)
    path = f"/v1/alerts/{first['alert_id']}"
    early = running.post(f"{path}/notes", bank, json={"text": "已联系企业"})
    assert (early.status_code, early.json()["possible"]) == (409, ["acknowledge"])
    seen = running.post(f"{path}/acknowledgement", bank).json()
    assert (seen["state"], seen["acknowledge_by"], seen["next_steps"]) == (
        "acknowledged",
        None,
        ["note", "close"],
    )
    noted = running.post(f"{path}/notes", bank, json={"text": "已联系企业"})
    assert (noted.status_code, noted.json()["handle_by"]) == (201, None)
    done = running.post(f"{path}/closure", bank, json={"outcome": "false_alarm"}).json()
    assert (done["state"], done["outcome"], done["next_steps"]) == ("closed", "false_alarm", [])
    assert [(one["step"], one["by"]) for one in done["history"]][-4:] == [
        ("push", "system"),
        ("acknowledge", "client"),
        ("note", "client"),
        ("close", "client"),
    ]
    again = running.post(f"{path}/closure", bank, json={"outcome": "mitigated"})
    assert (again.status_code, again.json()["possible"]) == (409, [])
    assert listed(running, bank, state="open") == []


@pytest.mark.parametrize("outcome", ["repaired", "expired", "", "good"])
def test_a_lender_judges_and_does_not_declare(running: Running, outcome: str) -> None:
    take(running, assessment(FIRM, "W10:O", on=FRIDAY))
    ((alert_id,),) = alerts(running, "alert_id")
    bank = running.bank(BOTH)
    answer = running.post(f"/v1/alerts/{alert_id}/closure", bank, json={"outcome": outcome})
    assert (answer.status_code, answer.json()["code"]) == (422, "malformed")


def test_without_its_consent_a_warning_is_listed_and_not_told(running: Running) -> None:
    take(running, assessment(FIRM, "W15:Y", on=FRIDAY, more=[finding("W38", "O", -0.55, "ratio")]))
    bank = running.bank(BOTH)
    told = {one["level"]: one for one in listed(running, bank)}
    assert told["Y"]["seen"]["signal"] == "W15"
    assert told["O"]["need_authorisation"] == ["postloan", "utilities"]
    assert told["O"]["seen"] is None
    path = f"/v1/alerts/{told['O']['alert_id']}"
    assert running.get(path, bank).json()["seen"] is None
    assert "W38" not in running.get(path, bank).text
    assert listed(running, bank, signal="W38") == [], "a filter is no way around it"

    grant(running, FIRM, "utilities", purpose="postloan")
    assert running.get(path, bank).json()["need_authorisation"] == ["postloan"]
    whole = grant(running, FIRM, "utilities", "postloan", purpose="postloan", grantee=BANK)
    opened = running.get(path, bank).json()
    assert [one["value_en"] for one in opened["seen"]["evidence"]] == ["down 50% to 60%"]
    assert [
        one["signal"] for one in [one["seen"] for one in listed(running, bank, signal="W38")]
    ] == ["W38"]
    ((consents,),) = running.sql("SELECT consents FROM audit_event ORDER BY audit_id DESC LIMIT 1")
    assert whole in consents
    revoke(running, whole)
    assert running.get(path, bank).json()["seen"] is None
    assert running.post(f"{path}/acknowledgement", bank).json()["state"] == "acknowledged"


def test_a_consent_for_something_else_opens_nothing(running: Running) -> None:
    take(running, assessment(FIRM, more=[finding("W35", "R")], on=FRIDAY))
    bank = running.bank(BOTH)
    grant(running, FIRM, "social_insurance", "postloan", purpose="apply")
    grant(running, FIRM, "social_insurance", "postloan", purpose="postloan", grantee=OTHER_BANK)
    (one,) = listed(running, bank)
    assert one["seen"] is None


def test_a_list_is_paged_filtered_and_its_own(running: Running) -> None:
    take(
        running,
        assessment(FIRM, "W10:R W12:Y W15:Y", on=FRIDAY),
        assessment(NEIGHBOUR, "W10:Y", on=FRIDAY),
        assessment(FIRM, "W10:R", on=FRIDAY, institution=OTHER_BANK),
        assessment(FIRM, "W10:R", on=FRIDAY, institution="platform"),
    )
    bank = running.bank(BOTH)
    pages: list[str] = []
    cursor = None
    while cursor is not None or not pages:
        params = {"limit": "3"} | ({"cursor": cursor} if cursor else {})
        answer = running.get("/v1/alerts", bank, params=params).json()
        pages += [one["alert_id"] for one in answer["items"]]
        cursor = answer["next"]
    assert len(pages) == len(set(pages)) == 4
    assert len(listed(running, bank, level="Y")) == 3
    assert len(listed(running, bank, uscc=NEIGHBOUR)) == 1
    assert len(listed(running, bank, signal="W10")) == 2
    assert len(listed(running, running.bank(BOTH, uscc=OTHER_BANK))) == 1


def test_the_watch_list_holds_orange_and_red_and_whom_somebody_put_there(running: Running) -> None:
    lend(running, NEIGHBOUR, "L-9")
    officer = running.officer()
    stranger = {"uscc": "91370000MA3TEST01X", "reason": "x"}
    assert running.post("/v1/watch-list", officer, json=stranger).status_code == 409
    put = running.post("/v1/watch-list", officer, json={"uscc": NEIGHBOUR, "reason": "续贷前关注"})
    assert put.status_code == 204
    take(
        running,
        assessment(FIRM, "W10:O W15:Y", on=FRIDAY),
        assessment(NEIGHBOUR, "W15:Y", on=FRIDAY),
    )
    items = running.get("/v1/watch-list", officer).json()["items"]
    assert {one["uscc"]: (one["level"], one["open_alerts"], one["reason"]) for one in items} == {
        FIRM: ("O", 1, None),
        NEIGHBOUR: (None, 0, "续贷前关注"),
    }
    assert running.ask("DELETE", f"/v1/watch-list/{NEIGHBOUR}", officer).status_code == 204
    assert running.ask("DELETE", f"/v1/watch-list/{FIRM}", officer).status_code == 404
    assert [one["uscc"] for one in running.get("/v1/watch-list", officer).json()["items"]] == [FIRM]


def test_precision_counts_judgements_alone(running: Running) -> None:
    outcomes = ["confirmed_default", "mitigated", "mitigated", "false_alarm"]
    firms = [f"91370000MA3TEST0{n}X" for n in range(len(outcomes) + 2)]
    for firm in firms:
        lend(running, firm, f"L-{firm}")
    take(running, *[assessment(firm, "W10:O", on=FRIDAY) for firm in firms])
    officer = running.officer()
    ids = [row[0] for row in alerts(running, "alert_id")]
    for alert_id, outcome in zip(ids, outcomes, strict=False):
        running.post(f"/v1/alerts/{alert_id}/acknowledgement", officer)
        done = running.post(f"/v1/alerts/{alert_id}/closure", officer, json={"outcome": outcome})
        assert done.status_code == 200, done.text
    # One ends by itself, which says nothing of the signal; one stays open.
    for after in (1, 2):
        day = FRIDAY + timedelta(days=after)
        take(running, assessment(firms[4], clear="W10", on=day))
    told = running.get("/v1/alert-statistics", running.auditor()).json()
    (signal,) = told["signals"]
    assert (signal["alerts"], signal["open"], signal["outcomes"]["expired"]) == (6, 1, 1)
    assert (signal["judged"], signal["precision"]) == (4, 0.75)  # 3 right of 4
    assert signal["precision_low"] < 0.75 < signal["precision_high"]
    assert told["open_by_institution"] == {BANK: {"O": 1}}
    assert firms[0] not in str(told)
