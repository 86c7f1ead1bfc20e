"""Cursors: whole lists in order, whatever comes in meanwhile, and none that we did not make."""

import base64
import tempfile
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.vault import Vault
from serving.database.addresses import Addresses
from serving.errors import MalformedError
from serving.pages import cursor_of, position_of
from tests.service import Ask, Running, service
from tests.service_rooms import GRANT, TRIAL, door


@pytest.fixture(scope="module")
def running(fresh_database: Addresses) -> Generator[Running]:
    with service(fresh_database, rooms=[door]) as started:
        started.sql(TRIAL)
        started.sql(GRANT)
        started.sql("INSERT INTO trial (step) SELECT 1 FROM generate_series(1, 205)")
        yield started


@pytest.fixture(scope="module")
def reader(running: Running) -> Ask:
    return running.bank(["self:read"])


def test_pages_together_are_the_list_though_rows_come_in(running: Running, reader: Ask) -> None:
    seen: list[int] = []
    cursor: str | None = None
    for limit in (1, 3, 200, 200):
        more = {"cursor": cursor} if cursor else {}
        page = running.get("/v1/trials", reader, params={"limit": limit, **more}).json()
        seen += page["items"]
        cursor = page["next"]
        running.sql("INSERT INTO trial (step) VALUES (1)")
    # 205 rows, and those that came in while the first three pages were read
    assert seen == list(range(1, 209))
    assert cursor is None


def test_a_last_page_that_is_just_full_has_no_next(running: Running, reader: Ask) -> None:
    count = running.sql("SELECT count(*) FROM trial")[0][0]
    after = cursor_of(running.house.vault, "/v1/trials", (count - 2,))
    page = running.get("/v1/trials", reader, params={"limit": 2, "cursor": after}).json()
    assert page == {"items": [count - 1, count], "next": None}


@pytest.mark.parametrize("limit", ["0", "201", "-1", "x", ""])
def test_a_limit_outside_1_to_200_is_malformed(running: Running, reader: Ask, limit: str) -> None:
    assert running.get("/v1/trials", reader, params={"limit": limit}).status_code == 422


def test_without_a_limit_a_page_has_fifty(running: Running, reader: Ask) -> None:
    assert len(running.get("/v1/trials", reader).json()["items"]) == 50


@given(place=st.integers(0, 10_000), bit=st.integers(0, 7))
def test_one_bit_changed_makes_a_cursor_foreign(place: int, bit: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        vault = Vault(Path(folder))
        cursor = cursor_of(vault, "/v1/trials", (7, "x"))
        raw = bytearray(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        raw[place % len(raw)] ^= 1 << bit
        changed = base64.urlsafe_b64encode(raw).decode().rstrip("=")
        with pytest.raises(MalformedError, match="not one of this list"):
            position_of(vault, "/v1/trials", changed)


@pytest.mark.parametrize("cursor", ["", "x", "====", "张三", "A" * 400, "A" * 401, "bnVsbA"])
def test_what_is_no_cursor_is_malformed(running: Running, reader: Ask, cursor: str) -> None:
    assert running.get("/v1/trials", reader, params={"cursor": cursor}).status_code == 422


def test_a_cursor_is_of_one_list(running: Running, reader: Ask) -> None:
    vault = running.house.vault
    foreign = cursor_of(vault, "/v1/others", (7,))
    assert position_of(vault, "/v1/others", foreign) == (7,)
    assert running.get("/v1/trials", reader, params={"cursor": foreign}).status_code == 422
