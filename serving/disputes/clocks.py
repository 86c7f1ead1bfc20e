"""Which duties a step opens and ends, and until when each must be done; the lengths are data."""

from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import Field

from features.documents import Document, load_document
from features.errors import CatalogueError
from serving.disputes.workdays import Due, due_in_days, due_in_working_days

CLOCKS = Path(__file__).with_name("clocks.yaml")

Kind = Literal["dispute", "review", "repair"]
About = Literal["own", "others"]


class Period(Document):
    """How long a duty may take, from when, where and for whose findings."""

    starts: date = Field(alias="from")
    until: date | None = None
    days: int = Field(ge=1)
    unit: Literal["days", "working_days"]
    regions: list[str] = Field(default_factory=list)
    about: About | None = None
    evidence: Literal["verified", "proposal"]
    source: str
    note: str = ""

    def holds(self, day: date, region: str, about: About) -> bool:
        """Whether the rule was in force on this day for this firm and finding."""
        is_here = not self.regions or region.startswith(tuple(self.regions))
        is_in_force = self.starts <= day and (self.until is None or day <= self.until)
        return is_in_force and is_here and self.about in {None, about}

    def due(self, start: datetime, hour: int) -> Due:
        """The end of the period that starts now."""
        count = due_in_days if self.unit == "days" else due_in_working_days
        return count(start, self.days, hour)


class DutyDocument(Document):
    """One duty as written."""

    of: list[Kind]
    zh: str
    en: str
    opens: list[str] = Field(min_length=1)
    done: list[str] = Field(min_length=1)
    periods: list[Period] = Field(min_length=1)


class AppealDays(Document):
    """How long an answer can be appealed against."""

    days: int
    zh: str
    en: str
    evidence: Literal["verified", "proposal"]


class ClocksDocument(Document):
    """`clocks.yaml` as written."""

    due_hour: int = Field(ge=0, le=23)
    appeal_days: AppealDays
    duties: dict[str, DutyDocument]


@dataclass(frozen=True)
class Duty:
    """Something that must be done until a moment."""

    name: str
    opened_at: datetime
    due: Due


@cache
def load_clocks() -> ClocksDocument:
    """Read the duties.

    Raises
    ------
    CatalogueError
        If the file is malformed.
    """
    return load_document(CLOCKS, ClocksDocument, CatalogueError)


def duties_opened(
    kind: Kind, step: str, *, at: datetime, region: str, about: About
) -> tuple[Duty, ...]:
    """What must be done once this step was taken.

    Parameters
    ----------
    kind : Kind
    step : str
        Name of the step (`serving.disputes.steps`).
    at : datetime
        When it was taken, Asia/Shanghai.
    region : str
        GB/T 2260 code of the firm, or its beginning.
    about : About
        Whose finding is objected to.

    Examples
    --------
    >>> duty = duties_opened("dispute", "correct", at=datetime(2026, 11, 20, 9), region="61", about="others")
    >>> duty[0].name, duty[0].due.at
    ('bring_correction', datetime.datetime(2026, 11, 25, 18, 0))
    """
    return tuple(
        Duty(name, at, due_of(name, at=at, region=region, about=about))
        for name, duty in load_clocks().duties.items()
        if kind in duty.of and step in duty.opens
    )


def due_of(duty: str, *, at: datetime, region: str, about: About) -> Due:
    """Until when a duty that opened at a moment must be done: the earliest end counts.

    Raises
    ------
    CatalogueError
        If no period was in force then: a duty without an end would never be overdue.
    """
    clocks = load_clocks()
    periods = clocks.duties[duty].periods
    dues = [p.due(at, clocks.due_hour) for p in periods if p.holds(at.date(), region, about)]
    if not dues:
        raise CatalogueError(
            en=f"{CLOCKS.name}: no period of '{duty}' was in force on {at.date()}. Add one.",
            zh=f"{CLOCKS.name}：“{duty}”在 {at.date()} 没有有效的期限，请补充。",
        )
    return min(dues, key=lambda due: due.at)


def duties_done(kind: Kind, step: str) -> tuple[str, ...]:
    """The duties that this step does."""
    duties = load_clocks().duties.items()
    return tuple(name for name, duty in duties if kind in duty.of and step in duty.done)
