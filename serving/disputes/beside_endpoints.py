"""Marks and statements over HTTP: what stands beside a firm's records."""

from secrets import token_hex
from typing import Annotated

from fastapi import Query

from features.scope import Purpose
from serving.access.callers import Role
from serving.access.decision import Action, Resource
from serving.disputes import beside
from serving.disputes.beside_schemas import MarkAnswer, MarksAnswer, StatementAnswer, StatementMade
from serving.disputes.filing import held_record, lake_of, shared_catalogue
from serving.disputes.records import named_record
from serving.disputes.rows import StatementRow
from serving.disputes.seen import beside_records
from serving.disputes.service import find_statement
from serving.door import Door, asks
from serving.look import CurrentLook

marks = Door("/v1/marks", "disputes")
statements = Door("/v1/statements", "disputes")
DOORS = (marks, statements)


@marks.get("")
@asks(Action.DISPUTE_MARKS)
async def read_marks(
    uscc: Annotated[str, Query(pattern=r"^[0-9A-Z]{18}$")],
    look: CurrentLook,
    purpose: Purpose | None = None,
) -> MarksAnswer:
    """Which records of a firm are disputed, and what the firm says beside its records.

    An institution sees marks of public records and of those its consent opens; which record it is of those
    that are not public, only with the scope `raw`.
    """
    consent = await look.allow(Resource(uscc=uscc, institution=look.caller.tenant, purpose=purpose))
    scopes = None if look.caller.role is Role.OWNER else consent.scopes
    found = await beside_records(look.connection, shared_catalogue(), uscc, scopes)
    look.says(
        fields=["marks", "statements"], marks=len(found.marks), statements=len(found.statements)
    )
    return MarksAnswer(
        marks=[MarkAnswer.of(mark) for mark in found.marks],
        statements=[StatementAnswer.of(one) for one in found.statements],
    )


@statements.post("", status_code=201)
@asks(Action.STATEMENT_CHANGE)
async def make_statement(made: StatementMade, look: CurrentLook) -> StatementAnswer:
    """Say something beside a record of one's own firm, in place of what was said before."""
    uscc = look.caller.tenant
    await look.allow(Resource(uscc=uscc))
    record = named_record(shared_catalogue(), made.dataset, made.record)
    await held_record(lake_of(look), uscc, record, look.now)
    number = f"S-{token_hex(10)}"
    row = StatementRow(number, uscc, record.dataset, record.text, made.text, look.now)
    await beside.write_statement(look.connection, row, look.caller.id, look.now)
    look.says(fields=["statement"], statement_id=number)
    return StatementAnswer.of(beside.Statement(number, record, made.text, look.now))


@statements.delete("/{statement_id}", status_code=204)
@asks(Action.STATEMENT_CHANGE)
async def withdraw_statement(statement_id: str, look: CurrentLook) -> None:
    """Take a statement back."""
    found = await find_statement(look.connection, statement_id)
    await look.allow(Resource(uscc=found.uscc))
    look.says(statement_id=statement_id)
    await beside.withdraw_statement(
        look.connection, found.uscc, found.dataset, found.record_key, look.now
    )
