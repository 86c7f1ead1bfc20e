"""All SQL of sending: which stream is due, what it sends next, and what came of it.

Locks are taken in one order everywhere: streams (by endpoint, then stream), then the endpoint.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from serving.auth.rows import fetch_all, fetch_one
from serving.db import Connection
from serving.webhooks.rules import Leases

#: One stream of each endpoint that may be sent to, has a secret to sign by and hands to spare, the longest due first. What was
#: leased or put off until farther than we ever do was so by a clock that has been set back since.
_CLAIM = """
WITH open AS (
    SELECT e.endpoint_id, e.institution, e.url
    FROM webhook_endpoint e JOIN institution i ON i.uscc = e.institution
    WHERE e.state = 'active' AND i.state = 'active' AND i.assessed_until >= %(today)s
      AND (SELECT count(*) FROM webhook_stream b
           WHERE b.endpoint_id = e.endpoint_id AND b.leased_until > %(now)s AND b.leased_until <= %(lease_end)s)
          < %(per_endpoint)s
      AND EXISTS (SELECT FROM webhook_secret k WHERE k.endpoint_id = e.endpoint_id
                  AND (k.expires_at IS NULL OR k.expires_at > %(now)s))
)
SELECT open.endpoint_id, open.institution, open.url, due.stream, due.failures
FROM open CROSS JOIN LATERAL (
    SELECT s.stream, s.failures, s.due_at FROM webhook_stream s
    WHERE s.endpoint_id = open.endpoint_id AND (s.due_at <= %(now)s OR s.due_at > %(far)s)
      AND (s.leased_until IS NULL OR s.leased_until <= %(now)s OR s.leased_until > %(lease_end)s)
    ORDER BY s.due_at LIMIT 1 FOR UPDATE SKIP LOCKED
) due
ORDER BY due.due_at LIMIT 1
"""
_HEAD = """
SELECT notice_id, sequence, kind, uscc, needs, body, posted_at FROM notice
WHERE endpoint_id = %(endpoint_id)s AND stream = %(stream)s AND state = 'waiting'
ORDER BY sequence LIMIT 1
"""
_LEASE = """
UPDATE webhook_stream SET leased_until = %(lease_end)s, leased_by = %(token)s
WHERE endpoint_id = %(endpoint_id)s AND stream = %(stream)s
"""
_REST = """
UPDATE webhook_stream SET due_at = NULL, leased_until = NULL, leased_by = ''
WHERE endpoint_id = %(endpoint_id)s AND stream = %(stream)s
"""
_SETTLE = """
UPDATE notice SET state = %(state)s, settled_at = %(now)s
WHERE notice_id = %(notice_id)s AND state = ANY(%(only)s)
"""
_SECRETS = """
SELECT secret_id, sealed FROM webhook_secret
WHERE endpoint_id = %(endpoint_id)s AND (expires_at IS NULL OR expires_at > %(now)s)
ORDER BY created_at DESC, secret_id
"""
_BEGIN = """
INSERT INTO webhook_attempt (notice_id, endpoint_id, sequence, began_at)
VALUES (%(notice_id)s, %(endpoint_id)s, %(sequence)s, %(now)s) RETURNING attempt_no
"""
_END = """
UPDATE webhook_attempt SET outcome = %(outcome)s, status = %(status)s, milliseconds = %(milliseconds)s
WHERE attempt_no = %(attempt_no)s
"""
_LOCK = """
SELECT leased_by, failures, failing_since FROM webhook_stream
WHERE endpoint_id = %(endpoint_id)s AND stream = %(stream)s FOR UPDATE
"""
_RELEASE = """
UPDATE webhook_stream SET leased_until = NULL, leased_by = '', due_at = %(due_at)s, failures = %(failures)s,
    failing_since = %(failing_since)s
WHERE endpoint_id = %(endpoint_id)s AND stream = %(stream)s
"""
#: Once a minute is enough, or all streams of an endpoint would wait for its row.
_SUCCESS = """
UPDATE webhook_endpoint SET last_success_at = %(now)s
WHERE endpoint_id = %(endpoint_id)s
  AND (last_success_at IS NULL OR last_success_at NOT BETWEEN %(recent)s AND %(now)s)
"""
_LAST_SUCCESS = "SELECT last_success_at FROM webhook_endpoint WHERE endpoint_id = %(endpoint_id)s"
_DISABLE = """
UPDATE webhook_endpoint SET state = 'disabled', state_reason = %(reason)s, changed_at = %(now)s
WHERE endpoint_id = %(endpoint_id)s AND state = 'active' RETURNING endpoint_id
"""
_FORGET = "DELETE FROM notice WHERE settled_at < %(before)s"
_FORGET_SECRETS = "DELETE FROM webhook_secret WHERE expires_at < %(now)s"


@dataclass(frozen=True)
class Due:
    """A stream whose turn it is, locked by this transaction."""

    endpoint_id: str
    institution: str
    url: str
    stream: str
    failures: int


@dataclass(frozen=True)
class Head:
    """The next notice of a stream."""

    notice_id: str
    sequence: int
    kind: str
    uscc: str
    needs: list[str]
    body: str
    posted_at: datetime


@dataclass(frozen=True)
class SealedSecret:
    """A live secret."""

    secret_id: str
    sealed: bytes


@dataclass(frozen=True)
class StreamState:
    """Who holds a stream, and since when it fails."""

    leased_by: str
    failures: int
    failing_since: datetime | None


async def claim(
    connection: Connection, now: datetime, leases: Leases, longest_pause: timedelta
) -> Due | None:
    """The stream that has been due longest, of those nobody else has."""
    given: dict[str, object] = {
        "now": now,
        "today": now.date(),
        "lease_end": now + timedelta(seconds=leases.seconds),
        "far": now + longest_pause,
        "per_endpoint": leases.per_endpoint,
    }
    return await fetch_one(connection, Due, _CLAIM, given)


async def head_of(connection: Connection, endpoint_id: str, stream: str) -> Head | None:
    """The first waiting notice of a stream."""
    return await fetch_one(connection, Head, _HEAD, {"endpoint_id": endpoint_id, "stream": stream})


async def lease(connection: Connection, due: Due, token: str, until: datetime) -> None:
    """Keep others from a stream for a while."""
    given = {"endpoint_id": due.endpoint_id, "stream": due.stream}
    await connection.execute(_LEASE, {**given, "token": token, "lease_end": until})


async def rest(connection: Connection, due: Due) -> None:
    """A stream in which nothing waits."""
    await connection.execute(_REST, {"endpoint_id": due.endpoint_id, "stream": due.stream})


async def settle(connection: Connection, notice_id: str, state: str, now: datetime) -> None:
    """Bring a waiting notice to its end; one that was delivered while a newer state took its place was sent."""
    only = ["waiting", "folded"] if state == "sent" else ["waiting"]
    given = {"notice_id": notice_id, "state": state, "now": now, "only": only}
    await connection.execute(_SETTLE, given)


async def live_secrets(
    connection: Connection, endpoint_id: str, now: datetime
) -> list[SealedSecret]:
    """The secrets that sign now, the newest first."""
    return await fetch_all(
        connection, SealedSecret, _SECRETS, {"endpoint_id": endpoint_id, "now": now}
    )


async def begin_attempt(connection: Connection, endpoint_id: str, head: Head, now: datetime) -> int:
    """Write that a notice is about to leave; the attempt's number."""
    given = {
        "notice_id": head.notice_id,
        "endpoint_id": endpoint_id,
        "sequence": head.sequence,
        "now": now,
    }
    row = await (await connection.execute(_BEGIN, given)).fetchone()
    return int(row[0]) if row else 0


async def end_attempt(
    connection: Connection, attempt_no: int, outcome: str, status: int | None, milliseconds: int
) -> None:
    """Write what came of it."""
    given = {
        "attempt_no": attempt_no,
        "outcome": outcome,
        "status": status,
        "milliseconds": milliseconds,
    }
    await connection.execute(_END, given)


async def lock_stream(connection: Connection, endpoint_id: str, stream: str) -> StreamState | None:
    """Who holds it; it does not change until this transaction ends."""
    given = {"endpoint_id": endpoint_id, "stream": stream}
    return await fetch_one(connection, StreamState, _LOCK, given)


async def release(
    connection: Connection,
    endpoint_id: str,
    stream: str,
    *,
    due_at: datetime,
    failures: int,
    failing_since: datetime | None,
) -> None:
    """Give a stream back, to be looked at again at `due_at`."""
    given = {
        "endpoint_id": endpoint_id,
        "stream": stream,
        "due_at": due_at,
        "failures": failures,
        "failing_since": failing_since,
    }
    await connection.execute(_RELEASE, given)


async def note_success(connection: Connection, endpoint_id: str, now: datetime) -> None:
    """An endpoint has answered well."""
    recent = now - timedelta(minutes=1)
    given = {"endpoint_id": endpoint_id, "now": now, "recent": recent}
    await connection.execute(_SUCCESS, given)


async def last_success(connection: Connection, endpoint_id: str) -> datetime | None:
    """When an endpoint last answered well, to the minute."""
    row = await (await connection.execute(_LAST_SUCCESS, {"endpoint_id": endpoint_id})).fetchone()
    return row[0] if row else None


async def disable(connection: Connection, endpoint_id: str, reason: str, now: datetime) -> bool:
    """Send nothing there any more, until its institution says so; False if it was not active."""
    given = {"endpoint_id": endpoint_id, "reason": reason, "now": now}
    return await (await connection.execute(_DISABLE, given)).fetchone() is not None


async def forget(connection: Connection, now: datetime, kept: timedelta) -> int:
    """Delete settled notices with their attempts, and secrets that have ended."""
    gone = (await connection.execute(_FORGET, {"before": now - kept})).rowcount
    return gone + (await connection.execute(_FORGET_SECRETS, {"now": now})).rowcount
