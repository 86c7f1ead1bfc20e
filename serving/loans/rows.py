"""Rows of the ledger's loans."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from serving.loans.history import Payload

Kind = Literal["grant", "month", "closure", "guarantee"]
Status = Literal["running", "settled", "overdue", "written_off"]


@dataclass(frozen=True)
class Loan:
    """A loan as it stands by the latest reports; amounts in fen."""

    institution: str
    loan_id: str
    uscc: str
    product_code: str
    granted_on: date
    matures_on: date | None
    amount_fen: int
    balance_fen: int
    days_past_due: int
    five_class: int
    status: Status
    guarantor: str
    reported_month: date | None
    updated_at: datetime


@dataclass(frozen=True)
class Version:
    """One version of one report, as it came."""

    report_no: int
    kind: Kind
    month: date
    version: int
    supersedes: int | None
    payload: Payload
    reason: str
    reported_at: datetime
    reported_by: str


@dataclass(frozen=True)
class Latest:
    """The latest version of a report, for what is to be checked beside it."""

    kind: Kind
    loan_id: str
    month: date
    report_no: int
    version: int
    uscc: str
    payload: Payload


@dataclass(frozen=True)
class NewReport:
    """A report that is taken, in the order in which it is numbered."""

    report_no: int
    institution: str
    kind: Kind
    loan_id: str
    month: date
    uscc: str
    version: int
    supersedes: int | None
    payload: Payload
    reason: str


@dataclass(frozen=True)
class GuaranteeRow:
    """The latest version of a guarantee."""

    guarantee_id: str
    uscc: str
    payload: Payload
    version: int
    reported_at: datetime


@dataclass(frozen=True)
class Completeness:
    """How many of the months that were due have been reported of an institution's running loans."""

    institution: str
    loans: int
    expected: int
    received: int
    latest_month: date | None

    @property
    def score(self) -> float | None:
        """In [0, 1], 1 is complete; None where nothing was due yet."""
        return self.received / self.expected if self.expected else None


@dataclass(frozen=True)
class Declared:
    """What an institution says its reports of a month must add up to."""

    institution: str
    month: date
    declared: Payload
    declared_at: datetime
    declared_by: str


@dataclass(frozen=True)
class Sums:
    """What the latest reports of an institution's month add up to; amounts in fen."""

    institution: str
    month: date
    granted_count: int
    granted_amount: int
    credit_count: int
    credit_amount: int
    balance: int
    written_off: int
    recovered: int
