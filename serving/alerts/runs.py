"""What one run of the watch means for one alert: begin, raise, lower, end, re-open, or nothing.

A run that found less than the alert's level counts once a day, or once a month where the signal's data
come by the month. What a run does not know it does not count. Running the same day again changes nothing.
"""

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from models.signals.duties import load_levels, newest
from models.signals.levels import Level, worst
from serving.alerts.machine import Standing, take


@dataclass(frozen=True)
class Run:
    """One run as one signal hears it.

    Attributes
    ----------
    now : datetime
        When it is heard.
    is_pushed : bool
        Whether there is somebody to push to; the platform keeps its own count and tells nobody.
    has_repair : bool
        Whether a record behind the alert was corrected or repaired since it was last found.
    """

    as_of: date
    now: datetime
    cooldown_days: int
    is_daily: bool
    is_pushed: bool = True
    has_repair: bool = False

    @property
    def period(self) -> date:
        """The day, or the first day of the month."""
        return self.as_of if self.is_daily else self.as_of.replace(day=1)


@dataclass(frozen=True)
class Change:
    """What became of an alert.

    Attributes
    ----------
    steps : tuple of str
        What was done, in order; empty for nothing that anybody has to hear of.
    is_new : bool
        Another alert than the one before, if there was one.
    """

    standing: Standing
    steps: tuple[str, ...] = ()
    is_new: bool = False


def held(standing: Standing | None, level: Level, run: Run) -> Change:
    """The signal holds at a level."""
    if standing is None:
        return _begin(level, run)
    if run.as_of < standing.as_of:
        return Change(standing)
    if standing.closed_at is not None:
        return _held_again(standing, standing.closed_at, level, run)
    if level.rank < standing.level.rank:
        return _less(standing, level, run)
    found = _counted(standing, run)
    if level == standing.level:
        return Change(found)
    return _told(take(found, "raise", "system", now=run.now, level=level), "raise", run)


def clear(standing: Standing, run: Run) -> Change:
    """The signal is known not to hold."""
    if run.as_of < standing.as_of:
        return Change(standing)
    if not standing.is_open:
        return Change(replace(standing, as_of=run.as_of, has_cleared=True))
    if run.has_repair:
        return _ended(replace(standing, as_of=run.as_of), "repaired", run)
    return _less(standing, None, run)


def _begin(level: Level, run: Run) -> Change:
    fresh = Standing("detected", level, run.now, run.now, run.as_of, run.period)
    return replace(_told(fresh, "detect", run), is_new=True)


def _held_again(standing: Standing, closed_at: datetime, level: Level, run: Run) -> Change:
    """After a lender's judgement what simply goes on is not news; a return and a worsening are."""
    if run.now >= closed_at + timedelta(days=run.cooldown_days):
        return _begin(level, run)
    if not standing.has_cleared and level.rank <= standing.level.rank:
        return Change(replace(standing, as_of=run.as_of))
    again = take(_counted(standing, run), "reopen", "system", now=run.now, level=level)
    return _told(again, "reopen", run)


def _less(standing: Standing, seen: Level | None, run: Run) -> Change:
    heard = replace(standing, as_of=run.as_of)
    if run.period <= standing.counted:
        return Change(heard)
    least = worst(one for one in (standing.less, seen) if one is not None)
    heard = replace(heard, counted=run.period, less_runs=standing.less_runs + 1, less=least)
    if heard.less_runs < newest(load_levels().ending, run.as_of).clear_runs:
        return Change(heard)
    if least is None:
        return _ended(heard, "expired", run)
    is_below = seen is None or seen.rank < least.rank
    lowered = take(heard, "lower", "system", now=run.now, level=least)
    return Change(
        replace(lowered, less_runs=int(is_below), less=seen if is_below else None), ("lower",)
    )


def _counted(standing: Standing, run: Run) -> Standing:
    period = max(run.period, standing.counted)
    return replace(standing, as_of=run.as_of, counted=period, less_runs=0, less=None)


def _ended(standing: Standing, outcome: str, run: Run) -> Change:
    return Change(take(standing, "end", "system", now=run.now, outcome=outcome), ("end",))


def _told(standing: Standing, step: str, run: Run) -> Change:
    """Verified by the rule itself, then pushed if there is somebody to push to."""
    verified = take(standing, "verify", "system", now=run.now)
    if not run.is_pushed:
        return Change(verified, (step, "verify"))
    return Change(take(verified, "push", "system", now=run.now), (step, "verify", "push"))
