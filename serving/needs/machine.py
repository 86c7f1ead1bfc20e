"""Where an application can go, who may take it there and until when: one table, nothing else decides."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from serving.disputes.workdays import due_in_days, due_in_working_days
from serving.needs.rules import need_rules
from serving.stepping import Attempt, permitted

State = Literal["applied", "contacted", "granted", "declined", "withdrawn", "expired"]
By = Literal["institution", "firm", "platform", "system"]
OPEN: tuple[State, ...] = ("applied", "contacted")
_LENDER: tuple[By, ...] = ("institution",)


@dataclass(frozen=True)
class Step:
    """One move; `needs` are fields that must be given."""

    name: str
    sources: tuple[State, ...]
    target: State
    by: tuple[By, ...]
    needs: tuple[str, ...] = ()


# fmt: off
STEPS: tuple[Step, ...] = (
    Step("contact", ("applied",), "contacted", _LENDER),
    Step("grant", OPEN, "granted", _LENDER, ("amount",)),
    Step("decline", OPEN, "declined", _LENDER, ("reason",)),
    Step("withdraw", OPEN, "withdrawn", ("firm",)),
    Step("expire", OPEN, "expired", ("system",)),
    Step("revisit", ("granted",), "granted", ("institution", "platform"), ("outcome",)),
)
# fmt: on
TABLE = {step.name: step for step in STEPS}


@dataclass(frozen=True)
class Standing:
    """Where an application stands.

    Attributes
    ----------
    since : datetime
        When it came into its state.
    expires_at : datetime
        When an unanswered one ends.
    contact_by, decide_by : datetime or None
        Asia/Shanghai wall time; None where it is not due any more.
    revisit_by : datetime or None
        Until when the firm of a granted one is asked how it went; None once it was.
    """

    state: State
    since: datetime
    expires_at: datetime
    contact_by: datetime | None = None
    decide_by: datetime | None = None
    revisit_by: datetime | None = None

    @property
    def is_open(self) -> bool:
        """Whether a lender still has to answer."""
        return self.state in OPEN

    def overdue(self, now: datetime) -> str:
        """What should have been done by now: `contact`, `decide`, `revisit` or nothing."""
        clocks = {"contact": self.contact_by, "decide": self.decide_by, "revisit": self.revisit_by}
        return next((due for due, at in clocks.items() if at is not None and at < now), "")


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
        If it is another side's step.
    ConflictError
        If it cannot be taken in this state, or a revisit was made already.
    """
    attempt = Attempt("An application", standing.state, name, by, given)
    return _moved(standing, permitted(TABLE, attempt, lambda: next_steps(standing, by)), now)


def next_steps(standing: Standing, by: By) -> tuple[str, ...]:
    """What this side may do with an application as it stands.

    Examples
    --------
    >>> new = applied(datetime(2026, 11, 20, 16, 30))
    >>> next_steps(new, "institution"), next_steps(new, "firm")
    (('contact', 'grant', 'decline'), ('withdraw',))
    """
    return tuple(
        step.name
        for step in STEPS
        if by in step.by
        and standing.state in step.sources
        and (step.name != "revisit" or standing.revisit_by is not None)
    )


def _moved(standing: Standing, step: Step, now: datetime) -> Standing:
    if step.name == "revisit":
        return replace(standing, revisit_by=None)
    moved = replace(standing, state=step.target, since=now, contact_by=None)
    if step.target in OPEN:
        return moved
    rules = need_rules(now.date())
    revisit_by = due_in_days(now, rules.revisit_days, rules.due_hour).at
    return replace(
        moved, decide_by=None, revisit_by=revisit_by if step.target == "granted" else None
    )
