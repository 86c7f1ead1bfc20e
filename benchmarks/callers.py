"""Callers of a service of ours, written straight into its ledger: a bank's program, owners of firms.

They come as an operator would let them in, but thousands in a moment, and without the limits of people.
"""

import secrets
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import psycopg

from serving.auth.marks import digest_of, new_id, new_secret
from serving.auth.tokens import Claims, TokenKeys, unix_seconds
from serving.database.addresses import Addresses

Headers = dict[str, str]

#: A program that no limit of speed keeps back [1/s].
_RATE = 1e6
_TOKEN_SECONDS = 600

_INSTITUTION = """
INSERT INTO institution (uscc, name_zh, kind, state, state_since, assessed_until)
VALUES (%(uscc)s, '测试银行', 'bank', 'active', %(now)s, %(until)s) ON CONFLICT DO NOTHING
"""
_CLIENT = """
INSERT INTO client (client_id, institution, label, permissions, rate_per_second, burst, state, created_at)
VALUES (%(client)s, %(uscc)s, 'load', %(held)s, %(rate)s, 1000000, 'active', %(now)s)
"""
_KEY = """
INSERT INTO client_secret (secret_id, client_id, digest, created_at)
VALUES (%(secret)s, %(client)s, %(digest)s, %(now)s)
"""
_PEOPLE = """
INSERT INTO person (person_id, login, password_hash, real_name_level, state, created_at)
SELECT id, id, '', 2, 'active', %(now)s FROM unnest(%(ids)s::text[]) AS id
"""
_OWNERS = """
INSERT INTO membership (person_id, role, tenant, granted_at)
SELECT id, 'owner', firm, %(now)s FROM unnest(%(ids)s::text[], %(firms)s::text[]) AS one (id, firm)
"""
_SESSIONS = """
INSERT INTO session (token_digest, person_id, role, tenant, created_at, last_used_at, expires_at)
SELECT digest, id, 'owner', firm, %(now)s, %(now)s, %(until)s
FROM unnest(%(digests)s::bytea[], %(ids)s::text[], %(firms)s::text[]) AS one (digest, id, firm)
"""


def add_bank(
    addresses: Addresses, home: Path, uscc: str, permissions: Collection[str], now: datetime
) -> Headers:
    """Let a bank in with one program; the headers of its requests, good for ten minutes."""
    client, secret = new_id("A"), new_id("S")
    values = {
        "uscc": uscc,
        "now": now,
        "until": now.date() + timedelta(days=365),
        "client": client,
        "held": sorted(permissions),
        "rate": _RATE,
        "secret": secret,
        "digest": digest_of(new_secret()),
    }
    with psycopg.connect(addresses.owner) as connection:
        for statement in (_INSTITUTION, _CLIENT, _KEY):
            connection.execute(statement, values)
    start = unix_seconds(now)
    claims = Claims(client, secret, uscc, frozenset(permissions), start, start + _TOKEN_SECONDS)
    token = TokenKeys(home / "vault" / "tokens").issue(claims)
    return {"Authorization": f"Bearer {token}"}


def add_owners(addresses: Addresses, firms: Sequence[str], now: datetime) -> list[Headers]:
    """Let the owner of each firm in; the headers of their requests, in order."""
    tokens = [secrets.token_urlsafe(32) for _ in firms]
    values = {
        "now": now,
        "until": now + timedelta(hours=8),
        "ids": [new_id("U") for _ in firms],
        "firms": list(firms),
        "digests": [digest_of(token) for token in tokens],
    }
    with psycopg.connect(addresses.owner) as connection:
        for statement in (_PEOPLE, _OWNERS, _SESSIONS):
            connection.execute(statement, values)
    return [{"Cookie": f"xinqiao={token}", "Sec-Fetch-Site": "same-origin"} for token in tokens]
