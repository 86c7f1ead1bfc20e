"""Figures of many draws of firms at once: how sure we are, without sorting a row twice.

A draw gives every firm a weight, the number of times it was drawn, and the firm's rows share it. It is
the same as putting the rows of drawn firms together and measuring those.
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from models.arrays import BoolArray, FloatArray, IntArray
from models.metrics import auc
from training.evaluate import LEVEL, Estimate

Drawn = npt.NDArray[np.float32]
_CHUNK = 4_000_000
_DRAWS = 500
_NEWTON_STEPS, _LONGEST, _SETTLED = 40, 1.0, 1e-6
_STEEPEST, _FLAT = 30.0, 1e-12


def drawn_weights(firm: IntArray, draws: int, rng: np.random.Generator) -> Drawn:
    """Weight of every row in every draw of firms with replacement, shape (draws, n)."""
    names, place = np.unique(firm, return_inverse=True)
    counts = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=draws)
    return counts.astype(np.float32)[:, place]


def drawn_aucs(is_default: BoolArray, risk: FloatArray, weights: Drawn) -> FloatArray:
    """AUC of every draw, shape (draws,); NaN where a draw has one outcome only."""
    order = np.argsort(risk, kind="stable")
    starts = np.unique(risk[order], return_index=True)[1]
    found = [
        _aucs(is_default[order], chunk[:, order].astype(np.float64), starts)
        for chunk in _chunks(weights)
    ]
    return np.concatenate(found)


def drawn_ratios(is_default: BoolArray, probability: FloatArray, weights: Drawn) -> FloatArray:
    """Defaults observed by defaults expected in every draw, shape (draws,)."""
    expected = weights @ probability
    return np.asarray((weights @ is_default.astype(np.float64)) / expected, dtype=np.float64)


def drawn_slopes(is_default: BoolArray, probability: FloatArray, weights: Drawn) -> FloatArray:
    """Calibration slope of every draw, shape (draws,); NaN where a draw has no finite one."""
    x = np.log(probability / (1 - probability))
    y = is_default.astype(np.float64)
    return np.concatenate([_slopes(x, y, c.astype(np.float64)) for c in _chunks(weights)])


def estimate(value: float, drawn: FloatArray) -> Estimate:
    """A figure with the interval its draws give."""
    finite = drawn[np.isfinite(drawn)]
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(finite, [tail, 1 - tail]) if finite.size else (np.nan, np.nan)
    return Estimate(value, float(low), float(high))


def gini_lost(
    is_default: BoolArray, ours: FloatArray, theirs: FloatArray, firm: IntArray, *, seed: int
) -> Estimate:
    """Share of the other model's Gini that ours gives up; negative where ours ranks better.

    Parameters
    ----------
    ours, theirs : ndarray of shape (n,)
        Probabilities of the same rows; firms are drawn for both at once.
    """
    weights = drawn_weights(firm, _DRAWS, np.random.default_rng(seed))
    mine, other = (2 * drawn_aucs(is_default, p, weights) - 1 for p in (ours, theirs))
    whole = 2 * auc(is_default, theirs) - 1
    return estimate(1 - (2 * auc(is_default, ours) - 1) / whole, 1 - mine / other)


def _chunks(weights: Drawn) -> Iterator[Drawn]:
    step = max(1, _CHUNK // max(1, weights.shape[1]))
    for start in range(0, len(weights), step):
        yield weights[start : start + step]


def _aucs(y: BoolArray, weights: FloatArray, starts: IntArray) -> FloatArray:
    """Rows in order of risk; `starts` are the first rows of equal risks."""
    bad = np.add.reduceat(weights * y, starts, axis=1)
    good = np.add.reduceat(weights * ~y, starts, axis=1)
    below = np.cumsum(good, axis=1) - good / 2
    pairs = bad.sum(axis=1) * good.sum(axis=1)
    with np.errstate(invalid="ignore"):
        return np.asarray((bad * below).sum(axis=1) / pairs, dtype=np.float64)


def _slopes(x: FloatArray, y: FloatArray, weights: FloatArray) -> FloatArray:
    """Newton's steps of a logistic line in one variable, every draw its own.

    Around the variable's mean the two numbers hardly depend on each other, and steps stay small.
    """
    centred = x - x.mean()
    square = centred * centred
    level, slope = np.full(len(weights), x.mean()), np.ones(len(weights))
    reach = np.full(len(weights), np.inf)
    for _ in range(_NEWTON_STEPS):
        log_odds = np.clip(level[:, None] + slope[:, None] * centred, -_STEEPEST, _STEEPEST)
        p = 1 / (1 + np.exp(-log_odds))
        lack, curve = weights * (y - p), weights * p * (1 - p)
        g0, g1 = lack.sum(axis=1), lack @ centred
        h0, h1, h2 = curve.sum(axis=1), curve @ centred, curve @ square
        size = np.maximum(h0 * h2 - h1 * h1, _FLAT)
        step0, step1 = (h2 * g0 - h1 * g1) / size, (h0 * g1 - h1 * g0) / size
        reach = np.maximum(np.abs(step0), np.abs(step1))
        short = 1 / np.maximum(1.0, reach / _LONGEST)
        level, slope = level + short * step0, slope + short * step1
        if float(reach.max()) < _SETTLED:
            break
    # A draw whose outcomes are separated never settles.
    return np.where(reach < _SETTLED, slope, np.nan)
