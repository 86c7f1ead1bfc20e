"""A firm's applications: what it applied for, until when it is answered, and what its lender cannot see."""

from typing import Annotated

from fastapi import Path, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from serving.access.callers import Role
from serving.access.decision import Action
from serving.door import asks
from serving.look import CurrentLook
from serving.needs import applying, service
from serving.needs.schemas import Chosen
from serving.pages import CurrentPager, cursor_of
from serving.web import repository
from serving.web.callers import own_firm, require_role
from serving.web.forms import CurrentForm, as_body
from serving.web.site import Pages, go_to, page
from serving.web.stated import purpose_words, stated

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
        stated=stated,
        purpose_words=purpose_words,
        following=cursor_of(pager.vault, pager.listing, (shown[-1].application_no,)) if is_more else None,
    )  # fmt: skip


@door.post("", response_model=None)
@asks(Action.APPLICATION_CREATE)
async def apply(look: CurrentLook, form: CurrentForm) -> RedirectResponse:
    """Apply for a product of a match, with what was stated for it; the form names both and says no more."""
    await own_firm(look)
    chosen = as_body(Chosen, form.filled("match_id", "product"))
    await applying.apply_from(look, chosen.match_id, chosen.product)
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
