"""A refusal as a page: the same sentence a program gets, and where to go from there."""

from collections.abc import Mapping
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse

from serving.access.callers import NOBODY, Caller
from serving.web.choices import choices_of, remember
from serving.web.site import render

_UNAUTHENTICATED = 401


def problem_page(
    request: Request, content: Mapping[str, Any], headers: Mapping[str, str]
) -> HTMLResponse:
    """The page of one problem document.

    Who has to log in finds the form on it; who has to say in which role is asked that.
    """
    caller: Caller = getattr(getattr(request.state, "look", None), "caller", NOBODY)
    choices = choices_of(request, request.app.state.language)
    form = getattr(request.state, "form", None)
    is_login = content["status"] == _UNAUTHENTICATED or "memberships" in content
    shown: dict[str, object] = {"problem": content, "form": form}
    if is_login:
        shown |= {"onward": _onward(request, form), "memberships": content.get("memberships", [])}
    name = "login.html" if is_login else "problem.html"
    response = HTMLResponse(
        render(request, name, choices, caller, shown), content["status"], dict(headers)
    )
    remember(request, response, request.app.state.settings)
    return response


def _onward(request: Request, form: Any) -> str:
    """Where a login leads: to the page that was asked for."""
    if form is not None and request.url.path == "/login":
        return str(form.one("onward"))
    return request.url.path if request.method == "GET" else ""
