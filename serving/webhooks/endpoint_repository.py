"""All SQL about endpoints themselves: who has which, their secrets, and what was tried."""

from dataclasses import dataclass
from datetime import datetime

from serving.auth.rows import fetch_all, fetch_one
from serving.db import Connection

_ADD = """
INSERT INTO webhook_endpoint (endpoint_id, institution, label, url, state, created_at, changed_at)
VALUES (%(endpoint_id)s, %(institution)s, %(label)s, %(url)s, 'active', %(now)s, %(now)s)
"""
#: Whoever adds an endpoint holds the institution, so that two at once count each other.
_COUNT = """
WITH held AS (SELECT uscc FROM institution WHERE uscc = %(institution)s FOR UPDATE)
SELECT (SELECT count(*) FROM held), (
    SELECT count(*) FROM webhook_endpoint e WHERE e.institution = %(institution)s AND e.state <> 'removed')
"""
_READ = """
SELECT e.endpoint_id, e.institution, e.label, e.url, e.state, e.state_reason, e.created_at, e.changed_at,
       e.last_success_at,
       (SELECT count(*) FROM notice n WHERE n.endpoint_id = e.endpoint_id AND n.state = 'waiting') AS waiting
FROM webhook_endpoint e WHERE e.endpoint_id = %(endpoint_id)s AND e.state <> 'removed'
"""
_LIST = """
SELECT e.endpoint_id, e.institution, e.label, e.url, e.state, e.state_reason, e.created_at, e.changed_at,
       e.last_success_at,
       (SELECT count(*) FROM notice n WHERE n.endpoint_id = e.endpoint_id AND n.state = 'waiting') AS waiting
FROM webhook_endpoint e
WHERE (%(only)s = '' OR e.institution = %(only)s) AND e.endpoint_id > %(after)s AND e.state <> 'removed'
ORDER BY e.endpoint_id LIMIT %(limit)s
"""
_CHANGE = """
UPDATE webhook_endpoint SET label = coalesce(%(label)s, label), url = coalesce(%(url)s, url),
    state = coalesce(%(state)s, state), state_reason = coalesce(%(reason)s, state_reason), changed_at = %(now)s
WHERE endpoint_id = %(endpoint_id)s
"""
_HOLD_STREAMS = """
SELECT FROM webhook_stream WHERE endpoint_id = %(endpoint_id)s ORDER BY stream FOR UPDATE
"""
_TRY_AT_ONCE = """
UPDATE webhook_stream SET due_at = %(now)s, failures = 0, failing_since = NULL
WHERE endpoint_id = %(endpoint_id)s AND due_at IS NOT NULL
"""
_GIVE_UP = """
UPDATE notice SET state = 'failed', settled_at = %(now)s
WHERE endpoint_id = %(endpoint_id)s AND state = 'waiting'
"""
_ADD_KEY = """
INSERT INTO webhook_secret (secret_id, endpoint_id, sealed, created_at)
VALUES (%(secret_id)s, %(endpoint_id)s, %(sealed)s, %(now)s)
"""
_SECRETS = """
SELECT endpoint_id, secret_id, created_at, expires_at FROM webhook_secret
WHERE endpoint_id = ANY(%(endpoint_ids)s) AND (expires_at IS NULL OR expires_at > %(now)s)
ORDER BY created_at, secret_id
"""
_RETIRE = """
UPDATE webhook_secret SET expires_at = %(ends)s
WHERE endpoint_id = %(endpoint_id)s AND (expires_at IS NULL OR expires_at > %(ends)s)
"""
#: The newest state of each thing; where a newer one waits, or took its place, there is nothing to send again.
#: Withheld ones come along: consent is asked for again when they leave.
_REPLAY = """
WITH newest AS (
    SELECT DISTINCT ON (stream, thing) notice_id, stream, sequence, state, posted_at FROM notice
    WHERE endpoint_id = %(endpoint_id)s ORDER BY stream, thing, sequence DESC
), chosen AS (
    SELECT notice_id, stream, row_number() OVER (PARTITION BY stream ORDER BY sequence) AS place FROM newest
    WHERE CASE WHEN %(only_failed)s THEN state = 'failed'
               ELSE state IN ('sent', 'withheld', 'failed') AND posted_at >= %(since)s END
), moved AS (
    UPDATE notice n SET state = 'waiting', settled_at = NULL, sequence = s.next_sequence + c.place - 1
    FROM chosen c JOIN webhook_stream s ON s.endpoint_id = %(endpoint_id)s AND s.stream = c.stream
    WHERE n.notice_id = c.notice_id RETURNING n.stream
), counted AS (SELECT stream, count(*) AS notices FROM moved GROUP BY stream)
UPDATE webhook_stream s SET next_sequence = s.next_sequence + c.notices, due_at = coalesce(s.due_at, %(now)s)
FROM counted c WHERE s.endpoint_id = %(endpoint_id)s AND s.stream = c.stream RETURNING c.notices
"""
_ATTEMPTS = """
SELECT a.attempt_no, a.notice_id, n.kind, a.sequence, n.state, a.began_at, a.outcome, a.status, a.milliseconds
FROM webhook_attempt a JOIN notice n USING (notice_id)
WHERE a.endpoint_id = %(endpoint_id)s AND a.attempt_no < %(before)s
ORDER BY a.attempt_no DESC LIMIT %(limit)s
"""
_LAST_ATTEMPT = 2**62


@dataclass(frozen=True)
class EndpointRow:
    """One endpoint with how much waits for it."""

    endpoint_id: str
    institution: str
    label: str
    url: str
    state: str
    state_reason: str
    created_at: datetime
    changed_at: datetime
    last_success_at: datetime | None
    waiting: int


@dataclass(frozen=True)
class SecretRow:
    """One secret without its text."""

    endpoint_id: str
    secret_id: str
    created_at: datetime
    expires_at: datetime | None


@dataclass(frozen=True)
class AttemptRow:
    """One sending."""

    attempt_no: int
    notice_id: str
    kind: str
    sequence: int
    state: str
    began_at: datetime
    outcome: str
    status: int | None
    milliseconds: int | None


async def hold_institution(connection: Connection, institution: str) -> int | None:
    """How many endpoints an institution has; None if there is no such institution."""
    found = await connection.execute(_COUNT, {"institution": institution})
    known, count = await found.fetchone() or (0, 0)
    return int(count) if known else None


async def add(
    connection: Connection, endpoint_id: str, institution: str, label: str, url: str, now: datetime
) -> None:
    """Write a new endpoint."""
    given = {
        "endpoint_id": endpoint_id,
        "institution": institution,
        "label": label,
        "url": url,
        "now": now,
    }
    await connection.execute(_ADD, given)


async def read_one(connection: Connection, endpoint_id: str) -> EndpointRow | None:
    """One endpoint that is not removed."""
    return await fetch_one(connection, EndpointRow, _READ, {"endpoint_id": endpoint_id})


async def read_some(connection: Connection, only: str, after: str, limit: int) -> list[EndpointRow]:
    """Endpoints in the order of their ids; of `only` one institution, or all if empty."""
    given = {"only": only, "after": after, "limit": limit}
    return await fetch_all(connection, EndpointRow, _LIST, given)


async def change(
    connection: Connection,
    endpoint_id: str,
    now: datetime,
    *,
    label: str | None = None,
    url: str | None = None,
    state: str | None = None,
    reason: str | None = None,
) -> None:
    """Change what is given; streams are locked before (`hold_streams`)."""
    given: dict[str, object] = {"endpoint_id": endpoint_id, "now": now, "label": label}
    await connection.execute(_CHANGE, {**given, "url": url, "state": state, "reason": reason})


async def hold_streams(connection: Connection, endpoint_id: str) -> None:
    """Lock every stream of an endpoint, in their order."""
    await connection.execute(_HOLD_STREAMS, {"endpoint_id": endpoint_id})


async def try_at_once(connection: Connection, endpoint_id: str, now: datetime) -> None:
    """Forget the failures of an endpoint's streams."""
    await connection.execute(_TRY_AT_ONCE, {"endpoint_id": endpoint_id, "now": now})


async def give_up(connection: Connection, endpoint_id: str, now: datetime) -> None:
    """Settle everything that waits for an endpoint as never sent."""
    await connection.execute(_GIVE_UP, {"endpoint_id": endpoint_id, "now": now})


async def add_secret(
    connection: Connection, endpoint_id: str, secret_id: str, sealed: bytes, now: datetime
) -> None:
    """Keep a sealed secret."""
    given = {
        "secret_id": secret_id,
        "endpoint_id": endpoint_id,
        "sealed": sealed,
        "now": now,
    }
    await connection.execute(_ADD_KEY, given)


async def secrets_of(
    connection: Connection, endpoint_ids: list[str], now: datetime
) -> list[SecretRow]:
    """The live secrets of some endpoints, the oldest first."""
    given = {"endpoint_ids": endpoint_ids, "now": now}
    return await fetch_all(connection, SecretRow, _SECRETS, given)


async def retire_secrets(connection: Connection, endpoint_id: str, ends: datetime) -> None:
    """Let every secret so far end at a moment, if it does not end before."""
    await connection.execute(_RETIRE, {"endpoint_id": endpoint_id, "ends": ends})


async def replay(
    connection: Connection, endpoint_id: str, since: datetime | None, now: datetime
) -> int:
    """Let notices wait again under their own ids at the end of their streams; since None, the failed ones."""
    await hold_streams(connection, endpoint_id)
    given = {
        "endpoint_id": endpoint_id,
        "only_failed": since is None,
        "since": since or now,
        "now": now,
    }
    found = await connection.execute(_REPLAY, given)
    return sum(int(row[0]) for row in await found.fetchall())


async def attempts_of(
    connection: Connection, endpoint_id: str, before: int | None, limit: int
) -> list[AttemptRow]:
    """Sendings to an endpoint, the latest first."""
    given = {
        "endpoint_id": endpoint_id,
        "before": _LAST_ATTEMPT if before is None else before,
        "limit": limit,
    }
    return await fetch_all(connection, AttemptRow, _ATTEMPTS, given)
