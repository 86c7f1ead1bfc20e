"""The four things an institution reports, as they come over the wire and as the ledger keeps them.

Money is yuan with at most two decimals. A report that corrects an earlier one says why in `correction`.
"""

import re
from datetime import date
from decimal import Decimal
from functools import cache
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter

from features.quality_rules import load_rules


@cache
def _personal() -> tuple[re.Pattern[str], ...]:
    forms = load_rules().personal
    return (re.compile(forms.id_number), re.compile(forms.phone))


def _impersonal(text: str) -> str:
    """A bank's own text may hold anything but a person's number, and nothing that is no text."""
    if not text.isprintable() or any(form.search(text) for form in _personal()):
        raise ValueError(PERSONAL)
    return text


def _believable(day: date) -> date:
    """Years such as 0001 and 9999 stand for "none"; the lake would not take them."""
    first, last = load_rules().moments.years
    if not first <= day.year <= last:
        raise ValueError(UNBELIEVABLE)
    return day


UNBELIEVABLE = "year_out_of_range"
#: What a validation error says of a text that looks like a person's number.
PERSONAL = "personal_value"
Impersonal = AfterValidator(_impersonal)
Day = Annotated[date, AfterValidator(_believable)]
Uscc = Annotated[str, Field(pattern=r"^[0-9A-Z]{18}$")]
Number = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,39}$"), Impersonal]
MonthText = Annotated[str, Field(pattern=r"^(19|20)[0-9]{2}-(0[1-9]|1[0-2])$")]
#: One way to write a number, so that the same report is known again.
_FEN = AfterValidator(lambda amount: amount.quantize(Decimal("0.01")))
_BASIS = AfterValidator(lambda rate: rate.quantize(Decimal("0.0001")))
Money = Annotated[Decimal, Field(ge=0, max_digits=15, decimal_places=2), _FEN]
Positive = Annotated[Decimal, Field(gt=0, max_digits=15, decimal_places=2), _FEN]
Rate = Annotated[Decimal, Field(gt=0, le=100, max_digits=8, decimal_places=4), _BASIS]
Why = Annotated[str, Field(min_length=2, max_length=200), Impersonal]
Short = Annotated[str, Field(max_length=64), Impersonal]
ZERO = Decimal("0.00")
#: Repayment mode of a loan whose balance may rise again.
REVOLVING = "5"


class _Report(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    correction: Why | None = Field(
        default=None, description="Why this takes the place of what was reported before."
    )

    def payload(self) -> dict[str, object]:
        """What is kept: everything but who it belongs to and why it came."""
        return self.model_dump(mode="json", exclude={"correction", "kind", "loan_id"})


class MonthBody(_Report):
    """A loan at a month's end; amounts written off, recovered and paid are those of this month."""

    month: MonthText
    balance: Money
    overdue_principal: Money = ZERO
    overdue_interest: Money = ZERO
    dpd: int = Field(ge=0, le=36_500, description="Days past due.")
    five_class: int = Field(ge=1, le=5)
    restructured: bool = False
    written_off: Money = ZERO
    recovered: Money = ZERO
    guarantor_paid: Money = ZERO

    @property
    def first_day(self) -> date:
        """Of the month."""
        return date.fromisoformat(f"{self.month}-01")


class ClosureBody(_Report):
    """The end of a loan."""

    closed_on: Day
    outcome: Literal["settled", "written_off"] = "settled"


class Grant(_Report):
    """A loan granted."""

    kind: Literal["grant"] = "grant"
    loan_id: Number = Field(description="The lender's own number; no person's.")
    uscc: Uscc = Field(description="The enterprise that owes.")
    granted_on: Day
    matures_on: Day
    amount: Positive
    rate: Rate | None = Field(default=None, description="Percent a year.")
    guarantee_mode: Literal["0", "1", "2", "3", "4", "5", "6", "7", "99"] = "0"
    repay_mode: Literal["0", "1", "2", "3", "4", "5", "6", "99"] = "0"
    product_code: Short = ""
    is_first_loan: bool | None = None
    is_green: bool | None = Field(default=None, description="Granted as a green loan.")

    def payload(self) -> dict[str, object]:
        """A report made before lenders could say so is the same as one that does not."""
        kept = super().payload()
        return (
            kept
            if self.is_green is not None
            else {n: v for n, v in kept.items() if n != "is_green"}
        )


class Month(MonthBody):
    """A month of a loan, as a row of a file."""

    kind: Literal["month"] = "month"
    loan_id: Number


class Closure(ClosureBody):
    """The end of a loan, as a row of a file."""

    kind: Literal["closure"] = "closure"
    loan_id: Number


class Guarantee(_Report):
    """An institution stands for a loan."""

    kind: Literal["guarantee"] = "guarantee"
    guarantee_id: Number
    uscc: Uscc = Field(description="The enterprise that owes.")
    loan_id: Number = Field(description="The lender's number of the loan.")
    lender: Uscc | None = None
    granted_on: Day
    amount: Positive
    fee_rate: Rate | None = Field(default=None, description="Percent a year.")
    share_map: Annotated[str, Field(max_length=400), Impersonal] = ""
    compensated: Money = ZERO
    compensated_on: Day | None = None

    def payload(self) -> dict[str, object]:
        """The loan belongs to what is kept; the guarantee's own number is its key."""
        kept = super().payload()
        del kept["guarantee_id"]
        return kept | {"loan_id": self.loan_id}


Report = Grant | Month | Closure | Guarantee
#: Reads a row of a file by its `kind`.
REPORT: TypeAdapter[Report] = TypeAdapter(Annotated[Report, Field(discriminator="kind")])


def key_of(report: Report) -> tuple[str, date]:
    """What a report is about inside its kind: the number, and the month of a month."""
    if isinstance(report, Guarantee):
        return report.guarantee_id, date.min
    return report.loan_id, report.first_day if isinstance(report, Month) else date.min
