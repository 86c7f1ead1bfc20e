"""`/v1/loans` and what belongs to it: reports of lenders and guarantors, and what they amount to."""

from typing import Annotated

from fastapi import Path as InPath
from fastapi import Query, Request, Response

from serving.access.callers import Role
from serving.access.decision import Action, Resource
from serving.door import Door, asks
from serving.loans import repository
from serving.loans.files import rows_in_file
from serving.loans.reports import ClosureBody, Grant, Guarantee, MonthBody, Uscc
from serving.loans.rows import Status
from serving.loans.rules import loan_rules
from serving.loans.schemas import (
    CompletenessAnswer,
    FileAnswer,
    GuaranteeAnswer,
    LoanAnswer,
    LoanHistory,
    ReconciliationAnswer,
    ReportAnswer,
    Totals,
    completeness_answer,
    guarantee_answer,
    loan_answer,
    loan_history,
    report_answer,
)
from serving.loans.service import (
    FIELDS,
    declare,
    loan_of,
    reconciled,
    report_closure,
    report_file,
    report_month,
    report_one,
)
from serving.look import CurrentLook, Look
from serving.pages import CurrentPager, Page

door = Door("/v1", "loans")

LoanId = Annotated[
    str, InPath(pattern=r"^[^\x00-\x1f\x7f]{1,64}$", description="The lender's own number.")
]
_FILES = {
    "requestBody": {
        "required": True,
        "content": {
            "text/csv": {
                "schema": {
                    "type": "string",
                    "description": "A column `kind` and the members of each.",
                }
            },
            "application/x-ndjson": {
                "schema": {"type": "string", "description": "A report with its `kind` a line."}
            },
        },
    }
}
_OWN_ONLY = frozenset({Role.CLIENT, Role.OFFICER})


@door.post("/loans", status_code=201)
@asks(Action.LOAN_REPORT)
async def report_grant(body: Grant, look: CurrentLook, response: Response) -> ReportAnswer:
    """放款回传 · Report a loan granted, or correct such a report and say why."""
    await look.allow(Resource(uscc=body.uscc, institution=look.caller.tenant))
    response.headers["Location"] = f"/v1/loans/{body.loan_id}"
    return report_answer(await report_one(look, body))


@door.post("/loans/{loan_id}/repayments", status_code=201)
@asks(Action.LOAN_REPORT)
async def report_repayment(loan_id: LoanId, body: MonthBody, look: CurrentLook) -> ReportAnswer:
    """履约回传 · Report how a loan stood at a month's end."""
    return report_answer(await report_month(look, loan_id, body))


@door.post("/loans/{loan_id}/closure", status_code=201)
@asks(Action.LOAN_REPORT)
async def close_loan(loan_id: LoanId, body: ClosureBody, look: CurrentLook) -> ReportAnswer:
    """结清回传 · Report that a loan has ended."""
    return report_answer(await report_closure(look, loan_id, body))


@door.post("/guarantees", status_code=201)
@asks(Action.GUARANTEE_REPORT)
async def report_guarantee(body: Guarantee, look: CurrentLook) -> ReportAnswer:
    """担保回传 · Report that the caller's institution stands for a loan."""
    await look.allow(Resource(uscc=body.uscc, institution=look.caller.tenant))
    return report_answer(await report_one(look, body))


@door.get("/guarantees")
@asks(Action.GUARANTEE_READ)
async def list_guarantees(look: CurrentLook, pager: CurrentPager) -> Page[GuaranteeAnswer]:
    """担保清单 · What the caller's institution stands for."""
    await look.allow(Resource(institution=look.caller.tenant))
    after = str(pager.after[0]) if pager.after else ""
    rows = await repository.list_guarantees(
        look.connection, look.caller.tenant, after=after, limit=pager.fetch
    )
    look.says(fields=["guarantee"], count=min(len(rows), pager.limit))
    return pager.page(rows, guarantee_answer, lambda row: (row.guarantee_id,))


@door.post("/loan-files", openapi_extra=_FILES)
@asks(Action.LOAN_REPORT)
async def report_loan_file(request: Request, look: CurrentLook) -> FileAnswer:
    """批量回传 · Report many at once; each row is taken or refused by itself."""
    await look.allow(Resource(institution=look.caller.tenant))
    media_type = request.headers.get("content-type", "")
    most = loan_rules(look.now.date()).most_rows
    return await report_file(look, rows_in_file(await request.body(), media_type, most))


@door.get("/loans")
@asks(Action.LOAN_READ)
async def list_loans(
    look: CurrentLook,
    pager: CurrentPager,
    uscc: Annotated[Uscc | None, Query()] = None,
    status: Annotated[Status | None, Query()] = None,
) -> Page[LoanAnswer]:
    """贷款清单 · An institution sees those it granted, an enterprise those it owes."""
    institution = None
    if look.caller.role is Role.OWNER:
        uscc = look.caller.tenant
    else:
        institution = look.caller.tenant
    await look.allow(Resource(uscc=uscc or "", institution=institution or ""))
    after = (str(pager.after[0]), str(pager.after[1])) if pager.after else ("", "")
    loans = await repository.list_loans(
        look.connection,
        institution=institution,
        uscc=uscc,
        status=status,
        after=after,
        limit=pager.fetch,
    )
    look.says(fields=FIELDS, count=min(len(loans), pager.limit))
    return pager.page(loans, loan_answer, lambda loan: (loan.institution, loan.loan_id))


@door.get("/loans/{loan_id}")
@asks(Action.LOAN_READ)
async def read_loan(
    loan_id: LoanId,
    look: CurrentLook,
    institution: Annotated[
        Uscc | None, Query(description="The lender, where an owner has two loans of one number.")
    ] = None,
) -> LoanHistory:
    """贷款明细 · One loan with every version of every report."""
    loan = await loan_of(look, loan_id, institution)
    versions = await repository.read_versions(look.connection, loan.institution, loan.loan_id)
    look.says(fields=FIELDS, versions=len(versions))
    return loan_history(loan, versions, with_names=look.caller.role is not Role.OWNER)


@door.post("/loan-reconciliations", status_code=201)
@asks(Action.LOAN_TOTALS_DECLARE)
async def declare_totals(body: Totals, look: CurrentLook) -> ReconciliationAnswer:
    """申报总额 · Say what a month's reports add up to, and see where they differ."""
    await look.allow(Resource(institution=look.caller.tenant))
    look.says(fields=["loan_totals"])
    return await declare(look, body)


@door.get("/loan-reconciliations")
@asks(Action.LOAN_TOTALS_READ)
async def list_reconciliations(look: CurrentLook) -> list[ReconciliationAnswer]:
    """对账 · Declared months, the latest first, against what was reported; an operator sees all."""
    institution = await _whose(look)
    declared = await repository.read_declared(look.connection, institution=institution)
    look.says(fields=["loan_totals"], count=len(declared))
    return await reconciled(look.connection, declared)


@door.get("/loan-completeness")
@asks(Action.LOAN_COMPLETENESS_READ)
async def read_completeness(look: CurrentLook) -> list[CompletenessAnswer]:
    """回传完整率 · Months due and received of running loans; an operator sees every institution's."""
    institution = await _whose(look)
    last_due = loan_rules(look.now.date()).last_due(look.now.date())
    rows = await repository.completeness(look.connection, last_due, institution)
    look.says(fields=["loan_completeness"], count=len(rows))
    return [completeness_answer(row) for row in rows]


async def _whose(look: Look) -> str | None:
    """The caller's institution; None, for all of them, where the platform asks."""
    institution = look.caller.tenant if look.caller.role in _OWN_ONLY else None
    await look.allow(Resource(institution=institution or ""))
    return institution
