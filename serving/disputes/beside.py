"""What stands beside records and ratings: marks 异议中, a firm's statements, reviewers' notes, repairs to land.

Answers, reports and pages ask `open_marks`, `live_statements` and `review_notes`; what an institution may see
of them is `serving.disputes.seen`.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from psycopg.rows import class_row

from serving.db import Connection
from serving.disputes.records import Record, record_of
from serving.disputes.rows import MarkRow, NoticeRow, ReviewNoteRow, StatementRow
from serving.disputes.steps import OPEN_DISPUTE

_MARKS = """
SELECT dataset, record_key, state, filed_at AS since FROM credit_case
WHERE kind = 'dispute' AND uscc = %(uscc)s
  AND (state = ANY(%(open)s) OR (outcome = 'both_recorded' AND state IN ('answered', 'closed')))
ORDER BY case_no
"""
_STATEMENTS = """
SELECT statement_id, uscc, dataset, record_key, text, made_at FROM owner_statement
WHERE uscc = %(uscc)s AND withdrawn_at IS NULL ORDER BY made_at, statement_id
"""
_STATEMENT = """
SELECT statement_id, uscc, dataset, record_key, text, made_at FROM owner_statement
WHERE statement_id = %(statement_id)s AND withdrawn_at IS NULL
"""
_WITHDRAW = """
UPDATE owner_statement SET withdrawn_at = %(now)s
WHERE uscc = %(uscc)s AND dataset = %(dataset)s AND record_key = %(record_key)s AND withdrawn_at IS NULL
"""
_STATE = """
INSERT INTO owner_statement (statement_id, uscc, dataset, record_key, text, made_by, made_at)
VALUES (%(statement_id)s, %(uscc)s, %(dataset)s, %(record_key)s, %(text)s, %(made_by)s, %(now)s)
"""
_NOTE = """
INSERT INTO review_note (case_id, rating_id, outcome, grade, new_rating_id, basis, reviewer, second_person, at)
VALUES (%(case_id)s, %(rating_id)s, %(outcome)s, %(grade)s, %(new_rating_id)s, %(basis)s, %(reviewer)s,
        %(second_person)s, %(at)s)
"""
_NOTES = """
SELECT case_id, rating_id, outcome, grade, new_rating_id, basis, at FROM review_note
WHERE rating_id = %(rating_id)s ORDER BY note_no
"""
_NOTICE = """
INSERT INTO repair_notice (case_id, uscc, dataset, record_no, repaired_at, decided_by, certificate_no)
VALUES (%(case_id)s, %(uscc)s, %(dataset)s, %(record_no)s, %(repaired_at)s, %(decided_by)s, %(certificate_no)s)
"""
_UNLANDED = """
SELECT case_id, uscc, dataset, record_no, repaired_at, decided_by, certificate_no FROM repair_notice
WHERE landed_at IS NULL ORDER BY case_id
"""
_CHANGED = """
SELECT max(e.at) FROM case_event e JOIN credit_case c USING (case_id)
WHERE c.uscc = %(uscc)s AND c.dataset = ANY(%(datasets)s) AND e.step = 'land' AND e.at > %(since)s
"""
_LANDED = "UPDATE repair_notice SET landed_at = %(now)s WHERE case_id = %(case_id)s"


@dataclass(frozen=True)
class Mark:
    """A record that is not beyond doubt.

    Attributes
    ----------
    mark : str
        `disputed` 异议中 while a dispute is open; `both_views` where it could not be settled and both
        views are recorded.
    since : datetime
        When the dispute was filed.
    """

    record: Record
    mark: str
    since: datetime


@dataclass(frozen=True)
class Statement:
    """A firm's own words beside a record, of 500 characters at most, shown wherever the record is."""

    statement_id: str
    record: Record
    text: str
    made_at: datetime


@dataclass(frozen=True)
class NewNote:
    """A reviewer's note on a rating as it is written."""

    case_id: str
    rating_id: str
    outcome: str
    basis: str
    reviewer: str
    grade: str | None = None
    new_rating_id: str | None = None
    second_person: str | None = None


async def open_marks(connection: Connection, uscc: str) -> list[Mark]:
    """Every record of a firm that is disputed, or of which both views are recorded."""
    async with connection.cursor(row_factory=class_row(MarkRow)) as cursor:
        found = await cursor.execute(_MARKS, {"uscc": uscc, "open": sorted(OPEN_DISPUTE)})
        rows = await found.fetchall()
    return [
        Mark(
            record_of(row.dataset, row.record_key),
            "disputed" if row.state in OPEN_DISPUTE else "both_views",
            row.since,
        )
        for row in rows
    ]


async def live_statements(connection: Connection, uscc: str) -> list[Statement]:
    """What a firm says beside its records now."""
    async with connection.cursor(row_factory=class_row(StatementRow)) as cursor:
        rows = await (await cursor.execute(_STATEMENTS, {"uscc": uscc})).fetchall()
    return [
        Statement(r.statement_id, record_of(r.dataset, r.record_key), r.text, r.made_at)
        for r in rows
    ]


async def read_statement(connection: Connection, statement_id: str) -> StatementRow | None:
    """One statement that is not withdrawn."""
    async with connection.cursor(row_factory=class_row(StatementRow)) as cursor:
        found = await cursor.execute(_STATEMENT, {"statement_id": statement_id})
        return await found.fetchone()


async def withdraw_statement(
    connection: Connection, uscc: str, dataset: str, record_key: str, now: datetime
) -> None:
    """Take the statement beside a record away, if there is one."""
    given = {"uscc": uscc, "dataset": dataset, "record_key": record_key, "now": now}
    await connection.execute(_WITHDRAW, given)


async def write_statement(
    connection: Connection, row: StatementRow, made_by: str, now: datetime
) -> None:
    """Put a statement beside a record in place of the one before."""
    await withdraw_statement(connection, row.uscc, row.dataset, row.record_key, now)
    given = {
        "statement_id": row.statement_id,
        "uscc": row.uscc,
        "dataset": row.dataset,
        "record_key": row.record_key,
        "text": row.text,
        "made_by": made_by,
        "now": now,
    }
    await connection.execute(_STATE, given)


async def write_note(connection: Connection, note: NewNote, at: datetime) -> None:
    """Append a reviewer's note."""
    given: Mapping[str, object] = {**note.__dict__, "at": at}
    await connection.execute(_NOTE, given)


async def review_notes(connection: Connection, rating_id: str) -> list[ReviewNoteRow]:
    """What reviewers said of a rating, oldest first."""
    async with connection.cursor(row_factory=class_row(ReviewNoteRow)) as cursor:
        return await (await cursor.execute(_NOTES, {"rating_id": rating_id})).fetchall()


async def records_changed_at(
    connection: Connection, uscc: str, datasets: Collection[str], since: datetime
) -> datetime | None:
    """When the last correction or repair of a record in these datasets came in, if one did since."""
    asked = {"uscc": uscc, "datasets": sorted(datasets), "since": since}
    found = await (await connection.execute(_CHANGED, asked)).fetchone()
    return None if found is None else found[0]


async def write_notice(connection: Connection, notice: NoticeRow) -> None:
    """Keep a repair that must reach the lake."""
    await connection.execute(_NOTICE, notice.__dict__)


async def unlanded_notices(connection: Connection) -> list[NoticeRow]:
    """Repairs that are decided and not in the lake yet."""
    async with connection.cursor(row_factory=class_row(NoticeRow)) as cursor:
        return await (await cursor.execute(_UNLANDED)).fetchall()


async def notice_landed(connection: Connection, case_id: str, now: datetime) -> None:
    """Note that a repair is in the lake."""
    await connection.execute(_LANDED, {"case_id": case_id, "now": now})
