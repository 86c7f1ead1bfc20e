"""`/v1/matches` and what belongs to it: pre-credit, firms that fit a product, what may be said with a need."""

from typing import Annotated

from fastapi import Path as InPath
from fastapi import Response

from serving.access.callers import Role
from serving.access.decision import Action, Resource
from serving.door import Door, asks
from serving.look import CurrentLook
from serving.matching.precredit import estimate
from serving.matching.repository import Stub, list_matches
from serving.matching.reverse import firms_that_fit
from serving.matching.schemas import (
    FactAnswer,
    MatchDocument,
    MatchRequest,
    MatchStub,
    PreCreditAnswer,
    PreCreditRequest,
    ReverseAnswer,
    ReverseRequest,
)
from serving.matching.service import facts_to_say, give_match, read_match
from serving.pages import CurrentPager, Page

door = Door("/v1", "matching")

MatchId = Annotated[str, InPath(pattern="^[A-Za-z0-9-]{1,40}$")]
_LAST = 2**62


@door.post("/matches", status_code=201, response_model=MatchDocument)
@asks(Action.MATCH_CREATE)
async def create_match(asked: MatchRequest, look: CurrentLook) -> Response:
    """智能匹配 · Which products lend for a need, with limit, rate and term; what is missing for others.

    A firm matches itself with every product on everything held about it; an institution a firm with its own
    products, under the firm's live consent.
    """
    match, text = await give_match(look, asked)
    headers = {"Location": f"/v1/matches/{match.match_id}"}
    return Response(text, 201, headers, media_type="application/json")


@door.get("/matches")
@asks(Action.MATCH_LIST)
async def read_matches(look: CurrentLook, pager: CurrentPager) -> Page[MatchStub]:
    """匹配清单 · Matches the caller asked for, latest first; no contents."""
    caller = look.caller
    firm = caller.tenant if caller.role is Role.OWNER else ""
    institution = "" if firm else caller.tenant
    await look.allow(Resource(uscc=firm, institution=institution))
    before = int(pager.after[0]) if pager.after else _LAST
    rows = await list_matches(
        look.connection, firm=firm, institution=institution, before=before, limit=pager.fetch
    )
    look.says(fields=("list",), matches=min(len(rows), pager.limit))
    return pager.page(rows, _stub, lambda row: (row.match_no,))


@door.get("/matches/{match_id}", response_model=MatchDocument)
@asks(Action.MATCH_READ)
async def read_one_match(match_id: MatchId, look: CurrentLook) -> Response:
    """匹配详情 · A match as it was given; for an institution only while all it was made from is still open."""
    _, text = await read_match(look, match_id)
    return Response(text, media_type="application/json")


@door.post("/pre-credits")
@asks(Action.PRE_CREDIT_CREATE)
async def create_pre_credit(asked: PreCreditRequest, look: CurrentLook) -> PreCreditAnswer:
    """预授信 · What one product, or the best of each channel, would come to; no commitment."""
    return await estimate(look, asked)


@door.post("/reverse-matches")
@asks(Action.REVERSE_MATCH_CREATE)
async def create_reverse_match(asked: ReverseRequest, look: CurrentLook) -> ReverseAnswer:
    """反向匹配 · Firms that opened themselves to the caller and fit its product; all others only as a count."""
    return await firms_that_fit(look, asked)


@door.get("/match-facts")
@asks(Action.SERVICE_READ)
async def read_match_facts(look: CurrentLook) -> list[FactAnswer]:
    """可填写事项 · What may be said with a need: names, units, codes and the question behind each."""
    await look.allow(Resource())
    return facts_to_say()


def _stub(row: Stub) -> MatchStub:
    return MatchStub(
        match_id=row.match_id,
        uscc=row.uscc,
        purpose=row.purpose,  # type: ignore[arg-type]  # pydantic checks what the ledger holds
        as_of=row.as_of,
        made_at=row.made_at,
        valid_until=row.valid_until,
        eligible=row.eligible,
    )
