"""A firm's records, its objections to them, and what became of each."""

import asyncio
import json
from secrets import token_hex
from typing import Annotated

from fastapi import Path, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from features.errors import UnknownEnterpriseError
from serving.access.callers import Role
from serving.access.decision import Action, Resource, not_found
from serving.disputes import beside
from serving.disputes.beside_schemas import StatementMade
from serving.disputes.clocks import Kind, load_clocks
from serving.disputes.filing import held_record, lake_of, new_dispute, shared_catalogue
from serving.disputes.machine import Actor
from serving.disputes.records import named_record, record_of
from serving.disputes.repository import read_duties, read_events
from serving.disputes.rows import StatementRow
from serving.disputes.schemas import CaseAnswer, DisputeFiled, StepTaken
from serving.disputes.service import file_case, find_case, find_statement, take_step
from serving.door import asks
from serving.errors import MalformedError
from serving.look import CurrentLook, Look
from serving.web import repository
from serving.web.callers import own_firm, require_role
from serving.web.forms import CurrentForm, Form, as_body
from serving.web.records import FirmRecord, Held, held_by, records_in
from serving.web.site import Pages, go_to, page

door = Pages("/me")
CaseKind = Annotated[Kind, Path()]
CaseId = Annotated[str, Path(max_length=64)]
DatasetName = Annotated[str, Path(max_length=64)]
_LISTED = 100
_STEP_FIELDS = ("text",)


@door.get("/disputes", response_model=None)
@asks(Action.DISPUTE_READ)
async def list_own(look: CurrentLook, request: Request) -> HTMLResponse:
    """Cases with what is due next, marks, statements, and the datasets that hold something."""
    uscc = await own_firm(look)
    lines = await repository.cases_of(look.connection, uscc, _LISTED)
    look.says(fields=["case", "list"], count=len(lines))
    return page(
        look,
        request,
        "disputes.html",
        cases=lines,
        marks=await beside.open_marks(look.connection, uscc),
        statements=await beside.live_statements(look.connection, uscc),
        held=await _held(look, uscc),
        duties=load_clocks().duties,
    )


@door.get("/records/{dataset}", response_model=None)
@asks(Action.DISPUTE_READ)
async def list_records(dataset: DatasetName, look: CurrentLook, request: Request) -> HTMLResponse:
    """The records of one dataset, each with the way to object to it."""
    uscc = await own_firm(look)
    known = shared_catalogue().datasets.get(dataset)
    if known is None:
        raise not_found()
    found = await _records(look, dataset)
    look.says(fields=[dataset], count=len(found))
    marks = await beside.open_marks(look.connection, uscc)
    marked = {mark.record.text for mark in marks if mark.record.dataset == dataset}
    return page(
        look,
        request,
        "records.html",
        dataset=known,
        records=[(one, _text(one), record_of(dataset, _text(one)).text in marked) for one in found],
    )


@door.get("/records/{dataset}/dispute", response_model=None)
@asks(Action.DISPUTE_READ)
async def show_form(
    dataset: DatasetName,
    look: CurrentLook,
    request: Request,
    key: Annotated[str, Query(max_length=1000)],
) -> HTMLResponse:
    """The form by which the firm objects to one record, or says something beside it."""
    uscc = await own_firm(look)
    record = named_record(shared_catalogue(), dataset, _key(key))
    await held_record(lake_of(look), uscc, record, look.now)
    found = [one for one in await _records(look, dataset) if dict(one.key) == dict(record.key)]
    look.says(fields=[dataset])
    return page(
        look,
        request,
        "dispute.html",
        dataset=shared_catalogue()[dataset],
        key=record.text,
        record=found[0] if found else None,
        duties=load_clocks().duties,
    )


@door.post("/records/{dataset}/dispute", response_model=None)
@asks(Action.DISPUTE_FILE)
async def file(dataset: DatasetName, look: CurrentLook, form: CurrentForm) -> RedirectResponse:
    """Object to it; it is marked 异议中 at once."""
    uscc = await own_firm(look)
    given = {"dataset": dataset, "record": _key(form.one("key")), "text": form.one("text")}
    filed = as_body(DisputeFiled, given)
    case = await new_dispute(lake_of(look), uscc, filed, look.now)
    await file_case(look.connection, case, Actor(look.caller.id, "owner"), look.now)
    look.says(fields=["case"], case_id=case.case_id, dataset=dataset)
    return go_to(f"/me/cases/dispute/{case.case_id}")


@door.post("/records/{dataset}/statement", response_model=None)
@asks(Action.STATEMENT_CHANGE)
async def state(dataset: DatasetName, look: CurrentLook, form: CurrentForm) -> RedirectResponse:
    """Say something beside a record; it is shown wherever the record is."""
    uscc = await own_firm(look)
    given = {"dataset": dataset, "record": _key(form.one("key")), "text": form.one("text")}
    made = as_body(StatementMade, given)
    record = named_record(shared_catalogue(), made.dataset, made.record)
    await held_record(lake_of(look), uscc, record, look.now)
    number = f"S-{token_hex(10)}"
    row = StatementRow(number, uscc, record.dataset, record.text, made.text, look.now)
    await beside.write_statement(look.connection, row, look.caller.id, look.now)
    look.says(fields=["statement"], statement_id=number)
    return go_to("/me/disputes")


@door.post("/statements/{statement_id}/withdraw", response_model=None)
@asks(Action.STATEMENT_CHANGE)
async def unsay(statement_id: CaseId, look: CurrentLook) -> RedirectResponse:
    """Take a statement back."""
    found = await find_statement(look.connection, statement_id)
    await look.allow(Resource(uscc=found.uscc))
    look.says(statement_id=statement_id)
    await beside.withdraw_statement(
        look.connection, found.uscc, found.dataset, found.record_key, look.now
    )
    return go_to("/me/disputes")


@door.get("/cases/{kind}/{case_id}", response_model=None)
@asks(Action.DISPUTE_READ)
async def read_case(
    kind: CaseKind, case_id: CaseId, look: CurrentLook, request: Request
) -> HTMLResponse:
    """One case: where it stands, until when what is due, the answer, and what the firm can do."""
    require_role(look, Role.OWNER)
    return await case_page(look, request, kind, case_id)


@door.post("/cases/{kind}/{case_id}/steps", response_model=None)
@asks(Action.DISPUTE_CHANGE)
async def step(
    kind: CaseKind, case_id: CaseId, look: CurrentLook, form: CurrentForm
) -> RedirectResponse:
    """Withdraw, or appeal."""
    require_role(look, Role.OWNER)
    await take(look, kind, case_id, form, _STEP_FIELDS)
    return go_to(f"/me/cases/{kind}/{case_id}")


async def case_page(look: Look, request: Request, kind: Kind, case_id: str) -> HTMLResponse:
    """A case as its reader may see it; the same page for the firm and for the platform."""
    case = await find_case(look.connection, kind, case_id, lock=False)
    await look.allow(Resource(uscc=case.uscc))
    look.says(fields=["case"], case_id=case.case_id)
    is_owner = look.caller.role is Role.OWNER
    by = "owner" if is_owner else "operator" if look.caller.role is Role.OPERATOR else None
    events = await read_events(look.connection, case_id)
    answer = CaseAnswer.told(case, events, await read_duties(look.connection, case_id), by)
    return page(
        look,
        request,
        "case.html",
        case=answer,
        clocks=load_clocks(),
        now=look.now,
        base="/me/cases" if is_owner else "/ops/cases",
    )


async def take(look: Look, kind: Kind, case_id: str, form: Form, fields: tuple[str, ...]) -> None:
    """Take a case the step that a form names."""
    case = await find_case(look.connection, kind, case_id, lock=True)
    await look.allow(Resource(uscc=case.uscc))
    taken = as_body(StepTaken, form.filled("step", *fields))
    by = "owner" if look.caller.role is Role.OWNER else "operator"
    actor = Actor(look.caller.id, by)
    to = await take_step(look.connection, case, taken.step, actor, taken.said(), look.now)
    look.says(fields=["case"], case_id=case.case_id, step=taken.step, state=to.state)


async def _held(look: Look, uscc: str) -> list[Held]:
    def count() -> list[Held]:
        try:
            return held_by(lake_of(look).view(), shared_catalogue(), uscc, look.now)
        except UnknownEnterpriseError:
            return []

    return await asyncio.to_thread(count)


async def _records(look: Look, dataset: str) -> list[FirmRecord]:
    def read() -> list[FirmRecord]:
        catalogue = shared_catalogue()
        view = lake_of(look).view()
        return records_in(view, catalogue, look.caller.tenant, catalogue[dataset], look.now)

    try:
        return await asyncio.to_thread(read)
    except UnknownEnterpriseError:
        raise not_found() from None


def _text(record: FirmRecord) -> str:
    return json.dumps(dict(record.key), ensure_ascii=False, sort_keys=True)


def _key(text: str) -> dict[str, str]:
    """The key a link or a form carries.

    Raises
    ------
    MalformedError
        If it is not one of ours.
    """
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise MalformedError(
            en="The record is not named as our pages name it. Choose it from the list.",
            zh="未能识别该记录，请从列表中选择。",
        )
    return {str(name): str(value) for name, value in found.items()}
