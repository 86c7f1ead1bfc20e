"""A firm's applications: what it applied for, until when it is answered, and what its lender cannot see."""

from typing import Annotated

from fastapi import Path, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from serving.access.callers import Role
from serving.access.decision import Action
from serving.door import asks
from serving.look import CurrentLook
from serving.needs import service
from serving.needs.schemas import ApplicationMade, NeedMade
from serving.pages import CurrentPager, cursor_of
from serving.web import repository
from serving.web.callers import own_firm, require_role
from serving.web.forms import CurrentForm, as_body
from serving.web.site import Pages, go_to, page

door = Pages("/me/applications")
ApplicationId = Annotated[str, Path(max_length=64)]


@door.get("", response_model=None)
@asks(Action.APPLICATION_READ)
async def list_own(look: CurrentLook, request: Request, pager: CurrentPager) -> HTMLResponse:
    """Applications with their clocks, the newest first."""
    require_role(look, Role.OWNER)
    rows = await service.list_applications(look, pager, "")
    shown, is_more = rows[: pager.limit], len(rows) > pager.limit
    return page(
        look,
        request,
        "applications.html",
        applications=await service.answers(look, shown),
        products=await service.offered(look),
        names=await repository.named(look.connection, {one.institution for one in shown}),
        now=look.now,
        following=cursor_of(pager.vault, pager.listing, (shown[-1].application_no,)) if is_more else None,
    )  # fmt: skip


@door.post("", response_model=None)
@asks(Action.APPLICATION_CREATE)
async def apply(look: CurrentLook, form: CurrentForm) -> RedirectResponse:
    """Apply for a product of a match, for the need it was made for."""
    firm = await own_firm(look)
    need = form.filled("amount_cny", "term_months", "purpose")
    stated = await service.make_need(look, as_body(NeedMade, {"uscc": firm, "need": need}), "page")
    given = {**form.filled("match_id", "product"), "need_id": stated.need_id}
    await service.apply(look, as_body(ApplicationMade, given))
    return go_to("/me/applications")


@door.post("/{application_id}/withdraw", response_model=None)
@asks(Action.APPLICATION_CHANGE)
async def withdraw(
    application_id: ApplicationId, look: CurrentLook, form: CurrentForm
) -> RedirectResponse:
    """Take it back."""
    del form
    require_role(look, Role.OWNER)
    await service.withdraw(look, application_id)
    return go_to("/me/applications")
