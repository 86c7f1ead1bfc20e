"""What an enterprise opens to one institution now, read in the transaction that writes the record."""

from dataclasses import dataclass
from datetime import date

from psycopg.rows import class_row

from features.scope import Purpose
from serving.access.decision import LiveConsent
from serving.db import Connection

_LIVE = """
SELECT consent_id, scopes, max_queries FROM consent
WHERE uscc = %(uscc)s AND grantee = %(grantee)s AND purpose = %(purpose)s AND status = 'active'
  AND valid_from <= %(today)s AND valid_to >= %(today)s
  AND (max_queries IS NULL OR queries_used < max_queries)
ORDER BY consent_id
"""
_STILL_OPEN = """
SELECT consent_id, scopes, max_queries FROM consent
WHERE uscc = %(uscc)s AND grantee = %(grantee)s AND purpose = %(purpose)s AND status IN ('active', 'used_up')
  AND valid_from <= %(today)s AND valid_to >= %(today)s
ORDER BY consent_id
"""
_SPEND = """
UPDATE consent SET queries_used = queries_used + 1
WHERE consent_id = ANY(%(ids)s) AND status = 'active' AND queries_used < max_queries
RETURNING consent_id
"""


@dataclass(frozen=True)
class _Row:
    consent_id: str
    scopes: list[str]
    max_queries: int | None


async def live_consent(
    connection: Connection,
    uscc: str,
    grantee: str,
    purpose: Purpose,
    today: date,
    *,
    spend: bool = True,
) -> LiveConsent:
    """Read the live consents of one enterprise to one institution for one purpose.

    Their scopes are united. A consent with a query limit is spent by this look; where another look
    took the last query meanwhile, it opens nothing. Without `spend` an answer is given again that was
    paid for: a consent used up since still opens it, one revoked or expired does not.
    """
    asked = {"uscc": uscc, "grantee": grantee, "purpose": purpose, "today": today}
    async with connection.cursor(row_factory=class_row(_Row)) as cursor:
        rows = await (await cursor.execute(_LIVE if spend else _STILL_OPEN, asked)).fetchall()
    limited = [row.consent_id for row in rows if row.max_queries is not None]
    if limited and spend:
        spent = await _spend(connection, limited)
        rows = [row for row in rows if row.max_queries is None or row.consent_id in spent]
    return LiveConsent(
        ids=tuple(row.consent_id for row in rows),
        scopes=frozenset(scope for row in rows for scope in row.scopes),
    )


async def _spend(connection: Connection, ids: list[str]) -> set[str]:
    cursor = await connection.execute(_SPEND, {"ids": ids})
    return {row[0] for row in await cursor.fetchall()}
