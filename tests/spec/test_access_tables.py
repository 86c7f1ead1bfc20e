"""Every endpoint is asked as every role, for the caller's own and for another tenant's things.

The tables in `tests/spec/access` are written by hand. An endpoint without a line in them fails the
test, with the line that is missing.
"""

import re
from collections.abc import Generator, Iterable
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from fastapi import APIRouter
from starlette.routing import BaseRoute

from serving.access.callers import Role
from serving.auth.clients.service import grantable
from serving.database.addresses import Addresses
from serving.door import DoorRoute, action_of
from tests.access_world import make_world
from tests.service import Ask, Running, service

TABLES = Path(__file__).with_name("access")
#: What is for nobody's eyes in particular: health, and the description of the service.
OUTSIDE = ("/healthz", "/readyz", "/metrics", "/openapi.json", "/docs", "/problems", "/static/")
UNSAFE = {"POST", "PUT", "PATCH", "DELETE"}


def lines() -> list[dict[str, Any]]:
    """The lines of every table, their cells by role."""
    found: list[dict[str, Any]] = []
    for path in sorted(TABLES.glob("*.yaml")):
        table = yaml.safe_load(path.read_text("utf-8"))
        columns = [Role(name) for name in table["columns"].split()]
        assert sorted(columns) == sorted(Role), f"{path.name}: a column for every role"
        for line in table["endpoints"]:
            sides = {
                side: dict(zip(columns, str(line[side]).split(), strict=True))
                for side in ("all", "own", "other")
                if side in line
            }
            assert sides.keys() in ({"all"}, {"own", "other"}), f"{line['ask']}: which sides?"
            found.append(line | {"sides": sides})
    return found


LINES = lines()


@pytest.fixture(scope="module")
def running(fresh_database: Addresses) -> Generator[Running]:
    with service(fresh_database) as started:
        yield started


def routes(running: Running) -> list[BaseRoute]:
    """Every route; FastAPI keeps an included router as one, which may hold others."""
    return [route for held in running.app.routes for route in _within(held)]


def _within(route: BaseRoute) -> list[BaseRoute]:
    router = getattr(route, "original_router", None)
    if not isinstance(router, APIRouter):
        return [route]
    return [inner for held in router.routes for inner in _within(held)]


def shape(ask: str) -> str:
    """The request with nameless places and no query: tables name things, the code its parameters."""
    return re.sub(r"\{[^}]*\}", "{}", ask.split("?", maxsplit=1)[0])


def test_every_endpoint_has_a_line_and_every_line_an_endpoint(running: Running) -> None:
    asked = {
        f"{method} {route.path}"
        for route in routes(running)
        if isinstance(route, DoorRoute)
        for method in route.methods or ()
    }
    assert asked, "there are endpoints"
    written = {shape(line["ask"]) for line in LINES}
    missing = [
        f"  - ask: {ask}\n    all:   ??? for each of {' '.join(Role)}"
        for ask in sorted(asked)
        if shape(ask) not in written
    ]
    assert not missing, "lines missing in tests/spec/access:\n" + "\n".join(missing)
    assert written <= {shape(ask) for ask in asked}, "lines without an endpoint"


def test_every_route_is_behind_the_door_and_names_its_action(running: Running) -> None:
    for route in routes(running):
        if isinstance(route, DoorRoute):
            assert action_of(route.endpoint)
        else:
            path = getattr(route, "path", str(route))
            assert path.startswith(OUTSIDE), f"{path} is outside the door"


def filled(part: Any, things: dict[str, str]) -> Any:
    """Names in braces replaced, in texts, lists and mappings."""
    if isinstance(part, str):
        return re.sub(r"\{(\w+)\}", lambda found: things[found[1]], part)
    if isinstance(part, dict):
        return {key: filled(value, things) for key, value in part.items()}
    if isinstance(part, list):
        return [filled(value, things) for value in part]
    return part


def ask(running: Running, line: dict[str, Any], who: Ask, things: dict[str, str]) -> httpx.Response:
    running.clock.move(seconds=0.5)  # an address may ask twice a second
    running.client.cookies.clear()
    method, path = filled(line["ask"], things).split()
    return running.ask(
        method,
        path,
        who,
        json=filled(line.get("body"), things),
        data=filled(line.get("form"), things),
    )


def answered(response: httpx.Response) -> str:
    """The answer in the words of the tables."""
    if response.status_code < 400 or response.status_code in {400, 409, 422}:
        return "yes"
    code = response.json()["code"]
    return "need" if code == "need_authorisation" else str(response.status_code)


@pytest.mark.parametrize("line", LINES, ids=[line["ask"] for line in LINES])
def test_the_service_answers_as_the_table_says(running: Running, line: dict[str, Any]) -> None:
    world = make_world(running)
    for side, cells in line["sides"].items():
        for role, expected in cells.items():
            things = world.things["own" if side == "all" else side]
            response = ask(running, line, world.caller(role), things)
            told = f"{line['ask']} as {role}, {side}: {response.text}"
            assert answered(response) == expected, told
            if expected == "yes" and line["ask"].split()[0] in UNSAFE:
                world = make_world(running)


def by_action(running: Running) -> Iterable[tuple[dict[str, Any], str]]:
    actions = {
        shape(f"{method} {route.path}"): str(action_of(route.endpoint))
        for route in routes(running)
        if isinstance(route, DoorRoute)
        for method in route.methods or ()
    }
    for line in LINES:
        cells = next(iter(line["sides"].values()))
        if cells[Role.CLIENT] != "403" and cells[Role.ANONYMOUS] != "yes":
            yield line, actions[shape(line["ask"])]


def test_a_program_without_the_permission_is_refused_whatever_its_bank_may(
    running: Running,
) -> None:
    world = make_world(running)
    tried = 0
    for line, action in by_action(running):
        rest = sorted(grantable() - {action})
        who = running.bank(rest, uscc=world.things["own"]["institution"])
        response = ask(running, line, who, world.things["own"])
        assert (response.status_code, response.json()["code"]) == (403, "not_permitted"), line
        tried += 1
    assert tried >= 7
