"""Whether a report can be true beside what was reported before: one small named question a rule.

A rule gives its code of `rules.yaml` when it is broken. First come those about the report alone, then
those about the history; the first one broken is the answer.
"""

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from decimal import Decimal

from features.identifiers import uscc_is_valid
from serving.loans.history import Held, History
from serving.loans.reports import (
    REVOLVING,
    Closure,
    Grant,
    Guarantee,
    Month,
    Report,
    key_of,
)
from serving.loans.rules import loan_rules, month_after, month_before

#: What the lake said of a loan beside its report, where the lake knew it first; no report says it.
_ORIGIN = {"origin": None}
Broken = Iterator[tuple[bool, str]]


def refusal(report: Report, history: History, today: date) -> str:
    """Why a report cannot be taken; empty if it can.

    Parameters
    ----------
    history : History
        The latest versions of what is known of the same loan or guarantee.
    today : date
        Asia/Shanghai.
    """
    return next((code for is_broken, code in _rules(report, history, today) if is_broken), "")


def is_unchanged(report: Report, history: History) -> bool:
    """Whether the same was reported before, so that nothing has to be kept."""
    held = history.held(report.kind, key_of(report)[1])
    return held is not None and {**held.payload, **_ORIGIN} == {**report.payload(), **_ORIGIN}


def doubts(report: Report, history: History, today: date) -> list[str]:
    """What a report that is taken leaves to ask about."""
    if not isinstance(report, Month) or history.grant is None:
        return []
    start = max(
        [history.grant.day("granted_on").replace(day=1), *_known_from(history)],
    )
    before = month_before(report.first_day)
    found: list[str] = []
    if before >= start and before not in history.months:
        found.append("month_gap")
    if report.five_class < loan_rules(today).least_class(report.dpd):
        found.append("class_below_days")
    return found


def _known_from(history: History) -> list[date]:
    """A loan that the lake knew first begins with the first month that was known there."""
    origin = history.grant.payload.get("origin") if history.grant else None
    return [date.fromisoformat(origin["reported_from"])] if origin else []


def _rules(report: Report, history: History, today: date) -> Broken:
    alone, beside = _BY_KIND[report.kind]
    yield from alone(report, today)
    held = history.held(report.kind, key_of(report)[1])
    if isinstance(report, Month | Closure):
        yield history.grant is None, "unknown_loan"
    yield held is None and report.correction is not None, "nothing_to_correct"
    yield held is not None and report.correction is None, "already_reported"
    yield from beside(report, history)


def _grant(report: Grant, today: date) -> Broken:
    yield not uscc_is_valid([report.uscc], strict=True)[0], "uscc_check"
    yield report.matures_on < report.granted_on, "matures_before_grant"
    yield report.granted_on > today, "granted_in_future"


def _grant_beside(report: Grant, history: History) -> Broken:
    held = history.grant
    if held is None:
        return
    yield held.uscc != report.uscc, "other_firm"
    lost = history.in_all("written_off", but=date.min)
    owed = [month.money("balance") for month in history.months.values()]
    most = max(owed, default=Decimal(0)) if report.repay_mode != REVOLVING else Decimal(0)
    yield report.amount < max(most, lost), "amount_below_balance"
    first = min(history.months, default=date.max)
    yield report.granted_on.replace(day=1) > first, "granted_after_month"
    closed = history.closure
    yield closed is not None and report.granted_on > closed.day("closed_on"), "granted_after_month"


def _month(report: Month, today: date) -> Broken:
    last_day = month_after(report.first_day) - timedelta(days=1)
    yield last_day > today, "month_in_future"
    yield report.overdue_principal > report.balance, "overdue_above_balance"
    overdue = report.overdue_principal + report.overdue_interest
    yield (report.dpd > 0) != (overdue > 0), "days_without_overdue"


def _month_beside(report: Month, history: History) -> Broken:
    grant, month = history.grant, report.first_day
    if grant is None:
        return
    yield month < grant.day("granted_on").replace(day=1), "month_before_grant"
    amount = grant.money("amount")
    is_revolving = grant.payload.get("repay_mode") == REVOLVING
    yield not is_revolving and report.balance > amount, "balance_above_amount"
    lost = history.in_all("written_off", but=month) + report.written_off
    yield lost > amount, "written_off_above_amount"
    regained = history.in_all("recovered", but=month) + report.recovered
    yield regained > lost, "recovered_above_written_off"
    closed = history.closure
    yield _is_after_closure(report, closed), "month_after_closure"
    is_lost = closed is not None and closed.payload["outcome"] == "written_off"
    yield is_lost and lost == 0, "nothing_written_off"


def _is_after_closure(report: Month, closure: Held | None) -> bool:
    """What was written off may still be recovered; what was settled is over."""
    if closure is None:
        return False
    last = closure.day("closed_on").replace(day=1)
    is_settled = closure.payload["outcome"] == "settled"
    if report.first_day == last:
        return report.balance > 0
    return report.first_day > last and (is_settled or report.balance > 0)


def _closure(report: Closure, today: date) -> Broken:
    yield report.closed_on > today, "closed_in_future"


def _closure_beside(report: Closure, history: History) -> Broken:
    grant, last = history.grant, report.closed_on.replace(day=1)
    if grant is None:
        return
    yield report.closed_on < grant.day("granted_on"), "closed_before_grant"
    is_settled = report.outcome == "settled"
    later = [held for month, held in history.months.items() if month > last]
    owed = any(held.money("balance") > 0 for held in later)
    yield bool(later) and (is_settled or owed), "closed_before_month"
    held = history.months.get(last)
    yield held is not None and held.money("balance") > 0, "settled_with_balance"
    lost = history.in_all("written_off", but=date.min)
    yield not is_settled and lost == 0, "nothing_written_off"


def _guarantee(report: Guarantee, today: date) -> Broken:
    yield not uscc_is_valid([report.uscc], strict=True)[0], "uscc_check"
    is_lender = report.lender is None or uscc_is_valid([report.lender], strict=True)[0]
    yield not is_lender, "lender_check"
    yield report.granted_on > today, "granted_in_future"
    yield report.compensated > report.amount, "compensated_above_amount"
    yield (report.compensated > 0) != (report.compensated_on is not None), "compensated_without_day"
    if report.compensated_on is not None:
        is_within = report.granted_on <= report.compensated_on <= today
        yield not is_within, "compensated_too_early"


def _guarantee_beside(report: Guarantee, history: History) -> Broken:
    held = history.guarantee
    yield held is not None and held.uscc != report.uscc, "other_firm"


_Alone = Callable[..., Broken]
_BY_KIND: dict[str, tuple[_Alone, _Alone]] = {
    "grant": (_grant, _grant_beside),
    "month": (_month, _month_beside),
    "closure": (_closure, _closure_beside),
    "guarantee": (_guarantee, _guarantee_beside),
}
