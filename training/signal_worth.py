"""What each signal is worth alone: whom it names at orange or red, and whether anything came of it.

A record that stands for years names a firm month after month and says little more each time. Beside the
rows a signal names stand those it names anew, and those no other signal names.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.arrays import BoolArray
from models.signals.levels import Level, LevelArray
from training.signal_alerts import is_acted_on
from training.signal_evaluation import raised
from training.warning import Outcomes

_ORANGE = Level.ORANGE.rank


@dataclass(frozen=True)
class SignalWorth:
    """One signal on n rows of borrowers.

    Attributes
    ----------
    rows, events : int
        Named at orange or red, and those of them with an event in the window.
    new_rows, new_events : int
        Of those, the ones whose signal came or worsened since the month end before.
    own_rows : int
        Of the named, those that no other signal names.
    firms : int
        Different borrowers named.
    """

    code: str
    rows: int
    events: int
    new_rows: int
    new_events: int
    own_rows: int
    firms: int

    @property
    def precision(self) -> float:
        """Share of the named rows with an event; NaN without a row."""
        return self.events / self.rows if self.rows else float("nan")


def signal_worths(
    codes: Sequence[str], levels: LevelArray, outcomes: Outcomes, is_event: BoolArray
) -> tuple[SignalWorth, ...]:
    """Count for every signal, in the order of its column.

    Parameters
    ----------
    codes : sequence of str
        s of them.
    levels : ndarray of int8, shape (n, s)
    outcomes : Outcomes
        Of the n rows; the month end before is the place before, whatever time lies between.
    is_event : ndarray of bool, shape (n,)

    Examples
    --------
    >>> nobody = np.zeros(2, dtype=bool)
    >>> rows = Outcomes(
    ...     np.array([0, 1]), np.array([7, 7]), np.array(["good", "event"]), *([np.zeros(2)] * 3), nobody, nobody
    ... )
    >>> found = signal_worths(["W01"], np.array([[3], [3]], dtype=np.int8), rows, rows.called == "event")[0]
    >>> found.rows, found.new_rows, found.events, found.precision
    (2, 1, 1, 0.5)
    """
    reach = levels >= _ORANGE
    named_by = reach.sum(axis=1)
    return tuple(
        _worth(code, levels[:, [place]], named_by, outcomes, is_event)
        for place, code in enumerate(codes)
    )


def _worth(
    code: str, level: LevelArray, named_by: np.ndarray, outcomes: Outcomes, is_event: BoolArray
) -> SignalWorth:
    named, is_new = is_acted_on(level), raised(level, outcomes)
    return SignalWorth(
        code=code,
        rows=int(named.sum()),
        events=int((named & is_event).sum()),
        new_rows=int(is_new.sum()),
        new_events=int((is_new & is_event).sum()),
        own_rows=int((named & (named_by == 1)).sum()),
        firms=len(np.unique(outcomes.firm[named])),
    )
