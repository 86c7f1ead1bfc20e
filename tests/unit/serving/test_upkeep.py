"""The upkeep: jobs that fail stand alone, only one upkeep acts, a stop lets work end."""

import asyncio
from collections.abc import Generator
from datetime import datetime, timedelta
from io import StringIO

import psycopg
import pytest

from serving.database.addresses import Addresses
from serving.jobs import JOBS, Job, Upkeep, drop_dead_sessions, drop_old_answers
from serving.maintenance import LOCK, Keeper
from serving.observe.log import make_log
from serving.observe.meters import Meters
from serving.settings import Settings
from tests.service import NOON, Running, service


@pytest.fixture(scope="module")
def running(fresh_database: Addresses) -> Generator[Running]:
    with service(fresh_database) as started:
        yield started


def _upkeep(running: Running) -> Upkeep:
    house = running.house
    settings = Settings(house.settings.home, running.addresses.app, sealer=running.addresses.sealer)
    return Upkeep(settings, house.database, house.vault, Meters())


def _keeper(running: Running, jobs: list[Job], log: StringIO) -> Keeper:
    return Keeper(_upkeep(running), make_log(log), jobs=jobs, clock=running.clock)


def test_every_job_of_the_table_runs_on_an_empty_ledger(running: Running) -> None:
    log = StringIO()
    keeper = _keeper(running, [], log)
    assert [job.name for job in JOBS if not running.run(keeper.once(job))] == []
    assert "job.failed" not in log.getvalue()
    assert len({job.name for job in JOBS}) == len(JOBS)


def test_a_job_that_fails_is_told_by_place_and_the_others_go_on(running: Running) -> None:
    async def fail(_: Upkeep, __: datetime) -> int:
        raise ValueError("青岛某某贸易有限公司")

    log, done = StringIO(), asyncio.Event()

    async def succeed(_: Upkeep, __: datetime) -> int:
        done.set()
        return 1

    keeper = _keeper(running, [Job("bad", 0.001, fail), Job("good", 0.001, succeed)], log)

    async def work() -> None:
        task = asyncio.create_task(keeper.run())
        await done.wait()
        keeper.stop()
        await task

    running.run(asyncio.wait_for(work(), 10))
    assert '"job": "bad", "error": "ValueError"' in log.getvalue().replace('"code": null, ', "")
    assert "青岛" not in log.getvalue()
    assert "\\u9752" not in log.getvalue()


def test_only_one_acts_and_the_next_takes_over(running: Running) -> None:
    acted: list[str] = []

    def job(name: str) -> Job:
        async def act(_: Upkeep, __: datetime) -> int:
            acted.append(name)
            return 0

        return Job(name, 0.001, act)

    first = _keeper(running, [job("first")], StringIO())
    second = _keeper(running, [job("second")], StringIO())

    async def work() -> None:
        one = asyncio.create_task(first.run())
        while not acted:
            await asyncio.sleep(0.001)
        two = asyncio.create_task(second.run())
        await asyncio.sleep(0.2)
        assert set(acted) == {"first"}
        first.stop()
        await one
        while "second" not in acted:
            await asyncio.sleep(0.001)
        second.stop()
        await two

    running.run(asyncio.wait_for(work(), 10))


def test_an_upkeep_whose_lock_was_lost_begins_again(running: Running) -> None:
    rounds: list[int] = []

    async def act(_: Upkeep, __: datetime) -> int:
        rounds.append(len(rounds))
        return 0

    log = StringIO()
    keeper = _keeper(running, [Job("act", 0.001, act)], log)

    async def work() -> None:
        task = asyncio.create_task(keeper.run())
        while not rounds:
            await asyncio.sleep(0.001)
        with psycopg.connect(running.addresses.app) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND objid = %(lock)s",
                {"lock": LOCK},
            )
        while log.getvalue().count("upkeep.acts") < 2:
            await asyncio.sleep(0.01)
        keeper.stop()
        await task

    running.run(asyncio.wait_for(work(), 10))


def test_answers_are_kept_a_day_and_dead_sessions_a_week(running: Running) -> None:
    # at the limit it stays, one second beyond it goes
    for name, age in (("kept", timedelta(hours=24)), ("gone", timedelta(hours=24, seconds=1))):
        running.sql(
            "INSERT INTO idempotent_answer (actor, key, request_hash, created_at) VALUES ('x', %(key)s, '', %(at)s)",
            key=name,
            at=NOON - age,
        )
    kept, gone = running.operator(), running.operator()
    for who, age in ((kept, timedelta(days=7)), (gone, timedelta(days=7, seconds=1))):
        running.sql(
            "UPDATE session SET expires_at = %(at)s WHERE person_id = %(id)s",
            at=NOON - age,
            id=who.id,
        )
    upkeep = _upkeep(running)
    assert running.run(drop_old_answers(upkeep, NOON)) == 1
    assert running.run(drop_dead_sessions(upkeep, NOON)) == 1
    assert running.sql("SELECT key FROM idempotent_answer") == [("kept",)]
    assert running.sql("SELECT person_id FROM session") == [(kept.id,)]
