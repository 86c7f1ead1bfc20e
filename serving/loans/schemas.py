"""Loans at the wire; what is reported is in `reports`."""

from datetime import date, datetime
from decimal import Decimal
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from features.contracts import Words
from serving.loans.reports import Money, MonthText
from serving.loans.rows import Completeness, GuaranteeRow, Kind, Loan, Status, Version
from serving.loans.rules import loan_words
from serving.loans.taking import Outcome

Result = Literal["taken", "corrected", "unchanged"]
_FEN = Decimal(100)


class Doubt(BaseModel):
    """Something that was taken and still looks doubtful."""

    code: str
    words: Words


class ReportAnswer(BaseModel):
    """What came of a report; `unchanged` if the same was reported before."""

    result: Result
    doubts: list[Doubt]


class RowAnswer(BaseModel):
    """A row of a file that was refused, or taken with a doubt; `row` counts from 1."""

    row: int
    result: Literal["taken", "corrected", "refused"]
    code: str
    member: str = Field(description="The member that is wrong, where it is one.")
    words: Words


class FileTotals(BaseModel):
    """What arrived, added up over the rows that were taken, corrected or known before; money in yuan."""

    grants: int
    granted_amount: Decimal
    months: int
    balance: Decimal
    written_off: Decimal
    recovered: Decimal
    closures: int
    guarantees: int
    guaranteed_amount: Decimal


class FileAnswer(BaseModel):
    """What came of a file; every row that is not listed was taken without a doubt."""

    rows: int
    taken: int
    corrected: int
    unchanged: int
    refused: int
    totals: FileTotals
    listed: list[RowAnswer]


class LoanAnswer(BaseModel):
    """A loan as it stands by the latest reports; money in yuan."""

    institution: str
    loan_id: str
    uscc: str
    product_code: str
    granted_on: date
    matures_on: date | None
    amount: Decimal
    balance: Decimal
    days_past_due: int
    five_class: int
    status: Status
    guarantor: str | None
    reported_month: MonthText | None
    updated_at: datetime = Field(description="Asia/Shanghai wall time.")


class VersionAnswer(BaseModel):
    """One version of one report as it came; a later version of the same takes its place."""

    report_no: int
    kind: Kind
    month: MonthText | None
    version: int
    supersedes: int | None
    reported: dict[str, object]
    reason: str
    reported_at: datetime
    reported_by: str | None = Field(description="Told to the institution alone.")


class LoanHistory(LoanAnswer):
    """A loan with every version of every report, oldest first."""

    versions: list[VersionAnswer]


class GuaranteeAnswer(BaseModel):
    """A guarantee as it stands."""

    guarantee_id: str
    uscc: str
    reported: dict[str, object]
    version: int
    reported_at: datetime


class Totals(BaseModel):
    """What an institution says its reports of a month add up to; money in yuan."""

    model_config = ConfigDict(extra="forbid")

    month: MonthText
    granted_count: int = Field(ge=0)
    granted_amount: Money
    credit_count: int = Field(ge=0, description="On credit alone; part of those granted.")
    credit_amount: Money
    balance: Money
    written_off: Money
    recovered: Money

    @model_validator(mode="after")
    def _credit_is_a_part(self) -> Self:
        """放款总额 ≥ 信用放款总额, and so for their numbers."""
        if self.credit_amount > self.granted_amount or self.credit_count > self.granted_count:
            raise ValueError(CREDIT)
        return self


#: What a validation error says of more on credit than in all.
CREDIT = "credit_above_granted"


class MeasureAnswer(BaseModel):
    """One figure: declared, added up from the reports, and the one less the other."""

    measure: str
    words: Words
    declared: Decimal
    reported: Decimal
    difference: Decimal


class ReconciliationAnswer(BaseModel):
    """An institution's month, declared against reported."""

    institution: str
    month: MonthText
    declared_at: datetime
    agrees: bool
    measures: list[MeasureAnswer]


class CompletenessAnswer(BaseModel):
    """How many of the months that were due have been reported of running loans."""

    institution: str
    running_loans: int
    months_due: int
    months_received: int
    score: float | None = Field(
        description="Received of due, 1 is complete; null where nothing is due."
    )
    latest_month: MonthText | None


def report_answer(outcome: Outcome) -> ReportAnswer:
    """Of a report that was taken, or known before."""
    listed = [Doubt(code=code, words=words_of(code)) for code in outcome.doubts]
    return ReportAnswer.model_validate({"result": outcome.result, "doubts": listed})


def loan_answer(loan: Loan) -> LoanAnswer:
    """As it stands."""
    told: dict[str, object] = {
        name: getattr(loan, name) for name in LoanAnswer.model_fields if hasattr(loan, name)
    }
    told["amount"], told["balance"] = yuan(loan.amount_fen), yuan(loan.balance_fen)
    told["guarantor"] = loan.guarantor or None
    told["reported_month"] = month_text(loan.reported_month)
    return LoanAnswer.model_validate(told)


def loan_history(loan: Loan, versions: list[Version], *, with_names: bool) -> LoanHistory:
    """With every version; who reported is the institution's own matter."""
    listed = [_version_answer(version, with_names=with_names) for version in versions]
    return LoanHistory(**loan_answer(loan).model_dump(), versions=listed)


def guarantee_answer(row: GuaranteeRow) -> GuaranteeAnswer:
    """As it stands."""
    return GuaranteeAnswer(
        guarantee_id=row.guarantee_id,
        uscc=row.uscc,
        reported=dict(row.payload),
        version=row.version,
        reported_at=row.reported_at,
    )


def completeness_answer(row: Completeness) -> CompletenessAnswer:
    """The score to four digits."""
    return CompletenessAnswer(
        institution=row.institution,
        running_loans=row.loans,
        months_due=row.expected,
        months_received=row.received,
        score=None if row.score is None else round(row.score, 4),
        latest_month=month_text(row.latest_month),
    )


def words_of(code: str) -> Words:
    """What a refusal or a doubt says."""
    known = loan_words()
    said = known.refusals.get(code) or known.doubts[code]
    return Words(zh=said.zh, en=said.en)


def yuan(fen: int) -> Decimal:
    """Whole fen as yuan with two decimals."""
    return (Decimal(fen) / _FEN).quantize(Decimal("0.01"))


def month_text(month: date | None) -> str | None:
    """YYYY-MM."""
    return None if month is None else f"{month:%Y-%m}"


def _version_answer(version: Version, *, with_names: bool) -> VersionAnswer:
    return VersionAnswer(
        report_no=version.report_no,
        kind=version.kind,
        month=month_text(version.month) if version.kind == "month" else None,
        version=version.version,
        supersedes=version.supersedes,
        reported=dict(version.payload),
        reason=version.reason,
        reported_at=version.reported_at,
        reported_by=version.reported_by if with_names else None,
    )
