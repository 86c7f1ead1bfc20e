"""Events of the ledger become rows of the lake's `consent_event`, in the order they were written.

Each counts from its own instant: what was revoked at noon was closed at noon, however late the lake heard
of it. Events that came from the lake (`cause` `imported`) do not go back.
"""

import asyncio
from dataclasses import dataclass
from datetime import datetime

from features.snapshot import CONSENTS
from serving.db import Connection
from serving.landing import Destination, NewRows, land, new_rows

#: Events in one commit of the lake.
BATCH = 100_000
#: The cause of an event that the lake knew first.
IMPORTED = "imported"

_NEW = """
SELECT e.event_no, c.uscc, e.event_id, e.consent_id, e.event, e.occurred_at, c.grantee, c.purpose,
       array_to_string(e.scopes, ';') AS scopes, c.valid_from, c.valid_to
FROM consent_event AS e JOIN consent AS c USING (consent_id)
WHERE e.event_no > (SELECT last_event_no FROM consent_export) AND e.cause <> %(imported)s
ORDER BY e.event_no LIMIT %(limit)s
"""
_MOVE = """
UPDATE consent_export SET last_event_no = greatest(last_event_no, %(event_no)s), exported_at = %(now)s
"""


@dataclass(frozen=True)
class NewEvents:
    """Everything up to one event."""

    last: int
    rows: NewRows


async def export_new(
    connection: Connection, to: Destination, *, now: datetime, batch: int = BATCH
) -> int:
    """Land what has happened since the last export.

    Several at once do no harm: the lake lets one in after the other and drops what it has.

    Parameters
    ----------
    connection : Connection
        Outside a transaction; nothing is held while the lake is written.
    now : datetime
        Asia/Shanghai wall time.
    batch : int
        Events in one commit of the lake at most.

    Returns
    -------
    int
        Events that were landed, or had been.

    Raises
    ------
    LakeError, RejectedBatchError
        If the lake cannot be written or refuses a row; then the mark stays and nothing is lost.
    """
    total = 0
    while (new := await read_new(connection, batch)) is not None:
        await asyncio.to_thread(land, new.rows, new.last, to, now=now)
        await move_mark(connection, new.last, now)
        total += len(new.rows)
    return total


async def read_new(connection: Connection, limit: int) -> NewEvents | None:
    """Events after the mark, oldest first; in a transaction of its own, None if there are none."""
    async with connection.transaction():
        asked: dict[str, object] = {"limit": limit, "imported": IMPORTED}
        found = await new_rows(connection, CONSENTS, _NEW, asked, since="occurred_at")
    if not len(found):
        return None
    columns = dict(found.columns)
    last = max(columns.pop("event_no"))
    return NewEvents(last, NewRows(CONSENTS, columns, found.since))


async def move_mark(connection: Connection, event_no: int, now: datetime) -> None:
    """Say that everything up to this event is in the lake; in a transaction of its own."""
    async with connection.transaction():
        await connection.execute(_MOVE, {"event_no": event_no, "now": now})
