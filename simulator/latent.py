"""What nobody delivers: stress, the month of default, the decline before it, who is alive."""

from dataclasses import dataclass, replace

import numpy as np

from simulator.arrays import Bools, Floats, Ints
from simulator.firms import INDIVIDUAL, NEVER, Firms
from simulator.parameters import Latent, Loans
from simulator.streams import Streams, happens
from simulator.ties import Ties
from simulator.world import World

_MONTHS_A_YEAR = 12
_YOUNG_MONTHS = 36
_HIGH_DEBT = 0.7
#: Activity goes on falling so many months after a default.
_FALLS_ON = 6
#: Soonest month of a second default after a cure.
_RELAPSES_FROM = 4
#: A decline has passed so many months after a cure.
_CALMS_IN = 6
#: A false alarm has recovered so many months after its peak.
_RECOVERS_IN = 5


@dataclass(frozen=True)
class Fate:
    """Latent course of a block; matrices have shape (n, months).

    Attributes
    ----------
    stress : ndarray of float32
        Mean about 0, standard deviation about 1; higher = worse.
    defaults : ndarray of int64, shape (n,)
        Month in which the firm's payments are more than 90 days late; `NEVER` if it stays sound.
    cures : ndarray of int64, shape (n,)
        Month in which a firm that defaulted has paid what was overdue; `NEVER` if it does not.
    relapses : ndarray of int64, shape (n,)
        Month of a second default after a cure.
    decline : ndarray of float32
        Months of decline so far: before a default, or in a false alarm that recovers.
    debt : ndarray of float64, shape (n,)
        Liabilities to assets.
    risk : ndarray of float32
        What shows in late bills and the like: stress, quality and decline in one number.
    """

    stress: Floats
    defaults: Ints
    decline: Floats
    alive: Bools
    debt: Floats
    cures: Ints
    relapses: Ints
    risk: Floats

    def near_default(self, months: int = 6) -> Bools:
        """The months just before a default, and that month."""
        month = np.arange(self.stress.shape[1])
        first, second = self.defaults[:, None] - month, self.relapses[:, None] - month
        return ((first >= 0) & (first <= months)) | ((second >= 0) & (second <= months))


def draw_fate(world: World, streams: Streams, firms: Firms, ties: Ties) -> tuple[Firms, Fate]:
    """Draw the latent course; firms come back with the deaths that defaults cause."""
    rng = streams.named("latent")
    latent = world.parameters.latent
    stress = _stress(rng, latent, firms.quality, world.calendar.months)
    debt = latent.debt_mean + latent.debt_by_quality * firms.quality
    debt = np.clip(debt + latent.debt_sigma * rng.normal(size=len(firms)), 0.05, 1.3)
    chance = rng.random(stress.shape, dtype=np.float32)
    alone = _before_death(firms, chance < default_hazard(world, firms, stress, debt))
    stress = stress + _from_sister(latent, ties, alone, stress.shape[1])
    hazard = default_hazard(world, firms, stress, debt)
    defaults = _before_death(firms, chance < hazard)
    cures = _cures(rng, world.parameters.loans, defaults)
    relapses = _relapses(rng, world.parameters.loans, hazard, cures)
    closes = _closing(rng, latent, firms.dies, defaults, cures, relapses)
    # One that became a company goes on as that company, whatever it owes.
    goes_on = np.isin(np.arange(len(firms)), firms.came_from)
    firms = replace(firms, dies=np.where(goes_on, firms.dies, closes))
    decline = _decline(rng, latent, defaults, cures, relapses, stress.shape)
    months = np.arange(stress.shape[1])
    alive = (months >= firms.born[:, None]) & (months < firms.dies[:, None])
    shows = world.parameters.signals
    risk = stress + shows.by_decline * decline + (shows.by_quality * firms.quality)[:, None]
    return firms, Fate(
        stress, defaults, decline, alive, debt, cures, relapses, risk.astype(np.float32)
    )


def _stress(rng: np.random.Generator, latent: Latent, quality: Floats, months: int) -> Floats:
    path = np.empty((len(quality), months), dtype=np.float32)
    pull = latent.stress_by_quality * quality
    level = latent.stress_sigma / np.sqrt(1 - latent.stress_ar**2)
    state = level * rng.normal(size=len(quality)) - pull / (1 - latent.stress_ar)
    for month in range(months):
        shock = rng.normal(0, latent.stress_sigma, len(quality))
        state = latent.stress_ar * state + shock - pull
        path[:, month] = state
    return path


def _from_sister(latent: Latent, ties: Ties, defaults: Ints, months: int) -> Floats:
    """Stress from the default of the firm that shares a person, shape (n, months)."""
    falls = np.where(ties.sister >= 0, defaults[ties.sister], NEVER)
    since = np.arange(months) - falls[:, None]
    fading = latent.by_sister * latent.stress_ar ** np.maximum(0, since)
    return np.where(since >= 0, fading, 0).astype(np.float32)


def default_hazard(world: World, firms: Firms, stress: Floats, debt: Floats) -> Floats:
    """Monthly chance of a default: the probit of twelve months, spread evenly over them."""
    latent = world.parameters.latent
    age = np.arange(stress.shape[1]) - firms.born[:, None]
    fixed = (
        latent.intercept
        + latent.by_quality * firms.quality
        + latent.by_debt * np.maximum(0, debt - _HIGH_DEBT)
        + firms.by_industry(latent.industry, 0.0)
        + latent.individual * (firms.entity == INDIVIDUAL)
    )
    index = (
        fixed[:, None]
        + latent.by_stress * stress
        + latent.young * (age < _YOUNG_MONTHS)
        + latent.by_macro * world.macro
    ) / latent.scale
    yearly = _normal_cdf(index.astype(np.float32))
    return np.where(age >= 0, 1 - (1 - yearly) ** (1 / _MONTHS_A_YEAR), 0).astype(np.float32)


def _normal_cdf(x: Floats) -> Floats:
    """Standard normal distribution function, within 0.0002 (Page 1977)."""
    return 1 / (1 + np.exp(-x * (1.5976 + 0.070566 * x**2)))


def _before_death(firms: Firms, found: Bools) -> Ints:
    first = _first(found)
    return np.where(first < firms.dies, first, NEVER)


def _first(found: Bools) -> Ints:
    return np.where(found.any(axis=1), found.argmax(axis=1), NEVER)


def _cures(rng: np.random.Generator, loans: Loans, defaults: Ints) -> Ints:
    low, high = loans.cure_months
    is_cured = (defaults < NEVER) & (rng.random(len(defaults)) < loans.cure)
    return np.where(is_cured, defaults + rng.integers(low, high + 1, len(defaults)), NEVER)


def _relapses(rng: np.random.Generator, loans: Loans, hazard: Floats, cures: Ints) -> Ints:
    """Who has been bad once is no safer for it: the chance goes on from the stress there is."""
    cured = np.flatnonzero(cures < NEVER)
    month = np.arange(hazard.shape[1])
    chance = np.where(
        month >= cures[cured, None] + _RELAPSES_FROM, loans.relapse * hazard[cured], 0
    )
    relapses = np.full(len(cures), NEVER)
    relapses[cured] = _first(rng.random(chance.shape) < chance)
    return relapses


def _closing(
    rng: np.random.Generator,
    latent: Latent,
    dies: Ints,
    defaults: Ints,
    cures: Ints,
    relapses: Ints,
) -> Ints:
    """Some close because of a default that is not cured; none while it is in the middle of one."""
    low, high = latent.death_delay_months
    fails = np.where(cures < NEVER, relapses, defaults)
    closes = (rng.random(len(dies)) < latent.death_after_default) & (fails < NEVER)
    after = fails + rng.integers(low, high + 1, len(dies))
    settled = np.where(fails < NEVER, fails, cures)
    stays = np.where(defaults < NEVER, np.maximum(dies, settled + high), dies)
    return np.where(closes, after, stays)


def _decline(
    rng: np.random.Generator,
    latent: Latent,
    defaults: Ints,
    cures: Ints,
    relapses: Ints,
    shape: tuple[int, ...],
) -> Floats:
    """Months of decline: up to a default and a little on; back after a cure or a false alarm."""
    low, high = latent.drift_months
    length = rng.integers(low, high + 1, shape[0])[:, None]
    month = np.arange(shape[1])
    calm = np.clip((month - cures[:, None]) / _CALMS_IN, 0, 1)
    first, second = (
        np.clip(month - starts[:, None] + length, 0, length + _FALLS_ON)
        for starts in (defaults, relapses)
    )
    decline = np.maximum(first * (1 - calm), second).astype(np.float32)
    rate = np.full(shape, latent.false_alarm_per_year / _MONTHS_A_YEAR, dtype=np.float32)
    rows, starts = happens(rng, rate)
    peaks = rng.integers(low, high + 1, len(rows))
    for step in range(high + _RECOVERS_IN):
        height = np.where(step < peaks, step + 1, peaks - (step - peaks) * peaks / _RECOVERS_IN)
        inside = (starts + step < shape[1]) & (height > 0)
        np.maximum.at(decline, (rows[inside], (starts + step)[inside]), height[inside])
    return decline
