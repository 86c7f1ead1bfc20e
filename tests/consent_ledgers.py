"""Consents on a real ledger: connections, one bank, wishes."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import psycopg

from features.identifiers import synthetic_uscc
from features.scope import Purpose
from serving.access.callers import Caller, Role
from serving.consent import service
from serving.consent.notices import notice_on
from serving.consent.states import Consent, Wish
from serving.db import Connection

NOW = datetime(2026, 3, 2, 9)
FIRM = synthetic_uscc("consents", "firm")
OTHER = synthetic_uscc("consents", "other")
BANK = synthetic_uscc("consents", "bank")
GONE = synthetic_uscc("consents", "gone")
OWNER = Caller(Role.OWNER, id="P-1", tenant=FIRM, real_name_level=2)
WISH = Wish(
    grantee=BANK,
    purpose=Purpose.APPLY,
    scopes=frozenset({"tax", "invoice"}),
    valid_from=NOW.date(),
    valid_to=NOW.date() + timedelta(days=30),
    notice_version=notice_on(NOW.date()).version,
)
_INSTITUTION = """
INSERT INTO institution (uscc, name_zh, kind, state, state_since)
VALUES (%(uscc)s, '测试银行', 'bank', %(state)s, %(at)s) ON CONFLICT DO NOTHING
"""


@asynccontextmanager
async def connected(conninfo: str) -> AsyncGenerator[Connection]:
    """A connection outside a transaction, to a ledger with an active and a suspended bank."""
    async with await psycopg.AsyncConnection.connect(conninfo, autocommit=True) as connection:
        for uscc, state in ((BANK, "active"), (GONE, "suspended")):
            await connection.execute(_INSTITUTION, {"uscc": uscc, "state": state, "at": NOW})
        yield connection


async def granted(
    connection: Connection, owner: Caller = OWNER, now: datetime = NOW, **changes: Any
) -> Consent:
    """One consent, committed."""
    async with connection.transaction():
        return await service.grant(connection, owner, replace(WISH, **changes), now)


async def events_of(connection: Connection) -> list[tuple[Any, ...]]:
    """Every event in its order: consent, event, cause, moment, scopes."""
    cursor = await connection.execute(
        "SELECT consent_id, event, cause, occurred_at, scopes FROM consent_event ORDER BY event_no"
    )
    return await cursor.fetchall()
