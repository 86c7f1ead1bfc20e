"""What a report must be, when it is due and why one is refused; from `rules.yaml`, as dated data."""

from datetime import date, timedelta
from functools import cache
from pathlib import Path

from pydantic import Field

from features.documents import Document, load_document
from features.errors import CatalogueError

RULES = Path(__file__).with_name("rules.yaml")


class ClassFloor(Document):
    """More days past due than `over_days`, and the class is at least this one."""

    over_days: int = Field(ge=0)
    at_least: int = Field(ge=1, le=5)


class Rules(Document):
    """The limits of one version.

    Parameters
    ----------
    due_day : int
        Day of the next month on which a month's report is due.
    most_rows : int
        Of one file.
    lenders, guarantors : list of str
        Kinds of institution.
    class_floors : list of ClassFloor
        From few days to many.
    """

    version: str
    in_force: date
    due_day: int = Field(ge=1, le=28)
    most_rows: int = Field(ge=1)
    lenders: list[str]
    guarantors: list[str]
    class_floors: list[ClassFloor]

    def least_class(self, days_past_due: int) -> int:
        """The best class such a delay allows.

        Examples
        --------
        >>> [loan_rules(date(2026, 6, 1)).least_class(days) for days in (0, 1, 90, 91)]
        [1, 2, 2, 3]
        """
        floors = [f.at_least for f in self.class_floors if days_past_due > f.over_days]
        return max(floors, default=1)

    def last_due(self, today: date) -> date:
        """The latest month whose report is due by a day, by its first day.

        Examples
        --------
        >>> [loan_rules(day).last_due(day) for day in (date(2026, 3, 19), date(2026, 3, 20))]
        [datetime.date(2026, 1, 1), datetime.date(2026, 2, 1)]
        """
        ended = month_before(today.replace(day=1))
        return ended if today.day >= self.due_day else month_before(ended)


class Reason(Document):
    """Why a report is refused; `place` is the member that is wrong, if it is one alone."""

    zh: str
    en: str
    place: str = ""


class RulesDocument(Document):
    """`rules.yaml` as written."""

    versions: list[Rules] = Field(min_length=1)
    refusals: dict[str, Reason]
    doubts: dict[str, Reason]
    measures: dict[str, Reason]


@cache
def loan_words() -> RulesDocument:
    """Everything the file says.

    Raises
    ------
    CatalogueError
        If it is malformed.
    """
    return load_document(RULES, RulesDocument, CatalogueError)


def loan_rules(today: date) -> Rules:
    """The limits in force on a day; before the first, the first."""
    versions = sorted(loan_words().versions, key=lambda version: version.in_force)
    return next((v for v in reversed(versions) if v.in_force <= today), versions[0])


def month_before(month: date) -> date:
    """The first day of the month before."""
    return (month.replace(day=1) - timedelta(days=1)).replace(day=1)


def month_after(month: date) -> date:
    """The first day of the next month."""
    return (month.replace(day=28) + timedelta(days=4)).replace(day=1)
