"""Where an application can go, who may take it there and until when: one table, nothing else decides."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Literal

from serving.disputes.workdays import due_in_days, due_in_working_days
from serving.errors import ConflictError, MalformedError, NotPermittedError
from serving.needs.rules import need_rules

State = Literal["applied", "contacted", "granted", "declined", "withdrawn", "expired"]
By = Literal["institution", "firm", "system"]
OPEN: tuple[State, ...] = ("applied", "contacted")


@dataclass(frozen=True)
class Step:
    """One move; `needs` are fields that must be given."""

    name: str
    sources: tuple[State, ...]
    target: State
    by: By
    needs: tuple[str, ...] = ()


# fmt: off
STEPS: tuple[Step, ...] = (
    Step("contact", ("applied",), "contacted", "institution"),
    Step("grant", OPEN, "granted", "institution", ("amount",)),
    Step("decline", OPEN, "declined", "institution", ("reason",)),
    Step("withdraw", OPEN, "withdrawn", "firm"),
    Step("expire", OPEN, "expired", "system"),
)
# fmt: on
TABLE = {step.name: step for step in STEPS}


@dataclass(frozen=True)
class Standing:
    """Where an application stands.

    Attributes
    ----------
    contact_by, decide_by : datetime or None
        Asia/Shanghai wall time; None where it is not due any more.
    expires_at : datetime
        When an unanswered one ends.
    revisit_by : date or None
        Until when the firm of a granted one is asked how it went.
    """

    state: State
    since: datetime
    expires_at: datetime
    contact_by: datetime | None = None
    decide_by: datetime | None = None
    revisit_by: date | None = None

    @property
    def is_open(self) -> bool:
        """Whether a lender still has to answer."""
        return self.state in OPEN

    def overdue(self, now: datetime) -> str:
        """What should have been done by now: `contact`, `decide` or nothing."""
        if self.contact_by is not None and self.contact_by < now:
            return "contact"
        return "decide" if self.decide_by is not None and self.decide_by < now else ""


def applied(now: datetime) -> Standing:
    """A new application with its clocks.

    Examples
    --------
    >>> applied(datetime(2026, 11, 20, 16, 30)).contact_by
    datetime.datetime(2026, 11, 24, 18, 0)
    """
    rules = need_rules(now.date())
    decide_by = due_in_working_days(now, rules.decide_working_days, rules.due_hour).at
    return Standing(
        state="applied",
        since=now,
        expires_at=decide_by + timedelta(days=rules.expire_days),
        contact_by=due_in_working_days(now, rules.contact_working_days, rules.due_hour).at,
        decide_by=decide_by,
    )


def take(
    standing: Standing, name: str, by: By, *, now: datetime, given: Collection[str] = ()
) -> Standing:
    """Where it stands after a step.

    Parameters
    ----------
    given : collection of str
        Names of the fields that were filled in.

    Raises
    ------
    MalformedError
        If there is no such step, or what it needs was not given.
    NotPermittedError
        If it is the other side's step.
    ConflictError
        If it cannot be taken in this state.
    """
    step = TABLE.get(name)
    if step is None:
        raise MalformedError(
            en=f"An application has no step of that name. It has: {', '.join(TABLE)}.",
            zh=f"没有这个步骤，可用的步骤：{'、'.join(TABLE)}。",
        )
    if step.by != by:
        raise NotPermittedError(
            en=f"'{name}' is a step of the {step.by}, not of the {by}.",
            zh=f"步骤“{name}”不由当前一方办理。",
            details={"step": name},
        )
    if standing.state not in step.sources:
        possible = next_steps(standing.state, by)
        raise ConflictError(
            en=f"'{name}' cannot be done in state '{standing.state}'. "
            f"Possible now: {', '.join(possible) or 'nothing'}.",
            zh=f"状态“{standing.state}”下不能办理“{name}”。当前可办理：{'、'.join(possible) or '无'}。",
            details={"state": standing.state, "possible": list(possible)},
        )
    missing = [field for field in step.needs if field not in given]
    if missing:
        raise MalformedError(
            en=f"'{name}' needs {', '.join(missing)}. Give what is missing.",
            zh=f"步骤“{name}”需要填写：{'、'.join(missing)}。",
            details={"missing": missing},
        )
    return _moved(standing, step, now)


def next_steps(state: State, by: By) -> tuple[str, ...]:
    """What this side may do with an application in this state.

    Examples
    --------
    >>> next_steps("contacted", "institution"), next_steps("granted", "firm")
    (('grant', 'decline'), ())
    """
    return tuple(step.name for step in STEPS if step.by == by and state in step.sources)


def _moved(standing: Standing, step: Step, now: datetime) -> Standing:
    moved = replace(standing, state=step.target, since=now, contact_by=None)
    if step.target in OPEN:
        return moved
    days = need_rules(now.date()).revisit_days
    revisit_by = due_in_days(now, days, 0).at.date() if step.target == "granted" else None
    return replace(moved, decide_by=None, revisit_by=revisit_by)
