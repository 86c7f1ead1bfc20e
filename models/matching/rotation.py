"""Ties are broken by drawing lots among institutions, again every day and for every firm.

The lots follow from the day, the firm and the lender alone, so an order can be made again, and nobody is
always first.
"""

from datetime import date
from functools import cache
from hashlib import blake2b

import numpy as np
import numpy.typing as npt

from models.arrays import IntArray

Codes = npt.NDArray[np.uint64]
#: Constants of SplitMix64 (Steele, Lea, Flood 2014), which spreads every bit of what it is given.
_GOLDEN, _FIRST, _SECOND = (
    np.uint64(n) for n in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB)
)


@cache
def code_of(name: str) -> int:
    """A number for a lender."""
    return int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), "little")


def rotated(step: IntArray, institution: Codes, day: date, uscc: str) -> IntArray:
    """Places by step, highest first; within one by the institution's lot, then by their own order.

    Parameters
    ----------
    step : ndarray of int64, shape (e,)
    institution : ndarray of uint64, shape (e,)
        `code_of` each lender.

    Examples
    --------
    >>> lenders = np.array([code_of("A"), code_of("B")], dtype=np.uint64)
    >>> firsts = [int(rotated(np.zeros(2, int), lenders, date(2026, 6, n), "X")[0]) for n in range(1, 9)]
    >>> sorted(set(firsts))
    [0, 1]
    """
    seed = blake2b(f"{day}|{uscc}".encode(), digest_size=8).digest()
    lot = _mixed(institution ^ np.frombuffer(seed, dtype=np.uint64)[0])
    return np.lexsort((lot, -step))


def _mixed(codes: Codes) -> Codes:
    """SplitMix64, which wraps around by design."""
    mixed = codes + _GOLDEN
    mixed = (mixed ^ (mixed >> np.uint64(30))) * _FIRST
    mixed = (mixed ^ (mixed >> np.uint64(27))) * _SECOND
    return mixed ^ (mixed >> np.uint64(31))
