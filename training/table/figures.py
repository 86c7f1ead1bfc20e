"""Weighted figures of a ranking and its probabilities, for the rows as they are and for draws of them.

A draw is a weight a row: how often it was drawn. All draws are worked out together on rows sorted once.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from models.arrays import BoolArray, FloatArray, IntArray
from models.scale import sigmoid

FIGURES = ("auc", "ks", "pr_auc", "brier", "calibration_slope", "ece", "logloss")
BINS = 10
_STEPS = 25
#: Draws × rows worked on at a time.
_CELLS = 1 << 21


@dataclass(frozen=True, eq=False)
class Judged:
    """Rows with their outcomes and held-out probabilities, sorted by probability.

    Attributes
    ----------
    order : ndarray of int64, shape (n,)
        Where each sorted row stood.
    is_positive, probability : ndarray of shape (n,)
    tie_start : ndarray of int64
        First row of every run of equal probabilities.
    """

    order: IntArray
    is_positive: BoolArray
    probability: FloatArray
    tie_start: IntArray

    @classmethod
    def of(cls, is_positive: BoolArray, probability: FloatArray) -> "Judged":
        """Sort once."""
        order = np.argsort(probability, kind="stable")
        sorted_risk = probability[order]
        is_new = np.append([True], np.diff(sorted_risk) != 0)
        return cls(order, is_positive[order], sorted_risk, np.flatnonzero(is_new))

    def figures(self, weight: FloatArray) -> Mapping[str, FloatArray]:
        """Every figure for each row of weights.

        Parameters
        ----------
        weight : ndarray of shape (d, n)
            In the order the rows were given; 0 where a row was not drawn.

        Returns
        -------
        mapping of str to ndarray of shape (d,)
            NaN where a figure is not defined: one outcome alone, or no line through separated rows.
        """
        block = max(1, _CELLS // len(self.order))
        parts = [
            self._figures(weight[first : first + block][:, self.order])
            for first in range(0, len(weight), block)
        ]
        return {name: np.concatenate([part[name] for part in parts]) for name in FIGURES}

    def _figures(self, weight: FloatArray) -> dict[str, FloatArray]:
        y, p = self.is_positive, self.probability
        bad = np.add.reduceat(np.where(y, weight, 0.0), self.tie_start, axis=1)
        good = np.add.reduceat(np.where(y, 0.0, weight), self.tie_start, axis=1)
        total = weight.sum(axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            distance = (p - y) ** 2
            surprise = -np.where(y, np.log(p), np.log1p(-p))
            return {
                **_ranking(bad, good),
                "brier": weight @ distance / total,
                "logloss": weight @ surprise / total,
                "ece": self._ece(weight) / total,
                "calibration_slope": _slopes(np.log(p) - np.log1p(-p), y, weight),
            }

    def _ece(self, weight: FloatArray) -> FloatArray:
        """Distance of outcomes and probabilities over bins of equal width; sorted rows share a bin."""
        place = np.minimum((self.probability * BINS).astype(np.int64), BINS - 1)
        starts = np.flatnonzero(np.append([True], np.diff(place) != 0))
        gap = weight * (self.is_positive - self.probability)
        return np.abs(np.add.reduceat(gap, starts, axis=1)).sum(axis=1)


def _ranking(bad: FloatArray, good: FloatArray) -> dict[str, FloatArray]:
    """AUC, KS and average precision of runs of ties, safest first, shape (d, runs)."""
    all_bad, all_good = bad.sum(axis=1, keepdims=True), good.sum(axis=1, keepdims=True)
    bad_below, good_below = np.cumsum(bad, axis=1), np.cumsum(good, axis=1)
    won = (bad * (good_below - good / 2)).sum(axis=1, keepdims=True)
    # What is at least as risky as a run is told; average precision adds it up over positives.
    caught = all_bad - bad_below + bad
    told = caught + all_good - good_below + good
    precision = np.divide(caught, told, out=np.zeros_like(caught), where=told > 0)
    found = {
        "auc": won / (all_bad * all_good),
        "ks": np.abs(good_below / all_good - bad_below / all_bad).max(axis=1, keepdims=True),
        "pr_auc": (bad * precision).sum(axis=1, keepdims=True) / all_bad,
    }
    has_both = (all_bad > 0) & (all_good > 0)
    return {name: np.where(has_both, value, np.nan)[:, 0] for name, value in found.items()}


def _slopes(log_odds: FloatArray, y: BoolArray, weight: FloatArray) -> FloatArray:
    """Slope of a weighted logistic regression of the outcome on the log-odds, for each row of weights."""
    spread = float(log_odds.std())
    if not np.isfinite(spread) or spread == 0:
        return np.full(len(weight), np.nan)
    centre = float(log_odds.mean())
    x = (log_odds - centre) / spread
    # Starts at the probabilities themselves, which a calibrated model leaves little to mend in.
    level, slope = np.full(len(weight), centre), np.full(len(weight), spread)
    moved = np.full(len(weight), np.inf)
    for _ in range(_STEPS):
        fitted = sigmoid(level[:, None] + slope[:, None] * x)
        rest, curve = weight * (y - fitted), weight * fitted * (1 - fitted)
        g0, g1 = rest.sum(axis=1), rest @ x
        h0, h1, h2 = curve.sum(axis=1), curve @ x, curve @ (x * x)
        determinant = h0 * h2 - h1 * h1
        step0 = (h2 * g0 - h1 * g1) / determinant
        step1 = (h0 * g1 - h1 * g0) / determinant
        # A step is bounded, so that a draw far from its optimum walks there and does not leap past it.
        level, slope = level + np.clip(step0, -2, 2), slope + np.clip(step1, -2, 2)
        moved = np.abs(step0) + np.abs(step1)
        if float(np.nanmax(moved, initial=0.0)) < 1e-10:  # noqa: PLR2004 - converged
            break
    # Of separated rows steps never end.
    return np.where(moved < 1e-6, slope / spread, np.nan)  # noqa: PLR2004
