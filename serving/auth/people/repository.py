"""All SQL about people and what they are."""

from dataclasses import dataclass
from datetime import datetime

from serving.auth.rows import fetch_all, fetch_one
from serving.db import Connection

_ADD = """
INSERT INTO person (person_id, login, password_hash, state, created_at)
VALUES (%(person_id)s, %(login)s, %(password_hash)s, 'active', %(now)s)
ON CONFLICT (login) DO NOTHING RETURNING person_id
"""
_READ = """
SELECT person_id, login, password_hash, real_name_level, state, locked_until, created_at
FROM person WHERE person_id = %(person_id)s
"""
_LOCK = """
SELECT person_id, login, password_hash, real_name_level, state, locked_until, created_at
FROM person WHERE person_id = %(person_id)s FOR UPDATE
"""
_LIST = """
SELECT person_id, login, password_hash, real_name_level, state, locked_until, created_at
FROM person
WHERE (%(login)s = '' OR login = %(login)s) AND person_id > %(after)s
ORDER BY person_id LIMIT %(limit)s
"""
_SET_STATE = "UPDATE person SET state = %(state)s WHERE person_id = %(person_id)s"
_SET_LEVEL = "UPDATE person SET real_name_level = %(level)s WHERE person_id = %(person_id)s"
_SET_HASH = """
UPDATE person SET password_hash = %(password_hash)s, failed_logins = 0, locked_until = NULL
WHERE person_id = %(person_id)s
"""
_MEMBERSHIPS = """
SELECT person_id, role, tenant, granted_at, ended_at FROM membership
WHERE person_id = ANY(%(person_ids)s) ORDER BY granted_at, role, tenant
"""
# Where a person may work now: an officer only in an institution whose keys are alive.
_OPEN_TO = """
SELECT m.person_id, m.role, m.tenant, m.granted_at, m.ended_at FROM membership m
LEFT JOIN institution i ON i.uscc = m.tenant AND m.role = 'officer'
WHERE m.person_id = %(person_id)s AND m.ended_at IS NULL
  AND (m.role <> 'officer' OR (i.state = 'active' AND i.assessed_until >= %(today)s))
ORDER BY m.role, m.tenant
"""
_GRANT = """
INSERT INTO membership (person_id, role, tenant, granted_at)
VALUES (%(person_id)s, %(role)s, %(tenant)s, %(now)s)
ON CONFLICT (person_id, role, tenant) DO UPDATE SET granted_at = excluded.granted_at, ended_at = NULL
WHERE membership.ended_at IS NOT NULL
RETURNING person_id
"""
_END = """
UPDATE membership SET ended_at = %(now)s
WHERE person_id = %(person_id)s AND ended_at IS NULL
  AND (%(role)s = '' OR (role = %(role)s AND tenant = %(tenant)s))
RETURNING person_id
"""
_END_SESSIONS = """
UPDATE session SET ended_at = %(now)s
WHERE person_id = %(person_id)s AND ended_at IS NULL AND token_digest <> %(but)s
  AND (%(role)s = '' OR (role = %(role)s AND tenant = %(tenant)s))
"""


@dataclass(frozen=True)
class Person:
    """One row."""

    person_id: str
    login: str
    password_hash: str
    real_name_level: int
    state: str
    locked_until: datetime | None
    created_at: datetime


@dataclass(frozen=True)
class MembershipRow:
    """One row."""

    person_id: str
    role: str
    tenant: str
    granted_at: datetime
    ended_at: datetime | None


async def add_person(
    connection: Connection, person_id: str, login: str, password_hash: str, now: datetime
) -> bool:
    """Write a new person; False if the login is taken."""
    given = {"person_id": person_id, "login": login, "password_hash": password_hash, "now": now}
    return await (await connection.execute(_ADD, given)).fetchone() is not None


async def read_one(connection: Connection, person_id: str) -> Person | None:
    """One person."""
    return await fetch_one(connection, Person, _READ, {"person_id": person_id})


async def lock_one(connection: Connection, person_id: str) -> Person | None:
    """One person, whom nobody else changes until this transaction ends."""
    return await fetch_one(connection, Person, _LOCK, {"person_id": person_id})


async def read_some(connection: Connection, login: str, after: str, limit: int) -> list[Person]:
    """People in the order of their ids; the one of a login, or all if it is empty."""
    return await fetch_all(
        connection, Person, _LIST, {"login": login, "after": after, "limit": limit}
    )


async def set_state(connection: Connection, person_id: str, state: str) -> None:
    """Lock, unlock or close."""
    await connection.execute(_SET_STATE, {"person_id": person_id, "state": state})


async def set_level(connection: Connection, person_id: str, level: int) -> None:
    """Certify who the person is."""
    await connection.execute(_SET_LEVEL, {"person_id": person_id, "level": level})


async def set_password(connection: Connection, person_id: str, password_hash: str) -> None:
    """Change the password and forget failures."""
    given = {"person_id": person_id, "password_hash": password_hash}
    await connection.execute(_SET_HASH, given)


async def memberships_of(connection: Connection, person_ids: list[str]) -> list[MembershipRow]:
    """Everything some people are or were."""
    return await fetch_all(connection, MembershipRow, _MEMBERSHIPS, {"person_ids": person_ids})


async def open_memberships(
    connection: Connection, person_id: str, now: datetime
) -> list[MembershipRow]:
    """Where a person may work now."""
    given = {"person_id": person_id, "today": now.date()}
    return await fetch_all(connection, MembershipRow, _OPEN_TO, given)


async def grant_membership(
    connection: Connection, person_id: str, role: str, tenant: str, now: datetime
) -> bool:
    """Make a person something; False if it is that already."""
    given = {"person_id": person_id, "role": role, "tenant": tenant, "now": now}
    return await (await connection.execute(_GRANT, given)).fetchone() is not None


async def end_memberships(
    connection: Connection, person_id: str, role: str, tenant: str, now: datetime
) -> int:
    """End one membership, or all of a person's if no role is given, with its sessions; how many."""
    given = {"person_id": person_id, "role": role, "tenant": tenant, "now": now}
    ended = await (await connection.execute(_END, given)).fetchall()
    await connection.execute(_END_SESSIONS, {**given, "but": b""})
    return len(ended)


async def end_sessions(
    connection: Connection, person_id: str, now: datetime, but: bytes = b""
) -> None:
    """Log a person out everywhere, or everywhere but here."""
    given = {"person_id": person_id, "now": now, "but": but, "role": "", "tenant": ""}
    await connection.execute(_END_SESSIONS, given)
