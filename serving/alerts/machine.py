"""Take an alert one step on, with its clocks, or say in one sentence why not."""

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import get_args

from models.signals.duties import Duty, duty_of, load_levels
from models.signals.levels import Level
from serving.alerts.steps import ENDED, JUDGED, TABLE, By, Outcome, State, Step, next_steps
from serving.disputes.workdays import due_in_working_days
from serving.errors import MalformedError
from serving.stepping import Attempt, permitted


@dataclass(frozen=True)
class Standing:
    """Where an alert stands, as far as its next step depends on it.

    Attributes
    ----------
    began_at : datetime
        When it was raised first, or re-opened last.
    level_since : datetime
        When it came to its level.
    as_of : date
        The latest run that was heard about it.
    counted : date
        Day or month (its first day) of the latest run that counted, see `serving.alerts.runs`.
    less_runs : int
        Runs in a row that found less than the level; `less` is the worst they found, None is nothing.
    acknowledge_by, handle_by, repeat_at : datetime or None
        None where nothing is due.
    outcome : str
        Of a closed one; empty while it is open.
    has_cleared : bool
        Whether the signal was known not to hold since the alert was closed.
    reopened, repeats : int
        How often it was re-opened, and sent again since it was pushed.
    """

    state: State
    level: Level
    began_at: datetime
    level_since: datetime
    as_of: date
    counted: date
    less_runs: int = 0
    less: Level | None = None
    acknowledge_by: datetime | None = None
    handle_by: datetime | None = None
    repeat_at: datetime | None = None
    outcome: Outcome | None = None
    closed_at: datetime | None = None
    has_cleared: bool = False
    reopened: int = 0
    repeats: int = 0

    @property
    def is_open(self) -> bool:
        """Whether it is not closed."""
        return self.state != "closed"


def take(
    standing: Standing,
    name: str,
    by: By,
    *,
    now: datetime,
    text: str = "",
    outcome: str = "",
    level: Level | None = None,
) -> Standing:
    """Where the alert stands after the step.

    Parameters
    ----------
    text, outcome : str
        What `note`, and `close` and `end`, need.
    level : Level, optional
        The new level, for `raise`, `lower` and `reopen`.

    Raises
    ------
    MalformedError
        If there is no such step, or what it needs was not given.
    NotPermittedError
        If it is the other side's step.
    ConflictError
        If it cannot be taken in this state.
    """
    step = _permitted(standing, name, by, {"text": text, "outcome": outcome})
    state = step.target or standing.state
    moved = replace(standing, state=state, level=level or standing.level)
    if moved.level != standing.level:
        moved = replace(moved, level_since=now)
    if name == "push":
        return _pushed(moved, duty_of(moved.level, now.date()), now)
    if name == "acknowledge":
        return replace(moved, acknowledge_by=None)
    if name == "note":
        return replace(moved, handle_by=None)
    if name == "repeat":
        days = duty_of(moved.level, now.date()).repeat_days
        return replace(moved, repeats=moved.repeats + 1, repeat_at=_after(now, days))
    if state == "closed":
        return _closed(moved, outcome, now)
    if name == "reopen":
        return replace(
            moved,
            began_at=now,
            level_since=now,
            outcome=None,
            closed_at=None,
            has_cleared=False,
            reopened=moved.reopened + 1,
        )
    return moved


def _pushed(standing: Standing, duty: Duty, now: datetime) -> Standing:
    """The clocks of a push: a duty that runs is given no more time, but nobody handles before having seen."""
    acknowledge_by = _sooner(standing.acknowledge_by, _due(now, duty.acknowledge_working_days))
    handle_by = _sooner(standing.handle_by, _due(now, duty.handle_working_days))
    if acknowledge_by is not None and handle_by is not None:
        handle_by = max(acknowledge_by, handle_by)
    return replace(
        standing,
        acknowledge_by=acknowledge_by,
        handle_by=handle_by,
        repeat_at=_after(now, duty.repeat_days),
        repeats=0,
    )


def _closed(standing: Standing, outcome: str, now: datetime) -> Standing:
    found = next(one for one in get_args(Outcome) if one == outcome)
    return replace(
        standing,
        outcome=found,
        closed_at=now,
        has_cleared=found in ENDED,
        acknowledge_by=None,
        handle_by=None,
        repeat_at=None,
        less_runs=0,
        less=None,
    )


def _due(now: datetime, working_days: int | None) -> datetime | None:
    if working_days is None:
        return None
    return due_in_working_days(now, working_days, load_levels().due_hour).at


def _after(now: datetime, days: int | None) -> datetime | None:
    return None if days is None else now + timedelta(days=days)


def _sooner(one: datetime | None, other: datetime | None) -> datetime | None:
    return min((at for at in (one, other) if at is not None), default=None)


def _permitted(standing: Standing, name: str, by: By, given: dict[str, str]) -> Step:
    step = permitted(
        TABLE,
        Attempt("An alert", standing.state, name, by, [field for field in given if given[field]]),
        lambda: next_steps(standing.state, by),
    )
    allowed = JUDGED if by == "institution" else ENDED
    if "outcome" in step.needs and given["outcome"] not in allowed:
        raise MalformedError(
            en=f"'{name}' ends with one of: {', '.join(allowed)}.",
            zh=f"“{name}”的结果应为：{'、'.join(allowed)}。",
            details={"allowed": list(allowed)},
        )
    return step
