"""A firm's way up 信用培植: where it stands, what it could do, what that costs and by when; or why nothing would do."""

from typing import Annotated

from fastapi import Query, Request
from fastapi.responses import HTMLResponse

from models.wayup.document import load_wayup_words
from serving.access.decision import Action
from serving.door import asks
from serving.look import CurrentLook
from serving.wayup.schemas import WayUpRequest
from serving.wayup.service import grade_today, grades_above, show_way_up
from serving.web.callers import own_firm
from serving.web.site import Pages, page

door = Pages("/me/way-up")


@door.get("", response_model=None)
@asks(Action.WAY_UP_READ)
async def show(
    look: CurrentLook,
    request: Request,
    grade: Annotated[str, Query(pattern="^([A-Z]{1,3})?$")] = "",
    product: Annotated[str, Query(pattern="^([A-Z][A-Z0-9_-]{1,31})?$")] = "",
) -> HTMLResponse:
    """The way to a grade or a product; without one, the question where to."""
    await own_firm(look)
    told = None
    if grade or product:
        asked = WayUpRequest(target_grade=None if product else grade, product=product or None)
        told = await show_way_up(look, asked)
        today = told.today.grade
    else:
        today = await grade_today(look)
        look.says(fields=["grade"])
    return page(
        look,
        request,
        "way_up.html",
        told=told,
        today=today,
        grades=grades_above(today),
        grade=grade,
        peer_words=load_wayup_words().peers,
    )
