"""What stands beside a rating when it is read: marks, the firm's statements, reviewers' notes.

The rating stays as it was given, word for word. `beside` is read at the moment of asking and is no part of
it: a mark of yesterday may be gone today.
"""

from datetime import datetime
from typing import Literal

from pydantic import Field

from serving.access.callers import Role
from serving.disputes.beside import records_changed_at, review_notes
from serving.disputes.beside_schemas import MarkAnswer, StatementAnswer
from serving.disputes.filing import shared_catalogue
from serving.disputes.rows import ReviewNoteRow
from serving.disputes.schemas import Body
from serving.disputes.seen import beside_records, seen_datasets
from serving.look import Look
from serving.ratings.repository import Rating
from serving.ratings.schemas import RatingDocument


class NoteAnswer(Body):
    """What came of a manual review of the rating; the rating itself stays as it was."""

    outcome: Literal["upheld", "re_rated", "grade_overridden"]
    grade: str | None = Field(description="Decided by two people, beside the model's.")
    at: datetime
    basis: str | None = Field(description="Told to the firm alone, as is the new rating.")
    new_rating_id: str | None


class BesideAnswer(Body):
    """What stands beside the rating at the moment of reading, as far as the reader may see it."""

    marks: list[MarkAnswer] = Field(description="Records that are disputed, or recorded both ways.")
    statements: list[StatementAnswer]
    review_notes: list[NoteAnswer]
    records_changed_at: datetime | None = Field(
        description="A record the rating may have read was corrected or repaired since; ask for a new rating."
    )


class RatingAnswer(RatingDocument):
    """A rating as it was given, and `beside` it what holds now."""

    beside: BesideAnswer


_NOTHING = BesideAnswer(marks=[], statements=[], review_notes=[], records_changed_at=None)
_NOTHING_TEXT = _NOTHING.model_dump_json()


async def with_beside(look: Look, rating: Rating) -> str:
    """The rating word for word, with `beside` as its last member."""
    told = _NOTHING_TEXT
    if rating.has_beside:
        told = (await _beside(look, rating)).model_dump_json()
    return f'{rating.document.removesuffix("}")},"beside":{told}}}'


async def _beside(look: Look, rating: Rating) -> BesideAnswer:
    is_owner, catalogue = look.caller.role is Role.OWNER, shared_catalogue()
    # What the rating was made from is open to its reader still, and it was made from nothing else.
    scopes = None if is_owner else rating.opened
    found = await beside_records(look.connection, catalogue, rating.uscc, scopes)
    notes = await review_notes(look.connection, rating.rating_id)
    # The firm's own rating has read everything.
    read = (
        frozenset(catalogue.datasets)
        if rating.scope == "self"
        else seen_datasets(catalogue, rating.opened)
    )
    changed = await records_changed_at(look.connection, rating.uscc, read, rating.rated_at)
    look.says(fields=("beside",), marks=len(found.marks), statements=len(found.statements))
    return BesideAnswer(
        marks=[MarkAnswer.of(mark) for mark in found.marks],
        statements=[StatementAnswer.of(one) for one in found.statements],
        review_notes=[_note(note, is_owner=is_owner) for note in notes],
        records_changed_at=changed,
    )


def _note(note: ReviewNoteRow, *, is_owner: bool) -> NoteAnswer:
    return NoteAnswer.model_validate(
        {
            "outcome": note.outcome,
            "grade": note.grade,
            "at": note.at,
            "basis": note.basis if is_owner else None,
            "new_rating_id": note.new_rating_id if is_owner else None,
        }
    )
