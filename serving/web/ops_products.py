"""An operator's page of products that wait for a review."""

from typing import Annotated

from fastapi import Path, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from serving.access.callers import Role
from serving.access.decision import Action, Resource
from serving.door import asks
from serving.look import CurrentLook
from serving.products import repository, service
from serving.products.schemas import Review
from serving.web.callers import require_role
from serving.web.forms import CurrentForm, as_body
from serving.web.repository import named
from serving.web.site import Pages, go_to, page

door = Pages("/ops/products")
_LISTED = 100


@door.get("", response_model=None)
@asks(Action.PRODUCT_READ)
async def read_waiting(look: CurrentLook, request: Request) -> HTMLResponse:
    """Every version that waits, with all it asks and gives."""
    require_role(look, Role.OPERATOR)
    await look.allow(Resource())
    rows = await repository.read_waiting(look.connection, _LISTED)
    today = look.now.date()
    return page(
        look,
        request,
        "ops_products.html",
        products=[service.answer(row, today) for row in rows],
        names=await named(look.connection, {row.institution for row in rows}),
    )


@door.post("/{code}/{version}", response_model=None)
@asks(Action.PRODUCT_REVIEW)
async def review(
    code: str,
    version: Annotated[int, Path(ge=1, lt=2**31)],
    look: CurrentLook,
    form: CurrentForm,
) -> RedirectResponse:
    """Publish it or send it back."""
    require_role(look, Role.OPERATOR)
    said = as_body(Review, {"outcome": form.one("outcome"), "note": form.one("note")})
    await service.review(look, code, version, said)
    return go_to("/ops/products")
