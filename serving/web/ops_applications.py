"""An operator's page of applications that lenders are late with; nothing of any firm."""

from fastapi import Request
from fastapi.responses import HTMLResponse

from serving.access.callers import Role
from serving.access.decision import Action
from serving.door import asks
from serving.look import CurrentLook
from serving.needs.endpoints import list_overdue
from serving.web import repository
from serving.web.callers import require_role
from serving.web.site import Pages, page

door = Pages("/ops/applications")


@door.get("", response_model=None)
@asks(Action.APPLICATION_DUTIES)
async def read_overdue(look: CurrentLook, request: Request) -> HTMLResponse:
    """The longest overdue first."""
    require_role(look, Role.OPERATOR)
    late = await list_overdue(look)
    names = await repository.named(look.connection, {one.institution for one in late})
    return page(look, request, "ops_applications.html", late=late, names=names)
