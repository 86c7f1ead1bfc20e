"""What firms need, and how it went with what they applied for, become rows of the lake.

Whoever states a need or takes a step leaves a line in `need_change`. The export reads lines, lands each
need as it stands, and takes those lines away: many write at once, and none of them waits for a turn.

Only what the platform itself may keep of a need goes: not what the firm said beside it, nor its grade, nor
what its match showed, which rests on data under consent. Of products those it applied for are named.
"""

import asyncio
from dataclasses import dataclass
from datetime import datetime

from serving.db import Connection
from serving.landing import Destination, NewRows, land, new_rows

NEEDS = "financing_need"
#: Changes in one commit of the lake.
BATCH = 100_000

_CHANGES = "SELECT change_no, need_id FROM need_change ORDER BY change_no LIMIT %(limit)s"
_SETTLE = "DELETE FROM need_change WHERE change_no = ANY(%(changes)s)"
#: The best that came of a need's applications; one that nobody answered leaves it where it was matched.
_STANDING = """
SELECT n.uscc, n.need_id, n.made_at AS submitted_at, round(n.amount_fen / 100.0, 2)::text AS amount,
       n.term_months::text AS term, n.purpose,
       CASE WHEN n.institution = '' THEN 'self' ELSE 'officer' END AS source,
       CASE WHEN n.source = 'officer' THEN n.made_by END AS officer_id, s.status, s.matched_products,
       CASE WHEN s.status IN ('granted', 'approved') THEN s.granted_at
            WHEN s.status IN ('declined', 'withdrawn') THEN s.changed_at END AS closed_at,
       greatest(n.made_at, s.changed_at) AS reported_at
FROM financing_need AS n, LATERAL (
    SELECT CASE WHEN bool_or(state = 'granted' AND loan_id <> '') THEN 'granted'
                WHEN bool_or(state = 'granted') THEN 'approved'
                WHEN bool_or(state = 'contacted') THEN 'accepted'
                WHEN bool_or(state = 'applied') THEN 'matched'
                WHEN bool_or(state = 'declined') THEN 'declined'
                WHEN bool_and(state = 'withdrawn') THEN 'withdrawn'
                WHEN count(*) > 0 THEN 'matched' ELSE 'new' END AS status,
           string_agg(DISTINCT product, ';' ORDER BY product) AS matched_products,
           min(since) FILTER (WHERE state = 'granted') AS granted_at, max(since) AS changed_at
    FROM application AS a WHERE a.need_id = n.need_id) AS s
WHERE n.need_id = ANY(%(need_ids)s) ORDER BY n.need_no
"""


@dataclass(frozen=True)
class NewNeeds:
    """Needs that changed, and the lines that said so, oldest first."""

    changes: list[int]
    rows: NewRows


async def export_new(
    connection: Connection, to: Destination, *, now: datetime, batch: int = BATCH
) -> int:
    """Land needs that were stated or went on since the last export.

    Several at once do no harm: the lake lets one in after the other and drops what it has. A need of a
    code that no enterprise can have goes to quarantine, and stops no other.

    Parameters
    ----------
    connection : Connection
        Outside a transaction; nothing is held while the lake is written.
    now : datetime
        Asia/Shanghai wall time.
    batch : int
        Changes in one commit of the lake at most.

    Returns
    -------
    int
        Needs that were given to the lake; it keeps what is new to it.

    Raises
    ------
    LakeError
        If the lake cannot be written; then the lines stay and nothing is lost.
    """
    total = 0
    while (new := await read_new(connection, batch)) is not None:
        await asyncio.to_thread(land, new.rows, new.changes[-1], to, now=now, max_rejected_share=1)
        await settle(connection, new.changes)
        total += len(new.rows)
    return total


async def read_new(connection: Connection, limit: int) -> NewNeeds | None:
    """Needs that changed, as they stand now; in a transaction of its own, None if there are none."""
    async with connection.transaction():
        changes = await (await connection.execute(_CHANGES, {"limit": limit})).fetchall()
        if not changes:
            return None
        need_ids = sorted({str(need_id) for _, need_id in changes})
        rows = await new_rows(connection, NEEDS, _STANDING, {"need_ids": need_ids})
    return NewNeeds([int(change_no) for change_no, _ in changes], rows)


async def settle(connection: Connection, changes: list[int]) -> None:
    """Say that these changes are in the lake; in a transaction of its own."""
    async with connection.transaction():
        await connection.execute(_SETTLE, {"changes": changes})
