"""An operator's pages of tags that firms contest: what the firm says, what the tag rests on, and the answer."""

from typing import Annotated

from fastapi import Path, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from serving.access.callers import Role
from serving.access.decision import Action, Resource
from serving.door import asks
from serving.look import CurrentLook, Look
from serving.pages import CurrentPager, cursor_of
from serving.tags import contesting, repository
from serving.tags.rows import Contest
from serving.tags.schemas import ContestAnswered
from serving.web.callers import require_role
from serving.web.forms import CurrentForm, as_body
from serving.web.site import Pages, go_to, page

door = Pages("/ops/tags")
ContestId = Annotated[str, Path(max_length=64)]


@door.get("", response_model=None)
@asks(Action.TAG_CONTEST_READ)
async def list_open(look: CurrentLook, request: Request, pager: CurrentPager) -> HTMLResponse:
    """Contests that wait for an answer, the oldest first."""
    require_role(look, Role.OPERATOR)
    await look.allow(Resource())
    after = int(pager.after[0]) if pager.after else 0
    rows = await repository.list_contests(
        look.connection, uscc="", only_open=True, after=after, limit=pager.fetch
    )
    shown, is_more = rows[: pager.limit], len(rows) > pager.limit
    look.says(fields=["tags", "list"], count=len(shown))
    return page(
        look,
        request,
        "ops_tags.html",
        contests=[contesting.told(one) for one in shown],
        following=cursor_of(pager.vault, pager.listing, (shown[-1].contest_no,)) if is_more else None,
    )  # fmt: skip


@door.get("/{contest_id}", response_model=None)
@asks(Action.TAG_CONTEST_READ)
async def read_one(contest_id: ContestId, look: CurrentLook, request: Request) -> HTMLResponse:
    """One contest with the rule or certificate behind the tag, and what is public of what it asks."""
    contested = await _find(look, contest_id)
    grounds = await contesting.grounds_of(look, contested)
    look.says(fields=["tags"], contest_id=contest_id)
    return page(look, request, "ops_tag.html", contest=contesting.told(contested), grounds=grounds)


@door.post("/{contest_id}/answer", response_model=None)
@asks(Action.TAG_CONTEST_ANSWER)
async def answer(contest_id: ContestId, look: CurrentLook, form: CurrentForm) -> RedirectResponse:
    """Uphold it, so that the tag goes, or reject it; the firm reads why."""
    contested = await _find(look, contest_id)
    said = as_body(ContestAnswered, form.filled("outcome", "answer_zh"))
    await contesting.answer_contest(look, contested, said)
    look.says(fields=["tags"], contest_id=contest_id, outcome=said.outcome)
    return go_to("/ops/tags")


async def _find(look: Look, contest_id: str) -> Contest:
    require_role(look, Role.OPERATOR)
    contested = await contesting.find_contest(look, contest_id)
    await look.allow(Resource(uscc=contested.uscc))
    return contested
