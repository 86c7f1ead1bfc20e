"""The firm's tags: what it is taken for, why, and the way to contest, remove or declare one."""

from typing import Annotated

from fastapi import Path, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from models.tags.book import load_tags
from serving.access.decision import Action
from serving.door import asks
from serving.look import CurrentLook
from serving.ratings.sight import Opened
from serving.tags import contesting, repository, service
from serving.tags.schemas import ContestMade, TagAnswer, TagCode
from serving.web.callers import own_firm
from serving.web.forms import CurrentForm, as_body
from serving.web.site import Pages, go_to, page

door = Pages("/me/tags")
Tag = Annotated[TagCode, Path()]


@door.get("", response_model=None)
@asks(Action.TAG_READ)
async def show_tags(look: CurrentLook, request: Request) -> HTMLResponse:
    """Tags by group: those the firm has first, then what is not known, then what it has not."""
    uscc = await own_firm(look)
    found = await service.tags_of_firm(look, uscc, Opened("self"), None)
    look.says(fields=["tags"], count=len(found.tags))
    by_group: dict[str, list[TagAnswer]] = {one.code: [] for one in found.groups}
    for one in found.tags:
        by_group[one.group].append(one)
    contests = await repository.latest_contests(look.connection, uscc)
    return page(
        look,
        request,
        "tags.html",
        groups=[(group, by_group[group.code]) for group in found.groups],
        held=[one for one in found.tags if one.state == "yes"],
        declarable={one.code for one in load_tags().entries if one.kind == "self_declared"},
        contests=contests,
        gone=[
            contesting.told(one) for code, one in contests.items() if service.entry_of(code) is None
        ],
        as_of=found.as_of,
    )


@door.post("/{tag}/declaration", response_model=None)
@asks(Action.TAG_CHANGE)
async def declare(tag: Tag, look: CurrentLook) -> RedirectResponse:
    """Say that the firm has it."""
    await _own(look, tag)
    await service.declare(look, tag)
    return _back(tag)


@door.post("/{tag}/removal", response_model=None)
@asks(Action.TAG_CHANGE)
async def remove(tag: Tag, look: CurrentLook) -> RedirectResponse:
    """Take it away."""
    await _own(look, tag)
    await service.remove(look, tag)
    return _back(tag)


@door.post("/{tag}/restoration", response_model=None)
@asks(Action.TAG_CHANGE)
async def restore(tag: Tag, look: CurrentLook) -> RedirectResponse:
    """Take a removal back."""
    await _own(look, tag)
    await service.restore(look, tag)
    return _back(tag)


@door.post("/{tag}/contests", response_model=None)
@asks(Action.TAG_CHANGE)
async def contest(tag: Tag, look: CurrentLook, form: CurrentForm) -> RedirectResponse:
    """Say that the firm should not have it."""
    await _own(look, tag)
    made = as_body(ContestMade, {"text": form.one("text")})
    look.says(contest_id=await contesting.contest(look, tag, made.text))
    return _back(tag)


async def _own(look: CurrentLook, tag: str) -> None:
    await own_firm(look)
    look.says(fields=["tags"], tag=tag)


def _back(tag: str) -> RedirectResponse:
    return go_to(f"/me/tags#{tag}")
