"""Cases over HTTP: the firm files and follows, the platform handles, an institution sees marks."""

from typing import Annotated

from fastapi import Query, Response

from serving.access.callers import Role
from serving.access.decision import Action, Resource
from serving.disputes import repository
from serving.disputes.clocks import Kind
from serving.disputes.filing import (
    lake_of,
    new_dispute,
    new_repair,
    new_review,
)
from serving.disputes.machine import Actor
from serving.disputes.rows import CaseRow, NewCase
from serving.disputes.schemas import (
    CaseAnswer,
    CaseSummary,
    DisputeFiled,
    OverdueAnswer,
    RepairApplied,
    ReviewRequested,
    StepTaken,
)
from serving.disputes.service import file_case, find_case, take_step
from serving.disputes.steps import By
from serving.door import Door, asks
from serving.look import CurrentLook, Look
from serving.pages import CurrentPager, Page, Pager

disputes = Door("/v1/disputes", "disputes")
reviews = Door("/v1/reviews", "reviews")
repairs = Door("/v1/repairs", "repairs")
duties = Door("/v1/duties", "disputes")
DOORS = (disputes, reviews, repairs, duties)

_NEWEST = 2**62
State = Annotated[
    str, Query(pattern=r"^[a-z_]*$", max_length=40, description="Only cases in this state.")
]


@disputes.post("", status_code=201)
@asks(Action.DISPUTE_FILE)
async def file_dispute(filed: DisputeFiled, look: CurrentLook, response: Response) -> CaseAnswer:
    """Object to a record of one's own firm; it is marked 异议中 at once."""
    await look.allow(Resource(uscc=look.caller.tenant))
    case = await new_dispute(lake_of(look), look.caller.tenant, filed, look.now)
    return await _filed(look, case, response)


@reviews.post("", status_code=201)
@asks(Action.REVIEW_FILE)
async def request_review(
    filed: ReviewRequested, look: CurrentLook, response: Response
) -> CaseAnswer:
    """Ask for a person to look at a rating of one's own firm 人工复核."""
    await look.allow(Resource(uscc=look.caller.tenant))
    case = await new_review(look.connection, look.caller.tenant, filed)
    return await _filed(look, case, response)


@repairs.post("", status_code=201)
@asks(Action.REPAIR_FILE)
async def apply_for_repair(
    filed: RepairApplied, look: CurrentLook, response: Response
) -> CaseAnswer:
    """Follow here a repair that was applied for at the one window 信用中国."""
    await look.allow(Resource(uscc=look.caller.tenant))
    case = await new_repair(lake_of(look), look.caller.tenant, filed, look.now)
    return await _filed(look, case, response)


@disputes.get("")
@asks(Action.DISPUTE_READ)
async def list_disputes(
    look: CurrentLook, pager: CurrentPager, state: State = ""
) -> Page[CaseSummary]:
    """Disputes, the newest first; a firm sees its own."""
    return await _list(look, pager, "dispute", state)


@reviews.get("")
@asks(Action.REVIEW_READ)
async def list_reviews(
    look: CurrentLook, pager: CurrentPager, state: State = ""
) -> Page[CaseSummary]:
    """Reviews, the newest first; a firm sees its own."""
    return await _list(look, pager, "review", state)


@repairs.get("")
@asks(Action.REPAIR_READ)
async def list_repairs(
    look: CurrentLook, pager: CurrentPager, state: State = ""
) -> Page[CaseSummary]:
    """Repairs, the newest first; a firm sees its own."""
    return await _list(look, pager, "repair", state)


@disputes.get("/{case_id}")
@asks(Action.DISPUTE_READ)
async def read_dispute(case_id: str, look: CurrentLook) -> CaseAnswer:
    """One dispute with its clocks and history."""
    return await _read(look, "dispute", case_id)


@reviews.get("/{case_id}")
@asks(Action.REVIEW_READ)
async def read_review(case_id: str, look: CurrentLook) -> CaseAnswer:
    """One review with its clocks and history."""
    return await _read(look, "review", case_id)


@repairs.get("/{case_id}")
@asks(Action.REPAIR_READ)
async def read_repair(case_id: str, look: CurrentLook) -> CaseAnswer:
    """One repair with its clocks and history."""
    return await _read(look, "repair", case_id)


@disputes.post("/{case_id}/steps")
@asks(Action.DISPUTE_CHANGE)
async def step_dispute(case_id: str, taken: StepTaken, look: CurrentLook) -> CaseAnswer:
    """Take a dispute a step on: accept, forward, check, decide, answer, appeal, withdraw."""
    return await _take(look, "dispute", case_id, taken)


@reviews.post("/{case_id}/steps")
@asks(Action.REVIEW_CHANGE)
async def step_review(case_id: str, taken: StepTaken, look: CurrentLook) -> CaseAnswer:
    """Take a review a step on: assign, uphold, order a rating, override by two people, answer, appeal."""
    return await _take(look, "review", case_id, taken)


@repairs.post("/{case_id}/steps")
@asks(Action.REPAIR_CHANGE)
async def step_repair(case_id: str, taken: StepTaken, look: CurrentLook) -> CaseAnswer:
    """Take a repair a step on: forward, grant, refuse, apply again, withdraw."""
    return await _take(look, "repair", case_id, taken)


@duties.get("/overdue")
@asks(Action.DUTY_READ)
async def list_overdue(
    look: CurrentLook, limit: Annotated[int, Query(ge=1, le=200)] = 200
) -> list[OverdueAnswer]:
    """What should have been done by now, the longest overdue first."""
    await look.allow(Resource())
    rows = await repository.overdue_duties(look.connection, look.now, limit)
    look.says(fields=["case_id", "duty", "due_at"], count=len(rows))
    return [OverdueAnswer.of(row) for row in rows]


async def _filed(look: Look, case: NewCase, response: Response) -> CaseAnswer:
    await file_case(look.connection, case, Actor(look.caller.id, "owner"), look.now)
    look.says(fields=["case"], case_id=case.case_id, dataset=case.dataset)
    response.headers["Location"] = f"/v1/{case.kind}s/{case.case_id}"
    return await _answer(
        look, await find_case(look.connection, case.kind, case.case_id, lock=False)
    )


async def _list(look: Look, pager: Pager, kind: Kind, state: str) -> Page[CaseSummary]:
    is_owner = look.caller.role is Role.OWNER
    uscc = look.caller.tenant if is_owner else ""
    await look.allow(Resource(uscc=uscc))
    before = int(pager.after[0]) if pager.after else _NEWEST
    rows = await repository.list_cases(
        look.connection, kind, uscc=uscc, state=state, before=before, limit=pager.fetch
    )
    look.says(fields=["case"], count=min(len(rows), pager.limit))
    return pager.page(rows, CaseSummary.of, lambda row: (row.case_no,))


async def _read(look: Look, kind: Kind, case_id: str) -> CaseAnswer:
    case = await find_case(look.connection, kind, case_id, lock=False)
    await look.allow(Resource(uscc=case.uscc))
    look.says(fields=["case"], case_id=case.case_id)
    return await _answer(look, case)


async def _take(look: Look, kind: Kind, case_id: str, taken: StepTaken) -> CaseAnswer:
    case = await find_case(look.connection, kind, case_id, lock=True)
    await look.allow(Resource(uscc=case.uscc))
    actor = Actor(look.caller.id, _by(look) or "owner")
    to = await take_step(look.connection, case, taken.step, actor, taken.said(), look.now)
    look.says(fields=["case"], case_id=case.case_id, step=taken.step, state=to.state)
    return await _answer(look, await find_case(look.connection, kind, case_id, lock=False))


async def _answer(look: Look, case: CaseRow) -> CaseAnswer:
    events = await repository.read_events(look.connection, case.case_id)
    clocks = await repository.read_duties(look.connection, case.case_id)
    return CaseAnswer.told(case, events, clocks, _by(look))


def _by(look: Look) -> By | None:
    """As whom this caller acts on cases; an auditor only reads."""
    if look.caller.role is Role.OWNER:
        return "owner"
    return "operator" if look.caller.role is Role.OPERATOR else None
