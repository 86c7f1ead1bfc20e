"""Consents straight in the ledger, for tests that are about something else."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import psycopg

from serving.database.addresses import Addresses
from tests.service import BANK, Running

#: What `open_town` opens.
TOWN_SCOPES = ("tax", "invoice", "utilities")

#: As if they had come from elsewhere: a town's codes are made up and none may be granted by.
_OPEN = """
INSERT INTO consent (consent_id, uscc, grantee, purpose, scopes, status, valid_from, valid_to, method, granted_at)
SELECT 'C-town-' || firm, firm, %(bank)s, 'apply', %(scopes)s, 'active', %(day)s,
       %(day)s::date + 2, 'imported', %(now)s FROM unnest(%(firms)s::text[]) AS firm
"""


def open_town(addresses: Addresses, firms: Sequence[str], bank: str, now: datetime) -> None:
    """A consent of each firm to a bank, `C-town-` and the firm's code."""
    values = {
        "firms": list(firms),
        "bank": bank,
        "scopes": list(TOWN_SCOPES),
        "day": now.date(),
        "now": now,
    }
    with psycopg.connect(addresses.owner) as connection:
        connection.execute(_OPEN, values)


def grant(running: Running, uscc: str, *scopes: str, **more: Any) -> str:
    """A consent straight in the ledger."""
    consent_id = f"C-{next(running.numbers):020x}"
    today = running.clock.now.date()
    held = {"purpose": "apply", "grantee": BANK, "most": None, **more}
    running.sql(
        "INSERT INTO consent (consent_id, uscc, grantee, purpose, scopes, need_id, status, valid_from, valid_to, method, "
        "max_queries, granted_at) VALUES (%(id)s, %(uscc)s, %(grantee)s, %(purpose)s, %(scopes)s, %(id)s, 'active', "
        "%(today)s, %(until)s, 'online_sign', %(most)s, %(now)s)",
        id=consent_id,
        uscc=uscc,
        scopes=list(scopes),
        today=today,
        until=today + timedelta(days=30),
        now=running.clock.now,
        **held,
    )
    return consent_id


def revoke(running: Running, consent_id: str) -> None:
    """End it now."""
    running.sql("UPDATE consent SET status = 'revoked' WHERE consent_id = %(id)s", id=consent_id)
