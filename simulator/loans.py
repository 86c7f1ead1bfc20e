"""The papers of lending: needs, accounts, monthly snapshots, guarantees, outcomes, lenders' consents."""

from dataclasses import replace

import numpy as np

from simulator.arrays import (
    Codes,
    Column,
    Days,
    Floats,
    Ints,
    Text,
    always,
    picked,
    serials,
    yuan,
)
from simulator.consents import Consents
from simulator.firms import NEVER, Firms
from simulator.latent import Fate
from simulator.lender_consents import lender_consents
from simulator.lending import (
    BULLET,
    GUARANTEE_CODES,
    PUBLIC_GUARANTEE,
    REPAYMENT_CODES,
    Applications,
    Loans,
)
from simulator.rows import Rows, closed, lagged
from simulator.streams import Streams
from simulator.world import World

#: Payments stop so many months before the month of a default.
_UNPAID_MONTHS = 3
#: Days late that end each class of the five but the last.
_CLASS_BOUNDS = np.array([0, 90, 180, 360])
_MONTH_DAYS = 30
#: The guarantor pays so many months after a default.
_COMPENSATED_AFTER = 6
_OUTCOME_BAD = 90


def loan_rows(
    world: World,
    streams: Streams,
    firms: Firms,
    fate: Fate,
    consents: Consents,
    applications: Applications,
    loans: Loans,
) -> tuple[list[Rows], Codes]:
    """All papers of the block's lending, and the loan ids."""
    rng = streams.named("loans")
    ids, n = serials(rng, "L", len(loans)), len(loans)
    asked = world.calendar.day_in(rng, applications.month)
    decided = (
        asked
        + 1
        + rng.exponential(world.parameters.loans.decision_days - 1, len(asked)).astype(np.int64)
    )
    granted = decided[loans.application]
    apply_ids = serials(rng, "CA", len(asked))
    keeps = rng.random(n) < world.parameters.consent.postloan
    own = np.where(keeps, serials(rng, "CL", n), apply_ids[loans.application])
    rows = _needs(world, rng, firms, applications, asked, decided)
    rows += _accounts(world, rng, loans, ids, granted, own)
    rows += [_snapshots(world, rng, fate, loans, ids, own)]
    rows += _guarantees(world, rng, loans, ids, granted, own)
    rows += [_outcomes(world, rng, loans, ids, own)]
    rows += lender_consents(
        world,
        rng,
        consents,
        applications,
        asked,
        apply_ids,
        loans=loans,
        granted=granted,
        own=own,
        keeps=keeps,
    )
    return rows, ids


def _needs(
    world: World,
    rng: np.random.Generator,
    firms: Firms,
    applications: Applications,
    asked: Days,
    decided: Days,
) -> list[Rows]:
    n = len(asked)
    moment = lagged(rng, asked, 0, 0)
    wanted = np.round(
        0.25 * firms.revenue[applications.firm] * np.exp(0.6 * rng.normal(size=n)), -4
    )
    columns: dict[str, Column] = {
        "need_id": serials(rng, "FN", n),
        "submitted_at": moment,
        "amount": yuan(np.clip(wanted, 30_000, 20_000_000)),
        "term": np.array([6, 12, 24, 36])[rng.integers(0, 4, n)],
        "purpose": picked(rng, ["流动资金", "购置设备", "支付货款"], n),
        "source": picked(rng, ["self", "self", "officer", "policy"], n),
        "status": always("new", n),
    }
    opened = Rows("financing_need", applications.firm, asked, moment, columns)
    final = np.where(
        applications.is_granted,
        0,
        np.where(rng.random(n) < world.parameters.details.withdrawn, 2, 1),
    )  # granted, declined, withdrawn
    closes = lagged(rng, decided, 0, 0)
    answered = opened.with_columns(
        status=Text(final, ["granted", "declined", "withdrawn"]), closed_at=closes
    )
    told = np.maximum(closes, moment + 3600)
    opened = opened.with_columns(closed_at=np.full(n, np.datetime64("NaT", "s")))
    return [opened, replace(answered, delivered=told, version=1)]


def _accounts(
    world: World, rng: np.random.Generator, loans: Loans, ids: Codes, granted: Days, own: Codes
) -> list[Rows]:
    n = len(loans)
    w = world.words
    order = np.lexsort((loans.granted, loans.firm))
    first = np.zeros(n, np.bool_)
    first[order[np.unique(loans.firm[order], return_index=True)[1]]] = True
    columns: dict[str, Column] = {
        "loan_id": ids,
        "is_first_loan": first & (rng.random(n) < world.parameters.details.first_loan),
        "granted_at": lagged(rng, granted, 0, 0),
        "lender_name": Text(loans.lender, w.lenders),
        "lender_uscc": world.lender_usccs[loans.lender],
        "amount": yuan(loans.amount),
        "rate": loans.rate,
        "guarantee_mode": Text(loans.guarantee, GUARANTEE_CODES),
        "term_months": loans.term,
        "repay_mode": Text(loans.repayment, REPAYMENT_CODES),
        "loan_status": always("1", n),
        "consent_id": own,
    }
    next_month = (granted.astype("datetime64[M]") + 1).astype("datetime64[D]")
    opened = Rows("loan_account", loans.firm, granted, lagged(rng, next_month, 4, 19), columns)
    is_bad = loans.defaults < NEVER
    changes = np.where(is_bad, loans.defaults, loans.ends)
    told = lagged(rng, world.calendar.end(changes), 10, 20)
    done = np.flatnonzero(told > opened.delivered)
    final = opened.with_columns(loan_status=Text(is_bad.astype(np.int64), ["2", "3"]))
    return [opened, replace(final, delivered=told, version=1).take(done)]


def _spread(world: World, loans: Loans) -> tuple[Ints, Ints]:
    """Loans and months of all snapshots inside the city's months."""
    first = np.maximum(0, loans.granted)
    count = np.maximum(0, np.minimum(loans.ends, world.calendar.months - 1) - first + 1)
    loan = np.repeat(np.arange(len(loans)), count)
    start = np.repeat(np.cumsum(count) - count, count)
    return loan, first[loan] + np.arange(len(loan)) - start


def _snapshots(
    world: World, rng: np.random.Generator, fate: Fate, loans: Loans, ids: Codes, own: Codes
) -> Rows:
    p = world.parameters.loans
    loan, month = _spread(world, loans)
    firm = loans.firm[loan]
    late = _days_late(rng, world, fate, loans, loan, month)
    left = _balance(loans, loan, month)
    is_bad = loans.defaults[loan] < NEVER
    # A defaulted loan keeps what was owed when payments stopped.
    owed = _balance(loans, loan, np.minimum(month, loans.defaults[loan] - _UNPAID_MONTHS))
    is_last = is_bad & (month == loans.ends[loan])
    balance = np.where(is_bad, np.where(is_last, 0, owed), left)
    lost = is_last & ~loans.is_cured[loan]
    overdue = np.minimum(balance, np.maximum(2_000, balance * np.minimum(1, late / 180)))
    overdue = np.where(late > 0, overdue, 0)
    five = np.where(lost, 4, np.searchsorted(_CLASS_BOUNDS, late))
    paid_for = (
        is_bad
        & (loans.guarantee[loan] == PUBLIC_GUARANTEE)
        & (month == loans.defaults[loan] + _COMPENSATED_AFTER)
    )
    columns: dict[str, Column] = {
        "loan_id": ids[loan],
        "month": world.calendar.code(month),
        "balance": yuan(balance),
        "overdue_principal": yuan(overdue),
        "overdue_interest": yuan(overdue * loans.rate[loan] / 1200 * np.ceil(late / _MONTH_DAYS)),
        "dpd": late,
        "five_class": Text(five, ["1", "2", "3", "4", "5"]),
        "restructured": np.zeros(len(loan), np.bool_),
        "written_off": yuan(np.where(lost, owed * loans.loss[loan], 0)),
        "recovered": yuan(
            np.where(lost, owed * (1 - loans.loss[loan]), np.where(is_last, owed, 0))
        ),
        "guarantor_paid": yuan(np.where(paid_for, owed * 0.8, 0)),
        "consent_id": own[loan],
    }
    end = world.calendar.end(month)
    slow = lagged(rng, end, p.late_feedback_days[0], p.late_feedback_days[1])
    told = np.where(month == loans.defaults[loan], slow, lagged(rng, end, 10, 20))
    return Rows("repayment_snapshot", firm, end, told, columns)


def _balance(loans: Loans, loan: Ints, month: Ints) -> Floats:
    """Principal left at the end of a month: falling, or all of it until the last day."""
    passed = np.maximum(0, month - loans.granted[loan]) / loans.term[loan]
    falling = loans.amount[loan] * np.maximum(0, 1 - passed)
    left = np.where(np.isin(loans.repayment[loan], BULLET), loans.amount[loan], falling)
    return np.round(np.where(month >= loans.matures[loan], 0, left), 2)


def _days_late(
    rng: np.random.Generator, world: World, fate: Fate, loans: Loans, loan: Ints, month: Ints
) -> Ints:
    """Thirty more each month before and after a default; short slips elsewhere."""
    p, n = world.parameters.loans, len(loan)
    risk = np.exp(world.parameters.signals.slip * np.minimum(6, fate.risk[loans.firm[loan], month]))
    draw = rng.random(n)
    is_open = month < loans.matures[loan]
    slips = is_open & (draw < p.slip_per_month * risk)
    slow = is_open & (draw > 1 - p.long_slip_per_month * risk)
    late = np.where(slips, rng.integers(1, 31, n), np.where(slow, rng.integers(31, 86, n), 0))
    base = rng.integers(_OUTCOME_BAD + 1, _OUTCOME_BAD + _MONTH_DAYS, len(loans))[loan]
    since = np.minimum(month - loans.defaults[loan], 40)
    failing = np.maximum(0, base + _MONTH_DAYS * since)
    is_over = loans.is_cured[loan] & (month == loans.ends[loan])
    failing = np.where(is_over, 0, failing)
    is_failing = (loans.defaults[loan] < NEVER) & (since >= -_UNPAID_MONTHS)
    return np.where(is_failing, failing, late)


def _guarantees(
    world: World, rng: np.random.Generator, loans: Loans, ids: Codes, granted: Days, own: Codes
) -> list[Rows]:
    chosen = np.flatnonzero(loans.guarantee == PUBLIC_GUARANTEE)
    n = len(chosen)
    columns: dict[str, Column] = {
        "guarantee_id": serials(rng, "G", n),
        "loan_id": ids[chosen],
        "guarantor_uscc": world.lender_usccs[np.full(n, len(world.words.lenders))],
        "granted_on": granted[chosen],
        "amount": yuan(loans.amount[chosen] * 0.8),
        "fee_rate": np.full(n, 1.0),
        "consent_id": own[chosen],
    }
    day = granted[chosen]
    rows = Rows("guarantee_account", loans.firm[chosen], day, lagged(rng, day, 10, 20), columns)
    paid = world.calendar.end(loans.defaults[chosen] + _COMPENSATED_AFTER)
    pays = loans.defaults[chosen] + _COMPENSATED_AFTER <= loans.ends[chosen]
    paid = np.where(pays, paid, np.datetime64("NaT"))
    opened, final = closed(rng, rows, "compensated_on", paid, lag_days=20)
    amount = np.full(n, np.nan)
    opened = opened.with_columns(compensated=yuan(amount))
    return [opened, final.with_columns(compensated=yuan(loans.amount[chosen][pays] * 0.8))]


def _outcomes(world: World, rng: np.random.Generator, loans: Loans, ids: Codes, own: Codes) -> Rows:
    """The final word on loans that have ended, or defaulted."""
    is_bad = loans.defaults < NEVER
    month = np.where(is_bad, loans.defaults, loans.ends)
    inside = np.flatnonzero((month >= 0) & (month < world.calendar.months))
    day = world.calendar.end(month[inside])
    columns: dict[str, Column] = {
        "outcome_id": ids[inside],
        "is_default": is_bad[inside],
        "observed_on": day,
        "consent_id": own[inside],
    }
    return Rows("loan_outcome", loans.firm[inside], day, lagged(rng, day, 10, 40), columns)
