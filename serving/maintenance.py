"""The upkeep: one process beside the workers does what is due, and no other does it meanwhile.

Whoever holds the advisory lock acts; a second upkeep waits for it, and takes over when the first is
gone, however it went. A job that fails is logged, counted and tried again, ever more slowly; the
others go on.
"""

import asyncio
import os
import signal
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime

import psycopg
from structlog.typing import FilteringBoundLogger

from features.clock import now_in_shanghai
from features.errors import XinqiaoError
from features.vault import Vault
from serving.db import open_database
from serving.jobs import JOBS, Job, Upkeep
from serving.observe.log import frames_of, listen_to_libraries, make_log
from serving.observe.meters import Meters
from serving.parent import end_with_parent
from serving.settings import Settings, settings_from

#: Held by the upkeep that acts.
LOCK = 7_220_108
#: How often the lock is asked for, and whether it is still held [s].
ASK_SECONDS = 1.0
#: Jobs work beside each other, and notices are sent several at a time.
UPKEEP_CONNECTIONS = 6
#: A job that fails waits this many times its pause at most.
MOST_PATIENCE = 32

#: At the start every job asks for a connection at once; nobody waits for an answer of theirs [s].
PATIENCE_SECONDS = 60.0

#: Whoever waits for an answer comes first.
LESS_URGENT = 5
_TAKE = "SELECT pg_try_advisory_lock(%(lock)s)"


class Keeper:
    """Does the jobs until it is stopped.

    Parameters
    ----------
    clock : callable
        Asia/Shanghai wall time.
    """

    def __init__(
        self,
        upkeep: Upkeep,
        log: FilteringBoundLogger,
        *,
        jobs: Sequence[Job] = JOBS,
        clock: Callable[[], datetime] = now_in_shanghai,
    ) -> None:
        self._upkeep, self._log, self._jobs, self._clock = upkeep, log, jobs, clock
        self._stop = asyncio.Event()

    def stop(self) -> None:
        """Let the rounds in work end, and begin no other."""
        self._stop.set()

    async def run(self) -> None:
        """Wait for the lock, do the jobs, and begin again if the ledger goes away."""
        while not self._stop.is_set():
            with suppress(psycopg.OperationalError):
                async with self._alone() as connection:
                    if connection is not None:
                        await self._hold(connection)
            await self._pause(ASK_SECONDS)

    async def once(self, job: Job) -> bool:
        """One round of one job; False if it failed."""
        try:
            count = await job.work(self._upkeep, self._clock())
        except Exception as failed:  # noqa: BLE001 - no job may end the others
            self._log.error(
                "job.failed",
                job=job.name,
                error=type(failed).__name__,
                code=failed.code if isinstance(failed, XinqiaoError) else None,
                frames=frames_of(failed.__traceback__),
            )
            self._upkeep.meters.jobs.labels(job.name, "failed").inc()
            return False
        if count:
            self._log.info("job.done", job=job.name, count=count)
        self._upkeep.meters.jobs.labels(job.name, "done").inc()
        return True

    async def _hold(self, connection: psycopg.AsyncConnection) -> None:
        """Do everything as long as the lock is ours."""
        self._log.info("upkeep.acts")
        rounds = [asyncio.create_task(self._again(job)) for job in self._jobs]
        try:
            while not self._stop.is_set():
                await connection.execute("SELECT 1")
                await self._pause(ASK_SECONDS)
            await asyncio.gather(*rounds)
        finally:
            for task in rounds:
                task.cancel()
            await asyncio.gather(*rounds, return_exceptions=True)

    async def _again(self, job: Job) -> None:
        patience = 1
        while not self._stop.is_set():
            went_well = await self.once(job)
            patience = 1 if went_well else min(2 * patience, MOST_PATIENCE)
            await self._pause(job.every_seconds * patience)

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stop.wait()

    @asynccontextmanager
    async def _alone(self) -> AsyncGenerator[psycopg.AsyncConnection | None]:
        """A connection that holds the lock, or None if another has it."""
        address = self._upkeep.settings.database
        connection = await psycopg.AsyncConnection.connect(address, autocommit=True)
        async with connection:
            found = await (await connection.execute(_TAKE, {"lock": LOCK})).fetchone()
            yield connection if found and found[0] else None


async def keep_up(settings: Settings, log: FilteringBoundLogger) -> None:
    """Run the upkeep of one home until SIGTERM."""
    database = await open_database(
        settings.database, size=UPKEEP_CONNECTIONS, wait_seconds=PATIENCE_SECONDS
    )
    upkeep = Upkeep(settings, database, Vault(settings.home / "vault"), Meters(settings.metrics))
    keeper = Keeper(upkeep, log, clock=settings.now)
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, keeper.stop)
    try:
        await keeper.run()
    finally:
        upkeep.sender.close()
        await database.close()


def main() -> None:
    """What the supervisor starts."""
    end_with_parent()
    os.nice(LESS_URGENT)
    log = make_log()
    listen_to_libraries(log)
    asyncio.run(keep_up(settings_from(), log))


if __name__ == "__main__":
    main()
