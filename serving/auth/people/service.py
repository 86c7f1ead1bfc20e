"""Decisions about people: who they are, what they are, and whether they may come in."""

from serving.access.callers import Role
from serving.access.decision import Resource, not_found
from serving.auth.clients.repository import institution_state
from serving.auth.marks import PERSON_PREFIX, new_id, new_secret
from serving.auth.passwords import require_login, require_password
from serving.auth.people import repository
from serving.auth.people.repository import MembershipRow, Person
from serving.auth.people.schemas import Membership, NewPerson, RealName, ShownPassword
from serving.auth.rules import load_rules
from serving.errors import ConflictError, MalformedError
from serving.look import Look

PersonWithMemberships = tuple[Person, list[MembershipRow]]
_WITH_TENANT = frozenset({Role.OWNER, Role.OFFICER})
_STEPS = {"active": {"locked", "closed"}, "locked": {"active", "closed"}, "closed": set[str]()}


async def create(look: Look, new: NewPerson) -> ShownPassword:
    """Take a person in; it is nothing yet and can do nothing.

    Raises
    ------
    ConflictError
        If the login is taken.
    """
    await look.allow(Resource())
    require_login(new.login)
    made = None if new.password else new_secret()
    password = new.password or made or ""
    require_password(password, new.login)
    hashed = await look.house.passwords.hash_password(password)
    person_id = new_id(PERSON_PREFIX)
    if not await repository.add_person(look.connection, person_id, new.login, hashed, look.now):
        raise ConflictError(
            en="This login is taken. Choose another.",
            zh="该登录名已被占用，请另选一个。",
            details={"field": "login"},
        )
    look.says(person=person_id)
    return ShownPassword(person_id=person_id, password=made)


async def read(look: Look, person_id: str) -> PersonWithMemberships:
    """One person."""
    await look.allow(Resource())
    person = await repository.read_one(look.connection, person_id)
    if person is None:
        raise not_found()
    return person, await repository.memberships_of(look.connection, [person_id])


async def list_some(look: Look, login: str, after: str, limit: int) -> list[PersonWithMemberships]:
    """People."""
    await look.allow(Resource())
    people = await repository.read_some(look.connection, login, after, limit)
    rows = await repository.memberships_of(look.connection, [person.person_id for person in people])
    return [
        (person, [row for row in rows if row.person_id == person.person_id]) for person in people
    ]


async def certify(look: Look, person_id: str, real_name: RealName) -> None:
    """Record how surely the person is who it says; the method goes on record, never the proof.

    Raises
    ------
    MalformedError
        If the method does not certify that level.
    """
    await _lock(look, person_id)
    methods = load_rules().real_name.levels.get(real_name.level, ())
    if real_name.level and real_name.method not in methods:
        raise MalformedError(
            en=f"Level {real_name.level} is certified by {' or '.join(methods)}.",
            zh=f"{real_name.level} 级实名须以下列方式核验：{'、'.join(methods)}。",
            details={"field": "method", "methods": list(methods)},
        )
    await repository.set_level(look.connection, person_id, real_name.level)
    look.says(level=real_name.level, method=real_name.method)


async def step(look: Look, person_id: str, to: str) -> None:
    """Lock, unlock or close; out of `active` every session ends at once.

    Raises
    ------
    ConflictError
        Naming the allowed states.
    """
    person = await _lock(look, person_id, not_oneself=True)
    if to not in _STEPS[person.state]:
        listed = sorted(_STEPS[person.state])
        raise ConflictError(
            en=f"A person that is '{person.state}' cannot become '{to}'. It can become: "
            f"{', '.join(listed) or 'nothing else'}.",
            zh=f"该用户当前为“{person.state}”，不能变更为“{to}”；可变更为：{'、'.join(listed) or '无'}。",
            details={"state": person.state, "allowed": listed},
        )
    await repository.set_state(look.connection, person_id, to)
    if to == "closed":
        await repository.end_memberships(look.connection, person_id, "", "", look.now)
    elif to == "locked":
        await repository.end_sessions(look.connection, person_id, look.now)
    look.says(state_before=person.state, state_after=to)


async def grant(look: Look, person_id: str, membership: Membership) -> None:
    """Make a person something; nobody makes itself anything.

    Raises
    ------
    ConflictError
        If it is that already, is closed, or the tenant does not fit the role.
    """
    person = await _lock(look, person_id, not_oneself=True)
    await _require_tenant(look, membership)
    is_new = person.state != "closed" and await repository.grant_membership(
        look.connection, person_id, membership.role, membership.tenant, look.now
    )
    if not is_new:
        raise ConflictError(
            en="The person holds this role already, or is closed.",
            zh="该用户已具有此角色，或已注销。",
            details={"state": person.state},
        )
    look.says(role=str(membership.role), tenant_given=_tenant_on_record(look, membership))


async def end(look: Look, person_id: str, membership: Membership) -> None:
    """End a membership and the sessions in it."""
    await _lock(look, person_id, not_oneself=True)
    ended = await repository.end_memberships(
        look.connection, person_id, membership.role, membership.tenant, look.now
    )
    if not ended:
        raise not_found()
    look.says(role=str(membership.role), tenant_given=_tenant_on_record(look, membership))


async def reset_password(look: Look, person_id: str) -> ShownPassword:
    """Make a new password for who lost the old one; it is shown once, sessions end."""
    await _lock(look, person_id, not_oneself=True)
    password = new_secret()
    hashed = await look.house.passwords.hash_password(password)
    await repository.set_password(look.connection, person_id, hashed)
    await repository.end_sessions(look.connection, person_id, look.now)
    return ShownPassword(person_id=person_id, password=password)


async def _lock(look: Look, person_id: str, *, not_oneself: bool = False) -> Person:
    await look.allow(Resource())
    person = await repository.lock_one(look.connection, person_id)
    if person is None:
        raise not_found()
    if not_oneself and person_id == look.caller.id:
        raise ConflictError(
            en="Nobody changes its own rights. Ask another operator.",
            zh="不能变更本人的权限，请由另一名运营人员办理。",
        )
    look.says(person=person_id)
    return person


async def _require_tenant(look: Look, membership: Membership) -> None:
    if bool(membership.tenant) != (membership.role in _WITH_TENANT):
        raise MalformedError(
            en="An owner has an enterprise and an officer an institution (tenant); other roles have none.",
            zh="企业主须指定企业、机构人员须指定机构（tenant），其他角色不得指定。",
            details={"field": "tenant"},
        )
    if membership.role is Role.OFFICER:
        state = await institution_state(look.connection, membership.tenant)
        if state in {None, "exited"}:
            raise ConflictError(
                en="There is no such institution, or it has left.",
                zh="该机构不存在或已退出。",
                details={"field": "tenant"},
            )


def _tenant_on_record(look: Look, membership: Membership) -> str:
    """An institution by its code; an enterprise, which may be one person's, by its pseudonym."""
    if membership.role is Role.OWNER:
        return look.house.subject_of(membership.tenant)
    return membership.tenant
