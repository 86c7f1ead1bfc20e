"""Who looked at the firm's data 谁查过我, and the proof of it."""

import json
from typing import Annotated

from fastapi import Path, Query, Request, Response
from fastapi.responses import HTMLResponse

from serving.access.decision import Action
from serving.audit.heads import Custody
from serving.audit.service import proof_of, who_read
from serving.door import asks
from serving.look import CurrentLook
from serving.pages import CurrentPager, cursor_of
from serving.web import repository
from serving.web.callers import own_firm
from serving.web.site import Pages, page

door = Pages("/me/reads")


@door.get("", response_model=None)
@asks(Action.AUDIT_READ)
async def list_reads(
    look: CurrentLook,
    request: Request,
    pager: CurrentPager,
    own: Annotated[bool, Query(description="Also the firm's own looks.")] = False,  # noqa: FBT002 - a query parameter
) -> HTMLResponse:
    """Every look at the firm's data, the newest first; without the firm's own unless it asks."""
    uscc = await own_firm(look)
    found = await who_read(
        look.connection,
        look.house.subject_of(uscc),
        before=int(pager.after[0]) if pager.after else None,
        limit=pager.limit,
        with_own=own,
    )
    names = await repository.named(look.connection, {row.tenant or "" for row in found.rows})
    look.says(fields=["audit"], count=len(found.rows))
    more = found.next_before
    return page(
        look,
        request,
        "reads.html",
        rows=[(row, json.loads(row.detail)) for row in found.rows],
        names=names,
        with_own=own,
        is_first=pager.after is None,
        following=cursor_of(pager.vault, pager.listing, (more,)) if more else None,
    )


@door.get("/{audit_id}/proof", response_model=None)
@asks(Action.AUDIT_READ)
async def read_proof(audit_id: Annotated[int, Path(ge=1, lt=2**63)], look: CurrentLook) -> Response:
    """The way from one row of the record to a signed root, as a file that anybody can check."""
    uscc = await own_firm(look)
    custody = Custody(look.house.settings.home / "audit")
    proved = await proof_of(look.connection, custody, audit_id, subject=look.house.subject_of(uscc))
    look.says(fields=["proof"], audit_id=audit_id)
    text = json.dumps(proved.content(), ensure_ascii=False, indent=1)
    name = f'attachment; filename="proof-{audit_id}.json"'
    return Response(text, media_type="application/json", headers={"Content-Disposition": name})
