"""Rows that prove a bundle computes here as it did where it was written. None is a real firm."""

import numpy as np

from models.arrays import FloatArray
from models.manifest import Proof, ProofRow
from models.points import Points, PointsLayout

ROWS = 64
#: Enough to reach the same leaves, too few to point at a firm by one of its amounts.
_DIGITS = 2
_TINY = 1e-300


def proof_values(sample: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Make up feature rows that walk all over the trees.

    Parameters
    ----------
    sample : ndarray of shape (n, k)
        Rows of real firms; only single values are drawn, each column for itself, and cut to two
        significant digits, so neither a row nor an amount of a firm enters the bundle.
    rng : numpy.random.Generator

    Returns
    -------
    ndarray of shape (64, k)
        The last rows are hostile: missing, infinite and absurdly large values.
    """
    columns = sample.shape[1]
    alternating = np.where(np.arange(columns) % 2 == 0, np.nan, 1.0)
    hostile = np.vstack(
        [
            *(np.full(columns, value) for value in (np.nan, np.inf, -np.inf, 1e300, -1e300, 0.0)),
            alternating,
            -alternating[::-1],
        ]
    )
    drawn = np.column_stack([rng.choice(column, ROWS - len(hostile)) for column in sample.T])
    return np.vstack([_rounded(np.asarray(drawn, dtype=np.float64)), hostile])


def make_proof(values: FloatArray, layout: PointsLayout, points: Points) -> Proof:
    """Put rows and their answers together."""
    return Proof(
        groups=list(layout.groups),
        rows=[
            ProofRow(
                values=values[place].tolist(),
                margin=float(points.margin[place]),
                score=int(points.score[place]),
                points=points.group_points[place].tolist(),
            )
            for place in range(len(values))
        ],
    )


def _rounded(values: FloatArray) -> FloatArray:
    """Cut finite values to two significant digits."""
    sizes = np.where(np.isfinite(values) & (np.abs(values) > _TINY), np.abs(values), 1.0)
    unit = 10.0 ** (np.floor(np.log10(sizes)) - _DIGITS + 1)
    return np.round(values / unit) * unit
