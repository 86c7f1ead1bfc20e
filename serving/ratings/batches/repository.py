"""Orders of many ratings in the ledger."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from psycopg.rows import class_row

from serving.access.callers import Role
from serving.db import Connection

_ADD = """
INSERT INTO rating_batch (batch_id, institution, role, asked_by, purpose, as_of, is_public_only, state, rows, ordered_at)
VALUES (%(batch_id)s, %(institution)s, %(role)s, %(asked_by)s, %(purpose)s, %(as_of)s, %(is_public_only)s, 'running',
    %(rows)s, %(ordered_at)s)
"""
_ADD_ROWS = """
INSERT INTO rating_batch_row (batch_id, row_no, uscc, state, reason)
SELECT %(batch_id)s, row_no, uscc, CASE WHEN reason = '' THEN 'waiting' ELSE 'refused' END, reason
FROM unnest(%(usccs)s::text[], %(reasons)s::text[]) WITH ORDINALITY AS r(uscc, reason, row_no)
"""
_BATCH = """
SELECT b.batch_no, b.batch_id, b.institution, b.role, b.asked_by, b.purpose, b.as_of, b.is_public_only, b.state, b.rows,
    b.ordered_at, b.ended_at, count(*) FILTER (WHERE r.state = 'waiting') AS waiting,
    count(*) FILTER (WHERE r.state = 'rated') AS rated, count(*) FILTER (WHERE r.state = 'refused') AS refused
FROM rating_batch b JOIN rating_batch_row r USING (batch_id)
"""
_FIND = f"{_BATCH} WHERE b.batch_id = %(batch_id)s GROUP BY b.batch_id"
_LIST = (
    f"{_BATCH} WHERE b.institution = %(institution)s AND b.batch_no > %(after)s GROUP BY b.batch_id "
    "ORDER BY b.batch_no LIMIT %(limit)s"
)
_CANCEL = """
UPDATE rating_batch SET state = 'cancelled', ended_at = %(now)s WHERE batch_id = %(batch_id)s AND state = 'running'
"""
#: The order whose turn it is is held, so that a cancellation waits for the chunk in work.
_TURN = """
SELECT batch_id, institution, role, asked_by, purpose, as_of, is_public_only FROM rating_batch
WHERE state = 'running' ORDER BY random() LIMIT 1 FOR SHARE SKIP LOCKED
"""
_CLAIM = """
SELECT row_no, uscc FROM rating_batch_row WHERE batch_id = %(batch_id)s AND state = 'waiting'
ORDER BY row_no LIMIT %(most)s FOR UPDATE SKIP LOCKED
"""
_DONE = """
UPDATE rating_batch_row SET state = %(state)s, reason = %(reason)s, rating_id = %(rating_id)s
WHERE batch_id = %(batch_id)s AND row_no = %(row_no)s
"""
_FINISH = """
UPDATE rating_batch b SET state = 'done', ended_at = %(now)s
WHERE batch_id = %(batch_id)s AND state = 'running' AND NOT EXISTS (
    SELECT FROM rating_batch_row r WHERE r.batch_id = b.batch_id AND r.state = 'waiting')
"""
_PROGRAM_MAY = """
SELECT 1 FROM client c JOIN institution i ON i.uscc = c.institution
WHERE c.client_id = %(asked_by)s AND c.institution = %(institution)s AND c.state = 'active' AND i.state = 'active'
  AND i.assessed_until >= %(today)s AND 'rating_batch:create' = ANY(c.permissions)
"""
_PERSON_MAY = """
SELECT 1 FROM membership m JOIN person p USING (person_id) JOIN institution i ON i.uscc = m.tenant
WHERE m.person_id = %(asked_by)s AND m.tenant = %(institution)s AND m.role = 'officer' AND m.ended_at IS NULL
  AND p.state = 'active' AND i.state = 'active' AND i.assessed_until >= %(today)s
"""
#: A rating is readable while all it was made from is open: under consents that live, or that were used
#: up and paid for it.
_RESULT = """
SELECT r.row_no, r.uscc, r.state, r.reason, r.rating_id, t.document, coalesce(t.consents, '{}') AS consents,
    t.rating_id IS NOT NULL AND (t.is_public_only OR (t.opened <> '{}' AND t.opened <@ ARRAY(
        SELECT unnest(c.scopes) FROM consent c
        WHERE c.uscc = t.uscc AND c.grantee = t.institution AND c.purpose = t.purpose
          AND c.valid_from <= %(today)s AND c.valid_to >= %(today)s
          AND (c.status = 'active' OR (c.status = 'used_up' AND c.consent_id = ANY(t.consents)))))) AS is_open
FROM rating_batch_row r LEFT JOIN rating t USING (rating_id)
WHERE r.batch_id = %(batch_id)s AND r.row_no > %(after)s ORDER BY r.row_no LIMIT %(limit)s
"""


@dataclass(frozen=True)
class Batch:
    """An order and how far it is."""

    batch_no: int
    batch_id: str
    institution: str
    role: str
    asked_by: str
    purpose: str
    as_of: date | None
    is_public_only: bool
    state: str
    rows: int
    ordered_at: datetime
    ended_at: datetime | None
    waiting: int = 0
    rated: int = 0
    refused: int = 0


@dataclass(frozen=True)
class Turn:
    """The order that is worked on."""

    batch_id: str
    institution: str
    role: str
    asked_by: str
    purpose: str
    as_of: date | None
    is_public_only: bool


@dataclass(frozen=True)
class Waiting:
    """A row nobody else works on."""

    row_no: int
    uscc: str


@dataclass(frozen=True)
class Done:
    """What came of a row."""

    batch_id: str
    row_no: int
    state: str
    reason: str
    rating_id: str | None


@dataclass(frozen=True)
class ResultRow:
    """A row as it is collected."""

    row_no: int
    uscc: str
    state: str
    reason: str
    rating_id: str | None
    document: str | None
    consents: list[str]
    is_open: bool


async def add_batch(
    connection: Connection, batch: Batch, usccs: Sequence[str], reasons: Sequence[str]
) -> None:
    """Keep an order; a row with a reason is refused at once."""
    await connection.execute(_ADD, {**vars(batch)})
    rows = {"batch_id": batch.batch_id, "usccs": list(usccs), "reasons": list(reasons)}
    await connection.execute(_ADD_ROWS, rows)


async def find_batch(connection: Connection, batch_id: str) -> Batch | None:
    """An order by its id."""
    async with connection.cursor(row_factory=class_row(Batch)) as cursor:
        return await (await cursor.execute(_FIND, {"batch_id": batch_id})).fetchone()


async def list_batches(
    connection: Connection, institution: str, *, after: int, limit: int
) -> list[Batch]:
    """Orders of an institution, oldest first."""
    asked = {"institution": institution, "after": after, "limit": limit}
    async with connection.cursor(row_factory=class_row(Batch)) as cursor:
        return await (await cursor.execute(_LIST, asked)).fetchall()


async def cancel_batch(connection: Connection, batch_id: str, now: datetime) -> bool:
    """Stop an order after the chunk in work; False if it had ended."""
    cursor = await connection.execute(_CANCEL, {"batch_id": batch_id, "now": now})
    return cursor.rowcount == 1


async def next_turn(connection: Connection) -> Turn | None:
    """Some running order, held against cancellation until the transaction ends."""
    async with connection.cursor(row_factory=class_row(Turn)) as cursor:
        return await (await cursor.execute(_TURN)).fetchone()


async def claim_rows(connection: Connection, batch_id: str, most: int) -> list[Waiting]:
    """Rows for this transaction alone; a killed one gives them back."""
    async with connection.cursor(row_factory=class_row(Waiting)) as cursor:
        asked = {"batch_id": batch_id, "most": most}
        return await (await cursor.execute(_CLAIM, asked)).fetchall()


async def keep_done(connection: Connection, done: Done) -> None:
    """Write what came of a row."""
    await connection.execute(_DONE, vars(done))


async def finish_batch(connection: Connection, batch_id: str, now: datetime) -> None:
    """End an order of which nothing waits."""
    await connection.execute(_FINISH, {"batch_id": batch_id, "now": now})


async def may_still_ask(connection: Connection, turn: Turn, today: date) -> bool:
    """Whether who ordered is still let in."""
    query = _PROGRAM_MAY if turn.role == Role.CLIENT else _PERSON_MAY
    asked = {"asked_by": turn.asked_by, "institution": turn.institution, "today": today}
    return await (await connection.execute(query, asked)).fetchone() is not None


async def result_rows(
    connection: Connection, batch_id: str, *, after: int, limit: int, today: date
) -> list[ResultRow]:
    """Rows with what came of them, and whether it may still be read."""
    asked = {"batch_id": batch_id, "after": after, "limit": limit, "today": today}
    async with connection.cursor(row_factory=class_row(ResultRow)) as cursor:
        return await (await cursor.execute(_RESULT, asked)).fetchall()
