"""People and sessions at the wire."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from serving.access.callers import Role
from serving.auth.wire import Instant, Uscc, Wire

PersonRole = Literal[Role.OWNER, Role.OFFICER, Role.OPERATOR, Role.SCIENTIST, Role.AUDITOR]
Password = Annotated[str, StringConstraints(min_length=1, max_length=1000)]


class Login(Wire):
    """Name, password, and the role to work in where there are several."""

    login: Annotated[str, StringConstraints(max_length=100)]
    password: Password
    role: PersonRole | None = None
    tenant: Annotated[str, StringConstraints(max_length=18)] | None = None


class SessionAnswer(Wire):
    """Who is logged in, as what, until when at the latest."""

    person_id: str
    role: PersonRole
    tenant: str
    expires_at: Instant


class NewPerson(Wire):
    """A login name chosen by its person; without a password one is made and shown once."""

    login: Annotated[str, StringConstraints(max_length=100)]
    password: Password | None = None


class ShownPassword(Wire):
    """A person and the password that was made for it, shown this once; null where it chose its own."""

    person_id: str
    password: str | None


class MembershipAnswer(Wire):
    """What a person is, and where."""

    role: PersonRole
    tenant: str
    granted_at: Instant
    ended_at: Instant | None


class PersonAnswer(Wire):
    """A person as the ledger has it: no name, no number, a login it chose."""

    person_id: str
    login: str
    real_name_level: int
    state: Literal["active", "locked", "closed"]
    locked_until: Instant | None
    created_at: Instant
    memberships: list[MembershipAnswer]


class RealName(Wire):
    """How sure we are who the person is, and by which method (see `rules.yaml`)."""

    level: Annotated[int, Field(ge=0, le=3)]
    method: Annotated[str, StringConstraints(max_length=40)] = ""


class Membership(Wire):
    """A role; an owner's enterprise or an officer's institution with it."""

    role: PersonRole
    tenant: Uscc | Literal[""] = ""


class PersonStep(Wire):
    """Lock, unlock or close."""

    state: Literal["active", "locked", "closed"]


class PasswordChange(Wire):
    """The password now and the one from now on."""

    current: Password
    new: Password


class Me(Wire):
    """The caller as this service sees it."""

    kind: Literal["client", "person"]
    id: str
    role: Role
    tenant: str
    permissions: list[str]
    real_name_level: int
    login: str | None
