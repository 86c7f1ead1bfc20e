"""Consents straight in the ledger, for tests that are about something else."""

from datetime import timedelta
from typing import Any

from tests.service import BANK, Running


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
