"""Contributions to a margin become whole points that add up to the score.

`base_points + sum of group points + points_limit = score`, in integers and without exception. What
rounding leaves over goes by largest remainder: first among reason groups, then among the features
of each group, so a card can be added up on paper at either level. A contribution of exactly zero
keeps exactly zero points.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from features.errors import ModelInputError
from models.arrays import FloatArray, IntArray
from models.calibration import LogitLine
from models.points_kernels import share_rows, sum_rows
from models.scale import Scale

#: Beyond this no contribution is a measurement; it also keeps points far inside 64-bit integers.
_LARGEST_CONTRIBUTION = 1e9


@dataclass(frozen=True)
class PointsLayout:
    """Which feature counts in which reason group.

    Parameters
    ----------
    features : tuple of str
        Names in the order of the model's columns.
    group_of : mapping of str to str
        Reason code of every feature.
    """

    features: tuple[str, ...]
    group_of: Mapping[str, str]

    @cached_property
    def groups(self) -> tuple[str, ...]:
        """Reason codes in order; ties between groups go to the earlier code."""
        return tuple(sorted({self.group_of[name] for name in self.features}))

    @cached_property
    def members(self) -> tuple[IntArray, ...]:
        """Column numbers of each group, by feature name; ties go to the earlier name."""
        by_name = sorted(range(len(self.features)), key=lambda column: self.features[column])
        return tuple(
            np.array(
                [column for column in by_name if self.group_of[self.features[column]] == code],
                dtype=np.int64,
            )
            for code in self.groups
        )

    @cached_property
    def flat_members(self) -> tuple[IntArray, IntArray]:
        """The same group after group, shape (k,), and where each group begins, shape (g + 1,)."""
        sizes = [len(columns) for columns in self.members]
        return np.concatenate(self.members), np.cumsum([0, *sizes], dtype=np.int64)


@dataclass(frozen=True)
class Points:
    """Scores of n rows, taken apart.

    Parameters
    ----------
    margin : ndarray of shape (n,)
        Raw margin of the model, higher = riskier [log-odds before calibration].
    probability : ndarray of shape (n,)
        Calibrated probability of default, within the ends of the scale [0..1].
    score : ndarray of shape (n,)
        Integer score points, higher = safer.
    base_points : int
        What the reference gets, one number for all rows.
    group_points : ndarray of shape (n, g)
        Signed points of each reason group; negative lowers the score.
    feature_points : ndarray of shape (n, k)
        The same, taken apart by feature.
    points_limit : ndarray of shape (n,)
        What the floor or cap of the scale took or added; 0 where neither binds.
    """

    margin: FloatArray
    probability: FloatArray
    score: IntArray
    base_points: int
    group_points: IntArray
    feature_points: IntArray
    points_limit: IntArray


def points_of(
    contributions: ArrayLike,
    base_margin: float,
    line: LogitLine,
    scale: Scale,
    layout: PointsLayout,
) -> Points:
    """Turn margin contributions into integer points.

    Parameters
    ----------
    contributions : array_like of shape (n, k)
        Contribution of each feature to the margin [log-odds], columns as in the layout.
    base_margin : float
        Margin of the reference; the row's margin is this plus its contributions.
    line : LogitLine
        Calibration; its slope scales contributions as it scales the margin.
    scale : Scale
    layout : PointsLayout

    Returns
    -------
    Points
        One row in, one row out; a row's points never depend on the other rows.

    Raises
    ------
    ModelInputError
        If the shape does not fit the layout, or a value is not finite.

    Notes
    -----
    Quotas are `-factor * slope * contribution`. They sum to the unrounded score less the unrounded
    base, both of which round by at most half a point, so the left-over units never exceed the
    number of groups with a non-integer quota.
    """
    values = np.ascontiguousarray(contributions, dtype=np.float64)
    if values.ndim != 2 or values.shape[1] != len(layout.features):  # noqa: PLR2004  a matrix
        raise ModelInputError(
            en=f"Contributions need {len(layout.features)} columns, got shape {values.shape}.",
            zh=f"贡献矩阵应有 {len(layout.features)} 列，现形状为 {values.shape}。",
        )
    if not (np.abs(values) <= _LARGEST_CONTRIBUTION).all():
        raise ModelInputError(
            en="Contributions must be finite numbers within ±1e9; at least one is not.",
            zh="贡献值必须是 ±1e9 以内的有限数；至少有一个值不是。",
        )
    base_points = int(scale.unlimited_score(line.log_odds([base_margin]))[0])
    rows, columns = values.shape
    # Rows are worked one by one: a matrix reduction may add in another order for one row than for
    # many, and a rating must not depend on its company.
    margin = np.empty(rows)
    sum_rows(values, float(base_margin), margin)
    score, limit, probability = scale.score_and_limit(line.log_odds(margin))
    result = Points(
        margin=margin,
        probability=probability,
        score=score,
        base_points=base_points,
        group_points=np.empty((rows, len(layout.groups)), dtype=np.int64),
        feature_points=np.empty((rows, columns), dtype=np.int64),
        points_limit=limit,
    )
    share_rows(
        values,
        -scale.factor * line.slope,
        *layout.flat_members,
        score - limit - base_points,
        result.group_points,
        result.feature_points,
    )
    return result


def largest_remainder(quota: FloatArray, total: IntArray) -> IntArray:
    """Share whole units so that each row adds up and no share strays from its quota needlessly.

    Parameters
    ----------
    quota : ndarray of shape (n, m)
        What each share would be without rounding, of either sign.
    total : ndarray of shape (n,)
        What the shares of a row must sum to.

    Returns
    -------
    ndarray of shape (n, m)
        Integers; ties go to the earlier column; a quota of exactly 0 stays 0 unless the whole row
        is 0 and the total is not.

    Examples
    --------
    >>> largest_remainder(np.array([[1.4, 0.0, -0.4]]), np.array([1])).tolist()
    [[1, 0, 0]]
    >>> largest_remainder(np.array([[0.5, 0.5]]), np.array([1])).tolist()
    [[1, 0]]
    """
    rows, shares = quota.shape
    found, alone = np.empty((rows, shares), dtype=np.int64), np.empty((rows, 1), dtype=np.int64)
    one_group = np.array([0, shares], dtype=np.int64)
    values = np.ascontiguousarray(quota, dtype=np.float64)
    columns = np.arange(shares, dtype=np.int64)
    share_rows(values, 1.0, columns, one_group, np.asarray(total, np.int64), alone, found)
    return found
