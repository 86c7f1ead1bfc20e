"""Decisions about loans: what is reported, who reads it, what a month adds up to."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from features.contracts import Words
from serving.access.callers import Role
from serving.access.decision import Resource, not_found
from serving.db import Connection
from serving.errors import ConflictError, MalformedError
from serving.loans import repository
from serving.loans.files import Row, file_answer
from serving.loans.reports import Closure, ClosureBody, Month, MonthBody, Report
from serving.loans.rows import Declared, Loan, Sums
from serving.loans.rules import loan_words
from serving.loans.schemas import (
    FileAnswer,
    MeasureAnswer,
    ReconciliationAnswer,
    Totals,
    month_text,
    yuan,
)
from serving.loans.taking import Outcome, take_reports
from serving.look import Look

#: What the record says was read or written.
FIELDS = ("loan",)
_COUNTS = frozenset({"granted_count", "credit_count"})


async def report_one(look: Look, report: Report) -> Outcome:
    """Take one report of the caller's institution.

    Raises
    ------
    MalformedError
        If a member of it cannot be.
    ConflictError
        If it cannot be beside what was reported before; `rule` is the code of the reason.
    """
    took = await take_reports(
        look.connection, look.caller.tenant, [report], by=look.caller.id, now=look.now
    )
    look.says(fields=FIELDS, kind=report.kind, result=took[0].result)
    if took[0].result == "refused":
        raise _refused(took[0].reason)
    return took[0]


async def report_month(look: Look, loan_id: str, body: MonthBody) -> Outcome:
    """Take a month of a loan that the caller's institution reported.

    Raises
    ------
    NotFoundError
        If it reported no such loan.
    """
    loan = await loan_of(look, loan_id)
    return await report_one(look, Month.model_construct(loan_id=loan.loan_id, **_members(body)))


async def report_closure(look: Look, loan_id: str, body: ClosureBody) -> Outcome:
    """Take the end of a loan that the caller's institution reported.

    Raises
    ------
    NotFoundError
        If it reported no such loan.
    """
    loan = await loan_of(look, loan_id)
    return await report_one(look, Closure.model_construct(loan_id=loan.loan_id, **_members(body)))


async def report_file(look: Look, rows: Sequence[Row]) -> FileAnswer:
    """Take what can be taken of a file, and say of every other row why not."""
    reports = [row.report for row in rows if row.report is not None]
    outcomes = await take_reports(
        look.connection, look.caller.tenant, reports, by=look.caller.id, now=look.now
    )
    answer = file_answer(rows, outcomes)
    look.says(fields=FIELDS, rows=answer.rows, taken=answer.taken, corrected=answer.corrected)
    look.says(unchanged=answer.unchanged, refused=answer.refused)
    return answer


async def loan_of(look: Look, loan_id: str, institution: str | None = None) -> Loan:
    """A loan the caller may know of: its institution's own, or its firm's.

    Raises
    ------
    NotFoundError
        If there is none, or it is another's.
    """
    is_owner = look.caller.role is Role.OWNER
    loan = await repository.find_loan(
        look.connection,
        loan_id,
        institution=institution if is_owner else look.caller.tenant,
        uscc=look.caller.tenant if is_owner else None,
    )
    if loan is None:
        raise not_found()
    await look.allow(Resource(uscc=loan.uscc, institution=loan.institution))
    return loan


async def declare(look: Look, totals: Totals) -> ReconciliationAnswer:
    """Keep what the caller's institution says a month adds up to, and hold its reports against it."""
    content = totals.model_dump(mode="json")
    month = date.fromisoformat(f"{content.pop('month')}-01")
    declared = Declared(look.caller.tenant, month, content, look.now, look.caller.id)
    await repository.add_declared(look.connection, declared)
    return (await reconciled(look.connection, [declared]))[0]


async def reconciled(
    connection: Connection, declared: Sequence[Declared]
) -> list[ReconciliationAnswer]:
    """Each declared month against what its reports add up to now."""
    sums = await repository.read_sums(
        connection, [(one.institution, one.month) for one in declared]
    )
    found = {(one.institution, one.month): one for one in sums}
    return [_reconciliation(one, found[one.institution, one.month]) for one in declared]


def _reconciliation(declared: Declared, sums: Sums) -> ReconciliationAnswer:
    measures = [_measure(name, declared, sums) for name in loan_words().measures]
    return ReconciliationAnswer(
        institution=declared.institution,
        month=month_text(declared.month) or "",
        declared_at=declared.declared_at,
        agrees=all(measure.difference == 0 for measure in measures),
        measures=measures,
    )


def _measure(name: str, declared: Declared, sums: Sums) -> MeasureAnswer:
    said = loan_words().measures[name]
    counted: int = getattr(sums, name)
    reported = Decimal(counted) if name in _COUNTS else yuan(counted)
    told = Decimal(str(declared.declared[name]))
    return MeasureAnswer(
        measure=name,
        words=Words(zh=said.zh, en=said.en),
        declared=told,
        reported=reported,
        difference=told - reported,
    )


def _members(body: MonthBody | ClosureBody) -> dict[str, Any]:
    """Checked already; the number of a loan that the lake knew first may be written in other ways."""
    return {name: getattr(body, name) for name in type(body).model_fields}


def _refused(code: str) -> ConflictError | MalformedError:
    said = loan_words().refusals[code]
    en, zh = said.en, f"{said.zh}。"
    if said.place:
        fields = [{"place": f"body.{said.place}", "problem": code}]
        return MalformedError(en=en, zh=zh, details={"fields": fields})
    return ConflictError(en=en, zh=zh, details={"rule": code})
