"""One key, one effect: whoever asks twice, at once, with another body, or after a revocation."""

from collections.abc import Generator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from serving.access import decision
from serving.access.callers import Role
from serving.access.decision import Action, Rule, load_policy
from serving.database.addresses import Addresses
from tests.service import BANK, FIRM, OTHER_BANK, Ask, Running, service
from tests.service_rooms import GRANT, TRIAL, door


@pytest.fixture(scope="module")
def running(fresh_database: Addresses) -> Generator[Running]:
    with service(fresh_database, rooms=[door], pool_size=4) as started:
        started.sql(TRIAL)
        started.sql(GRANT)
        yield started


def _rows(running: Running) -> int:
    count: int = running.sql("SELECT count(*) FROM trial")[0][0]
    return count


def _try(running: Running, who: Ask, key: str, **body: Any) -> Any:
    return running.post("/v1/trials", who, json=body, headers={"Idempotency-Key": key})


def test_the_same_request_again_is_answered_and_not_done(running: Running) -> None:
    operator, before = running.operator(), _rows(running)
    first = _try(running, operator, "a", step=5)
    again = _try(running, operator, "a", step=5)
    assert _rows(running) == before + 1
    assert first.status_code == again.status_code == 201
    assert first.content == again.content
    assert again.headers["Location"] == first.headers["Location"]
    assert again.headers["Content-Type"] == first.headers["Content-Type"]
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    recorded = running.sql(
        "SELECT action, fields, detail FROM audit_event WHERE actor = %(id)s ORDER BY audit_id",
        id=operator.id,
    )
    assert recorded == [
        ("self:read:granted", ["total"], '{"steps": 1}'),
        ("self:read:replayed", ["total"], '{"steps": 1}'),
    ]


def test_another_request_under_a_known_key_is_refused(running: Running) -> None:
    operator, other = running.operator(), running.operator()
    _try(running, operator, "b", step=5)
    before = _rows(running)
    assert _try(running, operator, "b", step=6).json()["code"] == "idempotency_conflict"
    elsewhere = running.post(
        "/v1/trials?x=1", operator, json={"step": 5}, headers={"Idempotency-Key": "b"}
    )
    assert (elsewhere.status_code, elsewhere.json()["code"]) == (409, "idempotency_conflict")
    assert _rows(running) == before
    assert _try(running, other, "b", step=6).status_code == 201  # a key is its caller's own


def test_a_first_try_that_failed_leaves_nothing(running: Running) -> None:
    operator, before = running.operator(), _rows(running)
    assert _try(running, operator, "c", step=13).status_code == 409
    assert _try(running, operator, "c", step=13).json()["code"] == "conflict"
    assert _rows(running) == before
    assert _try(running, operator, "c", step=1).status_code == 201


@pytest.mark.parametrize("key", ["", "x" * 65, "a b", "tab\t", "\x7f", "schlüssel"])
def test_a_key_that_is_none_is_malformed(running: Running, key: str) -> None:
    answer = running.post(
        "/v1/trials",
        running.operator(),
        json={"step": 1},
        headers={"Idempotency-Key": key.encode("latin-1")},
    )
    assert (answer.status_code, answer.json()["code"]) == (422, "malformed")
    assert key not in answer.text or not key


def test_the_longest_key_is_taken(running: Running) -> None:
    assert _try(running, running.operator(), "~" * 64, step=1).status_code == 201


def test_the_ledger_does_not_hold_what_was_answered(running: Running) -> None:
    operator = running.operator()
    answer = _try(running, operator, "d", step=3)
    ((body, asked),) = running.sql(
        "SELECT body, asked FROM idempotent_answer WHERE actor = %(actor)s",
        actor=f"operator//{operator.id}",
    )
    assert answer.content not in body
    assert len(body) == len(answer.content) + 12 + 16  # nonce and seal
    assert "3" not in asked.replace('"steps": 1', "")


def test_a_replay_asks_again_whether_it_may(running: Running) -> None:
    bank = running.bank(["consent:read"], uscc=OTHER_BANK)
    key = {"Idempotency-Key": "e"}
    assert (
        running.post("/v1/trials/consented", bank, json={"step": 1}, headers=key).status_code == 200
    )
    assert (
        running.post("/v1/trials/consented", bank, json={"step": 1}, headers=key).status_code == 200
    )
    running.sql("UPDATE client SET permissions = '{}' WHERE client_id = %(id)s", id=bank.id)
    assert (
        running.post("/v1/trials/consented", bank, json={"step": 1}, headers=key).status_code == 403
    )


def test_a_replay_spends_no_query_and_ends_with_the_consent(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy = dict(load_policy())
    needs_consent = Rule(consent=True, roles={Role.CLIENT: "own_institution"})
    monkeypatch.setattr(
        decision, "load_policy", lambda: policy | {Action.CONSENT_READ: needs_consent}
    )
    bank = running.bank(["consent:read"])
    running.sql(
        "INSERT INTO consent (consent_id, uscc, grantee, purpose, scopes, status, valid_from, valid_to, method, max_queries, granted_at) "
        "VALUES ('C-1', %(firm)s, %(bank)s, 'pre_credit', '{tax}', 'active', '2026-01-01', '2026-12-31', 'online_sign', 1, '2026-01-01')",
        firm=FIRM,
        bank=BANK,
    )

    def ask(key: str) -> tuple[int, str]:
        answer = running.post(
            "/v1/trials/spent",
            bank,
            json={"step": 1, "uscc": FIRM},
            headers={"Idempotency-Key": key},
        )
        return answer.status_code, answer.json().get("code", "")

    assert ask("f") == (200, "")
    assert ask("g") == (403, "need_authorisation")  # the only query is spent
    assert ask("f") == (200, "")
    running.sql("UPDATE consent SET status = 'used_up' WHERE consent_id = 'C-1'")
    assert ask("f") == (200, "")
    assert running.sql("SELECT queries_used FROM consent WHERE consent_id = 'C-1'") == [(1,)]
    running.sql("UPDATE consent SET status = 'revoked' WHERE consent_id = 'C-1'")
    assert ask("f") == (403, "need_authorisation")


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    tries=st.lists(
        st.tuples(st.sampled_from("pqr"), st.sampled_from([1, 2, 13])), min_size=2, max_size=10
    )
)
def test_many_at_once_have_one_effect_a_key(running: Running, tries: list[tuple[str, int]]) -> None:
    operator, before = running.operator(), _rows(running)
    answers = running.together(
        *(
            running.asking(
                "POST",
                "/v1/trials",
                operator,
                json={"step": step},
                headers={"Idempotency-Key": key},
            )
            for key, step in tries
        )
    )
    done = {
        key for (key, _), answer in zip(tries, answers, strict=True) if answer.status_code == 201
    }
    possible = {key for key, step in tries if step != 13}
    assert done == possible  # a failing step 13 never spoils a key for the others
    assert _rows(running) == before + len(done)
    for key in done:
        told = {
            (answer.content, step)
            for (name, step), answer in zip(tries, answers, strict=True)
            if name == key and answer.status_code == 201
        }
        assert len(told) == 1
    assert {answer.status_code for answer in answers} <= {201, 409}
