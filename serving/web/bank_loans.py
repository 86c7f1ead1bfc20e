"""A bank officer's page of its loans: how they stand, how complete the reports are, and how to send more."""

from fastapi import Request
from fastapi.responses import HTMLResponse

from serving.access.callers import Role
from serving.access.decision import Action, Resource
from serving.door import asks
from serving.loans.repository import completeness, list_loans
from serving.loans.rules import loan_rules
from serving.loans.schemas import completeness_answer, loan_answer
from serving.look import CurrentLook
from serving.pages import CurrentPager, cursor_of
from serving.web.callers import require_role
from serving.web.site import Pages, page

door = Pages("/bank/loans")


@door.get("", response_model=None)
@asks(Action.LOAN_READ)
async def read_loans(look: CurrentLook, request: Request, pager: CurrentPager) -> HTMLResponse:
    """The institution's own loans as they stand, and the share of due months that came."""
    require_role(look, Role.OFFICER)
    tenant = look.caller.tenant
    await look.allow(Resource(institution=tenant))
    after = str(pager.after[0]) if pager.after else ""
    loans = await list_loans(
        look.connection, institution=tenant, after=(tenant, after), limit=pager.fetch
    )
    rules = loan_rules(look.now.date())
    scores = await completeness(look.connection, rules.last_due(look.now.date()), tenant)
    shown = loans[: pager.limit]
    look.says(fields=["loan"], count=len(shown))
    is_more = len(loans) > pager.limit
    return page(
        look,
        request,
        "bank_loans.html",
        loans=[loan_answer(loan) for loan in shown],
        score=completeness_answer(scores[0]) if scores else None,
        due_day=rules.due_day,
        most_rows=rules.most_rows,
        is_first=pager.after is None,
        following=cursor_of(pager.vault, pager.listing, (shown[-1].loan_id,)) if is_more else None,
    )
