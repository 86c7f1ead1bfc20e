"""Loans on a real ledger and in a lake: connections, reports straight to the service, what both say."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg

from features.contracts import load_catalogue
from features.engine import connect
from features.lake import Lake
from features.snapshot import rows_known_by
from features.vault import Vault
from serving.db import Connection
from serving.landing import Destination
from serving.loans.reports import REPORT
from serving.loans.taking import Outcome, take_reports
from tests.loan_reports import GUARANTOR, LENDER, OTHER_LENDER

NOW = datetime(2026, 11, 20, 12)
_INSTITUTION = """
INSERT INTO institution (uscc, name_zh, kind, state, state_since)
VALUES (%(uscc)s, '测试机构', %(kind)s, 'active', %(at)s) ON CONFLICT DO NOTHING
"""


@asynccontextmanager
async def connected(conninfo: str) -> AsyncGenerator[Connection]:
    """A connection outside a transaction, to a ledger with two lenders and a guarantor."""
    async with await psycopg.AsyncConnection.connect(conninfo, autocommit=True) as connection:
        for uscc, kind in ((LENDER, "bank"), (OTHER_LENDER, "bank"), (GUARANTOR, "guarantor")):
            await connection.execute(_INSTITUTION, {"uscc": uscc, "kind": kind, "at": NOW})
        yield connection


def destination(folder: Path) -> Destination:
    """An empty lake."""
    return Destination(
        Lake(folder / "lake"), load_catalogue(), Vault(folder / "vault"), folder / "work"
    )


async def take(
    connection: Connection,
    *bodies: dict[str, Any],
    institution: str = LENDER,
    now: datetime = NOW,
) -> list[Outcome]:
    """Reports as over the wire, committed together."""
    reports = [REPORT.validate_python(body) for body in bodies]
    async with connection.transaction():
        return await take_reports(connection, institution, reports, by="A-1", now=now)


async def asked(connection: Connection, query: str) -> list[tuple[Any, ...]]:
    """Rows of the ledger."""
    return await (await connection.execute(query.encode())).fetchall()


def in_lake(
    to: Destination, dataset: str, columns: str, at: datetime = NOW
) -> Sequence[tuple[Any, ...]]:
    """Rows of the lake that count at a moment, in order."""
    with connect(threads=1) as duck:
        known = rows_known_by(to.lake.view(), to.catalogue[dataset], at)
        return duck.execute(f"SELECT {columns} FROM ({known}) ORDER BY ALL").fetchall()
