"""Connections to the ledger: a pool per worker, one transaction a request."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import psycopg
from psycopg import AsyncConnection
from psycopg.rows import TupleRow
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from serving.errors import UnavailableError

Connection = AsyncConnection[TupleRow]


@dataclass(frozen=True)
class Database:
    """The pool of one worker; close it when the worker stops."""

    pool: AsyncConnectionPool[Connection]
    wait_seconds: float

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[Connection]:
        """Commit what was done inside, or nothing of it.

        Raises
        ------
        UnavailableError
            If no connection is free in time, or the server goes away.
        """
        try:
            async with self.pool.connection(timeout=self.wait_seconds) as connection:
                yield connection
        except (PoolTimeout, psycopg.OperationalError) as gone:
            raise _unavailable() from gone

    async def close(self) -> None:
        """Give all connections back."""
        await self.pool.close()


async def open_database(conninfo: str, *, size: int, wait_seconds: float) -> Database:
    """A pool of at most `size` connections, one of them open."""
    pool: AsyncConnectionPool[Connection] = AsyncConnectionPool(
        conninfo, min_size=1, max_size=size, open=False, kwargs={"application_name": "xinqiao"}
    )
    await pool.open()
    return Database(pool, wait_seconds)


def _unavailable() -> UnavailableError:
    return UnavailableError(
        en="The ledger does not answer now. Nothing was done; ask again in a few seconds.",
        zh="业务数据库暂时不可用，本次未作任何处理，请稍后重试。",
        details={"retry_after_seconds": 2},
    )
