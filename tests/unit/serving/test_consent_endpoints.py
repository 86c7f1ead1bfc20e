"""`/v1/consents` through the whole application."""

from collections.abc import Generator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from features.identifiers import synthetic_uscc
from serving.database.addresses import Addresses
from tests.service import ANYBODY, BANK, NOON, OTHER_BANK, Ask, Running, service

TODAY = NOON.date()


@pytest.fixture(scope="module")
def running(fresh_database: Addresses) -> Generator[Running]:
    with service(fresh_database) as started:
        started.institution()
        yield started


@pytest.fixture
def owner(running: Running) -> Ask:
    """The owner of a firm of the test's own."""
    return running.owner(synthetic_uscc("endpoints", str(next(running.numbers))))


def wish(**changes: Any) -> dict[str, Any]:
    return {
        "grantee": BANK,
        "purpose": "apply",
        "scopes": ["tax", "invoice"],
        "valid_from": str(TODAY),
        "valid_to": str(TODAY + timedelta(days=30)),
        "notice_version": "notice-2025-1",
    } | changes


def grant(running: Running, owner: Ask, **changes: Any) -> dict[str, Any]:
    answer = running.post("/v1/consents", owner, json=wish(**changes))
    assert answer.status_code == 201, answer.text
    return answer.json()


def problem(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert answer.json()["code"] == code
    return answer.json()


def test_a_consent_is_granted_read_narrowed_and_revoked(running: Running, owner: Ask) -> None:
    granted = grant(running, owner)
    path = f"/v1/consents/{granted['consent_id']}"
    narrowed = running.post(f"{path}/narrow", owner, json={"scopes": ["tax"]})
    assert (narrowed.status_code, narrowed.json()["scopes"]) == (200, ["tax"])
    revoked = running.post(f"{path}/revoke", owner)
    assert (revoked.status_code, revoked.json()["status"]) == (200, "revoked")
    history = running.get(path, owner).json()
    assert [event["event"] for event in history["events"]] == ["granted", "narrowed", "revoked"]
    assert "grantor" not in history
    rows = running.sql(
        "SELECT action, consents FROM audit_event WHERE actor = %(id)s ORDER BY audit_id",
        id=owner.id,
    )
    consents = [granted["consent_id"]]
    assert rows == [
        ("consent:grant:granted", consents),
        ("consent:change:granted", consents),
        ("consent:change:granted", consents),
        ("consent:read:granted", consents),
    ]
    problem(running.post(f"{path}/revoke", owner), 409, "conflict")


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "", wish()),
        ("GET", "", None),
        ("GET", "/{id}", None),
        ("POST", "/{id}/narrow", {"scopes": ["tax"]}),
        ("POST", "/{id}/revoke", None),
    ],
)
def test_nobody_and_strangers_learn_nothing(
    method: str, path: str, body: object, running: Running, owner: Ask
) -> None:
    granted = grant(running, owner)
    path = "/v1/consents" + path.format(id=granted["consent_id"])
    problem(running.ask(method, path, ANYBODY, json=body), 401, "not_authenticated")
    stranger = running.owner(synthetic_uscc("endpoints", "stranger"))
    other_bank = running.bank(["consent:read"], uscc=OTHER_BANK)
    if "C-" in path:
        problem(running.ask(method, path, stranger, json=body), 404, "not_found")
        if method == "GET":
            problem(running.ask(method, path, other_bank, json=body), 404, "not_found")
    elif method == "GET":
        assert running.get(path, stranger).json()["items"] == []
        assert running.get(path, other_bank).json()["items"] == []


@pytest.mark.parametrize("path", ["", "/{id}/narrow", "/{id}/revoke"])
def test_an_institution_cannot_consent_in_a_firms_name(
    path: str, running: Running, owner: Ask
) -> None:
    granted = grant(running, owner)
    bank = running.bank(["consent:grant", "consent:change", "consent:read"])
    path = "/v1/consents" + path.format(id=granted["consent_id"])
    for who in (bank, running.officer(), running.operator(), running.auditor()):
        problem(running.post(path, who, json=wish()), 403, "not_permitted")


def test_everyone_lists_what_they_may_see(running: Running, owner: Ask) -> None:
    ids = {grant(running, owner, need_id=f"N-{n}")["consent_id"] for n in range(3)}
    grant(running, owner, grantee="platform")
    mine = running.get("/v1/consents", owner).json()["items"]
    assert len(mine) == 4
    bank = running.bank(["consent:read"])
    for who in (bank, running.officer()):
        asked = {"uscc": owner.tenant, "grantee": "platform"}  # its own, whatever it asks for
        found = running.get("/v1/consents", who, params=asked).json()["items"]
        assert {item["consent_id"] for item in found} == ids
    for who in (running.operator(), running.auditor()):
        found = running.get("/v1/consents", who, params={"uscc": owner.tenant}).json()["items"]
        assert len(found) == 4


def test_a_list_goes_on_where_it_stopped(running: Running, owner: Ask) -> None:
    every = sorted(grant(running, owner, need_id=f"N-{n}")["consent_id"] for n in range(5))
    found: list[str] = []
    params: dict[str, Any] = {"limit": 2}
    while params:
        page = running.get("/v1/consents", owner, params=params).json()
        found += [item["consent_id"] for item in page["items"]]
        params = {"limit": 2, "cursor": page["next"]} if page["next"] else {}
    assert found == every


def test_the_same_key_grants_once(running: Running, owner: Ask) -> None:
    headers = {"Idempotency-Key": "once"}
    first = running.post("/v1/consents", owner, json=wish(), headers=headers)
    again = running.post("/v1/consents", owner, json=wish(), headers=headers)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert first.headers["location"] == f"/v1/consents/{first.json()['consent_id']}"
    second = problem(running.post("/v1/consents", owner, json=wish()), 409, "conflict")
    assert second["consent_id"] == first.json()["consent_id"]


def test_an_old_notice_is_refused_and_todays_is_named(running: Running, owner: Ask) -> None:
    answer = running.post("/v1/consents", owner, json=wish(notice_version="notice-2024-1"))
    current = running.get("/v1/consent-notices/current").json()
    assert problem(answer, 409, "conflict")["current"] == current["version"]


def test_who_is_not_surely_known_does_not_consent(running: Running) -> None:
    who = running.person("owner", synthetic_uscc("endpoints", "unknown"), real_name_level=1)
    problem(running.post("/v1/consents", who, json=wish()), 403, "not_permitted")


@pytest.mark.parametrize(
    "changes",
    [
        {"scopes": []},
        {"grantee": "a bank"},
        {"purpose": "curiosity"},
        {"max_queries": 0},
        {"need_id": "a\u0000b"},
        {"valid_to": "2026-02-30"},
        {"unheard": 1},
        {"valid_to": str(TODAY + timedelta(days=90))},
    ],
)
def test_a_malformed_wish_is_refused(changes: dict[str, Any], running: Running, owner: Ask) -> None:
    problem(running.post("/v1/consents", owner, json=wish(**changes)), 422, "malformed")


def test_anybody_may_read_the_notice_and_what_each_scope_opens(running: Running) -> None:
    told = running.get("/v1/consent-notices/current").json()
    assert told["sections"][0]["name"] == "grantee"
    scopes = {scope["scope"]: scope for scope in running.get("/v1/consent-scopes").json()["scopes"]}
    assert {opened["name"] for opened in scopes["tax"]["datasets"]} == {
        "tax_credit_rating",
        "tax_filing_month",
    }
    assert scopes["raw"]["separate"]
    assert scopes["raw"]["risk"]["zh"]


def test_an_exit_takes_every_consent_with_it(running: Running, owner: Ask) -> None:
    leaving = synthetic_uscc("banks", "leaving")
    running.institution(leaving)
    granted = grant(running, owner, grantee=leaving)
    steps = {"state": "exited", "reason": "merged"}
    answer = running.post(f"/v1/institutions/{leaving}/state", running.operator(), json=steps)
    assert answer.status_code == 200, answer.text
    history = running.get(f"/v1/consents/{granted['consent_id']}", owner).json()
    assert (history["status"], history["events"][-1]["cause"]) == ("revoked", "institution_exit")
