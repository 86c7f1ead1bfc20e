"""Institutions and their programs: from the application to the exit, secrets and tokens on the way."""

import base64
import json
from collections.abc import Generator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from serving.auth.institutions.leaving import finish_leaving
from serving.auth.marks import digest_of
from serving.database.addresses import Addresses
from tests.access_world import code
from tests.service import ANYBODY, Ask, Running, service

BANK, LATER, STRANGER = code(900001), code(900002), code(900003)


@pytest.fixture(scope="module")
def running(fresh_database: Addresses) -> Generator[Running]:
    with service(fresh_database) as started:
        yield started


@pytest.fixture
def operator(running: Running) -> Ask:
    running.clock.move(minutes=1)
    return running.operator()


def day(running: Running, days: int) -> str:
    return (running.clock.now.date() + timedelta(days=days)).isoformat()


def state(running: Running, who: Ask, uscc: str, to: str) -> httpx.Response:
    body = {"state": to, "reason": "a reason to keep"}
    return running.post(f"/v1/institutions/{uscc}/state", who, json=body)


def assess(running: Running, who: Ask, uscc: str, until: str) -> httpx.Response:
    body = {"assessed_until": until, "reason": "security and authorisation are good"}
    return running.post(f"/v1/institutions/{uscc}/assessments", who, json=body)


def token(running: Running, client_id: str, secret: str, **more: str) -> httpx.Response:
    running.clock.move(seconds=1)
    form = {
        "grant_type": "client_credentials",
        "client_id": client_id,
        "client_secret": secret,
    } | more
    return running.post("/v1/token", data=form)


def bearer(response: httpx.Response) -> Ask:
    assert response.status_code == 200, response.text
    return Ask("", "", {"Authorization": f"Bearer {response.json()['access_token']}"})


def let_in(running: Running, operator: Ask, uscc: str) -> None:
    running.institution(uscc, state="active")
    running.sql(
        "UPDATE institution SET state = 'active', assessed_until = %(until)s WHERE uscc = %(uscc)s",
        uscc=uscc,
        until=running.clock.now.date() + timedelta(days=300),
    )


def program(running: Running, operator: Ask, uscc: str = BANK) -> tuple[str, str, str]:
    """A client with one secret; the ids and the secret's text."""
    let_in(running, operator, uscc)
    body = {
        "institution": uscc,
        "label": "credit system",
        "permissions": ["institution:read", "client:read", "client:change", "self:read"],
    }
    client_id = running.post("/v1/clients", operator, json=body).json()["client_id"]
    shown = running.post(f"/v1/clients/{client_id}/secrets", operator).json()
    return client_id, shown["secret_id"], shown["client_secret"]


def test_an_institution_comes_in_step_by_step(running: Running, operator: Ask) -> None:
    body = {"uscc": LATER, "name_zh": "新来银行", "kind": "bank", "region": "370100"}
    applied = running.post("/v1/institutions", json=body)
    assert (applied.status_code, applied.json()["state"]) == (201, "applied")
    assert running.post("/v1/institutions", json=body).status_code == 409
    early = state(running, operator, LATER, "active")
    assert (early.status_code, early.json()["allowed"]) == (409, ["exited"])
    # 2026-11-20 + 366 days is the latest.
    assert assess(running, operator, LATER, day(running, 367)).status_code == 409
    assert assess(running, operator, LATER, day(running, -1)).status_code == 409
    assert assess(running, operator, LATER, day(running, 366)).json()["state"] == "assessed"
    assert state(running, operator, LATER, "suspended").status_code == 409
    assert state(running, operator, LATER, "active").json()["state"] == "active"
    assert state(running, operator, LATER, "active").json()["allowed"] == ["suspended", "exited"]
    assert state(running, operator, LATER, "suspended").json()["state"] == "suspended"
    assert state(running, operator, LATER, "active").json()["state"] == "active"
    assert state(running, operator, LATER, "exited").json()["state"] == "exited"
    for to in ("active", "suspended", "exited"):
        assert state(running, operator, LATER, to).json()["allowed"] == []
    assert assess(running, operator, LATER, day(running, 9)).status_code == 409
    again = running.post("/v1/institutions", json=body)
    assert (again.json()["state"], again.json()["assessed_until"]) == ("applied", None)


def test_a_code_that_is_none_is_refused(running: Running) -> None:
    body = {"uscc": LATER[:-1] + "0", "name_zh": "新来银行", "kind": "bank"}
    assert running.post("/v1/institutions", json=body).status_code == 422


def test_an_expired_assessment_lets_nobody_back(running: Running, operator: Ask) -> None:
    let_in(running, operator, STRANGER)
    state(running, operator, STRANGER, "suspended")
    running.sql(
        "UPDATE institution SET assessed_until = %(day)s WHERE uscc = %(uscc)s",
        uscc=STRANGER,
        day=running.clock.now.date() - timedelta(days=1),
    )
    assert state(running, operator, STRANGER, "active").status_code == 409
    assert assess(running, operator, STRANGER, day(running, 0)).json()["state"] == "suspended"
    assert state(running, operator, STRANGER, "active").status_code == 200


@pytest.mark.parametrize(
    ("blow", "words"),
    [
        ("UPDATE institution SET state = 'suspended' WHERE uscc = %(bank)s", "suspended"),
        ("UPDATE institution SET state = 'exited' WHERE uscc = %(bank)s", "exited"),
        ("UPDATE institution SET assessed_until = %(before)s WHERE uscc = %(bank)s", "overdue"),
        ("UPDATE client SET state = 'revoked' WHERE client_id = %(client)s", "client was revoked"),
        ("UPDATE client_secret SET revoked_at = %(now)s WHERE client_id = %(client)s", "secret"),
        ("UPDATE client_secret SET expires_at = %(now)s WHERE client_id = %(client)s", "secret"),
    ],
)
def test_every_key_is_dead_for_the_next_request(
    running: Running, operator: Ask, blow: Any, words: str
) -> None:
    client_id, _, secret = program(running, operator)
    who = bearer(token(running, client_id, secret))
    assert running.get("/v1/me", who).status_code == 200
    running.sql(
        blow,
        bank=BANK,
        client=client_id,
        now=running.clock.now,
        before=running.clock.now.date() - timedelta(days=1),
    )
    refused = running.get("/v1/me", who, headers={"Accept-Language": "en"})
    assert refused.status_code == 401
    assert words in refused.json()["detail"]
    no_more = token(running, client_id, secret)
    assert (no_more.status_code, no_more.json()["error"]) == (401, "invalid_client")


def test_an_exit_ends_everything_for_good(running: Running, operator: Ask) -> None:
    client_id, _, secret = program(running, operator)
    officer = running.officer(BANK)
    running.sql(
        "INSERT INTO consent (consent_id, uscc, grantee, purpose, scopes, status, valid_from, valid_to, "
        "method, granted_at) SELECT 'C-' || n, n, %(bank)s, 'apply', '{tax}', 'active', %(day)s, %(day)s, "
        "'online_sign', %(now)s FROM generate_series(1, 1500) AS n",
        bank=BANK,
        day=running.clock.now.date(),
        now=running.clock.now,
    )
    assert state(running, operator, BANK, "exited").status_code == 200
    early = {"uscc": BANK, "name_zh": "新来银行", "kind": "bank"}
    assert running.post("/v1/institutions", json=early).status_code == 409

    async def rest() -> list[int]:
        async with running.house.database.transaction() as connection:
            house, now = running.house, running.clock.now
            return [await finish_leaving(connection, now, house.subject_of) for _ in range(2)]

    assert running.run(rest()) == [500, 0], "1,000 with the exit itself"
    causes = running.sql("SELECT event, cause, count(*) FROM consent_event GROUP BY event, cause")
    assert causes == [("revoked", "institution_exit", 1500)]
    let_in(running, operator, BANK)  # even if it should come back
    assert running.get("/v1/me", officer).status_code == 401
    assert token(running, client_id, secret).status_code == 401
    rows = running.sql(
        "SELECT c.state, s.revoked_at IS NOT NULL FROM client c JOIN client_secret s USING (client_id) "
        "WHERE c.client_id = %(id)s",
        id=client_id,
    )
    assert rows == [("revoked", True)]


def test_a_secret_is_shown_once_and_kept_as_a_digest(running: Running, operator: Ask) -> None:
    client_id, secret_id, secret = program(running, operator)
    assert len(base64.urlsafe_b64decode(secret + "=")) == 32  # 256 bits
    assert secret not in running.get(f"/v1/clients/{client_id}", operator).text
    kept = running.sql("SELECT digest FROM client_secret WHERE secret_id = %(id)s", id=secret_id)
    assert kept == [(digest_of(secret),)]


def test_secrets_rotate_two_at_a_time(running: Running, operator: Ask) -> None:
    client_id, first_id, first = program(running, operator)
    who = bearer(token(running, client_id, first))
    second = running.post(f"/v1/clients/{client_id}/secrets", who).json()["client_secret"]
    third = running.post(f"/v1/clients/{client_id}/secrets", who)
    assert (third.status_code, first_id in third.json()["live_secrets"]) == (409, True)
    new = bearer(token(running, client_id, second))
    path = f"/v1/clients/{client_id}/secrets/{first_id}"
    assert running.ask("DELETE", path, new).status_code == 204
    assert running.ask("DELETE", path, new).status_code == 404
    assert running.get("/v1/me", who).status_code == 401, "its secret is revoked"
    assert running.get("/v1/me", new).status_code == 200
    assert running.post(f"/v1/clients/{client_id}/secrets", new).status_code == 201


def test_a_program_does_not_take_over_a_sister(running: Running, operator: Ask) -> None:
    client_id, _, secret = program(running, operator)
    sister, _, _ = program(running, operator)
    who = bearer(token(running, client_id, secret))
    assert running.get(f"/v1/clients/{sister}", who).status_code == 200
    assert running.post(f"/v1/clients/{sister}/secrets", who).status_code == 404
    assert running.ask("DELETE", f"/v1/clients/{sister}", who).status_code == 404


def test_a_program_never_holds_what_is_for_people(running: Running, operator: Ask) -> None:
    let_in(running, operator, BANK)
    body = {
        "institution": BANK,
        "label": "greedy",
        "permissions": ["consent:read", "consent:grant", "person:create"],
    }
    refused = running.post("/v1/clients", operator, json=body)
    assert refused.status_code == 409
    assert refused.json()["not_grantable"] == ["consent:grant", "person:create"]


def test_a_narrower_token_does_less(running: Running, operator: Ask) -> None:
    client_id, _, secret = program(running, operator)
    narrow = token(running, client_id, secret, scope="self:read")
    assert narrow.json()["scope"] == "self:read"
    assert narrow.json()["expires_in"] == 600
    assert running.get("/v1/me", bearer(narrow)).json()["permissions"] == ["self:read"]
    assert running.get("/v1/clients", bearer(narrow)).status_code == 403
    wide = token(running, client_id, secret, scope="self:read consent:read")
    assert (wide.status_code, wide.json()["error"]) == (400, "invalid_scope")


def test_a_permission_taken_away_is_gone_from_living_tokens(
    running: Running, operator: Ask
) -> None:
    client_id, _, secret = program(running, operator)
    who = bearer(token(running, client_id, secret))
    assert running.get("/v1/clients", who).status_code == 200
    running.sql(
        "UPDATE client SET permissions = '{self:read}' WHERE client_id = %(id)s", id=client_id
    )
    assert running.get("/v1/clients", who).status_code == 403


@pytest.mark.parametrize(
    ("form", "headers", "status", "error"),
    [
        ({}, {}, 400, "invalid_request"),
        ({"grant_type": "password"}, {}, 400, "unsupported_grant_type"),
        ({"grant_type": "client_credentials"}, {}, 401, "invalid_client"),
        ({"grant_type": "client_credentials"}, {"Authorization": "Basic !"}, 401, "invalid_client"),
        (
            {"grant_type": "client_credentials", "client_secret": "x"},
            {"Authorization": "Basic QTp4"},
            400,
            "invalid_request",
        ),
        (
            {"grant_type": "client_credentials", "client_id": "A-0", "client_secret": "x"},
            {},
            401,
            "invalid_client",
        ),
    ],
)
def test_a_token_request_fails_in_the_words_of_the_standard(
    running: Running, form: dict[str, str], headers: dict[str, str], status: int, error: str
) -> None:
    running.clock.move(seconds=1)
    answer = running.post("/v1/token", ANYBODY, data=form, headers=headers)
    assert (answer.status_code, answer.json()["error"]) == (status, error)
    if status == 401:
        assert answer.headers["www-authenticate"] == 'Basic realm="xinqiao"'


def test_basic_credentials_are_taken_too(running: Running, operator: Ask) -> None:
    client_id, _, secret = program(running, operator)
    coded = base64.b64encode(f"{client_id}:{secret}".encode()).decode()
    running.clock.move(seconds=1)
    answer = running.post(
        "/v1/token",
        data={"grant_type": "client_credentials"},
        headers={"Authorization": f"Basic {coded}"},
    )
    assert running.get("/v1/me", bearer(answer)).json()["id"] == client_id
    assert answer.headers["cache-control"] == "no-store"


def test_a_tried_secret_is_on_record(running: Running, operator: Ask) -> None:
    client_id, _, secret = program(running, operator)
    token(running, client_id, "wrong")
    token(running, client_id, secret)
    rows = running.sql(
        "SELECT action, result FROM audit_event WHERE actor = %(id)s ORDER BY audit_id",
        id=client_id,
    )
    assert rows == [("token:issue:refused", "invalid_client"), ("token:issue:granted", "granted")]


def test_a_program_is_held_to_its_own_rate(running: Running, operator: Ask) -> None:
    client_id, _, secret = program(running, operator)
    running.sql(
        "UPDATE client SET rate_per_second = 1, burst = 3 WHERE client_id = %(id)s", id=client_id
    )
    who = bearer(token(running, client_id, secret))
    codes = [running.get("/v1/me", who).status_code for _ in range(5)]
    assert codes == [200, 200, 200, 429, 429]
    assert running.get("/v1/me", who).headers["retry-after"] == "1"
    running.clock.move(seconds=1)
    assert running.get("/v1/me", who).status_code == 200


def test_a_bad_token_costs_as_much_as_none(running: Running) -> None:
    running.clock.move(minutes=1)
    bad = Ask("", "", {"Authorization": "Bearer nonsense"})
    codes = [running.get("/v1/me", bad).status_code for _ in range(32)]
    assert codes == [401] * 30 + [429] * 2  # 30 at once for one address


def test_the_key_set_lists_what_signs(running: Running, operator: Ask) -> None:
    client_id, _, secret = program(running, operator)
    signed = token(running, client_id, secret).json()["access_token"]
    head = json.loads(base64.urlsafe_b64decode(signed.split(".")[0] + "=="))
    assert head["alg"] == "EdDSA"
    keys = running.get("/.well-known/jwks.json").json()["keys"]
    assert head["kid"] in {key["kid"] for key in keys}
    assert all("d" not in key for key in keys), "no private part"
