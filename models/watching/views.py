"""A run counted: levels by part of the portfolio, and how grades migrated."""

from collections.abc import Sequence

import numpy as np

from models.arrays import BoolArray, IntArray
from models.signals.levels import Level
from models.watching.opinions import UNKNOWN_GRADE
from models.watching.watch import Watched


def levels_by(watched: Watched, parts: Sequence[str], rows: BoolArray) -> dict[str, dict[str, int]]:
    """Exposures by their worst level, part by part.

    Parameters
    ----------
    parts : sequence of str, length n
        Region, industry or product of each exposure, empty where unknown.
    rows : ndarray of bool, shape (n,)
        Exposures that count.

    Returns
    -------
    dict of str to dict
        A part's exposures by level, `none` among them; parts in order.
    """
    names, place = np.unique(np.array(parts, dtype=np.str_)[rows], return_inverse=True)
    levels = ["none", *Level]
    counts = np.zeros((len(names), len(levels)), dtype=np.int64)
    np.add.at(counts, (place, watched.worst[rows].astype(np.int64)), 1)
    return {
        str(name): dict(zip(map(str, levels), row, strict=True))
        for name, row in zip(names.tolist(), counts.tolist(), strict=True)
    }


def signals_by_level(watched: Watched, rows: BoolArray) -> dict[str, dict[str, int]]:
    """Exposures that each signal holds for, by level; signals that hold for none are left out."""
    found: dict[str, dict[str, int]] = {}
    for place, signal in enumerate(watched.watch.signals):
        column = watched.levels[rows, place]
        counts = {str(level): int((column == level.rank).sum()) for level in Level}
        if any(counts.values()):
            found[signal.code] = counts
    return found


def migration(watched: Watched, rows: BoolArray) -> IntArray:
    """Exposures by grade before (rows) and now (columns), best letter first; shape (g, g).

    An exposure with either grade unknown is not counted.
    """
    rating = watched.watch.rating
    letters = len(rating.bundle.scale.version.grades) if rating is not None else 0
    known = rows & (watched.grade != UNKNOWN_GRADE) & (watched.grade_before != UNKNOWN_GRADE)
    counts = np.zeros((letters, letters), dtype=np.int64)
    np.add.at(counts, (watched.grade_before[known], watched.grade[known]), 1)
    return counts
