"""All SQL about consents.

Whoever writes locks the consents first (in the order of their ids), then, to write events, the one lock
that all writers of events take: so events are numbered in the order in which they become visible, and
nobody waits for a consent while holding that lock.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from psycopg.rows import class_row

from serving.consent.states import Consent, Status
from serving.db import Connection

Event = Literal["granted", "narrowed", "revoked", "expired"]

_ORDER_OF_EVENTS = "SELECT pg_advisory_xact_lock(7162263142126)"
_ADD = """
INSERT INTO consent (consent_id, uscc, grantee, purpose, scopes, need_id, status, valid_from, valid_to, method,
                     document_hash, notice_version, grantor, real_name_level, max_queries, granted_at)
VALUES (%(consent_id)s, %(uscc)s, %(grantee)s, %(purpose)s, %(scopes)s, %(need_id)s, 'active', %(valid_from)s,
        %(valid_to)s, %(method)s, %(document_hash)s, %(notice_version)s, %(grantor)s, %(real_name_level)s,
        %(max_queries)s, %(granted_at)s)
ON CONFLICT DO NOTHING
"""
_SAME = """
SELECT consent_id, valid_to FROM consent
WHERE uscc = %(uscc)s AND grantee = %(grantee)s AND purpose = %(purpose)s AND need_id = %(need_id)s
  AND status = 'active'
"""
_GRANTEE = """
SELECT name_zh, name_en FROM institution WHERE uscc = %(grantee)s AND state = 'active' FOR SHARE
"""
_LOCK = "SELECT * FROM consent WHERE consent_id = %(consent_id)s FOR UPDATE"
_NARROW = "UPDATE consent SET scopes = %(scopes)s WHERE consent_id = %(consent_id)s"
_END = """
UPDATE consent SET status = %(status)s, ended_at = %(now)s WHERE consent_id = ANY(%(ids)s)
"""
#: A moment after the consent's last event, whatever the clock of this worker says: the order in which
#: events took effect is the order of their times, in the lake as here.
_APPEND = """
INSERT INTO consent_event (event_id, consent_id, event, cause, occurred_at, scopes, actor)
SELECT c.consent_id || '.' || lpad((before.events + 1)::text, 4, '0'), c.consent_id, %(event)s, %(cause)s,
       greatest(%(now)s, before.latest + interval '1 microsecond'), c.scopes, %(actor)s
FROM consent AS c, LATERAL (
    SELECT count(*) AS events, max(occurred_at) AS latest FROM consent_event WHERE consent_id = c.consent_id
) AS before
WHERE c.consent_id = ANY(%(ids)s) ORDER BY c.consent_id
"""
_READ = "SELECT * FROM consent WHERE consent_id = %(consent_id)s"
_PAGE = """
SELECT * FROM consent
WHERE consent_id > %(after)s
  AND (%(uscc)s::text IS NULL OR uscc = %(uscc)s) AND (%(grantee)s::text IS NULL OR grantee = %(grantee)s)
  AND (%(status)s::text IS NULL OR status = %(status)s)
ORDER BY consent_id LIMIT %(limit)s
"""
_EVENTS = """
SELECT event_no, event_id, event, cause, occurred_at, scopes FROM consent_event
WHERE consent_id = %(consent_id)s ORDER BY event_no
"""
_DUE = """
SELECT consent_id, uscc, purpose FROM consent WHERE status = 'active' AND valid_to < %(today)s
ORDER BY consent_id LIMIT %(limit)s FOR UPDATE
"""
_HELD = """
SELECT consent_id, uscc, purpose FROM consent WHERE status = 'active' AND grantee = %(grantee)s
ORDER BY consent_id LIMIT %(limit)s FOR UPDATE
"""


@dataclass(frozen=True)
class Grantee:
    """An active institution by its names."""

    name_zh: str
    name_en: str | None


@dataclass(frozen=True)
class Same:
    """The live consent that stands where another would be put."""

    consent_id: str
    valid_to: date


@dataclass(frozen=True)
class EventRow:
    """One event of a consent; `scopes` are those that remain."""

    event_no: int
    event_id: str
    event: str
    cause: str
    occurred_at: datetime
    scopes: list[str]


@dataclass(frozen=True)
class Ending:
    """A consent that is about to be ended by the platform."""

    consent_id: str
    uscc: str
    purpose: str


async def add(connection: Connection, consent: Consent) -> Same | None:
    """Add a consent, or give the live one that stands in its place.

    A concurrent grant of the same is waited for; what is in the way may be gone when it is looked for,
    then the next attempt succeeds.
    """
    values = {name: getattr(consent, name) for name in Consent.__dataclass_fields__}
    while True:
        cursor = await connection.execute(_ADD, values)
        if cursor.rowcount:
            return None
        async with connection.cursor(row_factory=class_row(Same)) as same:
            found = await (await same.execute(_SAME, values)).fetchone()
        if found is not None:
            return found


async def active_grantee(connection: Connection, grantee: str) -> Grantee | None:
    """An institution that may be granted to; it cannot leave before this transaction ends."""
    async with connection.cursor(row_factory=class_row(Grantee)) as cursor:
        return await (await cursor.execute(_GRANTEE, {"grantee": grantee})).fetchone()


async def read(connection: Connection, consent_id: str, *, lock: bool = False) -> Consent | None:
    """One consent; locked, it does not change before this transaction ends."""
    async with connection.cursor(row_factory=class_row(Consent)) as cursor:
        query = _LOCK if lock else _READ
        return await (await cursor.execute(query, {"consent_id": consent_id})).fetchone()


async def read_page(
    connection: Connection,
    *,
    uscc: str | None,
    grantee: str | None,
    status: Status | None,
    after: str,
    limit: int,
) -> list[Consent]:
    """Consents after an id, in the order of ids."""
    asked = {"uscc": uscc, "grantee": grantee, "status": status, "after": after, "limit": limit}
    async with connection.cursor(row_factory=class_row(Consent)) as cursor:
        return await (await cursor.execute(_PAGE, asked)).fetchall()


async def read_events(connection: Connection, consent_id: str) -> list[EventRow]:
    """Every event of a consent, oldest first."""
    async with connection.cursor(row_factory=class_row(EventRow)) as cursor:
        return await (await cursor.execute(_EVENTS, {"consent_id": consent_id})).fetchall()


async def narrow(connection: Connection, consent_id: str, scopes: Sequence[str]) -> None:
    """Leave these scopes to a locked consent."""
    await connection.execute(_NARROW, {"consent_id": consent_id, "scopes": list(scopes)})


async def end(connection: Connection, ids: Sequence[str], status: Status, now: datetime) -> None:
    """End locked consents."""
    await connection.execute(_END, {"ids": list(ids), "status": status, "now": now})


async def take_turn(connection: Connection) -> None:
    """Wait until nobody else writes events; ours are numbered after theirs."""
    await connection.execute(_ORDER_OF_EVENTS)


async def append(
    connection: Connection,
    event: Event,
    ids: Sequence[str],
    *,
    now: datetime,
    actor: str,
    cause: str = "",
) -> None:
    """Write one event for each of these locked consents, with the scopes they have now."""
    await take_turn(connection)
    asked = {"event": event, "ids": list(ids), "now": now, "actor": actor, "cause": cause}
    await connection.execute(_APPEND, asked)


async def lock_due(connection: Connection, today: date, limit: int) -> list[Ending]:
    """Live consents whose last day has passed, locked."""
    async with connection.cursor(row_factory=class_row(Ending)) as cursor:
        return await (await cursor.execute(_DUE, {"today": today, "limit": limit})).fetchall()


async def lock_held(connection: Connection, grantee: str, limit: int) -> list[Ending]:
    """Live consents to one institution, locked."""
    async with connection.cursor(row_factory=class_row(Ending)) as cursor:
        return await (await cursor.execute(_HELD, {"grantee": grantee, "limit": limit})).fetchall()
