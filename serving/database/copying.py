"""Rows of a lake's query into a table of the ledger, without holding them all."""

from collections.abc import Iterator
from typing import LiteralString

from features.engine import connect
from serving.db import Connection

_CHUNK = 20_000


async def copy_rows(connection: Connection, copy: LiteralString, query: str) -> int:
    """Copy what a query of the lake finds; how many rows.

    Parameters
    ----------
    copy : str
        `COPY table (columns) FROM STDIN`.
    query : str
        Run by an engine of its own; its columns in the same order.
    """
    rows = 0
    async with connection.cursor() as cursor, cursor.copy(copy) as writing:
        for row in _rows_of(query):
            await writing.write_row(row)
            rows += 1
    return rows


def _rows_of(query: str) -> Iterator[tuple[object, ...]]:
    with connect(threads=1) as duck:
        result = duck.execute(query)
        while chunk := result.fetchmany(_CHUNK):
            yield from chunk
