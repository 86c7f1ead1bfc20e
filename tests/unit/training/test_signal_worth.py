"""Signals counted by hand: rows named, named anew, named by nobody else."""

import doctest
from math import isnan

import numpy as np

from training import signal_worth
from training.signal_worth import SignalWorth, signal_worths
from training.warning import EVENT, GOOD, Outcomes

#: Firm, month end, levels of three signals, what came of it.
ROWS = [
    (1, 0, (3, 0, -1), GOOD),
    (2, 0, (4, 4, 0), EVENT),
    (1, 1, (3, 3, 2), GOOD),
    (2, 1, (3, 4, 2), EVENT),
    (3, 1, (3, -1, 2), EVENT),
]


def test_a_standing_record_is_told_from_a_new_one() -> None:
    firm, place, levels, called = zip(*ROWS, strict=True)
    is_event = np.array(called) == EVENT
    nothing = np.zeros(len(ROWS))
    outcomes = Outcomes(
        place=np.array(place),
        firm=np.array(firm),
        called=np.array(called, dtype=np.str_),
        dpd=nothing.astype(np.int64),
        months_to_event=nothing,
        days_to_late=nothing,
        defaults=is_event,
        only_closes=np.zeros(len(ROWS), dtype=np.bool_),
    )
    found = signal_worths(["W01", "W02", "W03"], np.array(levels, np.int8), outcomes, is_event)
    # W01 stands for firm 1, is milder than it was for firm 2 and comes for firm 3; W02 comes for firm 1 in
    # the second month; W03 never reaches orange.
    assert found == (
        SignalWorth("W01", rows=5, events=3, new_rows=3, new_events=2, own_rows=2, firms=3),
        SignalWorth("W02", rows=3, events=2, new_rows=2, new_events=1, own_rows=0, firms=2),
        SignalWorth("W03", rows=0, events=0, new_rows=0, new_events=0, own_rows=0, firms=0),
    )
    assert found[0].precision == 3 / 5
    assert isnan(found[2].precision)


def test_examples_run() -> None:
    assert doctest.testmod(signal_worth) == doctest.TestResults(failed=0, attempted=4)
