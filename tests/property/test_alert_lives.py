"""Random lives of an alert: nothing severe is lost, nothing is told twice, what is closed stays closed."""

from datetime import datetime, timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from features.errors import XinqiaoError
from models.signals.levels import Level
from serving.alerts.machine import Standing, take
from serving.alerts.runs import Change, Run, clear, held

START = datetime(2026, 1, 5, 9)
LONG = settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow], deadline=None)
OUTCOMES = ("confirmed_default", "mitigated", "false_alarm")
RUNS = st.sampled_from(["B", "Y", "O", "R", "clear", "unknown"])
STEPS = st.sampled_from(["acknowledge", "note", *OUTCOMES])
#: Hours to wait, then a run or a step of the lender's.
MOVES = st.lists(st.tuples(st.integers(0, 400), st.one_of(RUNS, STEPS)), min_size=5, max_size=40)


def heard(now: Standing | None, found: str, run: Run) -> Change | None:
    if found == "unknown" or (now is None and found == "clear"):
        return None
    if found == "clear":
        assert now is not None
        return clear(now, run)
    return held(now, Level(found), run)


def stepped(now: Standing, name: str, at: datetime) -> Standing:
    try:
        if name in OUTCOMES:
            return take(now, "close", "institution", now=at, outcome=name)
        return take(now, name, "institution", now=at, text="x")
    except XinqiaoError:
        return now


def require_sound(alert: Standing) -> None:
    assert (alert.state == "closed") == (alert.outcome is not None) == (alert.closed_at is not None)
    assert alert.state not in {"detected", "verified"}, "who can be told was told"
    if not alert.is_open:
        assert {alert.acknowledge_by, alert.handle_by, alert.repeat_at} == {None}
    if alert.acknowledge_by and alert.handle_by:
        assert alert.acknowledge_by <= alert.handle_by
    if alert.acknowledge_by:
        assert alert.state == "pushed"
    assert alert.less is None or alert.less.rank < alert.level.rank


def rank_of(found: str) -> int:
    return Level(found).rank if found in set(Level) else 0


def require_right_push(before: Standing | None, found: str, change: Change, at: datetime) -> None:
    """A push is for a beginning, a return or a higher level, and none of these goes without one."""
    open_before = before if before is not None and before.is_open else None
    is_worse = open_before is not None and rank_of(found) > open_before.level.rank
    begins = {"detect", "reopen"} & set(change.steps)
    assert ("push" in change.steps) == bool(is_worse or begins)
    assert change.is_new == ("detect" in change.steps)
    if "push" in change.steps:
        assert change.standing.level == found, "the level found is the level told"
    if open_before is not None:
        assert not begins, "no second one beside an open one"
        for name in ("acknowledge_by", "handle_by"):
            old, new = getattr(open_before, name), getattr(change.standing, name)
            seen = change.standing.acknowledge_by or new
            assert not (old and new) or new <= max(old, seen), "a duty is given no more time"
    if before is not None and not before.is_open and change.standing.is_open:
        assert begins
        worse = rank_of(found) > before.level.rank
        over = before.closed_at is not None and at >= before.closed_at + timedelta(days=30)
        assert worse or over or before.has_cleared


@LONG
@given(MOVES, st.booleans())
def test_random_lives(moves: list[tuple[int, str]], is_daily: bool) -> None:  # noqa: FBT001 - given by Hypothesis
    alert: Standing | None = None
    at = START
    for hours, move in moves:
        at += timedelta(hours=hours)
        before = alert
        if move in {*(level.value for level in Level), "clear", "unknown"}:
            run = Run(at.date(), at, 30, is_daily=is_daily)
            change = heard(alert, move, run)
            if change is None:
                continue
            require_right_push(before, move, change, at)
            alert = change.standing
            again = heard(alert, move, run)
            assert again is not None
            assert again.standing == alert, "the same run again changes nothing"
            assert again.steps == ()
        elif alert is not None:
            alert = stepped(alert, move, at)
            if before is not None and not before.is_open:
                assert alert == before, "only a run opens what is closed"
        if alert is not None:
            require_sound(alert)


@LONG
@given(st.lists(st.sampled_from(list(Level)), min_size=1, max_size=30))
def test_the_worst_that_was_found_was_told(levels: list[Level]) -> None:
    """However quickly it changes, whoever reads the pushes has seen the worst level since it began."""
    alert, told = None, list[Level]()
    for day, level in enumerate(levels):
        at = START + timedelta(days=day)
        change = held(alert, level, Run(at.date(), at, 30, is_daily=True))
        alert = change.standing
        told += [alert.level] if "push" in change.steps else []
    assert max(level.rank for level in told) == max(level.rank for level in levels)
