"""Who asks for a loan, who gets one, and how it ends: the loan book of a block, without its papers."""

from dataclasses import dataclass

import numpy as np

from simulator.arrays import Bools, Floats, Ints
from simulator.consents import Consents
from simulator.firms import INDIVIDUAL, NEVER, Firms
from simulator.latent import Fate
from simulator.parameters import Loans as Terms
from simulator.streams import Streams, choose
from simulator.world import World

#: Payments stop before a default, so nobody lends in the last months before it.
_STOPS_BEFORE = 4
#: Modes of guarantee and repayment (domain code lists) with their shares, P.
_GUARANTEES = {"1": 0.45, "2": 0.25, "4": 0.12, "5": 0.12, "6": 0.06}
_REPAYMENTS = {"1": 0.35, "3": 0.40, "4": 0.10, "5": 0.15}
GUARANTEE_CODES, REPAYMENT_CODES = tuple(_GUARANTEES), tuple(_REPAYMENTS)
PUBLIC_GUARANTEE = GUARANTEE_CODES.index("5")
BULLET = tuple(REPAYMENT_CODES.index(code) for code in ("3", "4"))
_LOSS_MONTHS = (9, 18)


@dataclass(frozen=True)
class Applications:
    """Requests for a loan; arrays of shape (n,)."""

    firm: Ints
    month: Ints
    is_granted: Bools
    slot: Ints


@dataclass(frozen=True)
class Loans:
    """The loan book; arrays of shape (n,).

    Attributes
    ----------
    granted, matures : ndarray of int64
        Months; after a cure the end of the new plan.
    defaults : ndarray of int64
        Month in which it is more than 90 days late; `NEVER` if it is repaid.
    cures, relapses : ndarray of int64
        Month in which what was overdue is paid, and of a second default after that.
    ends : ndarray of int64
        Month of the last snapshot: repaid or written off.
    """

    firm: Ints
    granted: Ints
    matures: Ints
    defaults: Ints
    ends: Ints
    cures: Ints
    relapses: Ints
    amount: Floats
    term: Ints
    rate: Floats
    guarantee: Ints
    repayment: Ints
    lender: Ints
    loss: Floats
    application: Ints

    def __len__(self) -> int:
        """Loans."""
        return len(self.firm)

    @property
    def fails(self) -> Ints:
        """Month of the default that nothing cures, `NEVER` without one."""
        return np.where(self.cures < NEVER, self.relapses, self.defaults)


def draw_loans(
    world: World, streams: Streams, firms: Firms, fate: Fate, consents: Consents
) -> tuple[Applications, Loans]:
    """Run the months one after the other, all firms at once."""
    rng = streams.named("lending")
    p = world.parameters.loans
    terms = np.array(list(p.terms_months))
    joined = _joined_month(world, consents)
    second = rng.random(len(firms)) < p.second_loan
    last = _last_month(rng, firms, p.paid_after_exit)
    found: list[tuple[Ints, Ints, Bools, Ints, Ints]] = []
    for slot, may_borrow in enumerate((np.ones(len(firms), np.bool_), second)):
        busy = np.full(len(firms), -NEVER)
        repaid = np.full(len(firms), -NEVER)
        for month in range(-p.warm_up_months, world.calendar.months):
            wants = _wants(world, rng, firms, fate, month, repaid)
            free = may_borrow & (joined <= month) & (busy <= month) & (firms.born < month - 2)
            free &= (firms.dies > month + _STOPS_BEFORE) & (fate.defaults > month + _STOPS_BEFORE)
            asks = np.flatnonzero(free & wants)
            granted = rng.random(len(asks)) < _chance(world, firms, fate, asks, month, repaid)
            term = terms[choose(rng, {str(k): v for k, v in p.terms_months.items()}, len(asks))]
            gets = asks[granted]
            end = np.minimum(month + term[granted], last[gets])
            busy[gets] = np.where(fate.defaults[gets] <= end, NEVER, end)
            repaid[gets] = end
            here = np.full(len(asks), month)
            found.append((asks, here, granted, term, np.full(len(asks), slot)))
    columns = [np.concatenate(part) for part in zip(*found, strict=True)]
    applications = Applications(columns[0], columns[1], columns[2], columns[4])
    return applications, _book(world, rng, firms, fate, applications, columns[3], last)


def _last_month(rng: np.random.Generator, firms: Firms, paid_after_exit: float) -> Ints:
    """Month in which a firm's loans are paid off at the latest: before it leaves, or at their term."""
    stays = rng.random(len(firms)) < paid_after_exit
    return np.where(stays, NEVER, firms.dies - 1)


def _joined_month(world: World, consents: Consents) -> Ints:
    since = consents.joined.astype("datetime64[M]") - world.calendar.first
    return np.where(np.isnat(consents.joined), NEVER, since.astype(np.int64))


def _wants(
    world: World, rng: np.random.Generator, firms: Firms, fate: Fate, month: int, repaid: Ints
) -> Bools:
    """New demand by season; a firm that just repaid usually wants the next loan at once."""
    p = world.parameters.loans
    of_year = (int(world.calendar.month_of_year()[0]) + month) % 12
    chance = np.full(len(firms), p.apply_per_year / 12 * p.grant_season[of_year])
    chance = np.where(firms.entity == INDIVIDUAL, 0.8 * chance, chance)
    just = (month - repaid >= 0) & (month - repaid <= 1)
    chance = np.where(just, p.renewed / 2, chance)
    if month >= 0:
        chance = chance * (1 + 0.05 * np.minimum(6, fate.decline[:, month]))
    return rng.random(len(firms)) < chance


def _chance(world: World, firms: Firms, fate: Fate, asks: Ints, month: int, repaid: Ints) -> Floats:
    """Lenders see part of the quality and know those that repaid."""
    p = world.parameters.loans
    logit = np.log(p.granted / (1 - p.granted)) + p.granted_by_quality * firms.quality[asks]
    logit = logit - 0.2 * fate.stress[asks, max(0, month)] + 1.5 * (repaid[asks] > -NEVER)
    return 1 / (1 + np.exp(-logit))


def _book(
    world: World,
    rng: np.random.Generator,
    firms: Firms,
    fate: Fate,
    applications: Applications,
    term: Ints,
    last: Ints,
) -> Loans:
    p = world.parameters.loans
    place = np.flatnonzero(applications.is_granted)
    firm, granted, n = applications.firm[place], applications.month[place], len(place)
    matures = np.minimum(granted + term[place], last[firm])
    defaults, cures, relapses, matures = _course(rng, p, fate, firm, granted, matures)
    fails = np.where(cures < NEVER, relapses, defaults)
    size = p.amount_to_revenue * firms.revenue[firm] * np.exp(p.amount_sigma * rng.normal(size=n))
    year = world.calendar.year(granted)
    base = np.array([p.rates[y] for y in range(min(p.rates), max(p.rates) + 1)])
    rate = base[np.clip(year - min(p.rates), 0, len(base) - 1)] + 0.5 * rng.normal(size=n)
    return Loans(
        firm=firm,
        granted=granted,
        matures=matures,
        defaults=defaults,
        cures=cures,
        relapses=relapses,
        ends=np.where(fails < NEVER, fails + rng.integers(*_LOSS_MONTHS, n), matures),
        amount=np.round(np.clip(size, p.amount_bounds_cny[0], p.amount_bounds_cny[1]), -4),
        term=term[place],
        rate=np.round(np.maximum(2.5, rate), 2),
        guarantee=choose(rng, _GUARANTEES, n),
        repayment=choose(rng, _REPAYMENTS, n),
        lender=rng.integers(0, len(world.words.lenders), n),
        loss=rng.beta(p.loss_beta[0], p.loss_beta[1], n),
        application=place,
    )


def _course(
    rng: np.random.Generator, p: Terms, fate: Fate, firm: Ints, granted: Ints, matures: Ints
) -> tuple[Ints, Ints, Ints, Ints]:
    """Months of default, cure and relapse, and when the loan is to be paid off then."""
    month = fate.defaults[firm]
    defaults = np.where((month > granted) & (month <= matures), month, NEVER)
    cures = np.where(defaults < NEVER, fate.cures[firm], NEVER)
    low, high = p.plan_months
    plan = cures + rng.integers(low, high + 1, len(firm))
    relapse = fate.relapses[firm]
    relapses = np.where((cures < NEVER) & (relapse <= plan), relapse, NEVER)
    return defaults, cures, relapses, np.where(cures < NEVER, plan, matures)
