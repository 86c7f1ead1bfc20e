"""One shape of failure: a test for each way of failing."""

from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from serving.database.addresses import Addresses
from serving.problems import load_meanings
from serving.reference.problems import problems_page, statuses
from tests.service import Running, service
from tests.service_rooms import GRANT, TRIAL, door

MEMBERS = {"type", "title", "status", "code", "detail", "instance"}
ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def running(fresh_database: Addresses) -> Generator[Running]:
    with service(fresh_database, rooms=[door], request_seconds=0.5) as started:
        started.sql(TRIAL)
        started.sql(GRANT)
        yield started


@pytest.mark.parametrize(
    ("method", "path", "status", "code", "more"),
    [
        ("GET", "/nowhere", 404, "not_found", {}),
        ("DELETE", "/v1/trials", 405, "method_not_allowed", {}),
        ("GET", "/v1/trials", 401, "not_authenticated", {}),
        ("GET", "/v1/trials/undecided", 500, "internal", {}),
        ("POST", "/v1/trials/broken", 500, "internal", {"json": {"word": "王五"}}),
        ("POST", "/v1/trials/broken", 422, "malformed", {"json": {"word": 7}}),
        ("POST", "/v1/trials/broken", 422, "malformed", {"content": b"{", "headers": {"Content-Type": "application/json"}}),
        ("POST", "/v1/trials/broken", 422, "malformed", {"content": b"\xff\xfe{", "headers": {"Content-Type": "application/json"}}),
        ("POST", "/v1/trials/broken", 413, "too_large", {"content": b"x" * 1_048_577}),
        ("GET", "/v1/trials/slow/5", 504, "timeout", {}),
        ("GET", "/v1/trials/slow/one", 422, "malformed", {}),
    ],
)  # fmt: skip
def test_every_way_of_failing_has_one_shape(
    running: Running, method: str, path: str, status: int, code: str, more: dict[str, Any]
) -> None:
    answer = running.ask(method, path, **more)
    problem = answer.json()
    assert answer.status_code == problem["status"] == status, problem
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert problem["code"] == code
    assert problem["type"] == f"/problems#{code}"
    assert problem["instance"] == answer.headers["X-Request-Id"]
    assert problem.keys() >= MEMBERS
    assert "王五" not in answer.text


def test_the_asker_chooses_the_language(running: Running) -> None:
    def detail(wish: str) -> str:
        return running.get("/nowhere", headers={"Accept-Language": wish}).json()["detail"]

    chinese, english = detail(""), detail("en-GB,en;q=0.9")
    assert chinese.startswith("未找到")
    assert english.startswith("There is no such thing")
    assert detail("fr, zh-CN;q=0.7, en;q=0.5") == chinese
    assert detail("zh;q=0.2, en;q=0.8") == english
    assert detail(";;;q=q,***") == chinese


def test_a_malformed_field_is_named_and_its_value_is_not(running: Running) -> None:
    body = {"step": "11010119900307751X", "张三的身份证": 1, "uscc": 5}
    answer = running.post("/v1/trials", running.operator(), json=body)
    assert answer.status_code == 422
    places = {(field["place"], field["problem"]) for field in answer.json()["fields"]}
    assert places == {
        ("body.step", "int_parsing"),
        ("body.uscc", "string_type"),
        ("body.?", "extra_forbidden"),
    }
    assert "1101011990" not in answer.text
    assert "张三" not in answer.text


def test_a_method_that_is_not_taken_hears_which_are(running: Running) -> None:
    allowed = running.ask("DELETE", "/v1/trials").headers["Allow"]
    assert set(allowed.replace(" ", "").split(",")) <= {"GET", "POST", "HEAD"}
    assert allowed


def test_every_code_has_its_meaning_and_its_heading() -> None:
    codes = statuses()
    assert set(codes) - set(load_meanings()) == set(), "add them to serving/problems.yaml"
    page = (ROOT / "docs/reference/problems.md").read_text(encoding="utf-8")
    assert page == problems_page(), "run `python -m xinqiao docs`"
    assert {code for code in codes if f"## `{code}`" in page} == set(codes)
