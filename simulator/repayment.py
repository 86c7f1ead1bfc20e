"""Monthly snapshots of loans: what is left, how late it is, its class, through default and cure."""

import numpy as np

from simulator.arrays import Bools, Codes, Column, Floats, Ints, Text, yuan
from simulator.firms import NEVER
from simulator.latent import Fate
from simulator.lending import BULLET, PUBLIC_GUARANTEE, Loans
from simulator.rows import Rows, lagged
from simulator.world import World

#: The guarantor pays so many months after a default that is not cured.
COMPENSATED_AFTER = 6
#: Payments stop so many months before the month of a default.
_UNPAID_MONTHS = 3
#: Days late that end each class of the five but the last.
_CLASS_BOUNDS = np.array([0, 90, 180, 360])
#: Places of the classes special mention, substandard and loss.
_WATCHED, _SUBSTANDARD, _LOSS = 1, 2, 4
_MONTH_DAYS = 30
_OUTCOME_BAD = 90


def snapshots(
    world: World, rng: np.random.Generator, fate: Fate, loans: Loans, ids: Codes, own: Codes
) -> Rows:
    """Every loan at the end of every month from its grant to its end."""
    p = world.parameters.loans
    loan, month = _spread(world, loans)
    late = _days_late(rng, world, fate, loans, loan, month)
    fails = loans.fails[loan]
    lost = (fails < NEVER) & (month == loans.ends[loan])
    # A lost loan keeps what was owed when payments stopped.
    owed = _balance(loans, loan, np.minimum(month, fails - _UNPAID_MONTHS))
    balance = np.where(lost, 0, owed)
    overdue = np.minimum(balance, np.maximum(2_000, balance * np.minimum(1, late / 180)))
    overdue = np.where(late > 0, overdue, 0)
    is_paid_for = (loans.guarantee[loan] == PUBLIC_GUARANTEE) & (month == fails + COMPENSATED_AFTER)
    end = world.calendar.end(month)
    columns: dict[str, Column] = {
        "loan_id": ids[loan],
        "month": world.calendar.code(month),
        "balance": yuan(balance),
        "overdue_principal": yuan(overdue),
        "overdue_interest": yuan(overdue * loans.rate[loan] / 1200 * np.ceil(late / _MONTH_DAYS)),
        "dpd": late,
        "five_class": Text(
            _classes(world, loans, loan, month, late, lost), ["1", "2", "3", "4", "5"]
        ),
        "restructured": np.zeros(len(loan), np.bool_),
        "written_off": yuan(np.where(lost, owed * loans.loss[loan], 0)),
        "recovered": yuan(np.where(lost, owed * (1 - loans.loss[loan]), 0)),
        "guarantor_paid": yuan(np.where(is_paid_for, owed * 0.8, 0)),
        "consent_id": own[loan],
    }
    slow = lagged(rng, end, p.late_feedback_days[0], p.late_feedback_days[1])
    is_news = (month == loans.defaults[loan]) | (month == loans.relapses[loan])
    told = np.where(is_news, slow, lagged(rng, end, 10, 20))
    return Rows("repayment_snapshot", loans.firm[loan], end, told, columns)


def _spread(world: World, loans: Loans) -> tuple[Ints, Ints]:
    """Loans and months of all snapshots inside the city's months."""
    first = np.maximum(0, loans.granted)
    count = np.maximum(0, np.minimum(loans.ends, world.calendar.months - 1) - first + 1)
    loan = np.repeat(np.arange(len(loans)), count)
    start = np.repeat(np.cumsum(count) - count, count)
    return loan, first[loan] + np.arange(len(loan)) - start


def _balance(loans: Loans, loan: Ints, month: Ints) -> Floats:
    """Principal left: by the contract, unmoved from the last payment to a cure, then by the new plan."""
    stops = loans.defaults[loan] - _UNPAID_MONTHS
    passed = np.minimum(month, stops) - loans.granted[loan]
    part = np.maximum(0, 1 - np.maximum(0, passed) / loans.term[loan])
    is_bullet = np.isin(loans.repayment[loan], BULLET)
    left = loans.amount[loan] * np.where(is_bullet, 1, part)
    cures, matures = loans.cures[loan], loans.matures[loan]
    is_cured = (cures < NEVER) & (month >= cures)
    ahead = (matures - month) / np.maximum(1, matures - cures)
    left = np.where(is_cured, left * np.maximum(0, ahead), left)
    is_over = (month >= matures) & ((stops > month) | is_cured)
    return np.round(np.where(is_over, 0, left), 2)


def _classes(world: World, loans: Loans, loan: Ints, month: Ints, late: Ints, lost: Bools) -> Ints:
    """By days late; after a cure the class comes back in two steps."""
    p = world.parameters.loans
    since = month - loans.cures[loan]
    watched = p.probation_months + p.watch_months
    least = np.where((since >= 0) & (since < watched), _WATCHED, 0)
    least = np.where((since >= 0) & (since < p.probation_months), _SUBSTANDARD, least)
    found = np.maximum(least, np.searchsorted(_CLASS_BOUNDS, late))
    return np.where(lost, _LOSS, found)


def _days_late(
    rng: np.random.Generator, world: World, fate: Fate, loans: Loans, loan: Ints, month: Ints
) -> Ints:
    """Thirty more each month before and after a default, until a cure; short slips elsewhere."""
    p, n = world.parameters.loans, len(loan)
    risk = np.exp(world.parameters.signals.slip * np.minimum(6, fate.risk[loans.firm[loan], month]))
    draw = rng.random(n)
    is_open = (month < loans.matures[loan]) & (month != loans.cures[loan])
    slips = is_open & (draw < p.slip_per_month * risk)
    slow = is_open & (draw > 1 - p.long_slip_per_month * risk)
    late = np.where(slips, rng.integers(1, 31, n), np.where(slow, rng.integers(31, 86, n), 0))
    base = rng.integers(_OUTCOME_BAD + 1, _OUTCOME_BAD + _MONTH_DAYS, len(loans))[loan]
    for starts, stops in ((loans.defaults, loans.cures), (loans.relapses, loans.ends + 1)):
        since = np.minimum(month - starts[loan], 40)
        is_failing = (starts[loan] < NEVER) & (since >= -_UNPAID_MONTHS) & (month < stops[loan])
        late = np.where(is_failing, np.maximum(0, base + _MONTH_DAYS * since), late)
    return late
