"""All SQL about sessions and failed attempts."""

from dataclasses import dataclass
from datetime import datetime

from serving.auth.people.repository import MembershipRow
from serving.auth.rows import fetch_one
from serving.auth.rules import load_rules
from serving.db import Connection

# The account's waiting time is set before the password is known to be wrong; a right one clears it.
_ATTEMPT = """
WITH tried AS (
    UPDATE person
    SET failed_logins = failed_logins + 1,
        locked_until = CASE WHEN failed_logins + 1 >= %(free)s THEN %(now)s + make_interval(
            secs => least(%(longest)s, %(first)s * power(2, least(failed_logins + 1 - %(free)s, 20))))
        END
    WHERE login = %(login)s AND state = 'active'
      AND (locked_until IS NULL OR locked_until <= %(now)s)
    RETURNING person_id, password_hash
)
SELECT p.person_id, t.password_hash FROM person p LEFT JOIN tried t ON t.person_id = p.person_id
WHERE p.login = %(login)s
"""
_CLEAR = """
UPDATE person SET failed_logins = 0, locked_until = NULL WHERE person_id = %(person_id)s
"""
_ADD = """
INSERT INTO session (token_digest, person_id, role, tenant, created_at, last_used_at, expires_at)
VALUES (%(digest)s, %(person_id)s, %(role)s, %(tenant)s, %(now)s, %(now)s, %(expires_at)s)
"""
_END = "UPDATE session SET ended_at = %(now)s WHERE token_digest = %(digest)s AND ended_at IS NULL"


@dataclass(frozen=True)
class Attempt:
    """A known account; without a hash it may not be tried now."""

    person_id: str
    password_hash: str | None


async def count_attempt(connection: Connection, login: str, now: datetime) -> Attempt | None:
    """Count an attempt on an account; None if there is none of that login."""
    rules = load_rules().lockout
    given = {
        "login": login,
        "now": now,
        "free": rules.free_failures,
        "first": rules.first_seconds,
        "longest": rules.longest_seconds,
    }
    return await fetch_one(connection, Attempt, _ATTEMPT, given)


async def clear_attempts(connection: Connection, person_id: str) -> None:
    """Forget the failures of who proved itself."""
    await connection.execute(_CLEAR, {"person_id": person_id})


async def add_session(
    connection: Connection,
    digest: bytes,
    membership: MembershipRow,
    now: datetime,
    expires_at: datetime,
) -> None:
    """Keep the digest of a session's token."""
    given = {
        "digest": digest,
        "person_id": membership.person_id,
        "role": membership.role,
        "tenant": membership.tenant,
        "now": now,
        "expires_at": expires_at,
    }
    await connection.execute(_ADD, given)


async def end_session(connection: Connection, digest: bytes, now: datetime) -> None:
    """End one session."""
    await connection.execute(_END, {"digest": digest, "now": now})
