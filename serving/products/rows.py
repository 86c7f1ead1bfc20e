"""Products as the ledger has them."""

from dataclasses import dataclass
from datetime import date, datetime

from models.products.book import ProductEntry


@dataclass(frozen=True)
class ProductRow:
    """A code, whose it is, and whether it was withdrawn."""

    code: str
    institution: str
    created_at: datetime
    withdrawn_at: datetime | None
    withdrawn_reason: str


@dataclass(frozen=True)
class VersionRow:
    """One version as it was handed in, and what the review said."""

    code: str
    institution: str
    version: int
    state: str
    valid_from: date
    valid_until: date | None
    document: dict[str, object]
    submitted_at: datetime
    reviewed_at: datetime | None
    note: str
    withdrawn_at: datetime | None

    @property
    def entry(self) -> ProductEntry:
        """The product with this version alone."""
        return ProductEntry.model_validate(self.document)

    def state_on(self, day: date) -> str:
        """`in_review`, `rejected`, `withdrawn`, `expired`, `coming` or `published`."""
        if self.state != "published":
            return self.state
        if self.withdrawn_at is not None:
            return "withdrawn"
        if self.valid_until is not None and self.valid_until < day:
            return "expired"
        return "coming" if self.valid_from > day else "published"
