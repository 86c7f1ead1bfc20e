"""People taken in by the command, where the service has nobody yet who could."""

from dataclasses import dataclass
from datetime import datetime

from serving.audit.record import Entry, write_entry
from serving.auth.marks import PERSON_PREFIX, new_id
from serving.auth.passwords import hash_password, require_login, require_password
from serving.auth.people import repository
from serving.auth.people.repository import MembershipRow, Person
from serving.db import Connection
from serving.errors import ConflictError, NotFoundError


@dataclass(frozen=True)
class Newcomer:
    """Who comes in as what; `tenant` of an owner is its enterprise, of an officer its institution."""

    login: str
    password: str
    role: str
    tenant: str = ""


async def take_in(connection: Connection, newcomer: Newcomer, now: datetime) -> str:
    """Write a person with one role; its id.

    Raises
    ------
    MalformedError
        If login or password are not what they must be.
    ConflictError
        If the login is taken.
    """
    require_login(newcomer.login)
    require_password(newcomer.password, newcomer.login)
    person_id = new_id(PERSON_PREFIX)
    hashed = hash_password(newcomer.password)
    if not await repository.add_person(connection, person_id, newcomer.login, hashed, now):
        raise ConflictError(
            en=f"The login '{newcomer.login}' is taken. Choose another.",
            zh=f"登录名“{newcomer.login}”已被占用，请另选一个。",
        )
    await repository.grant_membership(connection, person_id, newcomer.role, newcomer.tenant, now)
    await write_entry(connection, _entry("create", person_id, newcomer.role, now))
    return person_id


async def close(connection: Connection, login: str, now: datetime) -> str:
    """Close a person's account with everything it is; its id.

    Raises
    ------
    NotFoundError
        If nobody has that login.
    """
    found = await repository.read_some(connection, login, "", 1) if login else []
    if not found:
        raise NotFoundError(
            en=f"Nobody has the login '{login}'. See `xinqiao people list`.",
            zh=f"没有登录名为“{login}”的用户；可用 xinqiao people list 查看。",
        )
    person_id = found[0].person_id
    await repository.set_state(connection, person_id, "closed")
    await repository.end_memberships(connection, person_id, "", "", now)
    await write_entry(connection, _entry("change", person_id, "", now))
    return person_id


async def everybody(
    connection: Connection, after: str, limit: int
) -> list[tuple[Person, list[MembershipRow]]]:
    """People in the order of their ids with what they are or were."""
    people = await repository.read_some(connection, "", after, limit)
    rows = await repository.memberships_of(connection, [person.person_id for person in people])
    return [
        (person, [row for row in rows if row.person_id == person.person_id]) for person in people
    ]


def _entry(verb: str, person_id: str, role: str, now: datetime) -> Entry:
    return Entry(
        at=now,
        request_id="command",
        actor_kind="system",
        actor="command",
        role="system",
        tenant=None,
        action=f"person:{verb}:granted",
        subject=None,
        purpose=None,
        consents=(),
        fields=(),
        result="granted",
        detail={"person": person_id, "role": role},
    )
