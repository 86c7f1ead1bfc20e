"""Everything the access tables ask about, twice: the caller's own and another tenant's.

A room that has things of its own adds them in `things`, and names them in braces in its table.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from features.identifiers import check_characters
from serving.access.callers import Role
from serving.auth.clients.service import grantable
from serving.auth.passwords import hash_password
from tests.service import ANYBODY, Ask, Running

PASSWORD = "a fine long phrase"  # noqa: S105 - of nobody
_HASHED = hash_password(PASSWORD)
_NUMBERS = itertools.count(1)


def code(number: int) -> str:
    """A credit code with right check characters, of nobody."""
    first = f"91371399MA{number:06d}"
    return first + "".join(check_characters(first + "0"))


@dataclass(frozen=True)
class World:
    """Callers by role, and things by name for `own` and `other`."""

    callers: dict[Role, Ask]
    things: dict[str, dict[str, str]]
    without: dict[str, Ask] = field(default_factory=dict[str, Ask])


def make_world(running: Running) -> World:
    """New tenants, people and things that no earlier request has touched."""
    firms, banks = (
        {side: code(next(_NUMBERS)) for side in ("own", "other")} for _ in ("firm", "bank")
    )
    things = {side: _things(running, firms[side], banks[side]) for side in ("own", "other")}
    callers = {
        Role.ANONYMOUS: ANYBODY,
        # The program asks with the client that is its own thing, so that it may change itself.
        Role.CLIENT: _program(running, banks["own"], sorted(grantable()), things["own"]),
        Role.OFFICER: running.officer(banks["own"]),
        Role.OWNER: running.owner(firms["own"]),
        Role.OPERATOR: running.operator(),
        Role.SCIENTIST: running.person("scientist"),
        Role.AUDITOR: running.auditor(),
    }
    return World(callers, things)


def _things(running: Running, firm: str, bank: str) -> dict[str, str]:
    client = running.bank(uscc=bank)
    person = running.person("scientist")
    running.sql(
        "UPDATE person SET password_hash = %(hash)s WHERE person_id = %(id)s",
        hash=_HASHED,
        id=person.id,
    )
    return {
        "firm": firm,
        "institution": bank,
        "applicant": code(next(_NUMBERS)),
        "client": client.id,
        "secret": client.id.replace("A-", "S-"),
        "person": person.id,
        "login": _one(running, "SELECT login FROM person WHERE person_id = %(id)s", id=person.id),
        "new_login": f"person-{next(_NUMBERS)}",
        "password": PASSWORD,
        "alarm": _one(
            running,
            "INSERT INTO alarm (kind, actor, raised_at, window_from, count, limit_per_window) "
            "VALUES ('unrelated_enterprises', 'A-0', %(now)s, %(now)s, 51, 50) RETURNING alarm_id",
            now=running.clock.now,
        ),
        "consent": _one(
            running,
            "INSERT INTO consent (consent_id, uscc, grantee, purpose, scopes, status, valid_from, "
            "valid_to, method, granted_at) VALUES (%(id)s, %(firm)s, %(bank)s, 'apply', '{tax}', "
            "'active', %(day)s, %(day)s, 'online_sign', %(now)s) RETURNING consent_id",
            id=f"C-{next(_NUMBERS)}",
            firm=firm,
            bank=bank,
            day=running.clock.now.date(),
            now=running.clock.now,
        ),
        "today": running.clock.now.date().isoformat(),
    }


def _program(
    running: Running, bank: str, permissions: Sequence[str], things: dict[str, str]
) -> Ask:
    running.sql(
        "UPDATE client SET permissions = %(held)s WHERE client_id = %(id)s",
        held=list(permissions),
        id=things["client"],
    )
    token = running.token(things["client"], things["secret"], bank, permissions)
    return Ask(things["client"], bank, {"Authorization": f"Bearer {token}"})


def _one(running: Running, query: Any, **values: object) -> str:
    return str(running.sql(query, **values)[0][0])
