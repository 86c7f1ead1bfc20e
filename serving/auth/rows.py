"""Rows of the ledger as frozen dataclasses."""

from collections.abc import Mapping
from typing import LiteralString, TypeVar

from psycopg.rows import class_row

from serving.db import BEGIN, Connection

Row = TypeVar("Row")


async def fetch_all(
    connection: Connection, row: type[Row], query: LiteralString, given: Mapping[str, object]
) -> list[Row]:
    """All rows of a query."""
    async with connection.cursor(row_factory=class_row(row)) as cursor:
        return await (await cursor.execute(query, given)).fetchall()


async def fetch_one(
    connection: Connection, row: type[Row], query: LiteralString, given: Mapping[str, object]
) -> Row | None:
    """The first row of a query, if there is one."""
    async with connection.cursor(row_factory=class_row(row)) as cursor:
        return await (await cursor.execute(query, given)).fetchone()


async def fetch_first(
    connection: Connection, row: type[Row], query: LiteralString, given: Mapping[str, object]
) -> Row | None:
    """As `fetch_one`, for the first query of a transaction, which it begins on the same trip."""
    async with connection.cursor(row_factory=class_row(row)) as cursor:
        async with connection.pipeline():
            await connection.execute(BEGIN)
            await cursor.execute(query, given)
        return await cursor.fetchone()
