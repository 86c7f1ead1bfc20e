"""Rows of the ledger about tags, as values."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from models.tags.held import Given

ContestState = Literal["open", "upheld", "rejected"]


@dataclass(frozen=True)
class Claim:
    """A tag that an authority certified or the firm declared.

    Attributes
    ----------
    valid_from, valid_until : date
        Both included.
    authority, evidence_no : str
        Of a certificate; empty for the firm's own word.
    """

    claim_id: str
    uscc: str
    tag: str
    kind: Literal["certified", "self_declared"]
    valid_from: date
    valid_until: date
    authority: str
    evidence_no: str
    made_by: str
    made_at: datetime

    @property
    def given(self) -> Given:
        """As tags are asked with it."""
        return Given(self.uscc, self.tag, self.valid_from, self.valid_until)


@dataclass(frozen=True)
class Contest:
    """A tag the firm says it should not have, and what became of that."""

    contest_no: int
    contest_id: str
    uscc: str
    tag: str
    text: str
    state: ContestState
    made_at: datetime
    answered_at: datetime | None
    answer_zh: str
