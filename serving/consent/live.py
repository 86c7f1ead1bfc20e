"""What an enterprise opens to one institution now, read in the transaction that writes the record."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg.rows import class_row

from features.scope import Purpose
from serving.access.decision import LiveConsent
from serving.ahead import Ahead, Question
from serving.consent import repository
from serving.consent.rules import separate_scopes
from serving.db import Connection

LIVE = """
SELECT consent_id, scopes, max_queries, status FROM consent
WHERE uscc = %(uscc)s AND grantee = %(grantee)s AND purpose = %(purpose)s AND status = 'active'
  AND valid_from <= %(today)s AND valid_to >= %(today)s
ORDER BY consent_id
"""
#: Of an answer that is given again: what was used up since had paid for it.
_STILL_OPEN = """
SELECT consent_id, scopes, max_queries, status FROM consent
WHERE uscc = %(uscc)s AND grantee = %(grantee)s AND purpose = %(purpose)s
  AND (status = 'active' AND max_queries IS NULL OR status IN ('active', 'used_up') AND consent_id = ANY(%(paid)s))
  AND valid_from <= %(today)s AND valid_to >= %(today)s
ORDER BY consent_id
"""
#: Locks are taken in the order of ids; what was revoked or narrowed while we waited is read as it is then.
_SPEND = """
WITH mine AS (
    SELECT consent_id FROM consent WHERE consent_id = ANY(%(ids)s) AND status = 'active'
    ORDER BY consent_id FOR UPDATE
)
UPDATE consent SET queries_used = queries_used + 1,
    status = CASE WHEN queries_used + 1 >= max_queries THEN 'used_up' ELSE status END,
    ended_at = CASE WHEN queries_used + 1 >= max_queries THEN %(now)s ELSE ended_at END
FROM mine WHERE consent.consent_id = mine.consent_id
RETURNING consent.consent_id, scopes, max_queries, status
"""


@dataclass(frozen=True)
class Opening:
    """What one live consent opens."""

    consent_id: str
    scopes: list[str]
    max_queries: int | None
    status: str


async def live_consent(
    connection: Connection,
    uscc: str,
    grantee: str,
    purpose: Purpose,
    now: datetime,
    *,
    paid: Collection[str] | None = None,
    ahead: Ahead | None = None,
) -> LiveConsent:
    """Read the live consents of one enterprise to one institution for one purpose.

    A consent with a query limit is spent by this look; where another look took the last query
    meanwhile, it opens nothing. The last query ends the consent. A look that is undone spends nothing.

    Parameters
    ----------
    paid : collection of str, optional
        The consents by which an answer was given that is asked for again: nothing is spent, and of
        consents with a limit only these open it, used up since or not. Revoked or expired ones do not.
    ahead : Ahead, optional
        What this transaction has read already.
    """
    question = live_question(uscc, grantee, purpose, now, paid)
    rows = await (ahead or Ahead()).rows(connection, question)
    limited = [row.consent_id for row in rows if row.max_queries is not None]
    if limited and paid is None:
        spent = await _spend(connection, limited, now)
        # Spending may have waited for whoever was ending consents: what has no limit is read again, as
        # it is now that the spent ones are ours.
        now_live = await read_live(connection, uscc, grantee, purpose, now)
        rows = [*(row for row in now_live if row.max_queries is None), *spent]
    return LiveConsent(ids=tuple(sorted(row.consent_id for row in rows)), scopes=united(rows))


async def read_live(
    connection: Connection,
    uscc: str,
    grantee: str,
    purpose: Purpose,
    now: datetime,
    paid: Collection[str] | None = None,
) -> list[Opening]:
    """The live consents one by one, in the order of their ids; nothing is spent. For `paid` see `live_consent`."""
    return await Ahead().rows(connection, live_question(uscc, grantee, purpose, now, paid))


def live_question(
    uscc: str,
    grantee: str,
    purpose: Purpose,
    now: datetime,
    paid: Collection[str] | None = None,
) -> Question[Opening]:
    """What `read_live` asks."""
    asked: dict[str, object] = {
        "uscc": uscc,
        "grantee": grantee,
        "purpose": purpose,
        "today": now.date(),
    }
    if paid is None:
        return Question(Opening, LIVE, asked)
    return Question(Opening, _STILL_OPEN, {**asked, "paid": list(paid)})


def united(openings: Sequence[Opening]) -> frozenset[str]:
    """What several consents open together.

    A separately confirmed scope (`raw`) was confirmed for the kinds beside it. It counts only if the
    consents that hold it open every kind that is open, so that `raw` for tax is never raw invoices.

    Examples
    --------
    >>> tax, invoice = (Opening("1", ["tax", "raw"], None, ""), Opening("2", ["invoice"], None, ""))
    >>> sorted(united([tax])), sorted(united([tax, invoice]))
    (['raw', 'tax'], ['invoice', 'tax'])
    """
    everything = {scope for opening in openings for scope in opening.scopes}
    separate = separate_scopes(everything)
    kinds = everything.difference(separate)
    held = {
        scope: {kind for one in openings if scope in one.scopes for kind in one.scopes}
        for scope in separate
    }
    return frozenset(kinds | {scope for scope in separate if kinds <= held[scope]})


async def _spend(connection: Connection, ids: list[str], now: datetime) -> list[Opening]:
    async with connection.cursor(row_factory=class_row(Opening)) as cursor:
        spent = await (await cursor.execute(_SPEND, {"ids": ids, "now": now})).fetchall()
    used_up = [opening.consent_id for opening in spent if opening.status == "used_up"]
    if used_up:
        await repository.append(
            connection, "expired", used_up, now=now, actor="system", cause="used_up"
        )
    return spent
