"""`/v1/products`: institutions publish, the platform reviews, everybody reads what stands on the shelf."""

from typing import Annotated, Literal

from fastapi import Path, Query

from serving.access.decision import Action
from serving.door import Door, asks
from serving.look import CurrentLook
from serving.pages import CurrentPager, Page
from serving.products import service
from serving.products.schemas import (
    NewProduct,
    ProductAnswer,
    ProductChecked,
    Review,
    Withdrawal,
)

door = Door("/v1/products", "products")
Code = Annotated[str, Path(max_length=32)]
Version = Annotated[int, Path(ge=1, lt=2**31)]


@door.post("", status_code=201)
@asks(Action.PRODUCT_SUBMIT)
async def submit(body: NewProduct, look: CurrentLook) -> ProductAnswer:
    """发布申请 · Hand in a product, or a new version of one's own; the platform reviews it."""
    return await service.submit(look, body)


@door.post("/check")
@asks(Action.PRODUCT_SUBMIT)
async def check(body: NewProduct, look: CurrentLook) -> ProductChecked:
    """校验 · What a product would ask of firms, or the first thing wrong with it; nothing is kept."""
    return ProductChecked(asks=await service.check(look, body))


@door.get("")
@asks(Action.PRODUCT_READ)
async def list_products(
    look: CurrentLook,
    pager: CurrentPager,
    state: Annotated[Literal["in_review", "published", "rejected"] | None, Query()] = None,
) -> Page[ProductAnswer]:
    """产品清单 · An institution's own versions, or for the platform everybody's."""
    after = (str(pager.after[0]), int(pager.after[1])) if pager.after else ("", 0)
    rows = await service.list_some(look, state, after, pager.fetch)
    today = look.now.date()
    return pager.page(
        rows, lambda row: service.answer(row, today), lambda row: (row.code, -row.version)
    )


@door.get("/{code}")
@asks(Action.PRODUCT_READ)
async def read_product(code: Code, look: CurrentLook) -> list[ProductAnswer]:
    """产品 · Every version of a product that the caller may know of, the latest first."""
    return await service.read(look, code)


@door.post("/{code}/versions/{version}/review")
@asks(Action.PRODUCT_REVIEW)
async def review(code: Code, version: Version, body: Review, look: CurrentLook) -> ProductAnswer:
    """审核 · Publish a version, or send it back with the reason."""
    return await service.review(look, code, version, body)


@door.post("/{code}/withdraw", status_code=204)
@asks(Action.PRODUCT_CHANGE)
async def withdraw(code: Code, body: Withdrawal, look: CurrentLook) -> None:
    """下架 · Take a product off the shelf; from the next match on nobody is shown it."""
    await service.withdraw(look, code, body.reason)
