"""Reading beside the event loop: few at a time, and ended with the request."""

import asyncio
import threading
from datetime import date, datetime
from pathlib import Path

import duckdb
import pytest

from features.scope import DataScope, Purpose
from features.snapshot import open_snapshot
from serving.errors import OverloadedError
from serving.reading import Reading, Stop
from tests.builders import CATALOGUE, TinyLake, registered

#: A query of many minutes.
ENDLESS = "SELECT count(*) FROM range(100000000) a, range(100000000) b WHERE a.range + b.range = 7"


def test_a_fifth_read_is_refused_at_once_and_a_free_place_is_taken() -> None:
    asyncio.run(fifth_read())


async def fifth_read() -> None:
    reading, gate = Reading(), threading.Event()
    waiting = [asyncio.ensure_future(reading.read(lambda _: gate.wait(10))) for _ in range(4)]
    await asyncio.sleep(0)
    with pytest.raises(OverloadedError, match="As many reports are in work"):
        await reading.read(lambda _: True)
    gate.set()
    assert await asyncio.gather(*waiting) == [True] * 4
    assert await reading.read(lambda _: True)
    reading.close()


def test_a_read_that_is_given_up_ends_its_query(tmp_path: Path) -> None:
    asyncio.run(given_up(tmp_path))


async def given_up(tmp_path: Path) -> None:
    lake = TinyLake(tmp_path)
    lake.land("reg_basic", [registered(1)])
    begun, ended = threading.Event(), threading.Event()

    def work(stop: Stop) -> None:
        today = date(2026, 6, 1)
        scope = DataScope(frozenset({"reg_basic"}), Purpose.SELF_REPORT, today)
        try:
            with (
                open_snapshot(
                    lake.view, CATALOGUE, today, scope, now=datetime(2026, 6, 1), threads=1
                ) as snapshot,
                stop.watch(snapshot),
            ):
                begun.set()
                snapshot.connection.execute(ENDLESS)
        except duckdb.InterruptException:
            ended.set()

    reading = Reading()
    asked = asyncio.ensure_future(reading.read(work))
    assert await asyncio.to_thread(begun.wait, 10)
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    assert await asyncio.to_thread(ended.wait, 20)
    assert reading.in_all == 0
    reading.close()
