"""Cases, marks and statements as they travel."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from serving.disputes.clocks import Kind
from serving.disputes.machine import appeal_until, next_steps
from serving.disputes.records import record_of
from serving.disputes.rows import CaseRow, DutyRow, EventRow, OverdueRow
from serving.disputes.steps import By
from serving.disputes.words import load_words

#: No control characters, which are nobody's words.
_PLAIN = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$"


def _constrained(longest: int) -> StringConstraints:
    return StringConstraints(
        strip_whitespace=True, min_length=1, max_length=longest, pattern=_PLAIN
    )


LongText = Annotated[str, _constrained(2000)]
AnswerText = Annotated[str, _constrained(4000)]
StatementText = Annotated[str, _constrained(500)]
ShortText = Annotated[str, _constrained(128)]
RecordKey = Annotated[dict[ShortText, ShortText], Field(max_length=6)]


class Body(BaseModel):
    """Base of every body: what is not known is a mistake."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class DisputeFiled(Body):
    """A record the firm objects to, and why."""

    dataset: ShortText
    record: RecordKey = Field(description="Key columns of the record without the firm's code.")
    text: LongText


class ReviewRequested(Body):
    """A rating the firm wants a person to look at, and why."""

    rating_id: ShortText
    text: LongText


class RepairApplied(Body):
    """A record whose repair was applied for at the one window 信用中国."""

    dataset: ShortText
    record_no: ShortText
    application_no: ShortText
    text: LongText = Field(description="What was made good, and the promise given.")


class StepTaken(Body):
    """A step; which fields it needs is said by the step."""

    step: ShortText
    text: LongText | None = None
    reference: ShortText | None = None
    basis: LongText | None = None
    answer_zh: AnswerText | None = None
    reviewer: ShortText | None = None
    grade: Literal["AAA", "AA", "A", "BBB", "BB", "B", "CCC", "CC", "C"] | None = None
    decided_by: Annotated[str, _constrained(200)] | None = None
    certificate_no: ShortText | None = None

    def said(self) -> dict[str, str]:
        """The fields that were filled in."""
        return self.model_dump(exclude={"step"}, exclude_none=True)


class DutyAnswer(Body):
    """Something that must be done until a moment."""

    duty: str
    due_at: datetime
    is_provisional: bool = Field(description="A holiday not arranged yet may move it.")
    ended_at: datetime | None
    is_done: bool


class EventAnswer(Body):
    """One step that was taken."""

    step: str
    to_state: str
    at: datetime
    by: str
    actor: str | None = Field(description="Who; shown to the platform's people only.")
    said: dict[str, str]


class CaseSummary(Body):
    """A case in a list; nobody's words are in it."""

    case_id: str
    kind: Kind
    uscc: str
    dataset: str
    record: dict[str, str]
    rating_id: str
    state: str
    state_zh: str
    state_en: str
    state_since: datetime
    round: int
    filed_at: datetime

    @classmethod
    def of(cls, row: CaseRow) -> "CaseSummary":
        """A row as it travels."""
        return cls.model_validate(_summary(row))


class CaseAnswer(CaseSummary):
    """A case with its words, clocks and history.

    `text` and `appeal_text` are the firm's own words, shown to the firm and to operators.
    """

    text: str | None
    appeal_text: str | None
    application_no: str
    outcome: str
    answer_zh: str
    assigned_to: str | None
    appeal_until: datetime | None
    next_steps: list[str]
    duties: list[DutyAnswer]
    history: list[EventAnswer]

    @classmethod
    def told(
        cls, row: CaseRow, events: list[EventRow], duties: list[DutyRow], by: By | None
    ) -> "CaseAnswer":
        """A case as this reader may see it; `by` is None for a reader who only reads."""
        is_platform = by != "owner"
        is_answered = row.state == "answered" and row.round == 1
        return cls.model_validate(
            {
                **_summary(row),
                "text": row.text if by is not None else None,
                "appeal_text": row.appeal_text if by is not None else None,
                "application_no": row.application_no,
                "outcome": row.outcome,
                "answer_zh": row.answer_zh,
                "assigned_to": row.assigned_to if is_platform else None,
                "appeal_until": appeal_until(row.state_since) if is_answered else None,
                "next_steps": list(next_steps(row.kind, row.state, by)) if by else [],
                "duties": [
                    DutyAnswer(
                        duty=d.duty,
                        due_at=d.due_at,
                        is_provisional=d.is_provisional,
                        ended_at=d.ended_at,
                        is_done=d.is_done,
                    )
                    for d in duties
                ],
                "history": [
                    EventAnswer(
                        step=e.step,
                        to_state=e.to_state,
                        at=e.at,
                        by=e.actor_role,
                        actor=e.actor if is_platform else None,
                        said={k: v for k, v in e.said.items() if is_platform or k != "reviewer"},
                    )
                    for e in events
                ],
            }
        )


class OverdueAnswer(Body):
    """A duty whose time is over."""

    case_id: str
    kind: Kind
    duty: str
    due_at: datetime
    assigned_to: str

    @classmethod
    def of(cls, row: OverdueRow) -> "OverdueAnswer":
        """A row as it travels."""
        return cls(
            case_id=row.case_id,
            kind=row.kind,
            duty=row.duty,
            due_at=row.due_at,
            assigned_to=row.assigned_to,
        )


def _summary(row: CaseRow) -> dict[str, object]:
    words = load_words().states[row.state]
    return {
        "case_id": row.case_id,
        "kind": row.kind,
        "uscc": row.uscc,
        "dataset": row.dataset,
        "record": dict(record_of(row.dataset, row.record_key).key),
        "rating_id": row.rating_id,
        "state": row.state,
        "state_zh": words.zh,
        "state_en": words.en,
        "state_since": row.state_since,
        "round": row.round,
        "filed_at": row.filed_at,
    }
