"""All SQL about clients and their secrets."""

from dataclasses import dataclass
from datetime import datetime

from serving.auth.repository import KeyStates
from serving.auth.rows import fetch_all, fetch_one
from serving.db import Connection

_INSTITUTION_STATE = "SELECT state FROM institution WHERE uscc = %(uscc)s FOR SHARE"
_ADD = """
INSERT INTO client (client_id, institution, label, permissions, rate_per_second, burst, state, created_at)
VALUES (%(client_id)s, %(institution)s, %(label)s, %(permissions)s, %(rate_per_second)s, %(burst)s,
        'active', %(created_at)s)
"""
_READ = """
SELECT client_id, institution, label, permissions, rate_per_second, burst, state, created_at
FROM client WHERE client_id = %(client_id)s
"""
_LOCK = """
SELECT client_id, institution, label, permissions, rate_per_second, burst, state, created_at
FROM client WHERE client_id = %(client_id)s FOR UPDATE
"""
_LIST = """
SELECT client_id, institution, label, permissions, rate_per_second, burst, state, created_at
FROM client
WHERE (%(only)s = '' OR institution = %(only)s) AND client_id > %(after)s
ORDER BY client_id LIMIT %(limit)s
"""
_REVOKE = "UPDATE client SET state = 'revoked' WHERE client_id = %(client_id)s"
_ADD_ONE = """
INSERT INTO client_secret (secret_id, client_id, digest, created_at)
VALUES (%(secret_id)s, %(client_id)s, %(digest)s, %(now)s)
"""
_SECRETS = """
SELECT client_id, secret_id, created_at, expires_at, revoked_at FROM client_secret
WHERE client_id = ANY(%(client_ids)s) ORDER BY created_at, secret_id
"""
_REVOKE_SECRETS = """
UPDATE client_secret SET revoked_at = %(now)s
WHERE client_id = %(client_id)s AND revoked_at IS NULL
  AND (%(secret_id)s = '' OR secret_id = %(secret_id)s)
RETURNING secret_id
"""
_KEYS = """
SELECT c.client_id, c.institution, c.permissions, c.state AS client_state,
       i.state AS institution_state, i.assessed_until, true AS is_secret_live, s.secret_id, s.digest
FROM client c
JOIN institution i ON i.uscc = c.institution
JOIN client_secret s ON s.client_id = c.client_id
WHERE c.client_id = %(client_id)s AND s.revoked_at IS NULL
  AND (s.expires_at IS NULL OR s.expires_at > %(now)s)
"""


@dataclass(frozen=True)
class Client:
    """One row."""

    client_id: str
    institution: str
    label: str
    permissions: list[str]
    rate_per_second: float
    burst: int
    state: str
    created_at: datetime


@dataclass(frozen=True)
class Secret:
    """One row without its digest."""

    client_id: str
    secret_id: str
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None

    def is_live(self, now: datetime) -> bool:
        """Whether it still opens anything."""
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > now)


@dataclass(frozen=True)
class Key(KeyStates):
    """A live secret with the states that decide whether it gets a token."""

    client_id: str
    institution: str
    permissions: list[str]
    secret_id: str
    digest: bytes


async def institution_state(connection: Connection, uscc: str) -> str | None:
    """The state of an institution, which does not change until this transaction ends."""
    row = await (await connection.execute(_INSTITUTION_STATE, {"uscc": uscc})).fetchone()
    return row[0] if row else None


async def add_client(connection: Connection, client: Client) -> None:
    """Write a new client."""
    await connection.execute(_ADD, vars(client))


async def read_one(connection: Connection, client_id: str) -> Client | None:
    """One client."""
    return await fetch_one(connection, Client, _READ, {"client_id": client_id})


async def lock_one(connection: Connection, client_id: str) -> Client | None:
    """One client, which nobody else changes until this transaction ends."""
    return await fetch_one(connection, Client, _LOCK, {"client_id": client_id})


async def read_some(connection: Connection, only: str, after: str, limit: int) -> list[Client]:
    """Clients in the order of their ids; of `only` one institution, or all if empty."""
    return await fetch_all(
        connection, Client, _LIST, {"only": only, "after": after, "limit": limit}
    )


async def revoke_client(connection: Connection, client_id: str, now: datetime) -> None:
    """End a client and all its secrets."""
    await connection.execute(_REVOKE, {"client_id": client_id})
    await revoke_secrets(connection, client_id, "", now)


async def add_secret(
    connection: Connection, client_id: str, secret_id: str, digest: bytes, now: datetime
) -> None:
    """Keep a secret's digest."""
    given = {"secret_id": secret_id, "client_id": client_id, "digest": digest, "now": now}
    await connection.execute(_ADD_ONE, given)


async def secrets_of(connection: Connection, client_ids: list[str]) -> list[Secret]:
    """All secrets of some clients, the oldest first."""
    return await fetch_all(connection, Secret, _SECRETS, {"client_ids": client_ids})


async def revoke_secrets(
    connection: Connection, client_id: str, secret_id: str, now: datetime
) -> int:
    """Revoke one secret, or every live one if no id is given; how many."""
    given = {"client_id": client_id, "secret_id": secret_id, "now": now}
    return len(await (await connection.execute(_REVOKE_SECRETS, given)).fetchall())


async def keys_of(connection: Connection, client_id: str, now: datetime) -> list[Key]:
    """The live secrets of a client."""
    return await fetch_all(connection, Key, _KEYS, {"client_id": client_id, "now": now})
