"""A bank officer's pages of applications for its own products: what is asked, what may be seen, the answer."""

from typing import Annotated

from fastapi import Path, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from serving.access.callers import Role
from serving.access.decision import Action
from serving.door import asks
from serving.errors import MalformedError
from serving.look import CurrentLook
from serving.needs import service
from serving.needs.rules import reasons, revisits
from serving.needs.schemas import Contact, Decline, Grant, Revisit
from serving.pages import CurrentPager, cursor_of
from serving.web.callers import require_role
from serving.web.forms import CurrentForm, as_body
from serving.web.site import Pages, go_to, page
from serving.web.stated import purpose_words, stated

door = Pages("/bank/applications")
ApplicationId = Annotated[str, Path(max_length=64)]
STATES = ("open", "revisit", "applied", "contacted", "granted", "declined", "withdrawn", "expired")


@door.get("", response_model=None)
@asks(Action.APPLICATION_READ)
async def list_own(
    look: CurrentLook, request: Request, pager: CurrentPager, state: str = "open"
) -> HTMLResponse:
    """Those to be answered first; states are links."""
    require_role(look, Role.OFFICER)
    asked = state if state in STATES else "open"
    rows = await service.list_applications(look, pager, asked)
    shown, is_more = rows[: pager.limit], len(rows) > pager.limit
    return page(
        look,
        request,
        "bank_applications.html",
        applications=await service.answers(look, shown),
        products=await service.offered(look),
        states=STATES,
        state=asked,
        purpose_words=purpose_words,
        following=cursor_of(pager.vault, pager.listing, (shown[-1].application_no,)) if is_more else None,
    )  # fmt: skip


@door.get("/{application_id}", response_model=None)
@asks(Action.APPLICATION_READ)
async def read_one(
    application_id: ApplicationId, look: CurrentLook, request: Request
) -> HTMLResponse:
    """One application, what the firm opened, and what can be answered."""
    require_role(look, Role.OFFICER)
    return page(
        look,
        request,
        "bank_application.html",
        one=await service.detail(look, application_id),
        products=await service.offered(look),
        reasons=reasons(),
        stated=stated,
        purpose_words=purpose_words,
        outcomes=revisits(),
    )


@door.post("/{application_id}/steps", response_model=None)
@asks(Action.APPLICATION_CHANGE)
async def step(
    application_id: ApplicationId, look: CurrentLook, form: CurrentForm
) -> RedirectResponse:
    """Contact, grant, decline."""
    require_role(look, Role.OFFICER)
    match form.one("step"):
        case "contact":
            said = as_body(Contact, form.filled("text"))
            await service.contact(look, application_id, said)
        case "grant":
            given = form.filled("amount_cny", "rate_percent", "term_months", "loan_id")
            await service.grant(look, application_id, as_body(Grant, given))
        case "decline":
            why = as_body(Decline, form.filled("reason", "text"))
            await service.decline(look, application_id, why)
        case _:
            raise MalformedError(
                en="The form names no step of an application. Go back and send it again.",
                zh="表单未指明办理步骤，请返回后重新提交。",
            )
    return go_to(f"/bank/applications/{application_id}")


@door.post("/{application_id}/revisit", response_model=None)
@asks(Action.APPLICATION_REVISIT)
async def revisit(
    application_id: ApplicationId, look: CurrentLook, form: CurrentForm
) -> RedirectResponse:
    """The firm was asked how it went."""
    require_role(look, Role.OFFICER)
    said = as_body(Revisit, form.filled("outcome", "satisfaction", "text"))
    await service.revisit(look, application_id, said)
    return go_to(f"/bank/applications/{application_id}")
