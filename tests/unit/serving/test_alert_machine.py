"""The life of one alert without a ledger: every step, every refusal, and what runs make of it."""

from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest

from features.errors import XinqiaoError
from models.signals.levels import Level
from serving.alerts.machine import Standing, take
from serving.alerts.runs import Run, clear, held
from serving.alerts.steps import OPEN, STEPS, By, State
from serving.errors import ConflictError, MalformedError, NotPermittedError

NOON = datetime(2026, 11, 20, 12)  # a Friday
FRIDAY = NOON.date()
STATES: tuple[State, ...] = (*OPEN, "closed")
OUTCOMES = {"close": "mitigated", "end": "expired"}
#: State by step, what comes of it; what is not here is refused.
MOVES = """
             detected  verified  pushed        acknowledged  handling  closed
verify       verified  .         .             .             .         .
push         .         pushed    .             .             .         .
acknowledge  .         .         acknowledged  .             .         .
note         .         .         .             handling      handling  .
close        .         .         .             closed        closed    .
raise        detected  detected  detected      detected      detected  .
lower        detected  verified  pushed        acknowledged  handling  .
repeat       .         .         pushed        acknowledged  handling  .
end          closed    closed    closed        closed        closed    .
reopen       .         .         .             .             .         detected
"""


def standing(state: State = "pushed", level: Level = Level.ORANGE) -> Standing:
    fresh = Standing(state, level, NOON, NOON, FRIDAY, FRIDAY)
    return replace(fresh, closed_at=NOON, outcome="mitigated") if state == "closed" else fresh


def by_of(step: str) -> By:
    return next(one.by[0] for one in STEPS if one.name == step)


def attempt(before: Standing, step: str) -> Standing:
    """The step by the right side, with all it needs."""
    outcome = OUTCOMES.get(step, "")
    return take(before, step, by_of(step), now=NOON, text="x", outcome=outcome)


def cells() -> list[tuple[str, State, str]]:
    header, *lines = [line.split() for line in MOVES.strip().splitlines()]
    assert header == list(STATES)
    return [
        (name, state, target)
        for name, *targets in lines
        for state, target in zip(STATES, targets, strict=True)
    ]


def test_the_table_tells_of_every_step() -> None:
    assert {name for name, _, _ in cells()} == {step.name for step in STEPS}


@pytest.mark.parametrize(("step", "state", "target"), cells())
def test_every_step_from_every_state(step: str, state: State, target: str) -> None:
    before = standing(state)
    if target != ".":
        assert attempt(before, step).state == target
        return
    with pytest.raises(ConflictError, match=f"'{step}' cannot be done in state '{state}'"):
        attempt(before, step)


@pytest.mark.parametrize("step", [one.name for one in STEPS])
def test_a_step_of_the_other_side_is_refused(step: str) -> None:
    other: By = "system" if by_of(step) == "institution" else "institution"
    with pytest.raises(NotPermittedError, match=f"'{step}' is a step of the {by_of(step)}"):
        take(standing(), step, other, now=NOON)


@pytest.mark.parametrize(
    ("step", "state", "given", "told"),
    [
        ("note", "acknowledged", {}, "'note' needs text"),
        ("close", "handling", {}, "'close' needs outcome"),
        (
            "close",
            "handling",
            {"outcome": "repaired"},
            "'close' ends with one of: confirmed_default",
        ),
        ("end", "pushed", {"outcome": "false_alarm"}, "'end' ends with one of: repaired"),
        ("forget", "pushed", {}, "no step of that name"),
    ],
)
def test_what_a_step_needs(step: str, state: State, given: dict[str, str], told: str) -> None:
    by: By = "institution" if step == "forget" else by_of(step)
    with pytest.raises(MalformedError, match=told) as refused:
        take(standing(state), step, by, now=NOON, outcome=given.get("outcome", ""))
    assert isinstance(refused.value, XinqiaoError)


@pytest.mark.parametrize(
    ("level", "acknowledge", "handle", "repeat"),
    [  # from Friday noon: Monday is the first working day
        (Level.RED, datetime(2026, 11, 23, 18), datetime(2026, 11, 25, 18), NOON + timedelta(7)),
        (
            Level.ORANGE,
            datetime(2026, 11, 24, 18),
            datetime(2026, 11, 27, 18),
            NOON + timedelta(14),
        ),
        (Level.YELLOW, datetime(2026, 11, 27, 18), datetime(2026, 12, 4, 18), NOON + timedelta(30)),
        (Level.BLUE, None, None, None),
    ],
)
def test_the_clocks_of_every_level(
    level: Level, acknowledge: datetime | None, handle: datetime | None, repeat: datetime | None
) -> None:
    told = take(standing("verified", level), "push", "system", now=NOON)
    assert (told.acknowledge_by, told.handle_by, told.repeat_at) == (acknowledge, handle, repeat)


def test_a_duty_ends_when_it_is_done() -> None:
    told = take(standing("verified"), "push", "system", now=NOON)
    seen = take(told, "acknowledge", "institution", now=NOON)
    assert (seen.acknowledge_by, seen.handle_by) == (None, told.handle_by)
    noted = take(seen, "note", "institution", now=NOON, text="已联系企业")
    assert noted.handle_by is None
    assert noted.repeat_at == told.repeat_at, "it is repeated until it is closed"
    done = take(noted, "close", "institution", now=NOON, outcome="mitigated")
    assert (done.repeat_at, done.closed_at, done.outcome) == (None, NOON, "mitigated")


# What runs make of it. A story is a text: day of the run, what it found (`-` clear, `?` unknown), and how the alert
# stands then; `+` is a push.
DAILY = """
1 O  pushed O +     | 1 O  pushed O       | 2 R  pushed R +    | 3 O  pushed R
4 O  pushed O       | 5 Y  pushed O       | 6 -  pushed Y      | 7 Y  pushed Y
8 -  pushed Y       | 8 -  pushed Y       | 9 ?  pushed Y      | 10 -  closed expired
11 Y  pushed Y +    | 11 -  pushed Y      | 12 -  pushed Y     | 13 -  closed expired
120 B  pushed B +
"""
#: Day 1 is 1 November, so 31 is December and 62 January.
MONTHLY = """
1 O  pushed O +     | 2 -  pushed O       | 29 -  pushed O     | 31 -  pushed O
32 -  pushed O      | 61 -  pushed O      | 62 -  closed expired
"""


def play(story: str, *, is_daily: bool, cooldown_days: int = 90) -> None:
    first = datetime(2026, 11, 1, 6)
    now: Standing | None = None
    for scene in story.replace("\n", "|").split("|"):
        if not scene.strip():
            continue
        number, found, state, how, *pushed = scene.split()
        at = first + timedelta(days=int(number) - 1)
        run = Run(at.date(), at, cooldown_days, is_daily=is_daily)
        steps: tuple[str, ...] = ()
        if found == "-":
            assert now is not None
            change = clear(now, run)
            now, steps = change.standing, change.steps
        elif found != "?":
            change = held(now, Level(found), run)
            now, steps = change.standing, change.steps
        assert now is not None
        assert (now.state, now.outcome or now.level) == (state, how), scene
        assert ("push" in steps) == bool(pushed), scene


def test_a_signal_of_daily_records() -> None:
    play(DAILY, is_daily=True)


def test_a_signal_of_monthly_data_waits_for_two_months() -> None:
    play(MONTHLY, is_daily=False)


def run_on(day: date, **more: bool) -> Run:
    return Run(day, datetime.combine(day, NOON.time()), 90, is_daily=True, **more)


def closed(outcome: str) -> Standing:
    return take(standing("handling"), "close", "institution", now=NOON, outcome=outcome)


def test_what_a_lender_judged_does_not_come_back_by_going_on() -> None:
    day = FRIDAY + timedelta(days=1)
    judged = closed("false_alarm")
    assert held(judged, Level.ORANGE, run_on(day)).steps == ()
    assert held(judged, Level.YELLOW, run_on(day)).steps == ()
    worse = held(judged, Level.RED, run_on(day))
    assert worse.steps == ("reopen", "verify", "push")
    assert (worse.standing.reopened, worse.standing.outcome, worse.is_new) == (1, None, False)
    returned = held(
        clear(judged, run_on(day)).standing, Level.YELLOW, run_on(day + timedelta(days=1))
    )
    assert returned.steps[0] == "reopen"


@pytest.mark.parametrize(("days", "step"), [(89, None), (90, "detect")])
def test_after_the_cooldown_it_is_another_alert(days: int, step: str | None) -> None:
    change = held(closed("mitigated"), Level.ORANGE, run_on(FRIDAY + timedelta(days=days)))
    assert (change.steps[0] if change.steps else None) == step
    assert change.is_new == (step is not None)


def test_a_repaired_record_ends_it_at_the_first_clear_run() -> None:
    day = FRIDAY + timedelta(days=1)
    change = clear(standing(), run_on(day, has_repair=True))
    assert (change.steps, change.standing.outcome) == (("end",), "repaired")
    assert held(standing(), Level.ORANGE, run_on(day, has_repair=True)).standing.is_open


def test_the_platform_counts_and_pushes_nothing() -> None:
    change = held(None, Level.RED, run_on(FRIDAY, is_pushed=False))
    assert (change.steps, change.standing.state) == (("detect", "verify"), "verified")
    assert change.standing.acknowledge_by is None


def test_a_run_of_an_earlier_day_says_nothing() -> None:
    day = FRIDAY - timedelta(days=1)
    assert held(standing(), Level.RED, run_on(day)).standing == standing()
    assert clear(standing(), run_on(day)).standing == standing()


def test_raising_never_gives_more_time() -> None:
    told = take(standing("verified", Level.YELLOW), "push", "system", now=NOON)
    monday = datetime(2026, 11, 23, 12)
    # Yellow was due on Friday the 27th; orange pushed on Monday would be due on Wednesday the 25th.
    run = Run(monday.date(), monday, 90, is_daily=True)
    assert held(told, Level.ORANGE, run).standing.acknowledge_by == datetime(2026, 11, 25, 18)
    late = datetime(2026, 11, 27, 12)
    run = Run(late.date(), late, 90, is_daily=True)
    assert held(told, Level.ORANGE, run).standing.acknowledge_by == told.acknowledge_by
