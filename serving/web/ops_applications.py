"""An operator's page of applications: lenders that are late, and revisits to make; nothing of any firm."""

from typing import Annotated

from fastapi import Path, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from serving.access.callers import Role
from serving.access.decision import Action
from serving.door import asks
from serving.look import CurrentLook
from serving.needs import service
from serving.needs.endpoints import list_duties
from serving.needs.rules import revisits
from serving.needs.schemas import Revisit
from serving.web import repository
from serving.web.callers import require_role
from serving.web.forms import CurrentForm, as_body
from serving.web.site import Pages, go_to, page

door = Pages("/ops/applications")
ApplicationId = Annotated[str, Path(max_length=64)]


@door.get("", response_model=None)
@asks(Action.APPLICATION_DUTIES)
async def read_duties(look: CurrentLook, request: Request) -> HTMLResponse:
    """What was due first before the rest."""
    require_role(look, Role.OPERATOR)
    duties = await list_duties(look)
    return page(
        look,
        request,
        "ops_applications.html",
        late=[one for one in duties if one.is_overdue],
        to_revisit=[one for one in duties if one.due == "revisit"],
        outcomes=revisits(),
        names=await repository.named(look.connection, {one.institution for one in duties}),
    )


@door.post("/{application_id}/revisit", response_model=None)
@asks(Action.APPLICATION_REVISIT)
async def revisit(
    application_id: ApplicationId, look: CurrentLook, form: CurrentForm
) -> RedirectResponse:
    """Enter what a lender reported of a revisit."""
    require_role(look, Role.OPERATOR)
    said = as_body(Revisit, form.filled("outcome", "satisfaction", "text"))
    await service.revisit(look, application_id, said)
    return go_to("/ops/applications")
