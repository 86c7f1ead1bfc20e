"""How a model does on groups of firms: ranking and level in each, and how far groups lie apart.

Segments are what firms are told apart by when a model is assessed (size, region, industry), never
model input. Intervals take rows as independent, one row a firm.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from features.errors import ModelInputError
from models.arrays import BoolArray, FloatArray
from models.limits import Light, Limit, Limits, worst_light
from models.metrics import Interval, auc, auc_interval, jeffreys_interval, observed_expected
from models.samples import probability_sample

Measure = Callable[["SegmentResult"], float | None]


@dataclass(frozen=True)
class SegmentResult:
    """Ranking and level within one segment.

    Attributes
    ----------
    value : str
        What its firms share; empty for firms of which it is unknown.
    n, defaults : int
    auc : float or None
        None where only one outcome occurs.
    auc_interval : Interval or None
        DeLong's on the logit scale; None without an AUC, and for an AUC of 0 or 1, of which DeLong
        says nothing.
    observed, expected : float
        Default rate and mean probability [0..1].
    ratio : float
        Observed to expected; above 1 the segment is riskier than the model says.
    ratio_interval : Interval
        Jeffreys's interval of the default rate over the mean probability.
    light : Light or None
        None for a segment too small to judge.
    """

    value: str
    n: int
    defaults: int
    auc: float | None
    auc_interval: Interval | None
    observed: float
    expected: float
    ratio: float
    ratio_interval: Interval
    light: Light | None

    @property
    def is_too_small(self) -> bool:
        """Whether it holds too few rows or too few of one outcome to be judged."""
        return self.light is None


def by_segment(
    values: ArrayLike,
    is_default: ArrayLike,
    probability: ArrayLike,
    *,
    limits: Limits,
    level: float,
) -> list[SegmentResult]:
    """Judge each segment by its AUC and its ratio of observed to expected defaults.

    A figure outside its limit makes a segment amber; red needs its whole interval outside, so a
    small segment is not condemned by chance. Too small a segment is shown and not judged.

    Parameters
    ----------
    values : array_like of str, shape (n,)
        The segment of each row, empty where unknown.
    is_default, probability : array_like of shape (n,)
        Rows the model was not fitted on.
    level : float
        Coverage of the intervals, in (0, 1).

    Returns
    -------
    list of SegmentResult
        In the order of their values.

    Raises
    ------
    ModelInputError
        If the columns are empty or differ in length, or all of a segment's probabilities are 0.
    """
    y, p = probability_sample(is_default, probability)
    segment = np.asarray(values, dtype=np.str_)
    if segment.shape != y.shape:
        raise ModelInputError(
            en=f"Each row needs its segment, got shape {segment.shape} for {y.size} rows.",
            zh=f"每行须有所属分组，现形状为 {segment.shape}，样本 {y.size} 行。",
        )
    names, place = np.unique(segment, return_inverse=True)
    rows = [place == k for k in range(names.size)]
    return [
        _judge(str(name), y[inside], p[inside], limits, level)
        for name, inside in zip(names, rows, strict=True)
    ]


def difference(results: Sequence[SegmentResult], measure: Measure) -> float | None:
    """Largest less smallest figure over the segments judged; None where fewer than two are.

    Examples
    --------
    >>> difference([], lambda segment: segment.auc) is None
    True
    """
    figures = _judged_figures(results, measure)
    return max(figures) - min(figures) if len(figures) > 1 else None


def ratio(results: Sequence[SegmentResult], measure: Measure) -> float | None:
    """Smallest over largest figure of the segments judged, 1 where all agree.

    None where fewer than two are judged, or where the largest is 0.
    """
    figures = _judged_figures(results, measure)
    return min(figures) / max(figures) if len(figures) > 1 and max(figures) > 0 else None


def _judge(value: str, y: BoolArray, p: FloatArray, limits: Limits, level: float) -> SegmentResult:
    n, defaults = y.size, int(y.sum())
    area = auc(y, p) if 0 < defaults < n else None
    area_ends = auc_interval(y, p, level) if area is not None and 0 < area < 1 else None
    expected = float(p.mean())
    observed_to_expected = observed_expected(y, p)
    rate_ends = jeffreys_interval(defaults, n, level)
    ratio_ends = Interval(rate_ends.low / expected, rate_ends.high / expected)
    lights = (
        _sure_light(limits.segment_auc, area, area_ends),
        _sure_light(limits.segment_observed_expected, observed_to_expected, ratio_ends),
    )
    fewest = min(defaults, n - defaults)
    is_judged = n >= limits.segment_rows_from.value and fewest >= limits.segment_defaults_from.value
    return SegmentResult(
        value=value,
        n=n,
        defaults=defaults,
        auc=area,
        auc_interval=area_ends,
        observed=defaults / n,
        expected=expected,
        ratio=observed_to_expected,
        ratio_interval=ratio_ends,
        light=worst_light(lights) if is_judged else None,
    )


def _sure_light(limit: Limit, figure: float | None, ends: Interval | None) -> Light | None:
    """Light of a figure; red only where its whole interval is outside the limit, too."""
    if figure is None:
        return None
    if limit.light(figure) == "green":
        return "green"
    is_sure = ends is not None and limit.excludes(ends.low, ends.high)
    return "red" if is_sure else "amber"


def _judged_figures(results: Sequence[SegmentResult], measure: Measure) -> list[float]:
    figures = [measure(segment) for segment in results if not segment.is_too_small]
    return [figure for figure in figures if figure is not None]
