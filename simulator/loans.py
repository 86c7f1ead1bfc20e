"""The papers of lending: needs, accounts, guarantees, outcomes, lenders' consents."""

from dataclasses import replace

import numpy as np

from simulator.arrays import (
    Codes,
    Column,
    Days,
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
    GUARANTEE_CODES,
    PUBLIC_GUARANTEE,
    REPAYMENT_CODES,
    Applications,
    Loans,
)
from simulator.repayment import COMPENSATED_AFTER, snapshots
from simulator.rows import Rows, closed, lagged
from simulator.streams import Streams
from simulator.world import World

#: Places of the statuses of an account.
_RUNNING, _SETTLED, _BAD = range(3)


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
    rows += [snapshots(world, rng, fate, loans, ids, own)]
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
    return [opened, *_turns(world, rng, loans, opened)]


def _turns(world: World, rng: np.random.Generator, loans: Loans, opened: Rows) -> list[Rows]:
    """The account again at each turn of its status: bad, running again, settled or bad for good."""
    is_cured, is_lost = loans.cures < NEVER, loans.fails < NEVER
    first = np.where(loans.defaults < NEVER, loans.defaults, loans.ends)
    upgraded = loans.cures + world.parameters.loans.probation_months
    last = np.where(is_lost, loans.fails, loans.ends)
    turns = (
        (first, np.where(loans.defaults < NEVER, _BAD, _SETTLED)),
        (np.where(is_cured & (upgraded < last), upgraded, NEVER), np.full(len(loans), _RUNNING)),
        (np.where(is_cured, last, NEVER), np.where(is_lost, _BAD, _SETTLED)),
    )
    rows: list[Rows] = []
    for version, (month, status) in enumerate(turns, start=1):
        told = lagged(rng, world.calendar.end(month), 10, 20)
        happens = np.flatnonzero((month < NEVER) & (told > opened.delivered))
        turned = replace(opened, delivered=told, version=version)
        rows.append(turned.with_columns(loan_status=Text(status, ["1", "2", "3"])).take(happens))
    return rows


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
    paid = world.calendar.end(loans.fails[chosen] + COMPENSATED_AFTER)
    pays = loans.fails[chosen] < NEVER
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
