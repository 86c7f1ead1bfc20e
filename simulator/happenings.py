"""Single events: when they happen to whom, and the plain rows made of them."""

import numpy as np

from simulator.arrays import Days, Floats, Ints
from simulator.firms import Firms
from simulator.latent import Fate
from simulator.streams import happens
from simulator.world import World

_MONTHS_A_YEAR = 12
#: Inspections are from May to October; the other months have the rest.
_INSPECTION = np.array([0.7, 0.6, 0.8, 0.9, 1.3, 1.3, 1.3, 1.3, 1.2, 1.2, 0.8, 0.6])


def adverse(
    world: World, fate: Fate, yearly: Floats | float, *, before_default: float = 1.0
) -> Floats:
    """Monthly rates of an adverse event, shape (n, months)."""
    base = np.asarray(yearly, dtype=np.float32)
    base = base[:, None] if base.ndim else base
    factor = np.where(fate.near_default(), before_default, 1.0)
    shown = np.exp(world.parameters.signals.adverse * fate.risk)
    return (base * shown * factor * fate.alive / _MONTHS_A_YEAR).astype(np.float32)


def neutral(fate: Fate, yearly: Floats | float) -> Floats:
    """Monthly rates of an event that quality does not move."""
    base = np.asarray(yearly, dtype=np.float32)
    base = base[:, None] if base.ndim else base
    return (base * fate.alive / _MONTHS_A_YEAR).astype(np.float32)


def favourable(world: World, fate: Fate, firms: Firms, yearly: Floats | float) -> Floats:
    """Monthly rates of an event that good firms have more often."""
    base = np.broadcast_to(np.asarray(yearly, dtype=np.float32), (len(firms),))
    return (
        (base * np.exp(world.parameters.signals.favourable * firms.quality))[:, None]
        * fate.alive
        / _MONTHS_A_YEAR
    )


def in_inspection_season(world: World, rate: Floats) -> Floats:
    """The same yearly rate, with its weight from May to October."""
    return rate * _INSPECTION[world.calendar.month_of_year()]


def days_of(world: World, rng: np.random.Generator, rate: Floats) -> tuple[Ints, Days]:
    """Firms to which an event happens, and the day."""
    firm, month = happens(rng, rate.astype(np.float32))
    return firm, world.calendar.day_in(rng, month)


def ends(rng: np.random.Generator, days: Days, probability: float, mean_days: float) -> Days:
    """Return a later day for some of the days, NaT for the others."""
    wait = (mean_days * (0.4 + 0.6 * rng.exponential(size=len(days)))).astype(np.int64) + 1
    return np.where(rng.random(len(days)) < probability, days + wait, np.datetime64("NaT"))
