"""The pool of a worker when the server ends what it keeps."""

import asyncio

import psycopg

from serving.db import Database, open_database
from tests.databases import Ledger

_SIZE = 3
_END = (
    "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity WHERE pid = ANY(%(pids)s)"
)


async def numbers(database: Database) -> set[int]:
    """Use every connection at once; what each is called by the server."""
    met = asyncio.Barrier(_SIZE)

    async def one() -> int:
        async with database.transaction() as connection:
            await met.wait()
            return connection.info.backend_pid

    return set(await asyncio.gather(*(one() for _ in range(_SIZE))))


def test_nobody_is_given_a_connection_that_has_ended(ledger: Ledger) -> None:
    address = ledger.clone().owner

    async def story() -> None:
        database = await open_database(address, size=_SIZE, wait_seconds=20)
        try:
            before = await numbers(database)
            with psycopg.connect(address, autocommit=True) as other:
                ended = other.execute(_END, {"pids": list(before)}).fetchone()
            assert ended == (_SIZE,)
            after = await numbers(database)
            assert len(after) == _SIZE
            assert not after & before
        finally:
            await database.close()

    asyncio.run(story())
