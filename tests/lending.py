"""Running loans, consents for watching them and endpoints for notices, straight in the ledger."""

import json
from datetime import timedelta
from typing import Any

from tests.service import BANK, Running


def lend(
    running: Running, uscc: str, *, institution: str = BANK, guarantor: str = "", **more: Any
) -> str:
    """A running loan; `more` are columns of `loan`."""
    loan_id = f"L-{next(running.numbers)}"
    today = running.clock.now.date()
    held = {
        "institution": running.institution(institution),
        "loan_id": loan_id,
        "lake_id": loan_id,
        "uscc": uscc,
        "product_code": "P01",
        "granted_on": today - timedelta(days=200),
        "matures_on": today + timedelta(days=165),
        "amount_fen": 1_000_000_00,
        "balance_fen": 500_000_00,
        "days_past_due": 0,
        "five_class": 1,
        "status": "running",
        "guarantor": guarantor,
        "updated_at": running.clock.now,
        **more,
    }
    running.sql(
        "INSERT INTO loan (institution, loan_id, lake_id, uscc, product_code, granted_on, matures_on, amount_fen, "
        "balance_fen, days_past_due, five_class, status, guarantor, updated_at) VALUES (%(institution)s, %(loan_id)s, "
        "%(lake_id)s, %(uscc)s, %(product_code)s, %(granted_on)s, %(matures_on)s, %(amount_fen)s, %(balance_fen)s, "
        "%(days_past_due)s, %(five_class)s, %(status)s, %(guarantor)s, %(updated_at)s)",
        **held,
    )
    return loan_id


def watch(running: Running, uscc: str, *scopes: str, institution: str = BANK, **more: Any) -> str:
    """A consent to watch the loan, with its event; `postloan` is among its scopes."""
    consent_id = f"C-{next(running.numbers):020x}"
    today = running.clock.now.date()
    running.sql(
        "INSERT INTO consent (consent_id, uscc, grantee, purpose, scopes, need_id, status, valid_from, valid_to, "
        "method, max_queries, granted_at) VALUES (%(id)s, %(uscc)s, %(grantee)s, 'postloan', %(scopes)s, %(id)s, "
        "'active', %(today)s, %(until)s, 'online_sign', %(most)s, %(now)s)",
        id=consent_id,
        uscc=uscc,
        grantee=running.institution(institution),
        scopes=["postloan", *scopes],
        today=today,
        until=today + timedelta(days=300),
        now=running.clock.now,
        most=more.get("most"),
    )
    _event(running, consent_id, "granted")
    return consent_id


def end_watch(running: Running, consent_id: str) -> None:
    """Revoke it, with its event."""
    running.sql(
        "UPDATE consent SET status = 'revoked', ended_at = %(now)s WHERE consent_id = %(id)s",
        id=consent_id,
        now=running.clock.now,
    )
    _event(running, consent_id, "revoked")


def narrow_watch(running: Running, consent_id: str, *scopes: str) -> None:
    """Leave these scopes, with its event."""
    running.sql(
        "UPDATE consent SET scopes = %(scopes)s WHERE consent_id = %(id)s",
        id=consent_id,
        scopes=["postloan", *scopes],
    )
    _event(running, consent_id, "narrowed")


def _event(running: Running, consent_id: str, event: str) -> None:
    running.sql(
        "INSERT INTO consent_event (event_id, consent_id, event, occurred_at, scopes, actor) "
        "SELECT consent_id || '.' || (SELECT count(*) FROM consent_event WHERE consent_id = %(id)s), consent_id, "
        "%(event)s, %(now)s, scopes, 'U-0' FROM consent WHERE consent_id = %(id)s",
        id=consent_id,
        event=event,
        now=running.clock.now,
    )


def listen(running: Running, institution: str = BANK) -> str:
    """An endpoint to which notices are left; nothing is sent."""
    endpoint_id = f"E-{next(running.numbers)}"
    running.sql(
        "INSERT INTO webhook_endpoint (endpoint_id, institution, label, url, state, created_at, changed_at) "
        "VALUES (%(id)s, %(institution)s, 'test', 'https://bank.test/', 'active', %(now)s, %(now)s)",
        id=endpoint_id,
        institution=running.institution(institution),
        now=running.clock.now,
    )
    return endpoint_id


def notices_about(running: Running, uscc: str, institution: str = BANK) -> list[dict[str, Any]]:
    """Bodies of the notices left for an institution about a firm, oldest first."""
    rows = running.sql(
        "SELECT n.body, n.needs, n.state FROM notice n JOIN webhook_endpoint e USING (endpoint_id) "
        "WHERE n.uscc = %(uscc)s AND n.kind = 'rating.issued' AND e.institution = %(institution)s ORDER BY n.sequence",
        uscc=uscc,
        institution=institution,
    )
    return [json.loads(body) | {"needs": needs, "state": state} for body, needs, state in rows]
