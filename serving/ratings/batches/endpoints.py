"""`/v1/rating-batches`."""

from typing import Annotated, Any

from fastapi import Path as InPath
from fastapi import Query, Request, Response

from serving.access.decision import Action, Resource
from serving.door import Door, asks
from serving.look import CurrentLook
from serving.pages import CurrentPager, Page, cursor_of
from serving.ratings.batches.repository import Batch, ResultRow, list_batches
from serving.ratings.batches.schemas import (
    BatchAnswer,
    BatchPurpose,
    BatchRequest,
    BatchRow,
)
from serving.ratings.batches.service import (
    batch_of,
    codes_in_file,
    collect,
    order_batch,
    stop_batch,
)
from serving.ratings.schemas import AsOf

door = Door("/v1/rating-batches", "rating-batches")

BatchId = Annotated[
    str, InPath(pattern="^[A-Za-z0-9-]{1,40}$", description="`B-` and 20 hexadecimal digits.")
]
_FILES = {
    "requestBody": {
        "required": True,
        "content": {
            "text/csv": {"schema": {"type": "string", "description": "A column `uscc`."}},
            "application/x-ndjson": {
                "schema": {"type": "string", "description": "An object with `uscc` a line."}
            },
        },
    }
}
_LINES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "A row a line; `X-Next-Cursor` says where to go on.",
        "content": {"application/x-ndjson": {"schema": {"type": "string"}}},
    }
}


@door.post("", status_code=202)
@asks(Action.RATING_BATCH_CREATE)
async def create_batch(asked: BatchRequest, look: CurrentLook, response: Response) -> BatchAnswer:
    """批量评级 · Order ratings of up to 10,000 enterprises; consent is read when each one's turn comes."""
    batch = await order_batch(look, asked)
    response.headers["Location"] = f"/v1/rating-batches/{batch.batch_id}"
    return _answer(batch)


@door.post("/file", status_code=202, openapi_extra=_FILES)
@asks(Action.RATING_BATCH_CREATE)
async def create_batch_of_file(
    request: Request,
    response: Response,
    look: CurrentLook,
    purpose: BatchPurpose,
    as_of: AsOf | None = None,
    *,
    public_only: Annotated[bool, Query()] = False,
) -> BatchAnswer:
    """批量评级（文件） · The same, from a CSV file or JSON lines."""
    media_type = request.headers.get("content-type", "")
    codes = codes_in_file(await request.body(), media_type)
    asked = BatchRequest.model_construct(
        usccs=codes, purpose=purpose, as_of=as_of, public_only=public_only
    )
    return await create_batch(asked, look, response)


@door.get("")
@asks(Action.RATING_BATCH_READ)
async def read_batches(look: CurrentLook, pager: CurrentPager) -> Page[BatchAnswer]:
    """委托清单 · Orders of the caller's institution, oldest first."""
    await look.allow(Resource(institution=look.caller.tenant))
    after = int(pager.after[0]) if pager.after else 0
    rows = await list_batches(look.connection, look.caller.tenant, after=after, limit=pager.fetch)
    return pager.page(rows, _answer, lambda batch: (batch.batch_no,))


@door.get("/{batch_id}")
@asks(Action.RATING_BATCH_READ)
async def read_batch(batch_id: BatchId, look: CurrentLook) -> BatchAnswer:
    """委托进度 · How far an order is."""
    return _answer(await batch_of(look, batch_id))


@door.post("/{batch_id}/cancel")
@asks(Action.RATING_BATCH_CHANGE)
async def cancel_one_batch(batch_id: BatchId, look: CurrentLook) -> BatchAnswer:
    """取消委托 · Stop an order; what is rated stays."""
    return _answer(await stop_batch(look, batch_id))


@door.get("/{batch_id}/result", response_class=Response, responses=_LINES)
@asks(Action.RATING_BATCH_READ)
async def read_result(batch_id: BatchId, look: CurrentLook, pager: CurrentPager) -> Response:
    """委托结果 · Rows with their ratings as JSON lines; one whose data were closed since comes locked."""
    rows = await collect(look, pager, batch_id)
    shown = rows[: pager.limit]
    headers = {}
    if len(rows) > pager.limit:
        headers["X-Next-Cursor"] = cursor_of(pager.vault, pager.listing, (shown[-1].row_no,))
    body = "".join(f"{_line(row)}\n" for row in shown)
    return Response(body, headers=headers, media_type="application/x-ndjson")


def _line(row: ResultRow) -> str:
    """A row, with its rating's document word for word behind it."""
    told = BatchRow(
        row=row.row_no,
        uscc=row.uscc,
        state=row.state,  # type: ignore[arg-type]  # pydantic checks what the ledger holds
        reason=row.reason,
        rating_id=row.rating_id,
        is_locked=row.rating_id is not None and not row.is_open,
    ).model_dump_json()
    return f'{told[:-1]},"rating":{row.document if row.is_open else "null"}}}'


def _answer(batch: Batch) -> BatchAnswer:
    return BatchAnswer(
        batch_id=batch.batch_id,
        purpose=batch.purpose,  # type: ignore[arg-type]
        as_of=batch.as_of,
        public_only=batch.is_public_only,
        state=batch.state,  # type: ignore[arg-type]
        rows=batch.rows,
        waiting=batch.waiting,
        rated=batch.rated,
        refused=batch.refused,
        ordered_at=batch.ordered_at,
        ended_at=batch.ended_at,
    )
