"""Whether chances of approval come true: what was said against what was granted, bin by bin."""

from dataclasses import dataclass

import numpy as np

from models.arrays import BoolArray, FloatArray
from models.metrics import Interval, jeffreys_interval


@dataclass(frozen=True)
class Bin:
    """Applications of which about the same was said.

    Attributes
    ----------
    said : float
        Mean chance [1].
    granted : float
        Share granted [1].
    interval : Interval
        Jeffreys interval of that share.
    """

    n: int
    said: float
    granted: float
    interval: Interval

    @property
    def is_calibrated(self) -> bool:
        """Whether what was said lies within the interval of what came true."""
        return self.interval.low <= self.said <= self.interval.high


def reliability(
    granted: BoolArray, said: FloatArray, *, bins: int = 10, level: float = 0.90
) -> tuple[Bin, ...]:
    """Reliability by bins of about the same number of applications, lowest chance first.

    Parameters
    ----------
    granted : ndarray of bool, shape (n,)
    said : ndarray of float64, shape (n,)
        The chance told before the answer.

    Examples
    --------
    >>> one, = reliability(np.array([True, False]), np.array([0.4, 0.6]), bins=1)
    >>> one.n, one.said, one.granted, one.is_calibrated
    (2, 0.5, 0.5, True)
    """
    order = np.argsort(said, kind="stable")
    parts = [part for part in np.array_split(order, bins) if len(part)]
    return tuple(
        Bin(
            len(part),
            float(said[part].mean()),
            float(granted[part].mean()),
            jeffreys_interval(int(granted[part].sum()), len(part), level),
        )
        for part in parts
    )
