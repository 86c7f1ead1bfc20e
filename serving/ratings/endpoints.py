"""`/v1/ratings`."""

from typing import Annotated

from fastapi import Path as InPath
from fastapi import Query, Response

from serving.access.callers import Role
from serving.access.decision import Action, Resource
from serving.door import Door, asks
from serving.look import CurrentLook, Look
from serving.pages import CurrentPager, Page
from serving.ratings.beside import RatingAnswer, with_beside
from serving.ratings.replay import replay_rating
from serving.ratings.repository import Rating, Stub, list_ratings
from serving.ratings.schemas import RatingRequest, RatingStub, ReplayAnswer
from serving.ratings.service import FIELDS, foreseen, give_rating, read_rating

door = Door("/v1/ratings", "ratings")

RatingId = Annotated[
    str, InPath(pattern="^[A-Za-z0-9-]{1,40}$", description="`R-` and 20 hexadecimal digits.")
]


@door.post("", status_code=201, response_model=RatingAnswer)
@asks(Action.RATING_CREATE, foresees=foreseen)
async def create_rating(asked: RatingRequest, look: CurrentLook) -> Response:
    """评级 · Rate an enterprise under its live consents to the caller, or the caller's own firm."""
    rating = await give_rating(look, asked)
    return await _as_given(look, rating, 201, {"Location": f"/v1/ratings/{rating.rating_id}"})


@door.get("", response_model=Page[RatingStub])
@asks(Action.RATING_LIST)
async def read_ratings(
    look: CurrentLook,
    pager: CurrentPager,
    uscc: Annotated[
        str, Query(pattern="^([0-9A-Z]{18})?$", description="Only about this enterprise.")
    ] = "",
) -> Page[RatingStub]:
    """评级清单 · Ratings the caller asked for, or that were made about its firm; no contents, oldest first."""
    caller = look.caller
    firm = caller.tenant if caller.role is Role.OWNER else ""
    institution = "" if caller.role in {Role.OWNER, Role.AUDITOR} else caller.tenant
    await look.allow(Resource(uscc=firm or uscc, institution=institution))
    rows = await list_ratings(
        look.connection,
        firm=firm,
        institution=institution,
        uscc=uscc,
        after=int(pager.after[0]) if pager.after else 0,
        limit=pager.fetch,
    )
    look.says(fields=("list",), ratings=min(len(rows), pager.limit))
    return pager.page(rows, _stub, lambda row: (row.rating_no,))


@door.get("/{rating_id}", response_model=RatingAnswer)
@asks(Action.RATING_READ)
async def read_one_rating(rating_id: RatingId, look: CurrentLook) -> Response:
    """评级详情 · A rating as it was given; for an institution only while all it was made from is still open."""
    rating = await read_rating(look, rating_id)
    look.says(fields=FIELDS, rating=rating.rating_id)
    return await _as_given(look, rating, 200, {})


@door.post("/{rating_id}/replay", response_model=ReplayAnswer)
@asks(Action.RATING_REPLAY)
async def replay_one_rating(rating_id: RatingId, look: CurrentLook) -> ReplayAnswer:
    """复算 · Compute a rating again from what was known then: equal, or what is no longer there."""
    return await replay_rating(look, await read_rating(look, rating_id))


async def _as_given(look: Look, rating: Rating, status: int, headers: dict[str, str]) -> Response:
    text = await with_beside(look, rating)
    return Response(text, status, headers, media_type="application/json")


def _stub(row: Stub) -> RatingStub:
    return RatingStub(
        rating_id=row.rating_id,
        uscc=row.uscc,
        purpose=row.purpose,  # type: ignore[arg-type]  # pydantic checks what the ledger holds
        scope=row.scope,  # type: ignore[arg-type]
        as_of=row.as_of,
        rated_at=row.rated_at,
        valid_until=row.valid_until,
        model=row.model,
        batch_id=row.batch_id,
    )
