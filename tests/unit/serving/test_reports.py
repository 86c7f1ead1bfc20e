"""Standard reports through the whole application, on a town of a few firms."""

import json
from collections.abc import Generator
from datetime import datetime
from typing import Any

import pytest

from features.contracts import load_catalogue
from features.documents import load_document
from serving.database.addresses import Addresses
from serving.reports.document import canonical, digest
from serving.reports.sections import SECTIONS, SectionsDocument, layout_problems, load_layout
from tests.consents_by_hand import grant, revoke
from tests.rated_town import Town
from tests.service import OTHER_BANK, Ask, Running, service

MAY = [
    "report:create",
    "report:read",
    "report_profile:read",
    "report_profile:change",
    "rating:create",
]
UNKNOWN = "91370100MA99999999"
CATALOGUE = load_catalogue()


@pytest.fixture(scope="module")
def running(fresh_database: Addresses, town: Town) -> Generator[Running]:
    with service(fresh_database, before=town.move_in) as started:
        started.clock.now = datetime(2026, 6, 2, 12)  # while the town's ratings are valid
        yield started


@pytest.fixture
def bank(running: Running) -> Ask:
    return running.bank(MAY)


def ask(running: Running, who: Ask, uscc: str, purpose: str = "apply", **more: Any) -> Any:
    headers = more.pop("headers", {})
    body = {"uscc": uscc, "purpose": purpose, **more}
    return running.post("/v1/reports", who, json=body, headers=headers)


def parts(answer: Any) -> dict[str, dict[str, Any]]:
    sections = answer.json()["report"]["sections"]
    return {part["dataset"]: part for section in sections for part in section.get("parts", ())}


def test_nobody_is_refused(running: Running, town: Town) -> None:
    body = {"uscc": town.usccs[0], "purpose": "apply"}
    assert running.post("/v1/reports", json=body).status_code == 401
    assert running.get("/v1/reports/XQ-2026-00000001-1").status_code == 401
    assert running.get("/v1/reports/XQ-2026-00000001-1.html").status_code == 401
    assert (
        running.ask("PUT", "/v1/report-profiles/small", json={"sections": ["tax"]}).status_code
        == 401
    )
    assert running.get("/v1/report-profiles").status_code == 401


def test_without_a_consent_an_institution_sees_public_data_alone(
    running: Running, town: Town, bank: Ask
) -> None:
    answer = ask(running, bank, town.usccs[1])
    assert answer.status_code == 201
    told = parts(answer)
    for name, part in told.items():
        kind = CATALOGUE[name].document.sensitivity
        allowed = {
            "public": {"shown", "no_record", "not_shared"},
            "authorised": {"need_authorisation"},
        }
        assert part["state"] in allowed.get(kind, {"not_shared"}), name
    assert answer.json()["report"]["consents"] == []


def test_opened_data_are_told_in_bands_until_raw_detail_is_open(
    running: Running, town: Town, bank: Ask
) -> None:
    uscc = town.usccs[2]
    first = grant(running, uscc, "utilities", "tax")
    told = parts(ask(running, bank, uscc))
    assert "rows" not in told["electricity_month"]
    assert {figure["treatment"] for figure in told["electricity_month"]["figures"]} == {
        "band",
        "count",
    }
    assert told["pension_month"]["state"] == "need_authorisation"
    revoke(running, first)
    grant(running, uscc, "utilities", "tax", "raw")
    told = parts(ask(running, bank, uscc))
    assert told["electricity_month"]["rows"]
    assert told["invoice_month"]["state"] == "not_shared"  # secret, raw or not


def test_the_firm_itself_sees_everything_as_often_as_it_likes(running: Running, town: Town) -> None:
    both = {"invoice_month", "pension_month"}

    def reported(uscc: str) -> set[str]:
        told = parts(ask(running, running.owner(uscc), uscc, "self_report"))
        return {name for name, part in told.items() if part.get("rows")}

    uscc = next(one for one in town.usccs if both <= reported(one))
    stranger = next(one for one in town.usccs if one != uscc)
    owner = running.owner(uscc)
    answers = [ask(running, owner, uscc, "self_report") for _ in range(5)]
    assert {answer.status_code for answer in answers} == {201}
    told = parts(answers[-1])
    assert {part["state"] for part in told.values()} <= {"shown", "no_record"}
    assert both <= {name for name, part in told.items() if part.get("rows")}
    assert ask(running, owner, stranger, "self_report").status_code == 404
    assert ask(running, owner, uscc, "apply").status_code == 422


def test_an_unknown_firm_is_not_found_before_consent_is_spoken_of(
    running: Running, bank: Ask
) -> None:
    assert ask(running, bank, UNKNOWN).status_code == 404


def test_a_report_is_kept_word_for_word_and_verified_by_anybody(
    running: Running, town: Town, bank: Ask
) -> None:
    made = ask(running, bank, town.usccs[1]).json()
    assert digest(canonical(made["report"])) == made["sha256"]
    again = running.get(f"/v1/reports/{made['number']}", bank)
    assert again.json() == made

    def verdict(**said: Any) -> str:
        body = {"number": made["number"], **said}
        answer = running.post("/v1/reports/verify", json=body).json()
        assert set(answer) == {"number", "verdict"}
        return str(answer["verdict"])

    changed = json.loads(json.dumps(made["report"]))
    changed["name"] += "。"
    assert verdict(sha256=made["sha256"]) == "authentic"
    assert verdict(document=made["report"]) == "authentic"
    assert verdict(document=changed) == "altered"
    assert verdict(sha256="0" * 64) == "altered"
    assert verdict(number="XQ-2031-00000001-9", sha256="0" * 64) == "unknown"
    both = {"number": made["number"], "sha256": "0" * 64, "document": {}}
    assert running.post("/v1/reports/verify", json=both).status_code == 422


def test_a_report_is_another_institutions_own_and_the_firms(
    running: Running, town: Town, bank: Ask
) -> None:
    uscc = town.usccs[5]
    number = ask(running, bank, uscc).json()["number"]
    other = running.bank(MAY, uscc=OTHER_BANK)
    assert running.get(f"/v1/reports/{number}", other).status_code == 404
    assert running.get(f"/v1/reports/{number}", running.owner(town.usccs[6])).status_code == 404
    assert running.get(f"/v1/reports/{number}", running.owner(uscc)).status_code == 200


def test_a_closed_consent_closes_the_reports_made_under_it(
    running: Running, town: Town, bank: Ask
) -> None:
    uscc = town.usccs[7]
    consent = grant(running, uscc, "tax")
    key: dict[str, Any] = {"headers": {"Idempotency-Key": "closed-1"}}
    number = ask(running, bank, uscc, **key).json()["number"]
    assert ask(running, bank, uscc, **key).json()["number"] == number
    assert running.get(f"/v1/reports/{number}", bank).status_code == 200
    revoke(running, consent)
    for answer in (running.get(f"/v1/reports/{number}", bank), ask(running, bank, uscc, **key)):
        assert (answer.status_code, answer.json()["code"]) == (403, "need_authorisation")


def test_a_report_past_its_last_day_is_not_given_again(
    running: Running, town: Town, bank: Ask
) -> None:
    made = ask(running, bank, town.usccs[1]).json()
    running.clock.move(days=31)
    try:
        later = running.bank(MAY)
        answer = running.get(f"/v1/reports/{made['number']}", later)
    finally:
        running.clock.move(days=-31)
    assert (answer.status_code, answer.json()["code"]) == (409, "report_outdated")


def test_a_profile_beyond_what_is_open_is_refused(running: Running, town: Town, bank: Ask) -> None:
    uscc = town.usccs[8]
    put = running.ask(
        "PUT", "/v1/report-profiles/quick", bank, json={"sections": ["tax", "judicial"]}
    )
    assert put.json()["sections"] == ["tax", "judicial"]
    refused = ask(running, bank, uscc, profile="quick")
    assert (refused.status_code, refused.json()["need_authorisation"]) == (
        403,
        ["realestate", "tax"],
    )
    grant(running, uscc, "tax", "realestate")
    made = ask(running, bank, uscc, profile="quick").json()
    codes = [section["code"] for section in made["report"]["sections"]]
    assert codes == ["cover", "tax", "judicial", "sources", "notes"]
    assert running.get("/v1/report-profiles", bank).json()["items"][0]["name"] == "quick"
    other = running.bank(MAY, uscc=OTHER_BANK)
    grant(running, uscc, "tax", grantee=OTHER_BANK)
    assert ask(running, other, uscc, profile="quick").status_code == 404
    unknown = running.ask("PUT", "/v1/report-profiles/odd", bank, json={"sections": ["gossip"]})
    assert unknown.status_code == 422


def test_the_newest_rating_under_the_same_scope_stands_in_the_report(
    running: Running, town: Town, bank: Ask
) -> None:
    uscc = town.usccs[9]
    grant(running, uscc, "tax", "utilities", "social_insurance")
    rated = running.post("/v1/ratings", bank, json={"uscc": uscc, "purpose": "apply"}).json()
    report = ask(running, bank, uscc).json()["report"]
    [section] = [one for one in report["sections"] if one["code"] == "rating"]
    assert section["rating"]["rating_id"] == rated["rating_id"]
    assert "." not in str(section["rating"]["score"])
    owner = running.owner(uscc)
    own = ask(running, owner, uscc, "self_report").json()["report"]
    assert [one["rating"] for one in own["sections"] if one["code"] == "rating"] == [None]


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_page_holds_the_number_and_no_script(
    running: Running, town: Town, bank: Ask, language: str
) -> None:
    made = ask(running, bank, town.usccs[1]).json()
    asked = {"Accept-Language": language}
    page = running.get(f"/v1/reports/{made['number']}.html", bank, headers=asked)
    assert page.headers["content-language"] == language
    assert made["sha256"] in page.text
    assert "<script" not in page.text
    assert "style=" not in page.text
    browser = {**asked, "Accept": "text/html,application/xhtml+xml,*/*"}
    same = running.get(f"/v1/reports/{made['number']}", bank, headers=browser)
    assert same.text == page.text
    address = page.text.split('rel="stylesheet" href="')[1].split('"')[0]
    assert running.get(address).headers["content-type"].startswith("text/css")


def test_every_look_is_on_record_with_the_sections_it_showed(
    running: Running, town: Town, bank: Ask
) -> None:
    number = ask(running, bank, town.usccs[1]).json()["number"]
    running.get(f"/v1/reports/{number}", bank)
    rows = running.sql(
        "SELECT action, fields FROM audit_event WHERE actor = %(id)s ORDER BY audit_id", id=bank.id
    )
    assert [action for action, _ in rows] == ["report:create:granted", "report:read:granted"]
    assert {tuple(sorted(fields)) for _, fields in rows} == {tuple(sorted(load_layout().codes))}


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("dataset: tax_credit_rating\n        to: raw", "dataset: tax_credit_rating\n        to: all", "authorised may not"),
        ("dataset: invoice_month\n        to: owner", "dataset: invoice_month\n        to: raw", "secret may not"),
        ("legal_rep_name: masked", "legal_rep_name: plain", "must be masked"),
        ("columns: {award_name: plain", "columns: {awardname: plain", "no stored column 'awardname'"),
        ("share_ratio: plain", "holder_uscc: plain", "other firms"),
        ("measure: latest, treatment: band, band: tax_grade", "measure: latest, treatment: count", "must be a band"),
        ("measure: latest, treatment: band, band: tax_grade", "measure: latest, treatment: band, band: yuan", "does not fit"),
        ("number: 3\n", "number: 4\n", "not numbered"),
    ],
)  # fmt: skip
def test_a_declaration_that_would_leak_is_refused(
    tmp_path: Any, before: str, after: str, said: str
) -> None:
    text = SECTIONS.read_text("utf-8")
    assert before in text
    path = tmp_path / "sections.yaml"
    path.write_text(text.replace(before, after), "utf-8")
    found = list(layout_problems(load_document(path, SectionsDocument), CATALOGUE))
    assert [problem for problem in found if said in problem]


def test_a_band_that_tells_every_code_apart_is_none() -> None:
    text = SECTIONS.read_text("utf-8")
    document = load_document(SECTIONS, SectionsDocument)
    assert "tax_grade" in document.bands
    assert len({words.en for words in document.bands["tax_grade"].codes.values()}) < 5
    assert text.count("to: owner") == 6
