"""Fewer good firms to learn from where there are far more than enough, with weights that say so."""

import numpy as np

from models.arrays import BoolArray, FloatArray


def thinned_weights(
    is_default: BoolArray, learns: BoolArray, *, goods_per_default: float, rng: np.random.Generator
) -> FloatArray:
    """Weight of every row when trees grow, shape (n,); 0 leaves a row out.

    Parameters
    ----------
    is_default, learns : ndarray of bool, shape (n,)
    goods_per_default : float
        So many good rows a default are kept at most. Those kept stand for the others, so the weights
        add up to the rows that may be learned from and a probability stays one.

    Examples
    --------
    >>> is_default = np.arange(100) < 2
    >>> rng = np.random.default_rng(1)
    >>> found = thinned_weights(is_default, np.ones(100, bool), goods_per_default=7, rng=rng)
    >>> int((found > 0).sum()), float(found[is_default].sum()), round(float(found.sum()), 9)
    (16, 2.0, 100.0)
    """
    weight = learns.astype(np.float64)
    good = np.flatnonzero(learns & ~is_default)
    keep = int(goods_per_default * (learns & is_default).sum())
    if len(good) > keep > 0:
        weight[good] = 0.0
        weight[rng.choice(good, keep, replace=False)] = len(good) / keep
    return weight
