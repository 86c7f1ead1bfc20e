"""All SQL about triggers: how far was looked, what was found for whom, what came of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from psycopg.rows import class_row

from serving.db import Connection
from serving.ratings.triggers.rules import TriggerRules

Cause = Literal["record", "repair", "correction", "consent", "month_end"]
#: Steps of cases are numbered before they are visible: so many numbers are looked at again.
_LOOKED_AT_AGAIN = 1000

_LOCK_MARK = """
SELECT began_at, lake_version, repairs_until, consent_event_no, case_event_no, month_end
FROM rating_trigger_mark FOR UPDATE
"""
_MOVE_MARK = """
UPDATE rating_trigger_mark SET began_at = %(began_at)s, lake_version = %(lake_version)s,
    repairs_until = %(repairs_until)s, consent_event_no = %(consent_event_no)s, case_event_no = %(case_event_no)s,
    month_end = %(month_end)s
"""
#: Numbers of events are in the order in which they become visible, so none below the last one is still to come.
_LAST_NUMBERS = """
SELECT (SELECT coalesce(max(event_no), 0) FROM consent_event) AS consent_event_no,
       (SELECT coalesce(max(event_no), 0) FROM case_event) AS case_event_no
"""
_CONSENT_EVENTS = """
SELECT c.grantee AS institution, c.uscc, 'consent' AS cause, e.event_id AS key, e.event AS what,
       e.occurred_at::date AS happened_on
FROM consent_event e JOIN consent c USING (consent_id)
WHERE e.event_no > %(after)s AND e.event_no <= %(until)s AND c.purpose = 'postloan' AND e.event = ANY(%(events)s)
"""
_CORRECTIONS = """
SELECT '' AS institution, c.uscc, 'correction' AS cause, e.event_no::text AS key, c.dataset AS what,
       e.at::date AS happened_on
FROM case_event e JOIN credit_case c USING (case_id)
WHERE e.event_no > %(after)s AND e.event_no <= %(until)s AND e.at >= %(began_at)s
  AND c.kind = 'dispute' AND e.step = 'land'
"""
_ADD = """
INSERT INTO rating_trigger (institution, uscc, cause, key, what, happened_on, noticed_at, due_at)
SELECT institution, uscc, cause, key, what, happened_on, %(now)s, %(now)s
FROM unnest(%(institutions)s::text[], %(usccs)s::text[], %(causes)s::text[], %(keys)s::text[], %(whats)s::text[],
    %(days)s::date[]) AS found(institution, uscc, cause, key, what, happened_on)
ON CONFLICT DO NOTHING
"""
_NEXT = """
SELECT institution, uscc FROM rating_trigger WHERE settled_at IS NULL AND due_at <= %(now)s
ORDER BY due_at, uscc, institution LIMIT 1
"""
#: Whoever else works on the same exposure is waited for, and has then left nothing.
_CLAIM = """
SELECT institution, uscc, cause, key, what, happened_on FROM rating_trigger
WHERE institution = %(institution)s AND uscc = %(uscc)s AND settled_at IS NULL
ORDER BY cause, key FOR UPDATE
"""
_SETTLE = """
UPDATE rating_trigger SET settled_at = %(now)s, outcome = %(outcome)s, rating_id = %(rating_id)s
WHERE institution = %(institution)s AND uscc = %(uscc)s AND settled_at IS NULL AND key = ANY(%(keys)s)
"""
_PUT_OFF = """
UPDATE rating_trigger SET due_at = %(until)s
WHERE institution = %(institution)s AND uscc = %(uscc)s AND settled_at IS NULL
"""
_FORGET = "DELETE FROM rating_trigger WHERE settled_at < %(before)s"
_IS_ADMITTED = """
SELECT 1 FROM institution WHERE uscc = %(institution)s AND state = 'active' AND assessed_until >= %(today)s
"""
_BEFORE = """
SELECT rating_id, opened, bundle_id, feature_hash, score, grade, as_of, rated_at, valid_until,
    EXISTS (SELECT FROM rating today WHERE today.uscc = rating.uscc AND today.institution = rating.institution
        AND today.purpose = 'postloan' AND today.asked_by = %(asked_by)s AND today.rated_at >= %(midnight)s)
    AS was_issued_today
FROM rating
WHERE uscc = %(uscc)s AND institution = %(institution)s AND purpose = 'postloan' AND NOT is_public_only
ORDER BY rating_no DESC LIMIT 1
"""


@dataclass(frozen=True)
class Mark:
    """Up to where it was looked for causes; `began_at` is None before the first time."""

    began_at: datetime | None
    lake_version: int
    repairs_until: datetime | None
    consent_event_no: int
    case_event_no: int
    month_end: date | None


@dataclass(frozen=True)
class LastNumbers:
    """The newest events of the ledger."""

    consent_event_no: int
    case_event_no: int


@dataclass(frozen=True)
class Trigger:
    """Why a firm is to be rated again.

    Attributes
    ----------
    institution : str
        For whom; empty for everybody with an exposure.
    key : str
        By which the same cause is known when it is found again.
    what : str
        The dataset of a record, or what happened to a consent.
    """

    institution: str
    uscc: str
    cause: Cause
    key: str
    what: str
    happened_on: date


@dataclass(frozen=True)
class Before:
    """The latest rating of a firm under its institution's consents for a running loan."""

    rating_id: str
    opened: list[str]
    bundle_id: str
    feature_hash: str
    score: int
    grade: str
    as_of: date
    rated_at: datetime
    valid_until: date
    was_issued_today: bool


@dataclass(frozen=True)
class Pair:
    """An institution and an enterprise that owes it, or for which it stands."""

    institution: str
    uscc: str


async def lock_mark(connection: Connection) -> Mark:
    """How far was looked; nobody else looks before this transaction ends."""
    async with connection.cursor(row_factory=class_row(Mark)) as cursor:
        (mark,) = await (await cursor.execute(_LOCK_MARK)).fetchall()
    return mark


async def move_mark(connection: Connection, mark: Mark) -> None:
    """Say how far was looked."""
    await connection.execute(_MOVE_MARK, vars(mark))


async def last_numbers(connection: Connection) -> LastNumbers:
    """The newest events there are."""
    async with connection.cursor(row_factory=class_row(LastNumbers)) as cursor:
        (found,) = await (await cursor.execute(_LAST_NUMBERS)).fetchall()
    return found


async def consent_triggers(
    connection: Connection, mark: Mark, last: LastNumbers, rules: TriggerRules
) -> list[Trigger]:
    """What enterprises did with consents for running loans since."""
    asked = {
        "after": mark.consent_event_no,
        "until": last.consent_event_no,
        "events": list(rules.consent_events),
    }
    async with connection.cursor(row_factory=class_row(Trigger)) as cursor:
        return await (await cursor.execute(_CONSENT_EVENTS, asked)).fetchall()


async def correction_triggers(
    connection: Connection, mark: Mark, last: LastNumbers
) -> list[Trigger]:
    """Disputes whose corrected record has landed since; some perhaps a second time."""
    if last.case_event_no == mark.case_event_no:
        return []
    asked = {
        "after": mark.case_event_no - _LOOKED_AT_AGAIN,
        "until": last.case_event_no,
        "began_at": mark.began_at,
    }
    async with connection.cursor(row_factory=class_row(Trigger)) as cursor:
        return await (await cursor.execute(_CORRECTIONS, asked)).fetchall()


async def add_triggers(connection: Connection, found: Sequence[Trigger], now: datetime) -> int:
    """Keep causes; those that are known already stay as they are. How many are new."""
    columns = {
        "institutions": [one.institution for one in found],
        "usccs": [one.uscc for one in found],
        "causes": [one.cause for one in found],
        "keys": [one.key for one in found],
        "whats": [one.what for one in found],
        "days": [one.happened_on for one in found],
    }
    return (await connection.execute(_ADD, {**columns, "now": now})).rowcount


async def next_pair(connection: Connection, now: datetime) -> Pair | None:
    """Whose turn it is; None if nobody's."""
    async with connection.cursor(row_factory=class_row(Pair)) as cursor:
        return await (await cursor.execute(_NEXT, {"now": now})).fetchone()


async def claim(connection: Connection, pair: Pair) -> list[Trigger]:
    """Everything that waits for it, held until the transaction ends."""
    async with connection.cursor(row_factory=class_row(Trigger)) as cursor:
        return await (await cursor.execute(_CLAIM, vars(pair))).fetchall()


async def settle(
    connection: Connection,
    pair: Pair,
    triggers: Sequence[Trigger],
    outcome: str,
    rating_id: str | None,
    now: datetime,
) -> None:
    """Write what came of these causes."""
    said = {"outcome": outcome, "rating_id": rating_id, "now": now}
    await connection.execute(_SETTLE, {**vars(pair), **said, "keys": [one.key for one in triggers]})


async def put_off(connection: Connection, pair: Pair, until: datetime) -> None:
    """Let everything that waits for it wait longer."""
    await connection.execute(_PUT_OFF, {**vars(pair), "until": until})


async def forget_settled(connection: Connection, before: datetime) -> int:
    """Forget causes that were settled long ago."""
    return (await connection.execute(_FORGET, {"before": before})).rowcount


async def is_admitted(connection: Connection, institution: str, today: date) -> bool:
    """Whether the institution is let in now."""
    asked = {"institution": institution, "today": today}
    return await (await connection.execute(_IS_ADMITTED, asked)).fetchone() is not None


async def rating_before(
    connection: Connection, pair: Pair, asked_by: str, midnight: datetime
) -> Before | None:
    """The latest rating of the pair, and whether `asked_by` had one issued since midnight."""
    asked = {**vars(pair), "asked_by": asked_by, "midnight": midnight}
    async with connection.cursor(row_factory=class_row(Before)) as cursor:
        return await (await cursor.execute(_BEFORE, asked)).fetchone()
