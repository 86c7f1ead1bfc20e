"""Connections to the ledger: a pool per worker, one transaction a request.

The driver would begin a transaction by itself, at the price of a trip of its own. So connections are
in autocommit, and `BEGIN` is a statement like others, which can travel with the first.
"""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import psycopg
from psycopg import AsyncConnection
from psycopg.pq import TransactionStatus
from psycopg.rows import TupleRow
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from serving.errors import UnavailableError

Connection = AsyncConnection[TupleRow]
BEGIN, COMMIT = "BEGIN", "COMMIT"


_MANNER = {"application_name": "xinqiao", "autocommit": True}


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
            As `connection`.
        """
        async with self.connection() as connection:
            await begin(connection)
            yield connection

    @asynccontextmanager
    async def connection(self) -> AsyncGenerator[Connection]:
        """A connection on which nothing is begun: until then each statement stands alone.

        What was begun is committed at the end, or undone if the block fails.

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
    """A pool of at most `size` connections, one of them open.

    After the server has been away, every connection kept from before is dead; nobody is given one.
    """

    async def require_alive(connection: Connection) -> None:
        try:
            hear(connection)
        except psycopg.OperationalError:
            await pool.check()  # the others most likely ended with it
            raise

    pool: AsyncConnectionPool[Connection] = AsyncConnectionPool(
        conninfo, min_size=1, max_size=size, open=False, kwargs=_MANNER, check=require_alive
    )
    await pool.open()
    return Database(pool, wait_seconds)


def hear(connection: Connection) -> None:
    """Read what the server has said meanwhile, without asking it anything.

    Raises
    ------
    psycopg.OperationalError
        If it has hung up. Before that it may say why, so its end is only heard behind its last words.
    """
    connection.pgconn.consume_input()
    connection.pgconn.consume_input()


async def begin(connection: Connection) -> None:
    """Begin a transaction, unless one is begun."""
    if connection.info.transaction_status is TransactionStatus.IDLE:
        await connection.execute(BEGIN)


def _unavailable() -> UnavailableError:
    return UnavailableError(
        en="The ledger does not answer now. Nothing was done; ask again in a few seconds.",
        zh="业务数据库暂时不可用，本次未作任何处理，请稍后重试。",
        details={"retry_after_seconds": 2},
    )
