"""The loops that share a score among reasons, compiled; `models.points` says what they mean.

Rows are worked one by one, left to right, so a row's points are the same to the last unit whatever
other rows are asked with it.
"""

import numpy as np

from models.arrays import FloatArray, IntArray
from models.shap_kernels import compiled


@compiled
def sum_rows(values: FloatArray, start: float, total: FloatArray) -> None:
    """Sum each row strictly left to right, from `start`, into `total`."""
    for row in range(values.shape[0]):
        found = start
        for column in range(values.shape[1]):
            found += values[row, column]
        total[row] = found


@compiled
def share_rows(
    values: FloatArray,
    points_per_unit: float,
    members: IntArray,
    starts: IntArray,
    totals: IntArray,
    group_points: IntArray,
    feature_points: IntArray,
) -> None:
    """Share each row's total among groups, and each group's share among its members.

    Parameters
    ----------
    values : ndarray of shape (n, k)
        Contributions; times `points_per_unit` they are quotas.
    members : ndarray of shape (k,)
        Columns, group after group.
    starts : ndarray of shape (g + 1,)
        Where each group begins in `members`.
    totals : ndarray of shape (n,)
    group_points, feature_points : ndarray of shape (n, g) and (n, k)
        Written.
    """
    groups = starts.shape[0] - 1
    most = max(groups, members.shape[0])
    quota, key = np.empty(most), np.empty(most)
    share, order = np.empty(most, dtype=np.int64), np.empty(most, dtype=np.int64)
    for row in range(values.shape[0]):
        for group in range(groups):
            wanted = 0.0
            for place in range(starts[group], starts[group + 1]):
                wanted += values[row, members[place]] * points_per_unit
            quota[group] = wanted
        share_units(quota, groups, totals[row], share, key, order)
        for group in range(groups):
            group_points[row, group] = share[group]
        for group in range(groups):
            first = starts[group]
            size = starts[group + 1] - first
            for place in range(size):
                quota[place] = values[row, members[first + place]] * points_per_unit
            share_units(quota, size, group_points[row, group], share, key, order)
            for place in range(size):
                feature_points[row, members[first + place]] = share[place]


@compiled
def share_units(
    quota: FloatArray, size: int, total: int, share: IntArray, key: FloatArray, order: IntArray
) -> None:
    """Largest remainder over the first `size` quotas; `key` and `order` are scratch.

    A quota of exactly 0 stays 0 unless all are. Rounding in the quotas' own sum can leave one unit
    too many or too few; the division spreads any left-over over the sharers.
    """
    sharers, left = 0, total
    for place in range(size):
        whole = np.floor(quota[place])
        share[place] = np.int64(whole)
        left -= share[place]
        sharers += quota[place] != 0.0
        key[place] = whole - quota[place] if quota[place] != 0.0 else 1.0
    if sharers == 0:
        sharers = size
        for place in range(size):
            key[place] = 0.0
    each = left // sharers
    rest = left - each * sharers
    for place in range(size):
        # Insertion keeps equal keys in their order, so ties go to the earlier share.
        spot = place
        while spot > 0 and key[order[spot - 1]] > key[place]:
            order[spot] = order[spot - 1]
            spot -= 1
        order[spot] = place
        if key[place] <= 0.0:
            share[place] += each
    for rank in range(rest):
        share[order[rank]] += 1
