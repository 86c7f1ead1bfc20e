"""All SQL about institutions."""

from dataclasses import dataclass
from datetime import date, datetime

from serving.auth.rows import fetch_all, fetch_one
from serving.db import Connection

# An institution that has left may apply again; any other application is one too many.
_APPLY = """
INSERT INTO institution (uscc, name_zh, name_en, kind, region, state, state_since)
VALUES (%(uscc)s, %(name_zh)s, %(name_en)s, %(kind)s, %(region)s, 'applied', %(now)s)
ON CONFLICT (uscc) DO UPDATE
SET name_zh = excluded.name_zh, name_en = excluded.name_en, kind = excluded.kind,
    region = excluded.region, state = 'applied', state_since = excluded.state_since,
    state_reason = '', assessed_until = NULL
WHERE institution.state = 'exited'
  AND NOT EXISTS (SELECT FROM consent c WHERE c.grantee = institution.uscc AND c.status = 'active')
RETURNING uscc, name_zh, name_en, kind, region, state, state_since, state_reason, assessed_until
"""
_READ = """
SELECT uscc, name_zh, name_en, kind, region, state, state_since, state_reason, assessed_until
FROM institution WHERE uscc = %(uscc)s
"""
_LOCK = """
SELECT uscc, name_zh, name_en, kind, region, state, state_since, state_reason, assessed_until
FROM institution WHERE uscc = %(uscc)s FOR UPDATE
"""
_LIST = """
SELECT uscc, name_zh, name_en, kind, region, state, state_since, state_reason, assessed_until
FROM institution
WHERE (%(only)s = '' OR uscc = %(only)s) AND uscc > %(after)s ORDER BY uscc LIMIT %(limit)s
"""
_CHANGE = """
UPDATE institution
SET state = %(state)s, state_reason = %(reason)s, assessed_until = %(assessed_until)s,
    state_since = CASE WHEN state = %(state)s THEN state_since ELSE %(now)s END
WHERE uscc = %(uscc)s
RETURNING uscc, name_zh, name_en, kind, region, state, state_since, state_reason, assessed_until
"""
_REVOKE_SECRETS = """
UPDATE client_secret SET revoked_at = %(now)s
WHERE revoked_at IS NULL
  AND client_id IN (SELECT client_id FROM client WHERE institution = %(uscc)s)
"""
_REVOKE_CLIENTS = "UPDATE client SET state = 'revoked' WHERE institution = %(uscc)s"
_END_SESSIONS = """
UPDATE session SET ended_at = %(now)s
WHERE tenant = %(uscc)s AND role = 'officer' AND ended_at IS NULL
"""
_END_MEMBERSHIPS = """
UPDATE membership SET ended_at = %(now)s
WHERE tenant = %(uscc)s AND role = 'officer' AND ended_at IS NULL
"""


@dataclass(frozen=True)
class Institution:
    """One row."""

    uscc: str
    name_zh: str
    name_en: str | None
    kind: str
    region: str | None
    state: str
    state_since: datetime
    state_reason: str
    assessed_until: date | None


async def add_application(
    connection: Connection,
    uscc: str,
    names: tuple[str, str | None],
    kind: str,
    region: str | None,
    now: datetime,
) -> Institution | None:
    """Write an application; None if the institution is in already."""
    given = {
        "uscc": uscc,
        "name_zh": names[0],
        "name_en": names[1],
        "kind": kind,
        "region": region,
        "now": now,
    }
    return await fetch_one(connection, Institution, _APPLY, given)


async def read_one(connection: Connection, uscc: str) -> Institution | None:
    """One institution."""
    return await fetch_one(connection, Institution, _READ, {"uscc": uscc})


async def lock_one(connection: Connection, uscc: str) -> Institution | None:
    """One institution, which nobody else changes until this transaction ends."""
    return await fetch_one(connection, Institution, _LOCK, {"uscc": uscc})


async def read_some(connection: Connection, only: str, after: str, limit: int) -> list[Institution]:
    """Institutions in the order of their codes; `only` one, or all if empty."""
    given = {"only": only, "after": after, "limit": limit}
    return await fetch_all(connection, Institution, _LIST, given)


async def write_state(
    connection: Connection,
    uscc: str,
    state: str,
    reason: str,
    assessed_until: date | None,
    now: datetime,
) -> Institution | None:
    """Change the state or its grounds."""
    given = {
        "uscc": uscc,
        "state": state,
        "reason": reason,
        "assessed_until": assessed_until,
        "now": now,
    }
    return await fetch_one(connection, Institution, _CHANGE, given)


async def revoke_everything(connection: Connection, uscc: str, now: datetime) -> None:
    """End for good every key that an institution's programs and people hold."""
    for statement in (_REVOKE_SECRETS, _REVOKE_CLIENTS, _END_SESSIONS, _END_MEMBERSHIPS):
        await connection.execute(statement, {"uscc": uscc, "now": now})
