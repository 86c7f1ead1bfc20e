"""Rows of the ledger about alerts, as values."""

from dataclasses import asdict, dataclass, field, fields
from datetime import date, datetime
from typing import Any

from models.signals.levels import Level
from serving.alerts.machine import Standing
from serving.alerts.steps import Outcome, State


@dataclass(frozen=True)
class Shown:
    """One value of evidence as the lender may see it; what it may not see is not kept at all.

    Attributes
    ----------
    zh, en : str
        The value, or its band; empty where only the signal itself may be known.
    """

    name: str
    zh: str
    en: str


@dataclass(frozen=True)
class Alert:
    """An alert as it stands.

    Attributes
    ----------
    alert_no : int
        Rising with time; 0 until it is written.
    name : str
        Of the enterprise; empty if the run did not say.
    found_on, found_at : date, datetime
        Date of the data of the latest run in which the signal held, and when that was heard.
    model : str
        Version of the model that found it, if one did.
    datasets, needs : list of str
        What it rests on, and the scopes that must be open for that.
    evidence, says : list
        See `Shown`; sentences in two languages.
    since_grant : list
        Sentences about what changed since the loan was granted, as of when the alert was raised.
    """

    alert_no: int
    alert_id: str
    institution: str
    uscc: str
    name: str
    signal: str
    dimension: str
    standing: Standing
    found_on: date
    found_at: datetime
    model: str = ""
    datasets: list[str] = field(default_factory=list[str])
    needs: list[str] = field(default_factory=list[str])
    evidence: list[dict[str, str]] = field(default_factory=list[dict[str, str]])
    says: list[list[str]] = field(default_factory=list[list[str]])
    since_grant: list[list[str]] = field(default_factory=list[list[str]])

    @property
    def owner(self) -> tuple[str, str]:
        """Whose it is, about whom."""
        return (self.institution, self.uscc)

    @property
    def columns(self) -> dict[str, Any]:
        """As the ledger keeps it."""
        own = {one.name: getattr(self, one.name) for one in fields(self) if one.name != "standing"}
        return own | asdict(self.standing)


def alert_of(**columns: Any) -> Alert:
    """An alert of a row of the ledger."""
    held = {one.name: columns.pop(one.name) for one in fields(Standing)}
    held["level"] = Level(held["level"])
    held["less"] = None if held["less"] is None else Level(held["less"])
    return Alert(standing=Standing(**held), **columns)


@dataclass(frozen=True)
class OriginTold:
    """An alert that tells already what changed since the loan was granted, by what it rests on."""

    institution: str
    uscc: str
    signal: str
    level: str
    datasets: list[str]


@dataclass(frozen=True)
class EventRow:
    """One step that was taken; `said` is what was given with it."""

    step: str
    from_state: str
    to_state: str
    level: str
    at: datetime
    actor: str
    actor_role: str
    said: dict[str, str]


@dataclass(frozen=True)
class NewEvent:
    """A step as it is written."""

    alert_id: str
    step: str
    from_state: str
    to_state: str
    level: str
    at: datetime
    actor: str
    actor_role: str
    said: dict[str, str]


@dataclass(frozen=True)
class WatchRow:
    """A firm on an institution's watch list: put there, or by an open alert.

    Attributes
    ----------
    level : str or None
        Worst open alert, orange or red; None if there is none.
    reason, put_at
        Of whoever put it there; None if nobody did.
    """

    uscc: str
    level: str | None
    alerts: int
    reason: str | None
    put_at: datetime | None


@dataclass(frozen=True)
class CountRow:
    """How many alerts of a kind stand where; nothing of any firm."""

    institution: str
    signal: str
    level: str
    state: State
    outcome: Outcome | None
    alerts: int


@dataclass(frozen=True)
class OverdueRow:
    """An alert that its lender should have acknowledged or handled by now; nothing of the firm."""

    alert_id: str
    institution: str
    signal: str
    level: str
    due: str
    due_at: datetime
