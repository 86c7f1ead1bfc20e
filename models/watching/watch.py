"""One run of the watch: every signal asked of every exposure, view by view.

Firms under the same view are asked about together, so the work grows with the number of views, not of
institutions; what is found of an exposure never depends on the others.
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
from models.signals.exposure_facts import EXPOSURE_FACTS
from models.signals.levels import UNKNOWN, LevelArray
from models.watching.exposures import Exposures, Firms
from models.watching.opinions import UNKNOWN_GRADE, Judge, Opinion, steps_down

#: The facts that models give.
OVER_CUT_OFF, STEPS, IS_GRAVE = (
    "warning_over_cut_off",
    "grade_steps_down_3m",
    "grade_is_ccc_or_worse",
)
#: The migration of grades is over so many months (domain: W55).
MIGRATION_MONTHS = 3

_GIVEN = frozenset(term.name for term in EXPOSURE_FACTS)


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
        asked = (name for name in names_of_signals(self.signals) if name not in _GIVEN)
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
    for number, withheld in enumerate(exposures.views):
        mine = np.flatnonzero(exposures.view == number)
        firm = exposures.firm[mine]
        if watch.warning is not None:
            opinion = _opinion(watch.warning, firms, firm, withheld)
            probability[mine] = opinion.probability
            facts[OVER_CUT_OFF][mine] = np.where(
                opinion.is_known, opinion.probability >= watch.cut_off, np.nan
            )
        if watch.rating is not None:
            grades[mine] = _grades(watch.rating, firms, before, firm, withheld)
            facts[STEPS][mine] = steps_down(grades[mine, 0], grades[mine, 1])
            facts[IS_GRAVE][mine] = np.where(
                grades[mine, 0] == UNKNOWN_GRADE, np.nan, grades[mine, 0] >= watch.rating.grave
            )
        answers = _ask(watch, firms, firm, {n: v[mine] for n, v in facts.items()}, withheld)
        levels[mine], ways[mine] = answers.levels, answers.ways
    return Watched(
        watch, exposures, firms, before, levels, ways, probability, grades[:, 0], grades[:, 1], facts
    )  # fmt: skip


def _opinion(judge: Judge, firms: Firms, rows: IntArray, withheld: frozenset[str]) -> Opinion:
    return judge.ask(firms.matrix(judge.names, rows), withheld)


def _grades(
    judge: Judge, firms: Firms, before: Firms | None, rows: IntArray, withheld: frozenset[str]
) -> IntArray:
    """Grades now and before, shape (n, 2)."""
    now = judge.grades(_opinion(judge, firms, rows, withheld))
    if before is None:
        return np.column_stack([now, np.full(len(rows), UNKNOWN_GRADE)])
    return np.column_stack([now, judge.grades(_opinion(judge, before, rows, withheld))])


def _ask(
    watch: Watch,
    firms: Firms,
    rows: IntArray,
    facts: Mapping[str, FloatArray],
    withheld: frozenset[str],
) -> SignalAnswers:
    asked = [name for name in names_of_signals(watch.signals) if name not in _GIVEN]
    columns = dict(zip(asked, firms.matrix(asked, rows).T, strict=True))
    return ask_signals(
        watch.signals,
        watch.vocabulary,
        {**columns, **facts},
        firms.as_of_date,
        rows=len(rows),
        withheld=withheld,
    )
