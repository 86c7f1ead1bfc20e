"""People: what a login may be, who certifies, who may change whom, and what the ledger holds of them."""

import re
from collections.abc import Generator

import pytest

from serving.auth.passwords import require_login, require_password
from serving.database.addresses import Addresses
from serving.errors import MalformedError
from tests.access_world import code
from tests.service import Ask, Running, service

FIRM, BANK = code(800001), code(800002)


@pytest.fixture(scope="module")
def running(fresh_database: Addresses) -> Generator[Running]:
    with service(fresh_database) as started:
        yield started


@pytest.fixture
def operator(running: Running) -> Ask:
    running.clock.move(minutes=1)
    return running.operator()


def made(running: Running, operator: Ask, login: str) -> tuple[str, str]:
    answer = running.post("/v1/people", operator, json={"login": login})
    assert answer.status_code == 201, answer.text
    return answer.json()["person_id"], answer.json()["password"]


@pytest.mark.parametrize(
    "login",
    [
        "13800138000",
        "a13800138000",
        "370102199001011234",
        "x-19900101",
        code(1).lower(),
        "Zhang",
        "张三",
        "ab",
        "a" * 33,
        "zhang@example.com",
        "zhang san",
        "",
    ],
)
def test_a_login_is_no_number_and_no_address(login: str) -> None:
    with pytest.raises(MalformedError, match="Never a phone or an identity number"):
        require_login(login)


@pytest.mark.parametrize("login", ["abc", "a" * 32, "li.si_2-x", "q12345"])
def test_a_chosen_name_is_taken(login: str) -> None:
    require_login(login)


@pytest.mark.parametrize(
    "password", ["elevenchars", "a" * 129, "abcdabcdabcd", "my li.si password", ""]
)
def test_a_password_that_is_guessed_first_is_refused(password: str) -> None:
    with pytest.raises(MalformedError, match="A password has 12 to 128 characters"):
        require_password(password, "li.si")


@pytest.mark.parametrize("password", ["abcdeabcdeab", "中文密码也可以用很长的句子"])
def test_a_long_varied_password_is_taken(password: str) -> None:
    require_password(password, "li.si")


def test_a_person_comes_in_gets_a_role_and_logs_in(running: Running, operator: Ask) -> None:
    person_id, password = made(running, operator, "wang.wu")
    taken = running.post("/v1/people", operator, json={"login": "wang.wu"})
    assert taken.status_code == 409
    body = {"login": "wang.wu", "password": password}
    assert running.post("/v1/session", json=body).status_code == 403, "it is nothing yet"
    owner = {"role": "owner", "tenant": FIRM}
    path = f"/v1/people/{person_id}"
    assert running.post(f"{path}/memberships", operator, json=owner).status_code == 204
    assert running.post(f"{path}/memberships", operator, json=owner).status_code == 409
    session = running.post("/v1/session", json=body)
    assert (session.json()["role"], session.json()["tenant"]) == ("owner", FIRM)
    ended = running.post(f"{path}/memberships/end", operator, json=owner)
    assert ended.status_code == 204
    assert running.get("/v1/me").status_code == 401, "the session went with the membership"
    running.client.cookies.clear()
    shown = running.get(path, operator).json()
    assert [row["ended_at"] is None for row in shown["memberships"]] == [False]
    assert "hash" not in running.get(path, operator).text
    found = running.get("/v1/people", operator, params={"login": "wang.wu"}).json()
    assert [row["person_id"] for row in found["items"]] == [person_id]


@pytest.mark.parametrize(
    ("membership", "status"),
    [
        ({"role": "owner"}, 422),
        ({"role": "operator", "tenant": FIRM}, 422),
        ({"role": "owner", "tenant": "not a code"}, 422),
        ({"role": "officer", "tenant": BANK}, 409),
        ({"role": "client"}, 422),
        ({"role": "auditor"}, 204),
    ],
)
def test_a_role_and_its_tenant_fit(
    running: Running, operator: Ask, membership: dict[str, str], status: int
) -> None:
    person_id, _ = made(running, operator, f"fit-{next(running.numbers)}")
    path = f"/v1/people/{person_id}/memberships"
    assert running.post(path, operator, json=membership).status_code == status


@pytest.mark.parametrize(
    ("level", "method", "status"),
    [
        (2, "identity_document", 204),
        (3, "in_person", 204),
        (3, "mobile_operator", 422),
        (2, "", 422),
        (0, "", 204),
        (4, "in_person", 422),
    ],
)
def test_a_real_name_is_certified_by_a_method_of_its_level(
    running: Running, operator: Ask, level: int, method: str, status: int
) -> None:
    person_id, _ = made(running, operator, f"real-{next(running.numbers)}")
    body = {"level": level, "method": method}
    answer = running.post(f"/v1/people/{person_id}/real-name", operator, json=body)
    assert answer.status_code == status
    kept = running.get(f"/v1/people/{person_id}", operator).json()["real_name_level"]
    assert kept == (level if status == 204 else 0)


def test_nobody_changes_its_own_rights(running: Running, operator: Ask) -> None:
    path = f"/v1/people/{operator.id}"
    auditor = {"role": "auditor"}
    assert running.post(f"{path}/memberships", operator, json=auditor).status_code == 409
    assert running.post(f"{path}/state", operator, json={"state": "closed"}).status_code == 409
    assert running.post(f"{path}/password", operator).status_code == 409


def test_a_person_is_locked_unlocked_and_closed(running: Running, operator: Ask) -> None:
    other = running.operator()
    path = f"/v1/people/{other.id}/state"
    assert running.post(path, operator, json={"state": "locked"}).status_code == 204
    assert running.get("/v1/me", other).status_code == 401
    assert running.post(path, operator, json={"state": "active"}).status_code == 204
    assert running.get("/v1/me", other).status_code == 401, "sessions stay ended"
    assert running.post(path, operator, json={"state": "closed"}).status_code == 204
    refused = running.post(path, operator, json={"state": "active"})
    assert (refused.status_code, refused.json()["allowed"]) == (409, [])


def test_a_lost_password_is_replaced(running: Running, operator: Ask) -> None:
    person_id, password = made(running, operator, "lost.one")
    running.post(f"/v1/people/{person_id}/memberships", operator, json={"role": "scientist"})
    new = running.post(f"/v1/people/{person_id}/password", operator).json()["password"]
    codes = {
        running.post("/v1/session", json={"login": "lost.one", "password": tried}).status_code
        for tried in (password, new)
    }
    running.client.cookies.clear()
    assert codes == {401, 201}


def test_the_ledger_and_the_log_hold_nothing_of_a_person(running: Running, operator: Ask) -> None:
    """What people type where it does not belong comes in by every text, and stays nowhere."""
    planted = ["370102199001011234", "13800138000", "planted secret phrase"]
    person_id, password = made(running, operator, "zhao.liu")
    running.post(f"/v1/people/{person_id}/memberships", operator, json={"role": "scientist"})
    for text in planted:
        running.clock.move(seconds=2)
        running.post("/v1/people", operator, json={"login": text, "password": text})
        running.post("/v1/session", json={"login": text, "password": text})
        running.post("/v1/session", json={"login": "zhao.liu", "password": text})
        running.get("/v1/people", operator, params={"login": text})
        body = {"level": 2, "method": text}
        running.post(f"/v1/people/{person_id}/real-name", operator, json=body)
    assert running.post(
        "/v1/session", json={"login": "zhao.liu", "password": password}
    ).is_success, "the road was open"
    running.client.cookies.clear()
    tables = running.sql(
        "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"
    )
    assert len(tables) > 10
    dump = "\n".join(
        str(running.sql(f"SELECT t::text FROM {name} t"))  # pyright: ignore[reportArgumentType] - our own tables
        for (name,) in tables
    )
    assert "zhao.liu" in dump, "the scan sees logins"
    for text in (*planted, password):
        assert text not in dump
        assert text not in running.logged.getvalue()
    assert not re.search(r"(?<!\w)1[3-9][0-9]{9}(?!\w)", dump), "no phone"
    assert not re.search(r"(?<!\w)[1-9][0-9]{16}[0-9Xx](?!\w)", dump), "no identity number"
