"""The signals asked of the borrowers a warning is trained and judged on, as they stood at each month end.

The look is the one training takes: what a firm has not opened for modelling, at the month end and on the
day of training, no signal sees. Facts of one lender's own exposure are unknown here, as are signals that
rest on a model.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

import numpy as np

from features.contracts import Catalogue
from features.firm_segments import SEGMENT_DATASETS
from features.lake import LakeView
from features.registry import Registry
from features.rules.vocabulary import Vocabulary
from features.scope import PLATFORM, DataScope, Purpose
from features.snapshot import open_snapshot
from models.arrays import BoolArray, FloatArray
from models.signals.answers import ask_signals, names_of_signals
from models.signals.book import SignalBook
from models.signals.exposure_facts import EXPOSURE_FACTS
from models.signals.levels import UNKNOWN, Level, LevelArray
from training.borrowers import Borrowers
from training.looks import Looks, Opened, stack
from training.performance import LABEL_DATASETS

Progress = Callable[[int, int], None]
_GIVEN = frozenset(term.name for term in EXPOSURE_FACTS)
#: What a lender is to act on; the budget of alerts counts these.
ACTED_ON = (Level.ORANGE, Level.RED)


def signal_levels(
    lake: LakeView,
    catalogue: Catalogue,
    borrowers: Borrowers,
    book: SignalBook,
    registry: Registry,
    *,
    now: datetime,
    parts: Path,
    on_progress: Progress | None = None,
) -> LevelArray:
    """Level of every signal of a book for every row of the borrowers.

    Parameters
    ----------
    registry : Registry
        Features and facts.
    parts : Path
        Folder in which what the signals read is kept; no other looks may be kept there.

    Returns
    -------
    ndarray of int8, shape (n, s)
        Columns as in `book.entries`; -1 unknown, also where a signal was not in force yet.
    """
    vocabulary = Vocabulary.of(registry, EXPOSURE_FACTS)
    dates = borrowers.timeline.dates
    asked = [book.at(day, vocabulary) for day in dates]
    names = dict.fromkeys(
        name for signals in asked for name in names_of_signals(signals) if name not in _GIVEN
    )
    columns = _columns(lake, catalogue, borrowers, registry.select(names), now, parts, on_progress)
    place_of = {entry.code: place for place, entry in enumerate(book.entries)}
    levels = np.full((len(borrowers.matrix), len(place_of)), UNKNOWN, dtype=np.int8)
    for place, (day, signals) in enumerate(zip(dates, asked, strict=True)):
        rows = np.flatnonzero(borrowers.outcomes.place == place)
        seen = {name: values[rows] for name, values in columns.items()}
        seen |= {name: np.full(len(rows), np.nan) for name in _GIVEN}
        found = ask_signals(signals, vocabulary, seen, day, rows=len(rows)).levels
        columns_of = np.array([place_of[one.code] for one in signals])
        levels[rows[:, None], columns_of] = found
    return levels


def is_acted_on(levels: LevelArray) -> BoolArray:
    """Whether any signal of a row is at orange or red, shape (n,)."""
    return np.asarray((levels >= min(level.rank for level in ACTED_ON)).any(axis=1))


def _columns(
    lake: LakeView,
    catalogue: Catalogue,
    borrowers: Borrowers,
    wanted: Registry,
    now: datetime,
    parts: Path,
    on_progress: Progress | None,
) -> dict[str, FloatArray]:
    """What the signals read of the borrowers' rows: their own features, the rest looked up."""
    known = list(borrowers.features.names)
    missing = wanted.select(name for name in wanted.names if name not in set(known))
    datasets = sorted(missing.datasets | LABEL_DATASETS | SEGMENT_DATASETS)
    scope = DataScope(frozenset(datasets), Purpose.MODELLING, now.date(), grantee=PLATFORM)
    with open_snapshot(lake, catalogue, now.date(), scope, now=now) as snapshot:
        opened = Opened.at(snapshot, datasets)
    outcomes = borrowers.outcomes
    firms = {
        day: outcomes.firm[outcomes.place == place].tolist()
        for place, day in enumerate(borrowers.timeline.dates)
    }
    tables = Looks(lake, catalogue, missing, scope, now, parts).take(firms, on_progress)
    rows = stack(tables, missing, opened)
    keys = rows.place << 32 | rows.firm
    found = rows.matrix[np.searchsorted(keys, outcomes.place << 32 | outcomes.firm)]
    both: dict[str, FloatArray] = dict(zip(missing.names, found.T, strict=True))
    here: Sequence[str] = [name for name in wanted.names if name in set(known)]
    return both | {name: borrowers.matrix[:, known.index(name)] for name in here}
