"""Rows of the ledger about cases, as values."""

from dataclasses import dataclass
from datetime import datetime

from serving.disputes.clocks import About, Kind
from serving.disputes.machine import Standing


@dataclass(frozen=True)
class CaseRow:
    """A case as it stands.

    Attributes
    ----------
    case_no : int
        Rising with time of filing.
    record_key : str
        Key of the record in its one spelling; empty for a review.
    text, appeal_text : str
        The owner's own words: shown to the owner and the operator, to nobody else.
    application_no : str
        Of a repair: the number under which it was applied for at the one window.
    outcome : str
        The state in which it was decided in this round; empty before.
    """

    case_no: int
    case_id: str
    kind: Kind
    uscc: str
    dataset: str
    record_key: str
    rating_id: str
    about: About
    text: str
    appeal_text: str
    application_no: str
    state: str
    state_since: datetime
    round: int
    assigned_to: str
    deciders: list[str]
    outcome: str
    answer_zh: str
    filed_by: str
    filed_at: datetime

    @property
    def standing(self) -> Standing:
        """What its next step depends on."""
        return Standing(
            self.kind,
            self.state,
            self.state_since,
            self.round,
            self.assigned_to,
            frozenset(self.deciders),
        )

    @property
    def region(self) -> str:
        """Region of the department that registered the firm (characters 3 to 8 of its code)."""
        return self.uscc[2:8]


@dataclass(frozen=True)
class NewCase:
    """A case as it is filed."""

    case_id: str
    kind: Kind
    uscc: str
    about: About
    text: str
    dataset: str = ""
    record_key: str = ""
    rating_id: str = ""
    application_no: str = ""


@dataclass(frozen=True)
class EventRow:
    """One step that was taken; `said` is what the platform's people gave with it."""

    step: str
    from_state: str
    to_state: str
    at: datetime
    actor: str
    actor_role: str
    said: dict[str, str]


@dataclass(frozen=True)
class DutyRow:
    """One duty of a case."""

    duty_no: int
    case_id: str
    duty: str
    opened_at: datetime
    due_at: datetime
    is_provisional: bool
    ended_at: datetime | None
    is_done: bool
    rating_id: str | None


@dataclass(frozen=True)
class OverdueRow:
    """A duty whose time is over."""

    case_id: str
    kind: Kind
    duty: str
    due_at: datetime
    assigned_to: str


@dataclass(frozen=True)
class OpenDutyRow:
    """A duty that is not done, with the case it is of."""

    duty_no: int
    case_id: str
    kind: Kind
    uscc: str
    about: About
    rating_id: str
    duty: str
    opened_at: datetime
    due_at: datetime
    is_provisional: bool


@dataclass(frozen=True)
class MarkRow:
    """A record that is disputed, or of which both views are recorded."""

    dataset: str
    record_key: str
    state: str
    since: datetime


@dataclass(frozen=True)
class StatementRow:
    """What a firm says beside a record."""

    statement_id: str
    uscc: str
    dataset: str
    record_key: str
    text: str
    made_at: datetime


@dataclass(frozen=True)
class NoticeRow:
    """A repair that is decided and not in the lake yet."""

    case_id: str
    uscc: str
    dataset: str
    record_no: str
    repaired_at: datetime
    decided_by: str
    certificate_no: str


@dataclass(frozen=True)
class ReviewNoteRow:
    """What came of a manual review; the rating itself stays as it was.

    Attributes
    ----------
    grade : str or None
        Only of an override: the grade two people decided on, shown beside the model's.
    new_rating_id : str or None
        Only where the firm was rated again.
    """

    case_id: str
    rating_id: str
    outcome: str
    grade: str | None
    new_rating_id: str | None
    basis: str
    at: datetime
