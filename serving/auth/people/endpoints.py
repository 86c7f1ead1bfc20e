"""People and sessions over HTTP."""

from dataclasses import asdict
from typing import Annotated

from fastapi import Query, Request, Response

from serving.access.callers import Role
from serving.access.decision import Action, Resource
from serving.auth.browsers import clear_session, require_same_site, set_session
from serving.auth.people import repository, service, visits
from serving.auth.people.schemas import (
    Login,
    Me,
    Membership,
    NewPerson,
    PasswordChange,
    PersonAnswer,
    PersonStep,
    RealName,
    SessionAnswer,
    ShownPassword,
)
from serving.auth.people.service import PersonWithMemberships
from serving.auth.wire import after
from serving.door import Door, asks
from serving.look import CurrentLook
from serving.pages import CurrentPager, Page

door = Door("/v1/people", "people")
session_door = Door("/v1/session", "session")
me_door = Door("/v1/me", "me")


@session_door.post("", status_code=201)
@asks(Action.SESSION_OPEN)
async def open_session(
    body: Login, look: CurrentLook, request: Request, response: Response
) -> SessionAnswer:
    """Log in 登录; the session is a cookie of this host that scripts cannot read."""
    require_same_site(request, look.house.settings, with_session=False)
    opened = await visits.open_session(look, body)
    set_session(response, look.house.settings, opened.token)
    response.headers["Cache-Control"] = "no-store"
    return opened.answer


@session_door.delete("", status_code=204)
@asks(Action.SESSION_CLOSE)
async def close_session(look: CurrentLook, response: Response) -> None:
    """Log out 退出登录."""
    await visits.close_session(look)
    clear_session(response, look.house.settings)


@me_door.get("")
@asks(Action.SELF_READ)
async def read_me(look: CurrentLook) -> Me:
    """The caller as this service sees it."""
    await look.allow(Resource())
    caller = look.caller
    person = await repository.read_one(look.connection, caller.id)
    return Me(
        kind="client" if caller.role is Role.CLIENT else "person",
        id=caller.id,
        role=caller.role,
        tenant=caller.tenant,
        permissions=sorted(caller.permissions),
        real_name_level=caller.real_name_level,
        login=person.login if person else None,
    )


@me_door.post("/password", status_code=204)
@asks(Action.PASSWORD_CHANGE)
async def change_password(body: PasswordChange, look: CurrentLook) -> None:
    """Change one's own password; every other session ends."""
    await visits.change_password(look, body)


@door.post("", status_code=201)
@asks(Action.PERSON_CREATE)
async def create(body: NewPerson, look: CurrentLook, response: Response) -> ShownPassword:
    """Take a person in; what it is comes next."""
    response.headers["Cache-Control"] = "no-store"
    return await service.create(look, body)


@door.get("")
@asks(Action.PERSON_READ)
async def list_people(
    look: CurrentLook,
    pager: CurrentPager,
    login: Annotated[str, Query(max_length=32)] = "",
) -> Page[PersonAnswer]:
    """People, or the one of a login."""
    found = await service.list_some(look, login, after(pager), pager.fetch)
    return pager.page(found, _answer, lambda row: (row[0].person_id,))


@door.get("/{person_id}")
@asks(Action.PERSON_READ)
async def read_person(person_id: str, look: CurrentLook) -> PersonAnswer:
    """One person with everything it is or was."""
    return _answer(await service.read(look, person_id))


@door.post("/{person_id}/real-name", status_code=204)
@asks(Action.PERSON_CHANGE)
async def certify(person_id: str, body: RealName, look: CurrentLook) -> None:
    """Certify who the person is 实名认证; the proof itself is not kept here."""
    await service.certify(look, person_id, body)


@door.post("/{person_id}/state", status_code=204)
@asks(Action.PERSON_CHANGE)
async def step(person_id: str, body: PersonStep, look: CurrentLook) -> None:
    """Lock 锁定, unlock or close 注销; sessions end at once."""
    await service.step(look, person_id, body.state)


@door.post("/{person_id}/memberships", status_code=204)
@asks(Action.PERSON_CHANGE)
async def grant(person_id: str, body: Membership, look: CurrentLook) -> None:
    """Make the person an owner, officer, operator, scientist or auditor."""
    await service.grant(look, person_id, body)


@door.post("/{person_id}/memberships/end", status_code=204)
@asks(Action.PERSON_CHANGE)
async def end(person_id: str, body: Membership, look: CurrentLook) -> None:
    """End a membership; sessions in it end at once."""
    await service.end(look, person_id, body)


@door.post("/{person_id}/password", status_code=201)
@asks(Action.PERSON_CHANGE)
async def reset_password(person_id: str, look: CurrentLook, response: Response) -> ShownPassword:
    """Make a new password for who lost the old one; shown this once."""
    response.headers["Cache-Control"] = "no-store"
    return await service.reset_password(look, person_id)


def _answer(found: PersonWithMemberships) -> PersonAnswer:
    person, rows = found
    shown = asdict(person)
    del shown["password_hash"]
    memberships = [
        {key: value for key, value in asdict(row).items() if key != "person_id"} for row in rows
    ]
    return PersonAnswer.model_validate({**shown, "memberships": memberships})
