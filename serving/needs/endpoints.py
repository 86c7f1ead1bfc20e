"""`/v1/needs` and `/v1/applications`: what firms need, what they apply for, and what lenders answer."""

from typing import Annotated, Literal

from fastapi import Path, Response

from serving.access.callers import Role
from serving.access.decision import Action, Resource
from serving.door import Door, asks
from serving.look import CurrentLook
from serving.needs import applying, repository, service
from serving.needs.machine import State
from serving.needs.rules import reasons, revisits
from serving.needs.schemas import (
    ApplicationAnswer,
    ApplicationDetail,
    ApplicationDuty,
    ApplicationMade,
    CodeAnswer,
    Contact,
    Decline,
    Grant,
    NeedAnswer,
    NeedMade,
    Revisit,
    RevisitAnswer,
)
from serving.pages import CurrentPager, Page

needs = Door("/v1/needs", "needs")
applications = Door("/v1/applications", "needs")
about = Door("/v1", "needs")
DOORS = (needs, applications, about)

NeedId = Annotated[str, Path(pattern=r"^[!-~]{1,64}$")]
ApplicationId = Annotated[str, Path(max_length=64)]
_DUTIES = 200


@needs.post("", status_code=201)
@asks(Action.NEED_CREATE)
async def make_need(body: NeedMade, look: CurrentLook, response: Response) -> NeedAnswer:
    """融资需求 · State what a firm needs; an officer may take it down for a firm."""
    source = "officer" if look.caller.role is Role.OFFICER else "api"
    need = await service.make_need(look, body, source)
    response.headers["Location"] = f"/v1/needs/{need.need_id}"
    return NeedAnswer.of(need)


@needs.get("")
@asks(Action.NEED_READ)
async def list_needs(look: CurrentLook, pager: CurrentPager) -> Page[NeedAnswer]:
    """需求清单 · A firm's needs, or those an institution's officers took down, the newest first."""
    rows = await service.list_needs(look, pager)
    return pager.page(rows, NeedAnswer.of, lambda need: (need.need_no,))


@needs.get("/{need_id}")
@asks(Action.NEED_READ)
async def read_need(need_id: NeedId, look: CurrentLook) -> NeedAnswer:
    """需求 · One need as it was stated."""
    return NeedAnswer.of(await service.find_need(look, need_id))


@applications.post("", status_code=201)
@asks(Action.APPLICATION_CREATE)
async def apply(body: ApplicationMade, look: CurrentLook, response: Response) -> ApplicationDetail:
    """申请 · Apply for a product of one's own match; applying twice gives the open application (200).

    `need_authorisation` names what the lender cannot see: ask yourself whether to open it.
    """
    found, is_new = await applying.apply(look, body)
    if not is_new:
        response.status_code = 200
    response.headers["Location"] = f"/v1/applications/{found.application_id}"
    return await service.detail(look, found.application_id)


@applications.get("")
@asks(Action.APPLICATION_READ)
async def list_applications(
    look: CurrentLook, pager: CurrentPager, state: State | Literal["open", "revisit", ""] = ""
) -> Page[ApplicationAnswer]:
    """申请清单 · A firm sees its own, an institution those for its own products."""
    rows = await service.list_applications(look, pager, state)
    told = dict(zip((row.application_id for row in rows), await service.answers(look, rows), strict=True))  # fmt: skip
    return pager.page(rows, lambda row: told[row.application_id], lambda row: (row.application_no,))


@applications.get("/{application_id}")
@asks(Action.APPLICATION_READ)
async def read_application(application_id: ApplicationId, look: CurrentLook) -> ApplicationDetail:
    """申请 · One application with what was done about it."""
    return await service.detail(look, application_id)


@applications.post("/{application_id}/contact")
@asks(Action.APPLICATION_CHANGE)
async def contact(
    application_id: ApplicationId, body: Contact, look: CurrentLook
) -> ApplicationDetail:
    """联系企业 · Say that the firm was contacted."""
    await service.contact(look, application_id, body)
    return await service.detail(look, application_id)


@applications.post("/{application_id}/grant")
@asks(Action.APPLICATION_CHANGE)
async def grant(application_id: ApplicationId, body: Grant, look: CurrentLook) -> ApplicationDetail:
    """授信 · Grant it; the loan itself is reported at /v1/loans."""
    await service.grant(look, application_id, body)
    return await service.detail(look, application_id)


@applications.post("/{application_id}/decline")
@asks(Action.APPLICATION_CHANGE)
async def decline(
    application_id: ApplicationId, body: Decline, look: CurrentLook
) -> ApplicationDetail:
    """拒绝 · Decline it for a reason of the list; the firm is told."""
    await service.decline(look, application_id, body)
    return await service.detail(look, application_id)


@applications.post("/{application_id}/revisit")
@asks(Action.APPLICATION_REVISIT)
async def revisit(application_id: ApplicationId, body: Revisit, look: CurrentLook) -> RevisitAnswer:
    """回访 · Say how a granted one went for the firm; the platform may enter what it was told."""
    return RevisitAnswer.of(await service.revisit(look, application_id, body))


@applications.post("/{application_id}/withdraw")
@asks(Action.APPLICATION_CHANGE)
async def withdraw(application_id: ApplicationId, look: CurrentLook) -> ApplicationDetail:
    """撤回 · The firm takes it back."""
    await service.withdraw(look, application_id)
    return await service.detail(look, application_id)


@about.get("/decline-reasons")
@asks(Action.APPLICATION_READ)
async def list_reasons(look: CurrentLook) -> list[CodeAnswer]:
    """拒绝原因 · Why an application may be declined."""
    tenant = look.caller.tenant
    await look.allow(Resource(uscc=tenant, institution=tenant))
    look.says(fields=["decline_reason"])
    return [CodeAnswer(code=code, words=words) for code, words in reasons().items()]


@about.get("/revisit-outcomes")
@asks(Action.APPLICATION_REVISIT)
async def list_outcomes(look: CurrentLook) -> list[CodeAnswer]:
    """回访结果 · What a revisit may find."""
    await look.allow(Resource(institution=look.caller.tenant))
    look.says(fields=["revisit_outcome"])
    return [CodeAnswer(code=code, words=words) for code, words in revisits().items()]


@about.get("/application-duties")
@asks(Action.APPLICATION_DUTIES)
async def list_duties(look: CurrentLook) -> list[ApplicationDuty]:
    """超期与回访 · Applications lenders are late with and revisits to make, what was due first before the rest; nothing of any firm."""
    await look.allow(Resource())
    rows = await repository.read_duties(look.connection, look.now, _DUTIES)
    look.says(fields=["application_duty"], count=len(rows))
    return [ApplicationDuty.of(row) for row in rows]
