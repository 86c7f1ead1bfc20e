"""The API describes itself, whole and from this host alone."""

import re
from collections.abc import Generator
from pathlib import Path

import pytest

from serving.database.addresses import Addresses
from tests.service import Running, service
from tests.service_rooms import door


@pytest.fixture(scope="module")
def running(fresh_database: Addresses) -> Generator[Running]:
    with service(fresh_database, rooms=[door]) as started:
        yield started


def test_every_endpoint_behind_the_door_lists_every_way_of_failing(running: Running) -> None:
    document = running.get("/openapi.json").json()
    operations = [
        operation
        for path, methods in document["paths"].items()
        if path.startswith("/v1/")
        for operation in methods.values()
    ]
    assert len(operations) >= 7
    for operation in operations:
        assert operation["responses"].keys() >= {
            "401",
            "403",
            "404",
            "409",
            "413",
            "422",
            "429",
            "503",
            "504",
        }
        for status, answer in operation["responses"].items():
            if status >= "400":
                (media,) = answer["content"].items()
                assert media == (
                    "application/problem+json",
                    {"schema": {"$ref": "#/components/schemas/Problem"}},
                )
        assert operation["x-action"]
        assert "security" in operation


def test_who_may_call_is_what_the_policy_says(running: Running) -> None:
    paths = running.get("/openapi.json").json()["paths"]
    assert paths["/v1/trials/broken"]["post"]["security"] == []  # anybody
    assert paths["/v1/trials"]["get"]["security"] == [{"client": []}, {"session": []}]
    keyed = [p["name"] for p in paths["/v1/trials"]["post"]["parameters"]]
    assert keyed == ["Idempotency-Key"]
    assert "parameters" not in paths["/v1/trials/broken"]["post"]


def test_every_reference_in_the_document_leads_somewhere(running: Running) -> None:
    answer = running.get("/openapi.json")
    schemas = answer.json()["components"]["schemas"]
    named = set(re.findall(r'"#/components/schemas/([^"]+)"', answer.text))
    assert "Problem" in named
    assert named <= set(schemas)


@pytest.mark.parametrize("path", ["/docs", "/problems"])
@pytest.mark.parametrize("language", ["zh", "en"])
def test_pages_ask_nothing_of_another_host(running: Running, path: str, language: str) -> None:
    page = running.get(path, headers={"Accept-Language": language})
    assert page.status_code == 200
    assert "<script" not in page.text
    assert " style=" not in page.text
    wanted = re.findall(r'(?:src|href)="([^"]*)"', page.text)
    assert wanted
    assert [
        address for address in wanted if not re.match(r"[/#]", address) or address.startswith("//")
    ] == []
    (style,) = re.findall(r'<link rel="stylesheet" href="([^"]+)"', page.text)
    sheet = running.get(style)
    assert sheet.headers["Content-Type"].startswith("text/css")
    assert "immutable" in sheet.headers["Cache-Control"]
    assert "url(" not in sheet.text
    assert "@import" not in sheet.text
    tag = {"If-None-Match": sheet.headers["ETag"]}
    assert running.get(style, headers=tag).status_code == 304


def test_the_page_names_every_endpoint(running: Running) -> None:
    page = running.get("/docs").text
    for path in running.get("/openapi.json").json()["paths"]:
        assert f"<code>{path}</code>" in page


def test_a_file_that_is_not_there_is_not_found(running: Running) -> None:
    assert running.get("/static/reference.css").status_code == 404
    assert running.get("/static/..%2f..%2fsettings.py").status_code == 404


def test_every_setting_of_the_service_has_its_heading() -> None:
    root = Path(__file__).parents[3]
    named = set(
        re.findall(
            r"(?:XINQIAO|PROMETHEUS)_[A-Z_]+", (root / "serving/settings.py").read_text("utf-8")
        )
    )
    headings = "".join(
        re.findall(
            r"^## .*$", (root / "docs/reference/settings.md").read_text("utf-8"), re.MULTILINE
        )
    )
    others = {"XINQIAO_DATABASE_URL", "XINQIAO_DATABASE_SEALER_URL", "XINQIAO_AUDIT_MIRROR"}
    assert len(named) > 6
    assert {name for name in named - others if f"`{name}`" not in headings} == set()
