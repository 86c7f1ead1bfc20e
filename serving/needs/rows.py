"""Rows of the ledger about needs and applications, as values."""

from dataclasses import asdict, dataclass, fields
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from serving.needs.machine import Standing, State

Said = bool | float | str


@dataclass(frozen=True)
class Need:
    """What a firm needs, as it or an officer stated it.

    Attributes
    ----------
    need_no : int
        Rising with time; 0 until it is written.
    institution : str
        Of the officer who took it down; empty where the firm did itself.
    statements : dict of str to bool, float or str
        The firm's own word on facts that no record gives.
    """

    need_no: int
    need_id: str
    uscc: str
    institution: str
    amount_fen: int
    term_months: int
    purpose: str
    statements: dict[str, Said]
    source: str
    made_by: str
    made_at: datetime


@dataclass(frozen=True)
class Application:
    """An application for one product as it stands.

    Attributes
    ----------
    family, grade : str
        What chances of approval are counted by; `grade` is that of the firm's latest own rating, empty
        without one. No institution is told.
    reason : str
        Code of a declined one; else empty.
    amount_fen, rate_percent, term_months, loan_id
        Of a granted one.
    revisit_outcome : str
        Code of how it went, once the firm was asked; else empty.
    satisfaction : int or None
        The firm's own mark, 1 to 5, 5 the best; None if it gave none.
    """

    application_no: int
    application_id: str
    need_id: str
    match_id: str
    uscc: str
    institution: str
    product: str
    family: str
    grade: str
    standing: Standing
    applied_by: str
    applied_at: datetime
    reason: str = ""
    amount_fen: int | None = None
    rate_percent: Decimal | None = None
    term_months: int | None = None
    loan_id: str = ""
    revisit_outcome: str = ""
    satisfaction: int | None = None

    @property
    def columns(self) -> dict[str, Any]:
        """As the ledger keeps it."""
        own = {one.name: getattr(self, one.name) for one in fields(self) if one.name != "standing"}
        return own | asdict(self.standing)


def application_of(**columns: Any) -> Application:
    """An application of a row of the ledger."""
    held = {one.name: columns.pop(one.name) for one in fields(Standing)}
    return Application(standing=Standing(**held), **columns)


@dataclass(frozen=True)
class EventRow:
    """One step that was taken; `said` is what was given with it."""

    step: str
    to_state: str
    at: datetime
    actor_role: str
    said: dict[str, str]


@dataclass(frozen=True)
class NewEvent:
    """A step as it is written."""

    application_id: str
    step: str
    to_state: str
    at: datetime
    actor: str
    actor_role: str
    said: dict[str, str]


@dataclass(frozen=True)
class Shown:
    """What a match showed a firm, in its order, and until when it counts."""

    eligible: list[str]
    valid_until: date


@dataclass(frozen=True)
class DutyRow:
    """An application its lender should have answered by now, or is to revisit; nothing of the firm."""

    application_id: str
    institution: str
    product: str
    state: State
    due: str
    due_at: datetime
    is_overdue: bool


@dataclass(frozen=True)
class OutcomeRow:
    """How many applications for a product at a letter ended in a state; nothing of any firm."""

    product: str
    family: str
    grade: str
    answered: int
    granted: int


@dataclass(frozen=True)
class ExposureRow:
    """How often a product stood within sight on a firm's own match, and was applied for."""

    product: str
    shown: int
    applied: int
