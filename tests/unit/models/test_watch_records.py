"""What is kept of a run, what moved since the one before, and how a run is counted."""

from datetime import date
from pathlib import Path

import numpy as np
import pytest

from features.errors import ModelDocumentError
from features.portfolio import LateRate
from models.signals.levels import UNKNOWN, Level
from models.watching.concentration import concentrations, load_concentration
from models.watching.exposures import Exposures, Firms
from models.watching.record import Held, holding, moves
from models.watching.views import levels_by, signals_by_level
from models.watching.watch import Watch, Watched
from tests.unit.models.watch_world import AS_OF, REGISTRY, signals_of

RULES = load_concentration().at(AS_OF)
#: Levels of W01, W30, W46, W54, W55: two exposures of bank A, one of bank B.
LEVELS = [[4, 0, -1, -1, -1], [0, 3, -1, -1, -1], [-1, 2, 0, -1, -1]]


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    vocabulary, signals = signals_of(tmp_path / "signals")
    levels = np.array(LEVELS, dtype=np.int8)
    return Watched(
        watch=Watch(signals, vocabulary, REGISTRY),
        exposures=Exposures(["A", "A", "B"], np.array([0, 1, 0]), (frozenset(),), np.zeros(3, np.int64), {}),
        firms=Firms(["F0", "F1"], AS_OF, {}),
        before=None,
        levels=levels,
        ways=np.where(levels == UNKNOWN, -1, 0).astype(np.int8),
        probability=np.full(3, np.nan),
        grade=np.array([2, -1, 1]),
        grade_before=np.array([1, 1, 1]),
    )  # fmt: skip


def test_a_signal_that_goes_on_keeps_the_day_it_began(watched: Watched) -> None:
    before = {("A", "F1", "W30"): Held(Level.YELLOW, 0, date(2026, 4, 30))}
    found = holding(watched, before)
    assert found[("A", "F1", "W30")] == Held(Level.ORANGE, 0, date(2026, 4, 30))
    assert found[("A", "F0", "W01")] == Held(Level.RED, 0, AS_OF)
    assert set(found) == {("A", "F0", "W01"), ("A", "F1", "W30"), ("B", "F0", "W30")}


def test_what_moved_says_whether_it_ended_or_is_no_longer_seen(watched: Watched) -> None:
    old = date(2026, 5, 31)
    before = {
        ("A", "F0", "W30"): Held(Level.YELLOW, 0, old),  # level 0 now: ended
        ("A", "F0", "W46"): Held(Level.ORANGE, 0, old),  # -1 now: silence is no end
        ("A", "F0", "W99"): Held(Level.ORANGE, 0, old),  # a signal that is no more asked
        ("A", "F1", "W30"): Held(Level.YELLOW, 0, old),  # orange now: worse
        ("B", "F0", "W30"): Held(Level.ORANGE, 0, old),  # yellow now: better
        ("B", "F1", "W30"): Held(Level.ORANGE, 0, old),  # no exposure of B to F1 any more
    }
    found = {one.key: one.move for one in moves(watched, before, holding(watched, before))}
    assert found == {
        ("A", "F0", "W01"): "new",
        ("A", "F0", "W30"): "ended",
        ("A", "F0", "W46"): "unseen",
        ("A", "F0", "W99"): "unseen",
        ("A", "F1", "W30"): "worse",
        ("B", "F0", "W30"): "better",
        ("B", "F1", "W30"): "gone",
    }


def test_exposures_are_counted_by_their_worst_level(watched: Watched) -> None:
    everyone = np.ones(3, dtype=np.bool_)
    found = levels_by(watched, ["x", "y", "x"], everyone)
    assert found["x"] == {"none": 0, "B": 0, "Y": 1, "O": 0, "R": 1}
    assert found["y"] == {"none": 0, "B": 0, "Y": 0, "O": 1, "R": 0}
    only_a = np.array([True, True, False])
    assert signals_by_level(watched, only_a) == {
        "W01": {"B": 0, "Y": 0, "O": 0, "R": 1},
        "W30": {"B": 0, "Y": 0, "O": 1, "R": 0},
    }


def part(month: int, loans: int, late: int, value: str = "C") -> LateRate:
    return LateRate("industry", value, month, loans, late)


def test_the_level_of_a_part_counts_from_its_limit() -> None:
    # 5 of 100 is 5 %: at the limit. 4 of 100 is below it and no more than twice its mean of 4 %.
    calm = [part(month, 100, 4) for month in range(12)]
    assert [one.passes for one in concentrations([*calm, part(12, 100, 5)], RULES)] == [("level",)]
    assert concentrations([*calm, part(12, 100, 4)], RULES) == []


def test_a_rise_counts_beyond_twice_the_mean_of_the_months_before() -> None:
    # Mean 2 %: 40 of 1000 is exactly twice it, 41 is one beyond.
    calm = [part(month, 1000, 20) for month in range(12)]
    assert concentrations([*calm, part(12, 1000, 40)], RULES) == []
    (found,) = concentrations([*calm, part(12, 1000, 41)], RULES)
    assert (found.passes, found.mean) == (("rise",), 0.02)
    # Only the twelve months before count: a bad month thirteen months ago changes nothing.
    shifted = [part(-1, 1000, 1000), *calm, part(12, 1000, 41)]
    assert concentrations(shifted, RULES) == [found]


def test_small_parts_say_nothing() -> None:
    assert concentrations([part(1, 29, 29)], RULES) == []
    assert concentrations([part(1, 40, 2)], RULES) == []
    assert [one.mean for one in concentrations([part(1, 30, 3)], RULES)] == [None]
    # A part whose loans all ended is not judged by an older month.
    assert concentrations([part(1, 30, 3), part(2, 100, 0, "F")], RULES) == []


def test_limits_of_a_day_before_the_first_version_are_an_error() -> None:
    with pytest.raises(ModelDocumentError, match="no limits for 2009-12-31"):
        load_concentration().at(date(2009, 12, 31))


def test_the_latest_version_in_force_counts() -> None:
    book = load_concentration()
    newer = book.versions[0].model_copy(update={"valid_from": date(2027, 1, 1)})
    both = book.model_copy(update={"versions": [newer, *book.versions]})
    assert both.at(date(2026, 12, 31)).valid_from < both.at(date(2027, 1, 1)).valid_from
