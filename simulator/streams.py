"""Randomness by name: each block of firms and each idea draws from a stream of its own.

A stream depends on the seed, the block and its name, never on how much another stream was used, so
one idea can change without moving the others.
"""

import zlib
from dataclasses import dataclass

import numpy as np

from simulator.arrays import Bools, Floats, Ints


@dataclass(frozen=True)
class Streams:
    """The streams of one block (or of the city itself, block -1)."""

    seed: int
    block: int

    def named(self, name: str) -> np.random.Generator:
        """Return a fresh generator; the same name gives the same numbers again."""
        entropy = [self.seed, self.block + 1, zlib.crc32(name.encode())]
        return np.random.Generator(np.random.PCG64(np.random.SeedSequence(entropy)))


def choose(rng: np.random.Generator, shares: dict[str, float], size: int) -> Ints:
    """Places in the dict, drawn by share; shares are normed to 1."""
    weights = np.cumsum(list(shares.values()))
    return np.searchsorted(weights, rng.random(size) * weights[-1], side="right").astype(np.int64)


def happens(rng: np.random.Generator, monthly_rate: Floats) -> tuple[Ints, Ints]:
    """Rows and months of a matrix of monthly rates in which an event happens, at most one each."""
    found = rng.random(monthly_rate.shape, dtype=np.float32) < monthly_rate
    rows, months = np.nonzero(found)
    return rows, months


def share(rng: np.random.Generator, probability: float, size: int) -> Bools:
    """Which of `size` cases fall under a probability."""
    return rng.random(size) < probability
