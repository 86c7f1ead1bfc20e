"""Coming in and going out."""

import re

from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse

from serving.access.decision import Action, Resource
from serving.auth.browsers import clear_session, require_same_site, set_session
from serving.auth.people import visits
from serving.auth.people.schemas import Login
from serving.door import asks
from serving.look import CurrentLook
from serving.web.forms import CurrentForm, as_body
from serving.web.site import HOMES, Pages, go_to, page

door = Pages("")
#: Pages of ours, and nothing that another host or a script could be.
_PATH = re.compile(r"/[A-Za-z0-9_-]+(/[A-Za-z0-9_.-]+)*")


@door.get("/login", response_model=None)
@asks(Action.SERVICE_READ)
async def show_login(look: CurrentLook, request: Request) -> HTMLResponse:
    """The form."""
    await look.allow(Resource())
    return page(look, request, "login.html", onward="", memberships=[], problem=None, form=None)


@door.post("/login", response_model=None)
@asks(Action.SESSION_OPEN)
async def log_in(look: CurrentLook, request: Request, form: CurrentForm) -> RedirectResponse:
    """Open a session; who is several things is asked which."""
    require_same_site(request, look.house.settings, with_session=False)
    role, _, tenant = form.one("membership").partition("/")
    given = {"login": form.one("login"), "password": (form.many("password") or [""])[-1]}
    if role:
        given |= {"role": role, "tenant": tenant}
    opened = await visits.open_session(look, as_body(Login, given))
    onward = form.one("onward")
    response = go_to(onward if _PATH.fullmatch(onward) else HOMES.get(opened.answer.role, "/"))
    set_session(response, look.house.settings, opened.token)
    return response


@door.post("/logout", response_model=None)
@asks(Action.SESSION_CLOSE)
async def log_out(look: CurrentLook) -> RedirectResponse:
    """End the session here."""
    await visits.close_session(look)
    response = go_to("/")
    clear_session(response, look.house.settings)
    return response
