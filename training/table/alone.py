"""How well one column ranks the outcome by itself."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from models.arrays import BoolArray, FloatArray, IntArray
from models.metrics import auc
from training.table.encoding import level_rates
from training.table.protocol import Split


class Alone(NamedTuple):
    """What one column says about the outcome.

    Attributes
    ----------
    auc : float
        0.5 says nothing.
    evidence : float
        Distance from 0.5 in standard errors of a column that says nothing.
    """

    auc: float
    evidence: float


NOTHING = Alone(0.5, 0.0)


def by_rank(values: FloatArray, outcome: BoolArray) -> Alone:
    """Rank of the value, in the better direction, among rows where it is there.

    Parameters
    ----------
    values : ndarray of float64, shape (n,)
        NaN where missing.
    outcome : ndarray of bool, shape (n,)
    """
    seen = ~np.isnan(values)
    bad, good = int(outcome[seen].sum()), int((~outcome[seen]).sum())
    if bad == 0 or good == 0:
        return NOTHING
    area = auc(outcome[seen], values[seen])
    return _weighed(max(area, 1 - area), bad, good)


def by_level(place: IntArray, outcome: BoolArray, splits: Sequence[Split]) -> Alone:
    """The outcome's rate of each level on training rows, ranking the test rows; mean over splits.

    Parameters
    ----------
    place : ndarray of int64, shape (n,)
        Level of each row from 0; missing is a level like any other.
    """
    levels = int(place.max()) + 1
    areas: list[float] = []
    sizes: list[int] = []
    bad = good = 0
    for split in splits:
        judged = outcome[split.test]
        if judged.all() or not judged.any():
            continue
        learned = outcome[split.train]
        every = np.ones(len(learned))
        rates = level_rates(place[split.train], levels, learned, every, float(learned.mean()))
        areas.append(auc(judged, rates[place[split.test]]))
        sizes.append(len(judged))
        bad, good = bad + int(judged.sum()), good + int((~judged).sum())
    return _weighed(float(np.average(areas, weights=sizes)), bad, good) if areas else NOTHING


def by_value(
    values: FloatArray, outcome: BoolArray, splits: Sequence[Split], *, bins: int, rows: float
) -> Alone:
    """As `by_level`, of single values or else bins, and missing: finds what no direction shows.

    Parameters
    ----------
    values : ndarray of float64, shape (n,)
        NaN where missing.
    bins : int
        Of equal count, where values repeat too little to stand alone.
    rows : float
        Mean rows a value needs to stand alone.
    """
    levels = np.unique(values[~np.isnan(values)])
    if len(levels) == 0:
        return NOTHING
    if len(levels) * rows > len(values):
        levels = np.unique(np.nanquantile(values, np.arange(1, bins) / bins))
    # NaN sorts behind every number, so missing is the last level.
    place = np.searchsorted(np.append(levels, np.inf), values, side="right")
    return by_level(place.astype(np.int64), outcome, splits)


def by_filling(is_filled: BoolArray, outcome: BoolArray) -> Alone:
    """Whether the cell is filled at all; evidence is that of two shares."""
    bad, good = int(outcome.sum()), int((~outcome).sum())
    overall = float(is_filled.mean())
    gap = abs(float(is_filled[outcome].mean()) - float(is_filled[~outcome].mean()))
    spread = float(np.sqrt(overall * (1 - overall) * (1 / bad + 1 / good)))
    return Alone(0.5 + gap / 2, gap / spread if spread > 0 else 0.0)


def _weighed(area: float, bad: int, good: int) -> Alone:
    """Evidence by the variance of the Mann-Whitney statistic without ties (Mann, Whitney 1947)."""
    spread = float(np.sqrt((bad + good + 1) / (12 * bad * good)))
    return Alone(area, (area - 0.5) / spread)
