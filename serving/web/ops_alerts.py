"""An operator's page of warnings: how many, how good, and which lenders are late; nothing of any firm."""

from fastapi import Request
from fastapi.responses import HTMLResponse

from models.signals.duties import load_levels
from serving.access.callers import Role
from serving.access.decision import Action, Resource
from serving.alerts.endpoints import statistics_of
from serving.door import asks
from serving.look import CurrentLook
from serving.web import repository
from serving.web.callers import require_role
from serving.web.site import Pages, page

door = Pages("/ops/alerts")


@door.get("", response_model=None)
@asks(Action.ALERT_STATISTICS)
async def read_figures(look: CurrentLook, request: Request) -> HTMLResponse:
    """Counts by level, signal and institution; precision of each signal; overdue acknowledgements."""
    require_role(look, Role.OPERATOR)
    await look.allow(Resource())
    told = await statistics_of(look)
    codes = {*told.open_by_institution, *(one.institution for one in told.overdue)}
    return page(
        look,
        request,
        "ops_alerts.html",
        told=told,
        levels=load_levels().levels,
        names=await repository.named(look.connection, codes),
    )
