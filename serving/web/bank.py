"""A bank officer's page: ask for a rating of a firm, read those that are still open."""

from typing import Annotated

from fastapi import Path, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from serving.access.callers import Role
from serving.access.decision import Action, Resource
from serving.door import asks
from serving.look import CurrentLook
from serving.portfolio.counting import LEVELS
from serving.portfolio.service import read_portfolio
from serving.ratings.schemas import RatingRequest
from serving.ratings.service import FIELDS, give_rating, read_rating
from serving.web import repository
from serving.web.callers import require_role
from serving.web.forms import CurrentForm, as_body
from serving.web.rating_view import view_of
from serving.web.site import Pages, go_to, page

door = Pages("/bank")
_LISTED = 20
PURPOSES = ("apply", "pre_credit", "postloan")


@door.get("", response_model=None)
@asks(Action.RATING_LIST)
async def read_desk(look: CurrentLook, request: Request) -> HTMLResponse:
    """The form, and what was asked last."""
    require_role(look, Role.OFFICER)
    await look.allow(Resource(institution=look.caller.tenant))
    asked = await repository.asked_ratings(look.connection, look.caller.tenant, _LISTED)
    names = await repository.named(look.connection, [look.caller.tenant])
    look.says(fields=["list"], ratings=len(asked))
    return page(
        look,
        request,
        "bank.html",
        asked=asked,
        institution=names.get(look.caller.tenant),
        purposes=PURPOSES,
    )


@door.get("/portfolio", response_model=None)
@asks(Action.PORTFOLIO_READ)
async def see_portfolio(look: CurrentLook, request: Request) -> HTMLResponse:
    """The institution's running loans at a glance."""
    require_role(look, Role.OFFICER)
    told = await read_portfolio(look)
    return page(look, request, "portfolio.html", told=told, levels=LEVELS)


@door.post("/ratings", response_model=None)
@asks(Action.RATING_CREATE)
async def ask_rating(look: CurrentLook, form: CurrentForm) -> RedirectResponse:
    """Rate a firm under its live consent, or say what to ask it for."""
    require_role(look, Role.OFFICER)
    given = {
        "uscc": form.one("uscc").upper(),
        "purpose": form.one("purpose"),
        "public_only": form.one("public_only") == "yes",
    }
    rating = await give_rating(look, as_body(RatingRequest, given))
    return go_to(f"/bank/ratings/{rating.rating_id}")


@door.get("/ratings/{rating_id}", response_model=None)
@asks(Action.RATING_READ)
async def read_one(
    rating_id: Annotated[str, Path(max_length=40)], look: CurrentLook, request: Request
) -> HTMLResponse:
    """A rating while all it was made from is still open."""
    require_role(look, Role.OFFICER)
    rating = await read_rating(look, rating_id)
    look.says(fields=FIELDS, rating=rating.rating_id)
    return page(
        look,
        request,
        "rating.html",
        rating=rating,
        view=view_of(rating),
        notes=[],
        asked_by=None,
        older=[],
        is_newest=True,
        is_expired=rating.valid_until < look.now.date(),
    )
