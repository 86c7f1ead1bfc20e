"""A firm's own rating: what it is, why, asked for again as often as it likes, and objected to."""

from typing import Annotated

from fastapi import Path, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from features.scope import Purpose
from serving.access.callers import Role
from serving.access.decision import Action, Resource, not_found
from serving.disputes.beside import review_notes
from serving.disputes.filing import new_review
from serving.disputes.machine import Actor
from serving.disputes.schemas import ReviewRequested
from serving.disputes.service import file_case
from serving.door import asks
from serving.look import CurrentLook, Look
from serving.ratings.repository import Rating, find_rating
from serving.ratings.schemas import RatingRequest
from serving.ratings.service import FIELDS, give_rating
from serving.web import repository
from serving.web.callers import own_firm, require_role
from serving.web.forms import CurrentForm, as_body
from serving.web.rating_view import view_of
from serving.web.site import Pages, go_to, page

door = Pages("/me")
RatingId = Annotated[str, Path(max_length=40)]
_LISTED = 12


@door.get("", response_model=None)
@asks(Action.RATING_READ)
async def read_newest(look: CurrentLook, request: Request) -> HTMLResponse:
    """The newest rating, or how to get the first."""
    listed = await repository.own_ratings(look.connection, await own_firm(look), _LISTED)
    if not listed:
        look.says(fields=["list"])
        return page(look, request, "no_rating.html")
    found = await find_rating(look.connection, listed[0].rating_id)
    if found is None:
        raise not_found()
    return await _shown(look, request, found)


@door.post("/ratings", response_model=None)
@asks(Action.RATING_CREATE)
async def rate_again(look: CurrentLook) -> RedirectResponse:
    """Rate the own firm now; free, and as often as it likes."""
    asked = RatingRequest(uscc=await own_firm(look), purpose=Purpose.SELF_REPORT)
    await give_rating(look, asked)
    return go_to("/me")


@door.get("/ratings/{rating_id}", response_model=None)
@asks(Action.RATING_READ)
async def read_one(rating_id: RatingId, look: CurrentLook, request: Request) -> HTMLResponse:
    """A rating about the own firm, whoever asked for it."""
    return await _shown(look, request, await _own(look, rating_id))


@door.get("/ratings/{rating_id}/review", response_model=None)
@asks(Action.RATING_READ)
async def show_objection(rating_id: RatingId, look: CurrentLook, request: Request) -> HTMLResponse:
    """The form by which a person is asked to look at a rating 人工复核."""
    rating = await _own(look, rating_id)
    look.says(fields=FIELDS, rating=rating.rating_id)
    return page(look, request, "review.html", rating=rating)


@door.post("/ratings/{rating_id}/review", response_model=None)
@asks(Action.REVIEW_FILE)
async def object_to(rating_id: RatingId, look: CurrentLook, form: CurrentForm) -> RedirectResponse:
    """Ask for it."""
    uscc = await own_firm(look)
    filed = as_body(ReviewRequested, {"rating_id": rating_id, "text": form.one("text")})
    case = await new_review(look.connection, uscc, filed)
    await file_case(look.connection, case, Actor(look.caller.id, "owner"), look.now)
    look.says(fields=["case"], case_id=case.case_id)
    return go_to(f"/me/cases/review/{case.case_id}")


async def _own(look: Look, rating_id: str) -> Rating:
    require_role(look, Role.OWNER)
    found = await find_rating(look.connection, rating_id)
    if found is None:
        raise not_found()
    await look.allow(Resource(uscc=found.uscc))
    return found


async def _shown(look: Look, request: Request, rating: Rating) -> HTMLResponse:
    listed = await repository.own_ratings(look.connection, look.caller.tenant, _LISTED)
    asked_by = await repository.named(look.connection, [rating.institution])
    look.says(fields=FIELDS, rating=rating.rating_id)
    return page(
        look,
        request,
        "rating.html",
        rating=rating,
        view=view_of(rating),
        notes=await review_notes(look.connection, rating.rating_id),
        asked_by=asked_by.get(rating.institution),
        older=[one for one in listed if one.rating_id != rating.rating_id],
        is_newest=bool(listed) and listed[0].rating_id == rating.rating_id,
        is_expired=rating.valid_until < look.now.date(),
    )
