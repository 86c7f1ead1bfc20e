"""Signals that hold as rows that are kept, and what differs from the run before."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal

import numpy as np

from models.signals.levels import NONE, UNKNOWN, Level
from models.watching.watch import Watched

Move = Literal["new", "worse", "better", "same", "ended", "unseen", "gone"]
#: What became of signals since the run before: `unseen` can no longer be known, `gone` has no running loan.
MOVES: tuple[Move, ...] = ("new", "worse", "better", "same", "ended", "unseen", "gone")
#: Institution, firm and signal.
Key = tuple[str, str, str]


@dataclass(frozen=True)
class Held:
    """A signal that holds for an exposure.

    Attributes
    ----------
    way : int
        0 for the signal's first way.
    since : date
        First of the runs in a row that found it, at whatever level.
    """

    level: Level
    way: int
    since: date


@dataclass(frozen=True)
class Moved:
    """One signal of one exposure against the run before; None where it did not hold."""

    key: Key
    move: Move
    before: Level | None
    now: Level | None


def holding(watched: Watched, before: Mapping[Key, Held] | None = None) -> dict[Key, Held]:
    """Every signal that holds, by institution, firm and code.

    Parameters
    ----------
    before : mapping of Key to Held, optional
        Of the run before; what held then keeps its day.
    """
    earlier = before or {}
    codes = [signal.code for signal in watched.watch.signals]
    rows, places = np.nonzero(watched.levels > NONE)
    found: dict[Key, Held] = {}
    for row, place in zip(rows.tolist(), places.tolist(), strict=True):
        key = (watched.exposures.institutions[row], _uscc(watched, row), codes[place])
        level = list(Level)[int(watched.levels[row, place]) - 1]
        known = earlier.get(key)
        since = known.since if known else watched.firms.as_of_date
        found[key] = Held(level, int(watched.ways[row, place]), since)
    return found


def moves(watched: Watched, before: Mapping[Key, Held], now: Mapping[Key, Held]) -> list[Moved]:
    """What differs from the run before, signal by signal, in the order of their keys."""
    found = [_moved(key, before.get(key), held) for key, held in now.items()]
    codes = {signal.code: place for place, signal in enumerate(watched.watch.signals)}
    place_of = {
        (name, _uscc(watched, row)): row for row, name in enumerate(watched.exposures.institutions)
    }
    for key, held in before.items():
        if key in now:
            continue
        row, place = place_of.get(key[:2]), codes.get(key[2])
        if row is None:
            move: Move = "gone"
        elif place is None or watched.levels[row, place] == UNKNOWN:
            move = "unseen"
        else:
            move = "ended"
        found.append(Moved(key, move, held.level, None))
    return sorted(found, key=lambda one: one.key)


def _moved(key: Key, before: Held | None, now: Held) -> Moved:
    if before is None:
        return Moved(key, "new", None, now.level)
    step = now.level.rank - before.level.rank
    return Moved(
        key, "worse" if step > 0 else "better" if step < 0 else "same", before.level, now.level
    )


def _uscc(watched: Watched, row: int) -> str:
    return watched.firms.usccs[int(watched.exposures.firm[row])]
