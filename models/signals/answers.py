"""Ask every signal about n firms at once."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt

from features.rules.planes import BoolArray, Planes
from features.rules.vocabulary import Vocabulary
from models.arrays import FloatArray
from models.signals.book import Signal, Way
from models.signals.levels import NONE, UNKNOWN, LevelArray


@dataclass(frozen=True)
class SignalAnswers:
    """What the signals say about n firms.

    Attributes
    ----------
    signals : sequence of Signal
        s of them, in the order of the columns.
    levels : ndarray of int8, shape (n, s)
        -1 unknown, 0 none, 1 to 4 for B, Y, O, R.
    ways : ndarray of int8, shape (n, s)
        Which way of the signal answered, 0 the first; -1 where none did.
    """

    signals: Sequence[Signal]
    levels: LevelArray
    ways: npt.NDArray[np.int8]


def names_of_signals(signals: Sequence[Signal]) -> tuple[str, ...]:
    """Features and facts to look up for some signals, each once."""
    return tuple(dict.fromkeys(name for one in signals for way in one.ways for name in way.names))


def ask_signals(
    signals: Sequence[Signal],
    vocabulary: Vocabulary,
    columns: Mapping[str, FloatArray],
    as_of_date: date,
    *,
    rows: int,
    withheld: Collection[str] = (),
) -> SignalAnswers:
    """Ask some signals about n firms.

    Parameters
    ----------
    columns : mapping of str to ndarray of shape (n,)
        A column for every name of `names_of_signals`, NaN where unknown.
    as_of_date : date
        Decides about the season.
    withheld : collection of str
        Datasets that are not open; what reads one is unknown.
    """
    hidden = set(withheld)
    seen = {
        name: columns[name]
        if hidden.isdisjoint(vocabulary.term(name, "signals").datasets)
        else np.full(rows, np.nan)
        for name in names_of_signals(signals)
    }
    levels = np.full((rows, len(signals)), UNKNOWN, dtype=np.int8)
    ways = np.full((rows, len(signals)), UNKNOWN, dtype=np.int8)
    for place, signal in enumerate(signals):
        for number, way in enumerate(signal.ways):
            found = _ask_way(way, seen, as_of_date, rows)
            answers = (levels[:, place] == UNKNOWN) & (found != UNKNOWN)
            levels[answers, place] = found[answers]
            ways[answers, place] = number
    return SignalAnswers(signals, levels, ways)


def _ask_way(
    way: Way, columns: Mapping[str, FloatArray], as_of_date: date, rows: int
) -> LevelArray:
    """The level by one way; a severe level that is unknown hides no milder one that holds."""
    seen = _in_season(way, columns, as_of_date)
    everyone: BoolArray = np.ones(rows, dtype=np.bool_)
    required = way.requires.evaluate(seen) if way.requires else Planes(everyone, everyone)
    level = np.full(rows, NONE, dtype=np.int8)
    known = everyone
    for one, rule in way.levels:
        found = required & rule.evaluate(seen)
        level[found.true] = one.rank
        known = known & found.known
    return np.where((level == NONE) & ~known, UNKNOWN, level).astype(np.int8)


def _in_season(
    way: Way, columns: Mapping[str, FloatArray], as_of_date: date
) -> Mapping[str, FloatArray]:
    changed = {
        season.name: (1 + columns[season.name]) * season.factor - 1
        for season in way.season
        if as_of_date.month in season.months
    }
    return {**columns, **changed}
