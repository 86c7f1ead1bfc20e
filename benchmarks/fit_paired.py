"""AUCs of two sides on the same held-out rows, and how far apart they are."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from models.arrays import BoolArray, FloatArray, IntArray
from training.evaluate import Estimate

LEVEL = 0.95
DRAWS = 400


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Rows of one test fold and what each side said of them.

    Attributes
    ----------
    rows : ndarray of int64, shape (n,)
        Of the labelled table.
    probability : mapping of str to ndarray of shape (n,)
        By side.
    """

    rows: IntArray
    probability: dict[str, FloatArray]


@dataclass(frozen=True, eq=False)
class Sides:
    """All test folds of a set, with draws of its rows that every side shares.

    Attributes
    ----------
    is_positive : ndarray of bool, shape (n,)
        Of the labelled table.
    folds : sequence of HeldOut
        The folds of every division into folds.
    drawn : ndarray of float64, shape (1 + draws, n)
        How often each row was drawn; first the rows as they are.
    """

    is_positive: BoolArray
    folds: Sequence[HeldOut]
    drawn: FloatArray

    @cached_property
    def aucs(self) -> dict[str, FloatArray]:
        """Each side's mean AUC over test folds for the rows as they are and for every draw."""
        return {side: self._aucs(side) for side in self.folds[0].probability}

    def _aucs(self, side: str) -> FloatArray:
        found = np.array(
            [
                drawn_aucs(
                    self.is_positive[fold.rows], fold.probability[side], self.drawn[:, fold.rows]
                )
                for fold in self.folds
            ]
        )
        return np.nanmean(found, axis=0)

    def auc(self, side: str) -> Estimate:
        """Mean AUC of a side with its interval."""
        return _estimate(self.aucs[side])

    def difference(self, side: str, other: str) -> Estimate:
        """Mean AUC difference, rows drawn for both sides at once."""
        return _estimate(self.aucs[side] - self.aucs[other])


def draw_rows(is_positive: BoolArray, unit: IntArray | None, *, seed: int) -> FloatArray:
    """Draw rows again with replacement within outcome, all rows of a unit together.

    Parameters
    ----------
    unit : ndarray of int64, shape (n,), or None
        Group of each row; its outcome is positive if any row's is. None: every row is its own.

    Returns
    -------
    ndarray of float64, shape (1 + DRAWS, n)
        The first row is all ones.
    """
    rng = np.random.default_rng(seed)
    rows = len(is_positive)
    of_row = np.arange(rows) if unit is None else np.unique(unit, return_inverse=True)[1]
    units = int(of_row.max()) + 1
    has_positive = np.bincount(of_row, weights=is_positive, minlength=units) > 0
    counts = np.ones((1 + DRAWS, units))
    for stratum in (has_positive, ~has_positive):
        members = np.flatnonzero(stratum)
        if len(members):
            share = np.full(len(members), 1 / len(members))
            counts[1:, members] = rng.multinomial(len(members), share, size=DRAWS)
    return counts[:, of_row]


def drawn_aucs(is_positive: BoolArray, risk: FloatArray, weight: FloatArray) -> FloatArray:
    """AUC under each row of weights, ties half; NaN where an outcome was not drawn.

    Parameters
    ----------
    weight : ndarray of shape (d, n)
    """
    order = np.argsort(risk, kind="stable")
    ranked, outcome = weight[:, order], is_positive[order]
    starts = np.flatnonzero(np.append([True], np.diff(risk[order]) != 0))
    bad = np.add.reduceat(np.where(outcome, ranked, 0.0), starts, axis=1)
    good = np.add.reduceat(np.where(outcome, 0.0, ranked), starts, axis=1)
    won = (bad * (np.cumsum(good, axis=1) - good / 2)).sum(axis=1)
    pairs = bad.sum(axis=1) * good.sum(axis=1)
    return np.divide(won, pairs, out=np.full(len(pairs), np.nan), where=pairs > 0)


def _estimate(values: FloatArray) -> Estimate:
    low, high = np.quantile(values[1:], [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Estimate(float(values[0]), float(low), float(high))
