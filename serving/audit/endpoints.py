"""`/v1/looks`: who looked at whom, and the proof that the record says what it said."""

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import Path, Query

from serving.access.callers import Role
from serving.access.decision import Action, Resource, not_found
from serving.audit import repository
from serving.audit.heads import Custody
from serving.audit.rows import Row
from serving.audit.schemas import HeadAnswer, LookAnswer, look_answer
from serving.audit.service import newest_head, proofs_of
from serving.audit.signing import read_keys
from serving.door import Door, asks
from serving.look import CurrentLook, Look
from serving.pages import CurrentPager, Page

door = Door("/v1", "audit")

_NEWEST = 2**63 - 1
UsccFilter = Annotated[str | None, Query(pattern=r"^[0-9A-Z]{18}$")]
AuditId = Annotated[int, Path(ge=1, lt=2**63)]


@door.get("/looks")
@asks(Action.AUDIT_READ)
async def list_looks(
    look: CurrentLook,
    pager: CurrentPager,
    uscc: UsccFilter = None,
    tenant: UsccFilter = None,
) -> Page[LookAnswer]:
    """The record, newest first: a firm sees who looked at it, an institution what it did itself.

    `uscc` and `tenant` are an auditor's filters: about one enterprise, or by one institution.
    """
    before = int(pager.after[0]) if pager.after else _NEWEST
    if look.caller.role is Role.OWNER:
        uscc = look.caller.tenant
    elif look.caller.role is not Role.AUDITOR:
        uscc, tenant = None, look.caller.tenant
    await look.allow(Resource(uscc=uscc or "", institution=tenant or ""))
    if uscc is not None:
        about = look.house.subject_of(uscc)
        rows = await repository.rows_about(look.connection, about, before=before, limit=pager.fetch)
    else:
        rows = await repository.rows_of(look.connection, tenant, before=before, limit=pager.fetch)
    look.says(fields=["audit"], count=min(len(rows), pager.limit))
    return pager.page(rows, look_answer, lambda row: (row.audit_id,))


@door.get("/looks/{audit_id}/proof")
@asks(Action.AUDIT_READ)
async def prove_look(audit_id: AuditId, look: CurrentLook) -> dict[str, Any]:
    """One row with the hashes that lead from it to the newest signed head; `bin/check-audit` checks it."""
    row = await repository.row_of(look.connection, audit_id)
    if row is None or not _is_own(look, row):
        raise not_found()
    await look.allow(_resource_of(look))
    proved = await proofs_of(look.connection, _custody(look), [row])
    look.says(fields=["proof"], audit_id=audit_id)
    return proved.content()


@door.get("/audit/head")
@asks(Action.AUDIT_HEADS)
async def read_head(look: CurrentLook) -> HeadAnswer:
    """The newest signed head, for anybody to keep: a past that is kept elsewhere cannot be rewritten."""
    await look.allow(Resource())
    custody = _custody(look)
    keys = [asdict(key) for key in read_keys(custody.keys)]
    return HeadAnswer(head=asdict(newest_head(custody)), keys=keys)


def _is_own(look: Look, row: Row) -> bool:
    """What the list shows to this caller, the proof proves, and nothing else."""
    if look.caller.role is Role.AUDITOR:
        return True
    if look.caller.role is Role.OWNER:
        return row.subject == look.house.subject_of(look.caller.tenant)
    return row.tenant == look.caller.tenant


def _resource_of(look: Look) -> Resource:
    tenant = look.caller.tenant
    is_owner = look.caller.role is Role.OWNER
    return Resource(uscc=tenant) if is_owner else Resource(institution=tenant)


def _custody(look: Look) -> Custody:
    return Custody(look.house.settings.home / "audit")
