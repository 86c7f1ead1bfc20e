"""Institutions over HTTP."""

from dataclasses import asdict

from serving.access.decision import Action
from serving.auth.institutions import service
from serving.auth.institutions.repository import Institution
from serving.auth.institutions.schemas import Application, Assessment, InstitutionAnswer, Step
from serving.auth.wire import after
from serving.door import Door, asks
from serving.look import CurrentLook
from serving.pages import CurrentPager, Page

door = Door("/v1/institutions", "institutions")


@door.post("", status_code=201)
@asks(Action.INSTITUTION_APPLY)
async def apply(body: Application, look: CurrentLook) -> InstitutionAnswer:
    """Ask to come in 申请接入; the platform assesses and answers."""
    return _answer(await service.apply(look, body))


@door.get("")
@asks(Action.INSTITUTION_READ)
async def list_institutions(look: CurrentLook, pager: CurrentPager) -> Page[InstitutionAnswer]:
    """Institutions 接入机构, an institution's own or all for the platform."""
    found = await service.list_some(look, after(pager), pager.fetch)
    return pager.page(found, _answer, lambda row: (row.uscc,))


@door.get("/{uscc}")
@asks(Action.INSTITUTION_READ)
async def read_institution(uscc: str, look: CurrentLook) -> InstitutionAnswer:
    """One institution."""
    return _answer(await service.read(look, uscc))


@door.post("/{uscc}/assessments", status_code=201)
@asks(Action.INSTITUTION_CHANGE)
async def assess(uscc: str, body: Assessment, look: CurrentLook) -> InstitutionAnswer:
    """Record a passed assessment 评估, the first or the yearly one."""
    return _answer(await service.assess(look, uscc, body.assessed_until, body.reason))


@door.post("/{uscc}/state")
@asks(Action.INSTITUTION_CHANGE)
async def step(uscc: str, body: Step, look: CurrentLook) -> InstitutionAnswer:
    """Let in, suspend 暂停 or let out 退出; it counts from the next request on."""
    return _answer(await service.step(look, uscc, body.state, body.reason))


def _answer(row: Institution) -> InstitutionAnswer:
    return InstitutionAnswer.model_validate(asdict(row))
