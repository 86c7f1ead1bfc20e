"""What the ledger knows of a key: one statement for a token, one for a session."""

from dataclasses import dataclass
from datetime import date, datetime

from serving.ahead import Question
from serving.auth.rows import fetch_first
from serving.db import Connection

_PROGRAM = """
SELECT c.client_no, c.client_id, c.institution, c.permissions, c.rate_per_second, c.burst,
       c.state AS client_state, i.state AS institution_state, i.assessed_until,
       s.revoked_at IS NULL AND (s.expires_at IS NULL OR s.expires_at > %(now)s) AS is_secret_live
FROM client c
JOIN institution i ON i.uscc = c.institution
JOIN client_secret s ON s.client_id = c.client_id AND s.secret_id = %(secret_id)s
WHERE c.client_id = %(client_id)s
"""
_VISITOR = """
SELECT p.person_no, p.person_id, p.real_name_level, s.role, s.tenant, s.last_used_at
FROM session s
JOIN person p ON p.person_id = s.person_id
JOIN membership m ON (m.person_id, m.role, m.tenant) = (s.person_id, s.role, s.tenant)
LEFT JOIN institution i ON i.uscc = s.tenant AND s.role = 'officer'
WHERE s.token_digest = %(digest)s AND s.ended_at IS NULL
  AND s.expires_at > %(now)s AND s.last_used_at > %(idle_since)s
  AND p.state = 'active' AND m.ended_at IS NULL AND m.granted_at <= s.created_at
  AND (s.role <> 'officer' OR (i.state = 'active' AND i.assessed_until >= %(today)s))
"""
#: Another request of the same browser may be writing it; then that one's time is good enough.
_TOUCH = """
UPDATE session SET last_used_at = %(now)s
WHERE token_digest = (SELECT token_digest FROM session WHERE token_digest = %(digest)s
                      FOR UPDATE SKIP LOCKED)
"""


@dataclass(frozen=True)
class KeyStates:
    """What decides whether a program's secret opens anything."""

    client_state: str
    institution_state: str
    assessed_until: date | None
    is_secret_live: bool


@dataclass(frozen=True)
class Program(KeyStates):
    """A client with the states that decide whether its token still holds."""

    client_no: int
    client_id: str
    institution: str
    permissions: list[str]
    rate_per_second: float
    burst: int


@dataclass(frozen=True)
class Visitor:
    """A person in the role of a live session."""

    person_no: int
    person_id: str
    real_name_level: int
    role: str
    tenant: str
    last_used_at: datetime


def program_question(client_id: str, secret_id: str, now: datetime) -> Question[Program]:
    """Which client and secret a token was given for."""
    given = {"client_id": client_id, "secret_id": secret_id, "now": now}
    return Question(Program, _PROGRAM, given)


async def visitor_of(
    connection: Connection, digest: bytes, now: datetime, idle_since: datetime
) -> Visitor | None:
    """The person behind a session, if everything that lets it in still holds."""
    given = {"digest": digest, "now": now, "idle_since": idle_since, "today": now.date()}
    return await fetch_first(connection, Visitor, _VISITOR, given)


async def touch_session(connection: Connection, digest: bytes, now: datetime) -> None:
    """Say that a session was used."""
    await connection.execute(_TOUCH, {"digest": digest, "now": now})
