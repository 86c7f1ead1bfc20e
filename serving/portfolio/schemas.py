"""A portfolio at the wire."""

from datetime import date
from decimal import Decimal

from pydantic import BaseModel, ConfigDict, Field


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Words(_Closed):
    """The same in two languages."""

    zh: str
    en: str


class Levels(_Closed):
    """Open warnings by level; null where the count is too small to be told."""

    R: int | None
    O: int | None  # noqa: E741 - the level's letter
    Y: int | None
    B: int | None


class Part(_Closed):
    """A region, an industry or a product; a borrower counts under its largest loan's product."""

    code: str = Field(
        description="GB/T 2260, section of GB/T 4754, or the product; empty for unknown."
    )
    words: Words
    borrowers: int | None
    balance: Decimal | None = Field(description="Outstanding [yuan].")
    alerts: Levels


class GradeCount(_Closed):
    """How many borrowers have a grade."""

    grade: str
    borrowers: int | None


class Migration(_Closed):
    """Borrowers by their grade then, one row each, and now, one column each, both best grade first."""

    then: date
    grades: list[str]
    borrowers: list[list[int | None]]
    better: int | None
    same: int | None
    worse: int | None


class MonthCount(_Closed):
    """Warnings of a calendar month."""

    month: str
    new: int | None
    closed: int | None


class PortfolioAnswer(_Closed):
    """An institution's running loans as it reported them, and what the platform knows beside them.

    To the platform's operators counts below ten are null.
    """

    institution: str
    on: date
    borrowers: int | None
    loans: int | None
    balance: Decimal | None = Field(description="Outstanding [yuan].")
    overdue: int | None = Field(description="Borrowers more than 30 days overdue.")
    guaranteed: int | None = Field(
        description="Borrowers of others for whom the institution stands."
    )
    alerts: Levels
    regions: list[Part]
    industries: list[Part]
    products: list[Part]
    grades: list[GradeCount]
    ungraded: int | None = Field(description="Borrowers without a rating that may be read now.")
    migration: Migration
    months: list[MonthCount]
