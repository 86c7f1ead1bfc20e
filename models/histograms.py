"""What the development sample looked like, as counts: frozen with the model, so drift needs no rows.

A count is never of few firms: small cells are merged with a neighbour, and edges of features are cut
to two significant digits, since an edge is some firm's value.
"""

from collections.abc import Sequence
from datetime import date
from functools import cache
from pathlib import Path

import numpy as np
from pydantic import Field, FiniteFloat, model_validator

from features.documents import Document, load_document
from features.errors import ModelDocumentError, ModelInputError
from models.arrays import FloatArray, IntArray
from models.stability import Bins, quantile_bins

LIMITS = Path(__file__).parent / "stability.yaml"


class Limit(Document):
    """A number with its unit and where it comes from."""

    value: float = Field(ge=0)
    unit: str
    source: str


class StabilityLimits(Document):
    """`stability.yaml`; each key is explained there."""

    effective_from: date
    cells: Limit
    firms_a_cell_from: Limit
    judged_from: Limit
    watch_from: Limit
    act_above: Limit
    shifted_gain_watch_from: Limit
    shifted_gain_act_from: Limit
    largest_grade_to: Limit
    one_notch_from: Limit


@cache
def load_limits(path: Path = LIMITS) -> StabilityLimits:
    """Read the limits.

    Raises
    ------
    ModelDocumentError
        With the file, the key and what was expected there.
    """
    return load_document(path, StabilityLimits, ModelDocumentError)


class Histogram(Document):
    """Counts of one characteristic; the last is of missing values."""

    edges: list[FiniteFloat]
    counts: list[int]

    @model_validator(mode="after")
    def _fits(self) -> "Histogram":
        if len(self.counts) != len(self.edges) + 2 or min(self.counts) < 0:
            raise ValueError("needs two counts more than edges, none below 0")
        if self.edges != sorted(set(self.edges)):
            raise ValueError("edges must ascend")
        return self

    @property
    def bins(self) -> Bins:
        """The cells counted."""
        return Bins(edges=tuple(self.edges))


class Histograms(Document):
    """A development sample in counts.

    Parameters
    ----------
    rows : int
        Rows counted; a firm has a row a date.
    mean_probability : float
        Mean calibrated probability of default of the rows [0..1].
    score : Histogram
        Of the printed score.
    features : list of Histogram
        In the order of the bundle's features.
    """

    rows: int = Field(ge=1)
    mean_probability: FiniteFloat = Field(ge=0, le=1)
    score: Histogram
    features: list[Histogram]


def make_histograms(
    matrix: FloatArray,
    score: IntArray,
    probability: FloatArray,
    limits: StabilityLimits | None = None,
) -> Histograms:
    """Count a development sample.

    Parameters
    ----------
    matrix : ndarray of shape (n, k)
    score, probability : ndarray of shape (n,)
        What the model says of the rows.

    Raises
    ------
    ModelInputError
        If there are fewer rows than one cell must hold.
    """
    limits = limits or load_limits()
    least = int(limits.firms_a_cell_from.value)
    if len(matrix) < least:
        raise ModelInputError(
            en=f"A development sample of {len(matrix)} rows cannot be told in counts of at least {least}. "
            "Bring more firms.",
            zh=f"开发样本仅 {len(matrix)} 行，无法以每箱不少于 {least} 行计数；请增加企业。",
        )
    cells = int(limits.cells.value)
    return Histograms(
        rows=len(matrix),
        mean_probability=float(probability.mean()),
        score=_counted(score.astype(np.float64), cells, least),
        features=[_counted(column, cells, least, is_private=True) for column in matrix.T],
    )


def _counted(values: FloatArray, cells: int, least: int, *, is_private: bool = False) -> Histogram:
    found = quantile_bins(values, cells=cells).edges
    edges = np.unique([float(f"{edge:.1e}") if is_private else edge for edge in found])
    edges = edges[np.isfinite(edges)].astype(np.float64)
    counts = Bins(edges=tuple(edges.tolist())).count(values)
    kept, merged = merge_small(edges.tolist(), counts[:-1].tolist(), least)
    return Histogram(edges=kept, counts=_hide_few_missing(merged, int(counts[-1]), least))


def merge_small(
    edges: Sequence[float], counts: Sequence[int], least: int
) -> tuple[list[float], list[int]]:
    """Merge cells of fewer than `least` values with the smaller neighbour until none is left.

    Examples
    --------
    >>> merge_small([1.0, 2.0, 3.0], [50, 4, 20, 30], 10)
    ([1.0, 3.0], [50, 24, 30])
    >>> merge_small([1.0], [3, 2], 10)
    ([], [5])
    """
    ends, cells = list(edges), list(counts)
    while len(cells) > 1 and min(cells) < least:
        small = cells.index(min(cells))
        beside = [place for place in (small - 1, small + 1) if 0 <= place < len(cells)]
        left = min(small, min(beside, key=lambda place: cells[place]))
        cells[left : left + 2] = [cells[left] + cells[left + 1]]
        del ends[left]
    return ends, cells


def _hide_few_missing(counts: list[int], missing: int, least: int) -> list[int]:
    """Counts with that of missing values; too few of a kind are counted with the many."""
    total = sum(counts)
    if 0 < missing < least:
        fullest = counts.index(max(counts))
        return [count + missing * (place == fullest) for place, count in enumerate(counts)] + [0]
    if 0 < total < least:
        return [*[0] * len(counts), missing + total]
    return [*counts, missing]
