"""Whether an ensemble keeps a direction: one column is moved across its thresholds, the others stay.

LightGBM's constraints are not to be trusted on their word: `advanced` breaks them where values are
missing, and `intermediate` was seen to in one table of some hundred.
"""

from collections.abc import Mapping

import numpy as np

from models.arrays import FloatArray
from models.tree_model import TreeEnsemble

#: Rows from which a column is swept, and values it is given: both sides of every threshold, or evenly many.
ROWS, VALUES = 32, 200
#: A margin may fall by rounding only: thousands of leaves are added.
ROUNDING = 1e-9


def swept_rows(matrix: FloatArray) -> FloatArray:
    """Evenly spaced rows of a matrix of shape (n, k) to sweep from."""
    return matrix[:: max(1, len(matrix) // ROWS)][:ROWS]


def sweep_values(ensemble: TreeEnsemble, place: int) -> FloatArray:
    """Values on both sides of the thresholds of one column, ascending; a single 0 where there is none."""
    at = ensemble.threshold[(ensemble.feature == place) & ~ensemble.is_categorical]
    at = np.unique(at[np.isfinite(at)])
    if len(at) == 0:
        return np.zeros(1)
    at = at[np.unique(np.linspace(0, len(at) - 1, VALUES // 2).astype(np.int64))]
    return np.unique(np.concatenate([at, np.nextafter(at, np.inf), [at[0] - 1, at[-1] + 1]]))


def largest_turn(ensemble: TreeEnsemble, rows: FloatArray, place: int, direction: int) -> float:
    """Largest step against the direction [log-odds], 0 if there is none.

    Parameters
    ----------
    rows : ndarray of shape (n, k)
    place : int
        Column that moves.
    direction : {-1, 1}
        -1: the margin falls as the value rises.
    """
    values = sweep_values(ensemble, place)
    swept = np.repeat(rows, len(values), axis=0)
    swept[:, place] = np.tile(values, len(rows))
    margin = ensemble.margin(swept).reshape(len(rows), len(values))
    against = -direction * np.diff(margin, axis=1)
    return float(max(against.max(initial=0.0), 0.0))


def turned_columns(
    ensemble: TreeEnsemble, matrix: FloatArray, directions: Mapping[int, int]
) -> list[int]:
    """Columns whose direction does not hold; directions by column, 0 where it is free."""
    rows = swept_rows(matrix)
    return [
        place
        for place, direction in directions.items()
        if direction and largest_turn(ensemble, rows, place, direction) > ROUNDING
    ]
