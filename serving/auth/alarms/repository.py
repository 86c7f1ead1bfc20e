"""All SQL about alarms."""

from dataclasses import dataclass
from datetime import date, datetime

from serving.auth.rows import fetch_all, fetch_one
from serving.db import Connection

# A look under a consent is at no stranger. One that named nothing that is there has no subject; each of
# them counts as one.
_BUSY = """
SELECT actor, max(actor_kind) AS actor_kind, coalesce(tenant, '') AS tenant,
       array_agg(DISTINCT subject) FILTER (WHERE subject IS NOT NULL) AS subjects,
       count(*) FILTER (WHERE subject IS NULL AND result = 'not_found') AS misses
FROM audit_event
WHERE at > %(since)s AND at <= %(now)s AND actor_kind IN ('client', 'person')
  AND cardinality(consents) = 0 AND (subject IS NOT NULL OR result = 'not_found')
GROUP BY actor, coalesce(tenant, '')
HAVING count(DISTINCT subject) + count(*) FILTER (WHERE subject IS NULL AND result = 'not_found')
       > %(limit)s
"""
_RELATED = """
SELECT DISTINCT uscc FROM consent
WHERE grantee = %(tenant)s AND (status = 'active' OR granted_at > %(since)s OR ended_at > %(since)s
                                OR valid_to >= %(since_day)s)
"""
_RAISE = """
INSERT INTO alarm (kind, actor, tenant, raised_at, window_from, count, limit_per_window)
SELECT %(kind)s, %(actor)s, nullif(%(tenant)s, ''), %(now)s, %(since)s, %(count)s, %(limit)s
WHERE NOT EXISTS (SELECT FROM alarm WHERE kind = %(kind)s AND actor = %(actor)s AND raised_at > %(since)s)
RETURNING alarm_id
"""
_LIST = """
SELECT alarm_id, kind, actor, tenant, raised_at, window_from, count, limit_per_window,
       acknowledged_by, acknowledged_at, outcome
FROM alarm WHERE alarm_id > %(after)s AND (NOT %(only_open)s OR acknowledged_at IS NULL)
ORDER BY alarm_id LIMIT %(limit)s
"""
_READ = """
SELECT alarm_id, kind, actor, tenant, raised_at, window_from, count, limit_per_window,
       acknowledged_by, acknowledged_at, outcome
FROM alarm WHERE alarm_id = %(alarm_id)s FOR UPDATE
"""
_ACKNOWLEDGE = """
UPDATE alarm SET acknowledged_by = %(person_id)s, acknowledged_at = %(now)s, outcome = %(outcome)s
WHERE alarm_id = %(alarm_id)s
"""


@dataclass(frozen=True)
class Busy:
    """An actor that asked about many enterprises; `subjects` are pseudonyms."""

    actor: str
    actor_kind: str
    tenant: str
    subjects: list[str] | None
    misses: int


@dataclass(frozen=True)
class Alarm:
    """One row."""

    alarm_id: int
    kind: str
    actor: str
    tenant: str | None
    raised_at: datetime
    window_from: datetime
    count: int
    limit_per_window: int
    acknowledged_by: str | None
    acknowledged_at: datetime | None
    outcome: str | None


async def busy_actors(
    connection: Connection, since: datetime, now: datetime, limit: int
) -> list[Busy]:
    """Who asked about more enterprises than the limit, related or not."""
    return await fetch_all(connection, Busy, _BUSY, {"since": since, "now": now, "limit": limit})


async def related_enterprises(
    connection: Connection, tenant: str, since: datetime, since_day: date
) -> list[str]:
    """Enterprises whose consent to an institution lives, or lived since then."""
    given = {"tenant": tenant, "since": since, "since_day": since_day}
    return [row[0] for row in await (await connection.execute(_RELATED, given)).fetchall()]


async def raise_alarm(
    connection: Connection,
    kind: str,
    busy: Busy,
    count: int,
    limit: int,
    since: datetime,
    now: datetime,
) -> int | None:
    """Write an alarm; None if the window has one of this actor."""
    given = {
        "kind": kind,
        "actor": busy.actor,
        "tenant": busy.tenant,
        "now": now,
        "since": since,
        "count": count,
        "limit": limit,
    }
    row = await (await connection.execute(_RAISE, given)).fetchone()
    return row[0] if row else None


async def read_some(
    connection: Connection, *, only_open: bool, after: int, limit: int
) -> list[Alarm]:
    """Alarms, the oldest first."""
    given = {"only_open": only_open, "after": after, "limit": limit}
    return await fetch_all(connection, Alarm, _LIST, given)


async def lock_one(connection: Connection, alarm_id: int) -> Alarm | None:
    """One alarm, which nobody else changes until this transaction ends."""
    return await fetch_one(connection, Alarm, _READ, {"alarm_id": alarm_id})


async def acknowledge(
    connection: Connection, alarm_id: int, person_id: str, outcome: str, now: datetime
) -> None:
    """Say who looked into it and what it was."""
    given = {"alarm_id": alarm_id, "person_id": person_id, "outcome": outcome, "now": now}
    await connection.execute(_ACKNOWLEDGE, given)
