"""A bank officer's pages of warnings: those of its own loans, one of them with its evidence, the watch list."""

from typing import Annotated

from fastapi import Path, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from models.signals.duties import load_levels
from models.signals.levels import Level
from serving.access.callers import Role
from serving.access.decision import Action
from serving.alerts import repository
from serving.alerts.endpoints import filters_of
from serving.alerts.schemas import Closure, FirmWatched, NoteMade, detail_of
from serving.alerts.service import (
    bodies,
    find_alert,
    list_alerts,
    read_watch_list,
    stop_watching,
    take_step,
    watch_firm,
)
from serving.alerts.steps import JUDGED
from serving.door import asks
from serving.errors import MalformedError
from serving.look import CurrentLook
from serving.pages import CurrentPager, cursor_of
from serving.web.callers import require_role
from serving.web.forms import CurrentForm, as_body
from serving.web.site import Pages, go_to, page

door = Pages("/bank/alerts")
watched = Pages("/bank/watch-list")
AlertId = Annotated[str, Path(max_length=64)]
STATES = ("open", "pushed", "acknowledged", "handling", "closed")
_LISTED = 500


@door.get("", response_model=None)
@asks(Action.ALERT_READ)
async def list_own(
    look: CurrentLook, request: Request, pager: CurrentPager, level: str = "", state: str = "open"
) -> HTMLResponse:
    """Open warnings first; levels and states are links."""
    require_role(look, Role.OFFICER)
    filters = filters_of(level if level in set(Level) else "", state if state in STATES else "")
    rows = await list_alerts(look, pager, filters)
    shown, more = rows[: pager.limit], len(rows) > pager.limit
    told = await bodies(look, shown)
    return page(
        look,
        request,
        "alerts.html",
        alerts=[told[row.alert_id] for row in shown],
        duties=load_levels().levels,
        filters=filters,
        states=STATES,
        now=look.now,
        following=cursor_of(pager.vault, pager.listing, (shown[-1].alert_no,)) if more else None,
    )


@door.get("/{alert_id}", response_model=None)
@asks(Action.ALERT_READ)
async def read_one(alert_id: AlertId, look: CurrentLook, request: Request) -> HTMLResponse:
    """One warning, what it rests on, and what can be done."""
    require_role(look, Role.OFFICER)
    alert = await find_alert(look, alert_id)
    body = (await bodies(look, [alert]))[alert_id]
    history = await repository.read_events(look.connection, alert_id)
    return page(
        look,
        request,
        "alert.html",
        alert=detail_of(alert, body, history),
        means=load_levels().levels[alert.standing.level].means,
        outcomes=JUDGED,
        now=look.now,
    )


@door.post("/{alert_id}/steps", response_model=None)
@asks(Action.ALERT_CHANGE)
async def step(alert_id: AlertId, look: CurrentLook, form: CurrentForm) -> RedirectResponse:
    """Acknowledge, report, close."""
    require_role(look, Role.OFFICER)
    name = form.one("step")
    if name == "acknowledge":
        await take_step(look, alert_id, name)
    elif name == "note":
        made = as_body(NoteMade, form.filled("text"))
        await take_step(look, alert_id, name, text=made.text)
    elif name == "close":
        closed = as_body(Closure, form.filled("outcome", "text"))
        await take_step(look, alert_id, name, text=closed.text or "", outcome=closed.outcome)
    else:
        raise MalformedError(
            en="The form names no step of a warning. Go back and send it again.",
            zh="表单未指明办理步骤，请返回后重新提交。",
        )
    return go_to(f"/bank/alerts/{alert_id}")


@watched.get("", response_model=None)
@asks(Action.WATCH_LIST_READ)
async def list_watched(look: CurrentLook, request: Request) -> HTMLResponse:
    """Firms with an open orange or red warning, and those put there."""
    require_role(look, Role.OFFICER)
    firms = await read_watch_list(look, after="", limit=_LISTED)
    return page(look, request, "watch_list.html", firms=firms, levels=load_levels().levels)


@watched.post("", response_model=None)
@asks(Action.WATCH_LIST_CHANGE)
async def put_on(look: CurrentLook, form: CurrentForm) -> RedirectResponse:
    """Put a borrower there."""
    require_role(look, Role.OFFICER)
    given = {"uscc": form.one("uscc").upper(), "reason": form.one("reason")}
    made = as_body(FirmWatched, given)
    await watch_firm(look, made.uscc, made.reason)
    return go_to("/bank/watch-list")


@watched.post("/{uscc}/remove", response_model=None)
@asks(Action.WATCH_LIST_CHANGE)
async def take_off(
    uscc: Annotated[str, Path(max_length=18)], look: CurrentLook, form: CurrentForm
) -> RedirectResponse:
    """Take off what was put there."""
    del form
    require_role(look, Role.OFFICER)
    await stop_watching(look, uscc)
    return go_to("/bank/watch-list")
