"""How far a population has moved since a model was made: shifts, concentration, migration.

Cells are fixed once, on the reference; what comes later is only counted into them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numpy.typing import ArrayLike
from scipy.special import ndtr

from features.errors import ModelInputError
from models.arrays import FloatArray, IntArray

#: A share counts as no less, so that a cell nobody is in has a logarithm.
EMPTY_SHARE = 1e-4

Values = FloatArray | npt.NDArray[np.str_]


@dataclass(frozen=True)
class Bins:
    """Cells of one characteristic.

    Parameters
    ----------
    edges : tuple of float
        Ascending. Cell 0 holds what lies below the first edge, cell i what is at least edge i - 1
        and below edge i.
    levels : tuple of str
        Categories instead of edges: a cell each, then one for every other text.

    Notes
    -----
    The last cell holds missing values: NaN, or the empty text.

    Examples
    --------
    >>> Bins(edges=(1.0, 2.0)).count([0.5, 1.0, 7.0, np.inf, np.nan]).tolist()
    [1, 1, 2, 1]
    >>> Bins(levels=("A", "B")).count(["B", "C", ""]).tolist()
    [0, 1, 1, 1]
    """

    edges: tuple[float, ...] = ()
    levels: tuple[str, ...] = ()

    def __len__(self) -> int:
        """Cells, that of missing values among them."""
        return (len(self.levels) if self.levels else len(self.edges)) + 2

    def cell_of(self, values: ArrayLike) -> IntArray:
        """Cell of each value, shape (n,)."""
        if self.levels:
            text = np.asarray(values, dtype=np.str_)
            known = text[:, None] == np.array(self.levels)
            cell = np.where(known.any(axis=1), known.argmax(axis=1), len(self.levels))
            return np.where(text == "", len(self) - 1, cell).astype(np.int64)
        number = np.asarray(values, dtype=np.float64)
        cell = np.searchsorted(np.array(self.edges), number, side="right")
        return np.where(np.isnan(number), len(self) - 1, cell).astype(np.int64)

    def count(self, values: ArrayLike) -> IntArray:
        """Values in each cell, shape (cells,)."""
        return np.bincount(self.cell_of(values), minlength=len(self)).astype(np.int64)


def quantile_bins(reference: FloatArray, *, cells: int) -> Bins:
    """Cells that hold about equally many of the reference; a value that is frequent gets its own.

    Parameters
    ----------
    reference : ndarray of shape (n,)
        NaN where missing.
    cells : int
        At most so many, missing values aside.

    Examples
    --------
    >>> quantile_bins(np.array([0.0, 0, 1, 1, 2, np.nan]), cells=10).edges
    (1.0, 2.0)
    >>> quantile_bins(np.array([0.0, 0, 0, 0, 1, 2]), cells=2).edges
    ()
    """
    known = np.sort(reference[~np.isnan(reference)])
    levels = np.unique(known)
    if len(levels) <= cells:
        return Bins(edges=tuple(levels[1:].tolist()))
    places = np.arange(1, cells) * len(known) // cells
    edges = np.unique(known[places])
    return Bins(edges=tuple(edges[edges > known[0]].tolist()))


def population_stability(expected: Values, actual: Values, *, bins: Bins) -> float:
    """Population stability index (PSI) of a score or a feature.

    Parameters
    ----------
    expected, actual : ndarray of shape (n_reference,), (n_recent,)
        Values in the reference and in the recent period, same unit.
    bins : Bins
        Fixed on the reference.

    Returns
    -------
    float
        Dimensionless, >= 0; 0 when both shares agree.

    Raises
    ------
    ModelInputError
        If either sample is empty: a PSI of nothing is not zero.

    Examples
    --------
    >>> bins = Bins(levels=("a", "b"))
    >>> round(population_stability(np.array(["a", "b"]), np.array(["a"] * 3 + ["b"]), bins=bins), 4)
    0.2747
    """
    return shift_of_counts(bins.count(expected), bins.count(actual))


def shift_of_counts(expected: ArrayLike, actual: ArrayLike) -> float:
    """PSI of two rows of counts over the same cells, shape (cells,).

    Notes
    -----
    `sum (a - e) ln(a / e)` over shares; a share below 1e-4, an empty cell's above all, counts as
    1e-4, so cells that are empty on both sides add nothing. Source: Siddiqi, Intelligent Credit
    Scoring, 2nd ed., ch. 14. Of two samples of one population it is about
    `(cells - 1) (1 / n + 1 / m)`, which is why small samples are not judged by it.

    Raises
    ------
    ModelInputError
        If either side counts nothing, or the cells differ.
    """
    e, a = np.asarray(expected, dtype=np.float64), np.asarray(actual, dtype=np.float64)
    if e.ndim != 1 or e.shape != a.shape or not (e.sum() > 0 and a.sum() > 0):
        raise ModelInputError(
            en=f"A shift needs two non-empty samples counted over the same cells, got {e.sum():.0f} values "
            f"in {e.size} cells and {a.sum():.0f} in {a.size}.",
            zh=f"稳定性指标需要两个按相同分箱计数的非空样本，现为 {e.size} 箱 {e.sum():.0f} 个与 "
            f"{a.size} 箱 {a.sum():.0f} 个。",
        )
    before = np.maximum(e / e.sum(), EMPTY_SHARE)
    after = np.maximum(a / a.sum(), EMPTY_SHARE)
    return float(((after - before) * np.log(after / before)).sum())


def characteristic_stability(
    expected: FloatArray, actual: FloatArray, bins: Sequence[Bins]
) -> FloatArray:
    """Stability index of every feature (CSI), shape (k,).

    Parameters
    ----------
    expected, actual : ndarray of shape (n_reference, k), (n_recent, k)
    bins : sequence of k Bins

    Raises
    ------
    ModelInputError
        As for `population_stability`.
    """
    pairs = zip(expected.T, actual.T, bins, strict=True)
    return np.array([population_stability(e, a, bins=cells) for e, a, cells in pairs])


class Concentration(NamedTuple):
    """How much of a portfolio sits in few grades.

    `herfindahl` is the sum of squared shares, 1 where all sit in one grade.
    """

    herfindahl: float
    largest_share: float


def concentration(counts: ArrayLike) -> Concentration:
    """Concentration of firms over grades.

    Parameters
    ----------
    counts : array_like of shape (g,)
        Firms a grade.

    Raises
    ------
    ModelInputError
        If there are no firms.

    Examples
    --------
    >>> concentration([2, 1, 1])
    Concentration(herfindahl=0.375, largest_share=0.5)
    """
    n = np.asarray(counts, dtype=np.float64)
    if not n.sum() > 0:
        raise ModelInputError(
            en="A concentration needs at least one graded firm, got none.",
            zh="集中度至少需要一家已评级企业，现为 0 家。",
        )
    shares = n / n.sum()
    return Concentration(float((shares**2).sum()), float(shares.max()))


@dataclass(frozen=True)
class Migration:
    """Moves between grades, best grade first.

    Attributes
    ----------
    counts : ndarray of int64, shape (g, g)
        Firms by grade before (row) and after (column).
    within_one_notch : float
        Share of firms whose grade stayed or moved by one.
    upper_p_values : ndarray of shape (g, g)
        For a column right of the diagonal, of the hypothesis that a move one grade shorter is at
        least as frequent; small = firms jump. NaN elsewhere, and in rows without firms.
    """

    counts: IntArray
    within_one_notch: float
    upper_p_values: FloatArray


def migration(before: ArrayLike, after: ArrayLike, grades: Sequence[str]) -> Migration:
    """Migration of firms between two dates.

    Parameters
    ----------
    before, after : array_like of str, shape (n,)
        Grades of the same firms.
    grades : sequence of str
        Best first.

    Raises
    ------
    ModelInputError
        If no firm has a known grade at both dates.

    Notes
    -----
    `z = (p_{i,j-1} - p_{i,j}) / sqrt((p(1-p) + q(1-q) + 2pq) / N_i)` with both shares of row i, and
    `Phi(z)`. Source: ECB, Instructions for reporting the validation results of internal models
    (2019), stability of the migration matrix.
    """
    order = {code: place for place, code in enumerate(grades)}
    first = np.array([order.get(code, -1) for code in np.asarray(before).tolist()], dtype=np.int64)
    second = np.array([order.get(code, -1) for code in np.asarray(after).tolist()], dtype=np.int64)
    known = (first >= 0) & (second >= 0)
    if not known.any():
        raise ModelInputError(
            en="A migration needs firms that are graded at both dates, got none.",
            zh="迁徙矩阵需要两个时点均有等级的企业，现为 0 家。",
        )
    g = len(grades)
    cells = first[known] * g + second[known]
    counts = np.bincount(cells, minlength=g * g).reshape(g, g).astype(np.int64)
    close = np.abs(first[known] - second[known]) <= 1
    return Migration(counts, float(close.mean()), _upper_p_values(counts))


def _upper_p_values(counts: IntArray) -> FloatArray:
    rows = counts.sum(axis=1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = counts / rows
        near, far = share[:, :-1], share[:, 1:]
        variance = (near * (1 - near) + far * (1 - far) + 2 * near * far) / rows
        z = (near - far) / np.sqrt(variance)
    found = np.full(counts.shape, np.nan)
    # Two shares of 0 do not differ, so nothing speaks against the hypothesis.
    found[:, 1:] = np.where(variance > 0, ndtr(z), np.where(rows > 0, 0.5, np.nan))
    return np.where(np.triu(np.ones_like(counts), 1) > 0, found, np.nan)
