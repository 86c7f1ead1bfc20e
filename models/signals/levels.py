"""Levels of a warning, mild to severe; what each obliges a lender to is `levels.yaml`."""

from collections.abc import Iterable
from enum import StrEnum

import numpy as np
import numpy.typing as npt

#: Level of each of n firms: -1 unknown, 0 none, then B, Y, O, R as 1 to 4.
LevelArray = npt.NDArray[np.int8]
UNKNOWN, NONE = -1, 0


class Level(StrEnum):
    """Blue 蓝 tells, yellow 黄 changed, orange 橙 worsened, red 红 is what normally ends repayment."""

    BLUE = "B"
    YELLOW = "Y"
    ORANGE = "O"
    RED = "R"

    @property
    def rank(self) -> int:
        """1 for blue to 4 for red.

        Examples
        --------
        >>> Level.RED.rank > Level("B").rank
        True
        """
        return list(Level).index(self) + 1


def level_of(rank: int) -> Level | None:
    """The level of a rank of `LevelArray`; None for none and unknown."""
    return list(Level)[rank - 1] if rank > NONE else None


def worst(levels: Iterable[Level]) -> Level | None:
    """The most severe of some levels, None of none."""
    return max(levels, key=lambda level: level.rank, default=None)
