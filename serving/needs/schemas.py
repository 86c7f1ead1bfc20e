"""Needs and applications as they travel."""

from collections.abc import Collection, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Annotated

from pydantic import Field

from features.contracts import Words
from serving.disputes.schemas import Body, ShortText, StatementText
from serving.loans.reports import Number, Positive, Rate
from serving.loans.schemas import yuan
from serving.matching.schemas import Facts, Given, ProductCode
from serving.matching.schemas import Need as NeedBody
from serving.needs.machine import State, next_steps
from serving.needs.rows import Application, DutyRow, EventRow, Need, Said
from serving.needs.rules import reasons, revisits

Uscc = Annotated[str, Field(pattern=r"^[0-9A-Z]{18}$")]
Id = Annotated[str, Field(pattern=r"^[!-~]{1,64}$")]


class NeedMade(Body):
    """What a firm needs, with its own word on what no record says."""

    uscc: Uscc
    need: NeedBody
    statements: Facts = Field(
        default_factory=dict[str, Given],
        description="Names and units are at /v1/match-facts; the firm's own word, never proof.",
    )


class NeedAnswer(Body):
    """A need as it was stated."""

    need_id: str
    uscc: str
    amount_cny: Decimal
    term_months: int
    purpose: str
    statements: dict[str, Said]
    source: str
    made_at: datetime

    @classmethod
    def of(cls, need: Need) -> "NeedAnswer":
        """A row as it travels."""
        return cls(
            need_id=need.need_id,
            uscc=need.uscc,
            amount_cny=yuan(need.amount_fen),
            term_months=need.term_months,
            purpose=need.purpose,
            statements=need.statements,
            source=need.source,
            made_at=need.made_at,
        )


class Chosen(Body):
    """A product of a firm's own match."""

    match_id: Id = Field(description="A match the firm made itself; it must still be valid.")
    product: ProductCode


class ApplicationMade(Chosen):
    """The product of the firm's own match that it applies for."""

    need_id: Id


class Contact(Body):
    """How the lender got in touch; no personal data, please."""

    text: ShortText | None = None


class Grant(Body):
    """What was granted."""

    amount_cny: Positive
    rate_percent: Rate | None = None
    term_months: int | None = Field(default=None, ge=1, le=360)
    loan_id: Number | None = Field(
        default=None, description="The lender's number of the loan, as it reports it."
    )


class Decline(Body):
    """Why not; the firm is told."""

    reason: Annotated[str, Field(max_length=40, pattern="^[a-z_]+$")] = Field(
        description="A code of /v1/decline-reasons."
    )
    text: ShortText | None = None


class Revisit(Body):
    """How it went, as the firm said; no personal data, please."""

    outcome: Annotated[str, Field(max_length=40, pattern="^[a-z_]+$")] = Field(
        description="A code of /v1/revisit-outcomes."
    )
    satisfaction: int | None = Field(
        default=None,
        ge=1,
        le=5,
        description="The firm's own mark, 5 the best; null if it gave none.",
    )
    text: StatementText | None = Field(
        default=None, description="A remark, kept with what was done; firm and lender may read it."
    )


class RevisitAnswer(Body):
    """What was found, without anything of the firm."""

    application_id: str
    institution: str
    product: str
    outcome: str
    words: Words
    satisfaction: int | None

    @classmethod
    def of(cls, one: Application) -> "RevisitAnswer":
        """A revisited application as it travels."""
        return cls(
            application_id=one.application_id,
            institution=one.institution,
            product=one.product,
            outcome=one.revisit_outcome,
            words=revisits()[one.revisit_outcome],
            satisfaction=one.satisfaction,
        )


class CodeAnswer(Body):
    """A code of a list: why an application may be declined, or what a revisit may find."""

    code: str
    words: Words


class EventAnswer(Body):
    """One step that was taken."""

    step: str
    to_state: State
    at: datetime
    by: str
    said: dict[str, str]


class ApplicationAnswer(Body):
    """An application as it stands."""

    application_id: str
    uscc: str
    institution: str
    product: str
    amount_cny: Decimal = Field(description="What is asked for.")
    term_months: int
    purpose: str
    state: State
    applied_at: datetime
    since: datetime
    contact_by: datetime | None
    decide_by: datetime | None
    revisit_by: datetime | None = Field(
        description="Until when the firm is asked how it went; null once it was."
    )
    overdue: str = Field(description="`contact`, `decide`, `revisit` or nothing.")
    reason: str
    reason_words: Words | None
    granted_cny: Decimal | None
    rate_percent: Decimal | None
    granted_months: int | None
    loan_id: str
    revisit_outcome: str
    revisit_words: Words | None
    satisfaction: int | None
    opened: list[str] = Field(
        description="Kinds of data the firm opens to the institution for its application now."
    )
    need_authorisation: list[str] = Field(
        description="Kinds of data the product asks about that are closed to the institution."
    )
    statements: dict[str, Said] | None = Field(
        description="The firm's own word; null to an institution without a live consent."
    )
    next_steps: list[str]


class ApplicationDetail(ApplicationAnswer):
    """An application with what was done about it."""

    history: list[EventAnswer]


class ApplicationDuty(Body):
    """An application a lender is late with or is to revisit; nothing of the firm."""

    application_id: str
    institution: str
    product: str
    state: State
    due: str = Field(description="`contact`, `decide` or `revisit`.")
    due_at: datetime
    is_overdue: bool

    @classmethod
    def of(cls, row: DutyRow) -> "ApplicationDuty":
        """A row as it travels."""
        return cls.model_validate(row.__dict__)


def application_answer(
    one: Application,
    need: Need,
    *,
    asked: Collection[str],
    opened: Collection[str],
    is_owner: bool,
    now: datetime,
) -> ApplicationAnswer:
    """An application as its reader may see it.

    Parameters
    ----------
    asked, opened : collection of str
        Scopes the product asks about, and those that are open to its institution.
    """
    standing = one.standing
    said = need.statements if is_owner or opened else None
    return ApplicationAnswer(
        application_id=one.application_id,
        uscc=one.uscc,
        institution=one.institution,
        product=one.product,
        amount_cny=yuan(need.amount_fen),
        term_months=need.term_months,
        purpose=need.purpose,
        state=standing.state,
        applied_at=one.applied_at,
        since=standing.since,
        contact_by=standing.contact_by,
        decide_by=standing.decide_by,
        revisit_by=standing.revisit_by,
        overdue=standing.overdue(now),
        reason=one.reason,
        reason_words=reasons().get(one.reason),
        granted_cny=None if one.amount_fen is None else yuan(one.amount_fen),
        rate_percent=one.rate_percent,
        granted_months=one.term_months,
        loan_id=one.loan_id,
        revisit_outcome=one.revisit_outcome,
        revisit_words=revisits().get(one.revisit_outcome),
        satisfaction=one.satisfaction,
        opened=sorted(opened),
        need_authorisation=sorted(set(asked) - set(opened)) if standing.is_open else [],
        statements=said,
        next_steps=list(next_steps(standing, "firm" if is_owner else "institution")),
    )


def detail_of(answer: ApplicationAnswer, history: Sequence[EventRow]) -> ApplicationDetail:
    """The same with its history."""
    events = [
        EventAnswer.model_validate(
            {"step": e.step, "to_state": e.to_state, "at": e.at, "by": e.actor_role, "said": e.said}
        )
        for e in history
    ]
    return ApplicationDetail(**dict(answer), history=events)
