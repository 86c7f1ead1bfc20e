"""Revenue and heads of every firm and month, from which its bills, filings and invoices follow."""

from dataclasses import dataclass

import numpy as np

from simulator.arrays import Bools, Floats, Ints
from simulator.firms import NEVER, Firms
from simulator.latent import Fate
from simulator.streams import Streams
from simulator.world import World

#: A new firm reaches its size within so many months.
_RAMP_MONTHS = 12
_WINTER = (10, 11, 0, 1)


@dataclass(frozen=True)
class Activity:
    """Matrices of shape (n, months).

    Attributes
    ----------
    revenue : ndarray of float32
        Sales without tax [yuan/month].
    heads : ndarray of float32
        Whole persons.
    is_seasonal : ndarray of bool, shape (n,)
        Closed from November to February.
    is_open : ndarray of bool
    is_invented : ndarray of bool, shape (n,)
        Shows sales that were never made in the year before its default.
    """

    revenue: Floats
    heads: Floats
    is_seasonal: Bools
    is_open: Bools
    is_invented: Bools


def draw_activity(world: World, streams: Streams, firms: Firms, fate: Fate) -> Activity:
    """Draw what the firms do."""
    rng = streams.named("activity")
    p, latent = world.parameters.activity, world.parameters.latent
    months = np.arange(world.calendar.months)
    of_year = world.calendar.month_of_year()
    in_season = firms.of(*p.seasonal_sections) & (rng.random(len(firms)) < p.seasonal)
    is_open = fate.alive & ~(in_season[:, None] & np.isin(of_year, _WINTER))
    invented = (fate.defaults < NEVER) & (
        rng.random(len(firms)) < world.parameters.traps.fabricated
    )
    invention = np.clip(months - fate.defaults[:, None] + 12, 0, 12) * invented[:, None]
    growth = p.revenue_growth + p.revenue_growth_by_quality * firms.quality
    age = np.maximum(0, months - firms.born[:, None])
    log_revenue = (
        np.log(firms.revenue / 12)[:, None]
        + growth[:, None] * (months - len(months) / 2) / 12
        + np.log(np.minimum(1, (age + 1) / _RAMP_MONTHS))
        + np.log(p.sales_season)[of_year]
        + p.revenue_by_stress * fate.stress
        + p.revenue_noise * rng.normal(size=fate.stress.shape)
        + np.log1p(-latent.drift_invoices) * np.where(invented[:, None], 0, fate.decline)
        + world.parameters.traps.fabricated_growth * invention
    )
    revenue = np.where(is_open, np.exp(log_revenue), 0).astype(np.float32)
    heads = firms.heads[:, None] * (1 + np.array(p.heads_season)[of_year])
    heads = heads * (1 - latent.drift_heads) ** fate.decline
    heads = heads * np.exp(0.5 * growth[:, None] * (months - len(months) / 2) / 12)
    # Whole persons: chance decides on the fraction, so that small firms can shrink, too.
    chance = rng.random((len(firms), 1))
    return Activity(
        revenue=revenue,
        heads=np.floor(np.where(fate.alive, heads, 0) + chance).astype(np.float32)
        * (firms.heads > 0)[:, None],
        is_seasonal=in_season,
        is_open=is_open,
        is_invented=invented,
    )


def in_months(chosen: Bools, alive: Bools) -> tuple[Ints, Ints]:
    """Firms and months of the cells of some firms while they are alive, firm by firm."""
    firm, month = np.nonzero(alive & chosen[:, None])
    return firm, month
