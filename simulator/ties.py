"""Who stands behind whom: firms that share a person, as the register shows it."""

from dataclasses import dataclass

import numpy as np

from simulator.arrays import Ints
from simulator.firms import COMPANY, Firms
from simulator.streams import Streams
from simulator.world import World


@dataclass(frozen=True)
class Ties:
    """Persons by the place of the firm they founded; arrays have shape (n,).

    Attributes
    ----------
    represents : ndarray of int64
        The legal representative.
    holds : ndarray of int64
        The largest holder of a company.
    sister : ndarray of int64
        Place of the firm tied to this one, -1 without one.
    """

    represents: Ints
    holds: Ints
    sister: Ints


def draw_ties(world: World, streams: Streams, firms: Firms) -> Ties:
    """Pair some firms, whatever their quality: one person represents both, or holds the other."""
    rng = streams.named("ties")
    p = world.parameters.population
    free = rng.permutation(np.flatnonzero(firms.came_from < 0))
    pairs = int(len(free) * p.tied / 2)
    one, other = free[:pairs], free[pairs : 2 * pairs]
    both = (rng.random(pairs) < p.tied_by_representative) | (firms.entity[other] != COMPANY)
    represents, sister = np.arange(len(firms)), np.full(len(firms), -1)
    represents[other[both]] = one[both]
    sister[one], sister[other] = other, one
    # A conversion changes the code of a firm, not its people.
    after = np.flatnonzero(firms.came_from >= 0)
    represents[after] = represents[firms.came_from[after]]
    holds = represents.copy()
    holds[other] = one
    return Ties(represents, holds, sister)
