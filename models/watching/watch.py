"""One run of the watch: every signal asked of every exposure, a few thousand at a time.

What an institution may not see of its firm is blanked before anything is asked, which by the law of
consent is the same as never having read it. What is found of an exposure never depends on the others.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from features.registry import Registry
from features.rules.vocabulary import Vocabulary
from models.arrays import FloatArray, IntArray
from models.signals.answers import SignalAnswers, ask_signals, names_of_signals
from models.signals.book import Signal
from models.signals.exposure_facts import EXPOSURE_FACTS, MADE_OF
from models.signals.levels import UNKNOWN, LevelArray
from models.watching.exposures import Exposures, Firms
from models.watching.opinions import UNKNOWN_GRADE, Judge, steps_down

#: The facts that models give.
OVER_CUT_OFF, STEPS, IS_GRAVE = (
    "warning_over_cut_off",
    "grade_steps_down_3m",
    "grade_is_ccc_or_worse",
)
#: The migration of grades is over so many months (domain: W55).
MIGRATION_MONTHS = 3
#: Exposures asked about together; more would only take more memory.
CHUNK = 20_000

_GIVEN = frozenset(term.name for term in EXPOSURE_FACTS)


def _read_for(name: str) -> tuple[str, ...]:
    """What is looked up of a firm for a name that a signal asks about."""
    return MADE_OF.get(name, ()) if name in _GIVEN else (name,)


@dataclass(frozen=True)
class Watch:
    """What exposures are asked about.

    Attributes
    ----------
    signals : sequence of Signal
        In force at the date of the run.
    vocabulary : Vocabulary
    registry : Registry
        Features and facts, for words and units.
    warning : Judge or None
        The early warning; its signal is unknown without one.
    cut_off : float
        Probability from which it warns.
    rating : Judge or None
        The rating whose grades are followed.
    """

    signals: Sequence[Signal]
    vocabulary: Vocabulary
    registry: Registry
    warning: Judge | None = None
    cut_off: float = 1.0
    rating: Judge | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Features and facts to look up for it, each once."""
        judges = (judge.names for judge in (self.warning, self.rating) if judge is not None)
        asked = [one for name in names_of_signals(self.signals) for one in _read_for(name)]
        return tuple(dict.fromkeys([*asked, *(name for names in judges for name in names)]))

    @property
    def names_before(self) -> tuple[str, ...]:
        """Those to look up at the earlier date, too."""
        judges = (judge.names for judge in (self.warning, self.rating) if judge is not None)
        return tuple(dict.fromkeys(name for names in judges for name in names))


@dataclass(frozen=True)
class Watched:
    """What a run found, a row an exposure.

    Attributes
    ----------
    levels, ways : ndarray of int8, shape (n, s)
        See `models.signals.answers.SignalAnswers`.
    probability : ndarray of float64, shape (n,)
        Of trouble, by the warning; NaN where unknown.
    grade, grade_before : ndarray of int64, shape (n,)
        Place of the letter on the scale of the rating, -1 unknown.
    facts : mapping of str to ndarray of float64, shape (n,)
        Exposure facts with those of the models.
    """

    watch: Watch
    exposures: Exposures
    firms: Firms
    before: Firms | None
    levels: LevelArray
    ways: npt.NDArray[np.int8]
    probability: FloatArray
    grade: IntArray
    grade_before: IntArray
    facts: Mapping[str, FloatArray] = field(default_factory=dict[str, FloatArray])

    @property
    def worst(self) -> LevelArray:
        """The most severe level of each exposure, shape (n,); 0 where no signal holds."""
        found = self.levels.max(axis=1, initial=UNKNOWN)
        return np.maximum(found, 0).astype(np.int8)


def run_watch(
    watch: Watch, exposures: Exposures, firms: Firms, before: Firms | None = None
) -> Watched:
    """Ask every signal about every exposure.

    Parameters
    ----------
    firms : Firms
        With the columns of `watch.names`.
    before : Firms, optional
        The same firms, row by row, three months earlier, with the columns of `watch.names_before`; where
        left out, no grade is known to have moved.

    Returns
    -------
    Watched
        A row in, a row out.

    Raises
    ------
    ModelInputError
        If a column is missing.
    """
    rows, signals = len(exposures), len(watch.signals)
    levels = np.full((rows, signals), UNKNOWN, dtype=np.int8)
    ways = np.full((rows, signals), UNKNOWN, dtype=np.int8)
    probability, grades = np.full(rows, np.nan), np.full((rows, 2), UNKNOWN_GRADE)
    facts = {name: np.full(rows, np.nan) for name in _GIVEN}
    facts |= {name: np.array(values) for name, values in exposures.facts.items()}
    for start in range(0, rows, CHUNK):
        mine = np.arange(start, min(start + CHUNK, rows))
        if watch.warning is not None:
            opinion = watch.warning.ask(firms, exposures, mine)
            probability[mine] = opinion.probability
            facts[OVER_CUT_OFF][mine] = np.where(
                opinion.is_known, opinion.probability >= watch.cut_off, np.nan
            )
        if watch.rating is not None:
            grades[mine] = _grades(watch.rating, exposures, mine, firms, before)
            facts[STEPS][mine] = steps_down(grades[mine, 0], grades[mine, 1])
            facts[IS_GRAVE][mine] = np.where(
                grades[mine, 0] == UNKNOWN_GRADE, np.nan, grades[mine, 0] >= watch.rating.grave
            )
        answers = _ask(watch, firms, exposures, mine, facts)
        levels[mine], ways[mine] = answers.levels, answers.ways
    return Watched(
        watch, exposures, firms, before, levels, ways, probability, grades[:, 0], grades[:, 1], facts
    )  # fmt: skip


def _grades(
    judge: Judge, exposures: Exposures, rows: IntArray, firms: Firms, before: Firms | None
) -> IntArray:
    """Grades now and before, shape (n, 2)."""
    now = judge.grades(judge.ask(firms, exposures, rows))
    if before is None:
        return np.column_stack([now, np.full(len(rows), UNKNOWN_GRADE)])
    return np.column_stack([now, judge.grades(judge.ask(before, exposures, rows))])


def _ask(
    watch: Watch,
    firms: Firms,
    exposures: Exposures,
    rows: IntArray,
    facts: Mapping[str, FloatArray],
) -> SignalAnswers:
    asked = [name for name in names_of_signals(watch.signals) if name not in _GIVEN]
    found = firms.matrix(asked, exposures.firm[rows])
    columns = dict(zip(asked, found.T, strict=True)) | {n: v[rows] for n, v in facts.items()}
    for name, values in columns.items():
        closed = exposures.closes(watch.vocabulary.term(name, "watch").datasets, rows)
        values[closed] = np.nan
    return ask_signals(watch.signals, watch.vocabulary, columns, firms.as_of_date, rows=len(rows))
