"""Signals and the warning model side by side, and together within one budget of alerts.

Signals alert whom their rules name. The model alone may name as many borrowers as the budget allows;
beside the signals it may name so many that all warnings together stay within it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.arrays import BoolArray, FloatArray
from models.signals.levels import NONE, Level, LevelArray
from training.alert_evaluation import AlertReport, choose_cut_off, judge_alerts
from training.borrowers import Borrowers
from training.signal_alerts import is_acted_on
from training.warning import Outcomes, WarningRules, load_warning_rules

_ORANGE = np.int8(Level.ORANGE.rank)
RULES, MODEL, BOTH = "rules", "model", "rules_and_model"
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
    acted = is_acted_on(levels)
    alone = choose_cut_off(held_out, places, share)
    beside = choose_cut_off(held_out, places, share, acted[early])
    by_rule, by_model, added = acted[~early], later >= alone, later >= beside
    ways = {
        name: _judged(judged, rows, rules, seed)
        for name, rows in ((RULES, by_rule), (MODEL, by_model), (BOTH, by_rule | added))
    }
    counts = judged.place > judged.place.min()
    new = raised(levels[~early], judged)
    new_alone, new_added = (raised(rows[:, None] * _ORANGE, judged) for rows in (by_model, added))
    for name, rows in (
        (RAISED_RULES, new),
        (RAISED_MODEL, new_alone),
        (RAISED_BOTH, new | new_added),
    ):
        ways[name] = _judged(judged.take(counts), rows[counts], rules, seed)
    return SignalReport(ways, tuple(_by_level(borrowers, levels, seed)))


def _judged(rows: Outcomes, named: BoolArray, rules: WarningRules, seed: int) -> AlertReport:
    return judge_alerts(rows, named.astype(np.float64), 0.5, rules, seed=seed)


def _by_level(borrowers: Borrowers, levels: LevelArray, seed: int) -> Sequence[LevelReport]:
    later, rules = ~borrowers.is_development, load_warning_rules()
    judged, worst = borrowers.outcomes.take(later), levels[later].max(axis=1, initial=NONE)
    is_event = borrowers.is_event[later]
    return [
        LevelReport(
            level,
            int((worst == level.rank).sum()),
            int((is_event & (worst == level.rank)).sum()),
            _judged(judged, worst == level.rank, rules, seed),
        )
        for level in (Level.RED, Level.ORANGE, Level.YELLOW)
    ]
