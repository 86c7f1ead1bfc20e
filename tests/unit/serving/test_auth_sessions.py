"""People come in by a chosen name and a password, and go out in many ways."""

from collections.abc import Generator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from serving.auth.passwords import hash_password
from serving.auth.rules import load_rules
from serving.database.addresses import Addresses
from tests.databases import Ledger
from tests.service import BANK, FIRM, OTHER_BANK, Ask, Running, service

PASSWORD = "a fine long phrase"  # noqa: S105 - of nobody
HASHED = hash_password(PASSWORD)


@pytest.fixture(scope="module")
def running(fresh_database: Addresses) -> Generator[Running]:
    with service(fresh_database) as started:
        yield started


def member(running: Running, role: str = "operator", tenant: str = "") -> tuple[str, str]:
    """A person with a password; its id and login."""
    who = running.person(role, tenant)
    running.sql(
        "UPDATE person SET password_hash = %(hash)s WHERE person_id = %(id)s",
        hash=HASHED,
        id=who.id,
    )
    return who.id, running.sql("SELECT login FROM person WHERE person_id = %(id)s", id=who.id)[0][0]


def log_in(running: Running, login: str, password: str = PASSWORD, **more: Any) -> httpx.Response:
    running.clock.move(seconds=5)  # the address may ask again
    running.client.cookies.clear()
    return running.post("/v1/session", json={"login": login, "password": password} | more)


def visitor(response: httpx.Response, person_id: str = "") -> Ask:
    assert response.status_code == 201, response.text
    token = response.cookies["xinqiao"]
    return Ask(person_id, "", {"Cookie": f"xinqiao={token}", "Sec-Fetch-Site": "same-origin"})


def test_a_session_opens_is_used_and_closes(running: Running) -> None:
    person_id, login = member(running)
    answer = log_in(running, login)
    who = visitor(answer)
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert answer.headers["cache-control"] == "no-store"
    me = running.get("/v1/me", who).json()
    assert (me["id"], me["login"], me["role"]) == (person_id, login, "operator")
    assert running.ask("DELETE", "/v1/session", who).status_code == 204
    assert running.get("/v1/me", who).status_code == 401
    rows = running.sql(
        "SELECT action FROM audit_event WHERE actor = %(id)s ORDER BY audit_id", id=person_id
    )
    assert [row[0] for row in rows] == [
        "session:open:granted",
        "self:read:granted",
        "session:close:granted",
    ]


def test_only_the_digest_of_a_session_is_kept(running: Running) -> None:
    _, login = member(running)
    token = log_in(running, login).cookies["xinqiao"]
    assert len(token) == 43  # 32 bytes in base64 without padding: 256 bits
    kept = running.sql("SELECT token_digest::text FROM session")
    assert all(token not in row[0] for row in kept)


def test_over_https_the_cookie_belongs_to_the_host(ledger: Ledger) -> None:
    with service(ledger.clone(), is_https=True) as running:
        _, login = member(running)
        cookie = log_in(running, login).headers["set-cookie"]
        assert cookie.startswith("__Host-xinqiao=")
        assert "; Secure" in cookie
        assert "Path=/" in cookie
        assert "domain" not in cookie.lower()


def test_a_wrong_password_and_an_unknown_login_sound_the_same(running: Running) -> None:
    person_id, login = member(running)
    wrong = log_in(running, login, "not the phrase")
    unknown = log_in(running, "nobody-here", "not the phrase")
    assert wrong.status_code == unknown.status_code == 401
    assert wrong.json()["detail"] == unknown.json()["detail"]
    assert wrong.json()["code"] == unknown.json()["code"]
    rows = running.sql(
        "SELECT action, actor_kind FROM audit_event WHERE actor = %(id)s", id=person_id
    )
    assert rows == [("session:open:refused", "person")]


def test_failures_make_an_account_wait_longer_and_longer(running: Running) -> None:
    _, login = member(running)
    # Four failures are free; the fifth makes it wait 30 s, the next one 60 s.
    for _ in range(5):
        assert log_in(running, login, "not the phrase").status_code == 401
    assert log_in(running, login).status_code == 401
    running.clock.move(seconds=30)
    assert log_in(running, login, "not the phrase").status_code == 401
    running.clock.move(seconds=50)  # and 5 s in `log_in`: 55 s
    assert log_in(running, login).status_code == 401
    running.clock.move(seconds=5)  # 65 s
    assert log_in(running, login).status_code == 201
    assert log_in(running, login).status_code == 201, "a right password clears the count"


def test_guesses_sent_together_cannot_outrun_the_count(running: Running) -> None:
    person_id, login = member(running)
    running.clock.move(seconds=60)
    running.client.cookies.clear()
    body = {"login": login, "password": "not the phrase"}
    nobody = Ask("", "", {})
    answers = running.together(
        *(running.asking("POST", "/v1/session", nobody, json=body) for _ in range(20))
    )
    assert {answer.status_code for answer in answers} <= {401, 503}
    counted = running.sql(
        "SELECT failed_logins FROM person WHERE person_id = %(id)s", id=person_id
    )[0][0]
    assert counted <= load_rules().lockout.free_failures


def test_too_many_logins_at_once_are_told_to_come_back(running: Running) -> None:
    _, login = member(running)
    running.clock.move(seconds=60)
    running.client.cookies.clear()
    rules = load_rules().passwords
    body = {"login": login, "password": PASSWORD}
    nobody = Ask("", "", {})
    answers = running.together(
        *(running.asking("POST", "/v1/session", nobody, json=body) for _ in range(12))
    )
    codes = [answer.status_code for answer in answers]
    assert set(codes) <= {201, 401, 503}
    assert codes.count(201) + codes.count(401) >= rules.at_once + rules.waiting
    assert all(a.headers["retry-after"] == "1" for a in answers if a.status_code == 503)
    running.clock.move(minutes=5)
    assert log_in(running, login).status_code == 201, "and then there is room again"


def test_a_person_of_several_roles_says_which(running: Running) -> None:
    person_id, login = member(running, "owner", FIRM)
    running.institution()
    running.sql(
        "INSERT INTO membership VALUES (%(id)s, 'officer', %(bank)s, %(now)s)",
        id=person_id,
        bank=BANK,
        now=running.clock.now,
    )
    several = log_in(running, login)
    assert several.status_code == 409
    assert several.json()["memberships"] == [
        {"role": "officer", "tenant": BANK},
        {"role": "owner", "tenant": FIRM},
    ]
    assert log_in(running, login, role="owner").json()["tenant"] == FIRM
    assert log_in(running, login, role="auditor").status_code == 409


def test_an_idle_session_ends_and_a_used_one_lives_until_its_day_is_over(running: Running) -> None:
    _, login = member(running)
    idle, used = (visitor(log_in(running, login)) for _ in range(2))
    running.clock.move(minutes=29)
    assert running.get("/v1/me", used).status_code == 200
    running.clock.move(minutes=2)
    assert running.get("/v1/me", idle).status_code == 401
    assert running.get("/v1/me", used).status_code == 200
    for _ in range(30):
        running.clock.move(minutes=25)
        if running.get("/v1/me", used).status_code == 401:
            break
    opened = running.sql("SELECT max(created_at) FROM session")[0][0]
    lived = running.clock.now - opened
    assert timedelta(hours=12) <= lived < timedelta(hours=12, minutes=26)


@pytest.mark.parametrize(
    "blow",
    [
        "UPDATE person SET state = 'locked' WHERE person_id = %(id)s",
        "UPDATE person SET state = 'closed' WHERE person_id = %(id)s",
        "UPDATE membership SET ended_at = %(now)s WHERE person_id = %(id)s",
        "UPDATE session SET ended_at = %(now)s WHERE person_id = %(id)s",
        "UPDATE institution SET state = 'suspended' WHERE uscc = %(bank)s",
        "UPDATE institution SET assessed_until = %(yesterday)s WHERE uscc = %(bank)s",
    ],
)
def test_a_session_dies_with_what_it_stood_on(running: Running, blow: Any) -> None:
    running.sql("DELETE FROM session WHERE tenant = %(bank)s", bank=OTHER_BANK)
    running.sql(
        "UPDATE institution SET state = 'active', assessed_until = %(until)s WHERE uscc = %(bank)s",
        bank=OTHER_BANK,
        until=running.clock.now.date(),
    )
    who = running.officer(OTHER_BANK)
    running.sql(
        "UPDATE institution SET assessed_until = %(today)s WHERE uscc = %(bank)s",
        bank=OTHER_BANK,
        today=running.clock.now.date(),
    )
    assert running.get("/v1/me", who).status_code == 200
    running.sql(
        blow,
        id=who.id,
        now=running.clock.now,
        bank=OTHER_BANK,
        yesterday=running.clock.now.date() - timedelta(days=1),
    )
    assert running.get("/v1/me", who).status_code == 401


def test_a_membership_given_again_revives_no_session(running: Running) -> None:
    who = running.operator()
    running.clock.move(seconds=10)
    running.sql(
        "UPDATE membership SET ended_at = NULL, granted_at = %(now)s WHERE person_id = %(id)s",
        id=who.id,
        now=running.clock.now,
    )
    assert running.get("/v1/me", who).status_code == 401


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec-Fetch-Site": "same-origin"}, 204),
        ({"Sec-Fetch-Site": "none"}, 204),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "http://service.test"}, 403),
        ({"Origin": "http://service.test"}, 204),
        ({"Origin": "http://service.test.evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({}, 403),
    ],
)
def test_a_change_with_a_session_comes_from_our_own_page(
    running: Running, headers: dict[str, str], status: int
) -> None:
    who = running.operator()
    bare = Ask(who.id, "", {"Cookie": who.headers["Cookie"], "Host": "service.test"})
    answer = running.ask("DELETE", "/v1/session", bare, headers=headers)
    assert answer.status_code == status, answer.text
    if status == 403:
        assert answer.json()["code"] == "cross_site"
        assert running.get("/v1/me", bare).status_code == 200


def test_another_site_cannot_log_a_visitor_in(running: Running) -> None:
    _, login = member(running)
    running.clock.move(seconds=60)
    answer = running.post(
        "/v1/session",
        json={"login": login, "password": PASSWORD},
        headers={"Sec-Fetch-Site": "cross-site"},
    )
    assert (answer.status_code, answer.json()["code"]) == (403, "cross_site")


def test_a_browser_with_a_dead_session_can_still_log_in(running: Running) -> None:
    _, login = member(running)
    running.clock.move(seconds=60)
    dead = Ask("", "", {"Cookie": "xinqiao=long-gone"})
    answer = running.post("/v1/session", dead, json={"login": login, "password": PASSWORD})
    assert answer.status_code == 201


def test_a_new_password_ends_every_other_session(running: Running) -> None:
    _, login = member(running)
    here, there = (visitor(log_in(running, login)) for _ in range(2))
    change = {"current": "not the phrase", "new": "another long phrase"}
    assert running.post("/v1/me/password", here, json=change).status_code == 403
    change["current"] = PASSWORD
    weak = running.post("/v1/me/password", here, json=change | {"new": "short"})
    assert weak.status_code == 422
    assert running.post("/v1/me/password", here, json=change).status_code == 204
    assert running.get("/v1/me", there).status_code == 401
    assert running.get("/v1/me", here).status_code == 200
    assert log_in(running, login).status_code == 401
    assert log_in(running, login, "another long phrase").status_code == 201
