"""Three-valued answers of many firms as two planes of booleans (Kleene's strong logic)."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Planes:
    """True, false or unknown for each of n firms.

    Parameters
    ----------
    true : ndarray of bool, shape (n,)
    known : ndarray of bool, shape (n,)
        Set wherever `true` is; known and not true is false.

    Examples
    --------
    >>> yes, no, unknown = (Planes.single(answer) for answer in (True, False, None))
    >>> (yes & unknown).only(), (no & unknown).only(), (yes | unknown).only(), (~unknown).only()
    (None, False, True, None)
    """

    true: BoolArray
    known: BoolArray

    @classmethod
    def where(cls, true: BoolArray, known: BoolArray) -> "Planes":
        """An answer that counts only where it is known."""
        return cls(true & known, known)

    @classmethod
    def single(cls, answer: bool | None) -> "Planes":  # noqa: FBT001 - it is the value itself
        """One firm's answer."""
        return cls(np.array([answer is True]), np.array([answer is not None]))

    @property
    def false(self) -> BoolArray:
        """Known not to be true, shape (n,)."""
        return self.known & ~self.true

    def __and__(self, other: "Planes") -> "Planes":
        true = self.true & other.true
        return Planes(true, true | self.false | other.false)

    def __or__(self, other: "Planes") -> "Planes":
        true = self.true | other.true
        return Planes(true, true | (self.false & other.false))

    def __invert__(self) -> "Planes":
        return Planes(self.false, self.known)

    def only(self) -> bool | None:
        """Return the answer of a single firm; None is unknown."""
        return bool(self.true[0]) if bool(self.known[0]) else None
