"""Signals and the warning model side by side, as they stand and within one budget of alerts.

The signals as they stand alert whom their rules name, however many that are. To compare at one budget, rows
are ranked by what the signals that hold foretold in development: the lower end of the Jeffreys interval
of the share with an event, the highest over the signals of the row. A row of which both the model and a
signal speak has the higher of the two.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.arrays import BoolArray, FloatArray
from models.metrics import jeffreys_interval
from models.signals.levels import NONE, Level, LevelArray
from training.alert_evaluation import AlertReport, choose_cut_off, judge_alerts
from training.borrowers import Borrowers
from training.signal_alerts import is_acted_on
from training.warning import Outcomes, load_warning_rules

#: Of the interval whose lower end ranks a signal.
_LEVEL = 0.90
_ORANGE = np.int8(Level.ORANGE.rank)
#: Weight of the model's probability among rows that rank alike.
_TIE = 1e-6
RULES, RULES_BUDGET, MODEL, BOTH, BOTH_ADDED = (
    "rules",
    "rules_within_budget",
    "model",
    "both_within_budget",
    "rules_and_model",
)
#: The same, counting an alert in the month in which it is raised: a standing one is no new call to act.
RAISED_RULES, RAISED_MODEL, RAISED_BOTH = "rules_raised", "model_raised", "rules_and_model_raised"


@dataclass(frozen=True)
class LevelReport:
    """Later rows whose worst signal has one level, and how many of them had an event."""

    level: Level
    rows: int
    events: int
    report: AlertReport


@dataclass(frozen=True)
class SignalReport:
    """Reports by way of alerting, and of the signals' levels."""

    ways: dict[str, AlertReport]
    levels: tuple[LevelReport, ...]


def foretold(levels: LevelArray, is_event: BoolArray, learns: BoolArray) -> FloatArray:
    """What the signals that hold foretold, shape (n,); 0 where none holds at orange or red.

    Parameters
    ----------
    levels : ndarray of int8, shape (n, s)
    is_event : ndarray of bool, shape (n,)
    learns : ndarray of bool, shape (n,)
        Rows the shares are counted on.

    Examples
    --------
    >>> levels = np.array([[3], [3], [0], [4]], dtype=np.int8)
    >>> found = foretold(levels, np.array([True, True, False, False]), np.array([True, True, True, False]))
    >>> bool(found[0] == found[1] > 0), found[2:].tolist()
    (True, [0.0, 0.0])
    """
    found = np.zeros(len(levels))
    for column in levels.T:
        for level in (Level.ORANGE, Level.RED):
            holds = column == level.rank
            counted = holds & learns
            if counted.any():
                low, _ = jeffreys_interval(
                    int((is_event & counted).sum()), int(counted.sum()), level=_LEVEL
                )
                found[holds] = np.maximum(found[holds], low)
    return found


def raised(levels: LevelArray, outcomes: Outcomes) -> BoolArray:
    """Whether a signal of a row reaches orange, or red, that did not the month before, shape (n,).

    A firm that was no borrower the month before has all its signals raised. Of the first month nothing
    is known of the one before, so that it must be left out.

    Parameters
    ----------
    levels : ndarray of int8, shape (n, s)
    outcomes : Outcomes
        The rows, every month end among them the one after another.
    """
    key = outcomes.place << 32 | outcomes.firm
    order = np.argsort(key)
    earlier = np.searchsorted(key[order], key - (1 << 32))
    at = order[np.minimum(earlier, len(key) - 1)]
    is_there = key[at] == key - (1 << 32)
    before = np.where(is_there[:, None], levels[at], NONE)
    return np.asarray(((levels >= _ORANGE) & (levels > before)).any(axis=1))


def judge_signals(
    borrowers: Borrowers,
    levels: LevelArray,
    held_out: FloatArray,
    later: FloatArray,
    *,
    seed: int,
) -> SignalReport:
    """Judge rules, model and both on the later month ends.

    Parameters
    ----------
    levels : ndarray of int8, shape (n, s)
        Of signals that rest on no model, row by row of the borrowers.
    held_out, later : ndarray of float64
        The model's probability of development rows, from models that had not seen the firm, and of later ones.
    """
    rules, early = load_warning_rules(), borrowers.is_development
    share, outcomes = rules.alerted_share_up_to.value, borrowers.outcomes
    places, judged = outcomes.take(early).place, outcomes.take(~early)
    probability = np.empty(len(levels))
    probability[early], probability[~early] = held_out, later
    ranked = foretold(levels, borrowers.is_event, early)
    scores = {
        RULES_BUDGET: ranked,
        MODEL: probability,
        # Rows of one signal tie; the model says which of them come first.
        BOTH: np.maximum(probability, ranked) + _TIE * probability,
    }
    ways = {
        name: judge_alerts(
            judged, score[~early], choose_cut_off(score[early], places, share), rules, seed=seed
        )
        for name, score in scores.items()
    }
    acted = is_acted_on(levels)[~early]
    warned = later >= ways[MODEL].cut_off
    for name, rows in ((RULES, acted), (BOTH_ADDED, acted | warned)):
        ways[name] = judge_alerts(judged, rows.astype(np.float64), 0.5, rules, seed=seed)
    counts = judged.place > judged.place.min()
    by_rule, by_model = raised(levels[~early], judged), raised(warned[:, None] * _ORANGE, judged)
    for name, rows in (
        (RAISED_RULES, by_rule),
        (RAISED_MODEL, by_model),
        (RAISED_BOTH, by_rule | by_model),
    ):
        ways[name] = judge_alerts(
            judged.take(counts), rows[counts].astype(np.float64), 0.5, rules, seed=seed
        )
    return SignalReport(ways, tuple(_by_level(borrowers, levels, seed)))


def _by_level(borrowers: Borrowers, levels: LevelArray, seed: int) -> Sequence[LevelReport]:
    later, rules = ~borrowers.is_development, load_warning_rules()
    judged, worst = borrowers.outcomes.take(later), levels[later].max(axis=1, initial=NONE)
    is_event = borrowers.is_event[later]
    return [
        LevelReport(
            level,
            int((worst == level.rank).sum()),
            int((is_event & (worst == level.rank)).sum()),
            judge_alerts(judged, (worst == level.rank).astype(np.float64), 0.5, rules, seed=seed),
        )
        for level in (Level.RED, Level.ORANGE, Level.YELLOW)
    ]
