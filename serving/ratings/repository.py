"""Ratings in the ledger: added and read, never changed."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from psycopg.rows import class_row

from features.scope import Purpose
from serving.ahead import Question
from serving.db import Connection
from serving.ratings.sight import Opened, ScopeKind

INSERT = """
INSERT INTO rating (rating_id, uscc, institution, asked_by, scope, opened, consents, purpose, need_id,
    is_public_only, as_of, rated_at, valid_until, model, bundle_id, lake_version, score, grade, feature_hash,
    document, batch_id)
VALUES (%(rating_id)s, %(uscc)s, %(institution)s, %(asked_by)s, %(scope)s, %(opened)s, %(consents)s,
    %(purpose)s, %(need_id)s, %(is_public_only)s, %(as_of)s, %(rated_at)s, %(valid_until)s, %(model)s,
    %(bundle_id)s, %(lake_version)s, %(score)s, %(grade)s, %(feature_hash)s, %(document)s, %(batch_id)s)
"""
#: Whether anything may stand beside ratings of the firm; answered by indexes.
_HAS_BESIDE = """
SELECT (EXISTS (SELECT FROM credit_case WHERE uscc = %(uscc)s)
    OR EXISTS (SELECT FROM owner_statement WHERE uscc = %(uscc)s AND withdrawn_at IS NULL)) AS has_beside
"""
_FIND = """
SELECT rating_id, uscc, institution, asked_by, scope, opened, consents, purpose, need_id, is_public_only, as_of,
    rated_at, valid_until, model, bundle_id, lake_version, score, grade, feature_hash, document, batch_id,
    (EXISTS (SELECT FROM credit_case c WHERE c.uscc = rating.uscc)
        OR EXISTS (SELECT FROM owner_statement s WHERE s.uscc = rating.uscc AND s.withdrawn_at IS NULL)) AS has_beside
FROM rating WHERE rating_id = %(rating_id)s
"""
_STUB = """
SELECT rating_no, rating_id, uscc, scope, purpose, as_of, rated_at, valid_until, model, batch_id FROM rating
WHERE rating_no > %(after)s
"""
_LIST_ALL = f"{_STUB} AND (%(uscc)s = '' OR uscc = %(uscc)s) ORDER BY rating_no LIMIT %(limit)s"
_LIST_OF_FIRM = f"{_STUB} AND uscc = %(firm)s ORDER BY rating_no LIMIT %(limit)s"
_LIST_OF_INSTITUTION = (
    f"{_STUB} AND institution = %(institution)s AND (%(uscc)s = '' OR uscc = %(uscc)s) "
    "ORDER BY rating_no LIMIT %(limit)s"
)


@dataclass(frozen=True)
class Rating:
    """One rating as it was given.

    Attributes
    ----------
    institution : str
        Who asked; empty where the firm itself did.
    opened : list of str
        Consent scopes open to it at that moment.
    document : str
        Word for word.
    has_beside : bool
        Whether marks, statements or notes may stand beside it; not a part of it.
    """

    rating_id: str
    uscc: str
    institution: str
    asked_by: str
    scope: ScopeKind
    opened: list[str]
    consents: list[str]
    purpose: str
    need_id: str
    is_public_only: bool
    as_of: date
    rated_at: datetime
    valid_until: date
    model: str
    bundle_id: str
    lake_version: int
    score: int
    grade: str
    feature_hash: str
    document: str
    batch_id: str | None = None
    has_beside: bool = True

    @property
    def view(self) -> Opened:
        """What the look saw."""
        return Opened(self.scope, frozenset(self.opened))

    @property
    def consent_purpose(self) -> Purpose:
        """What a consent to read it must be for."""
        return Purpose(self.purpose)


@dataclass(frozen=True)
class Beside:
    """Whether marks, statements or notes may stand beside ratings of a firm."""

    has_beside: bool


@dataclass(frozen=True)
class Stub:
    """That a rating was made."""

    rating_no: int
    rating_id: str
    uscc: str
    scope: str
    purpose: str
    as_of: date
    rated_at: datetime
    valid_until: date
    model: str
    batch_id: str | None


def values_of(rating: Rating) -> Mapping[str, object]:
    """Parameters of `INSERT`."""
    return vars(rating)


async def add_rating(connection: Connection, rating: Rating) -> None:
    """Keep a rating."""
    await connection.execute(INSERT, values_of(rating))


def beside_question(uscc: str) -> Question[Beside]:
    """Whether anything may stand beside ratings of a firm."""
    return Question(Beside, _HAS_BESIDE, {"uscc": uscc})


async def find_rating(connection: Connection, rating_id: str) -> Rating | None:
    """A rating by its id."""
    async with connection.cursor(row_factory=class_row(Rating)) as cursor:
        return await (await cursor.execute(_FIND, {"rating_id": rating_id})).fetchone()


async def list_ratings(
    connection: Connection, *, firm: str, institution: str, uscc: str, after: int, limit: int
) -> list[Stub]:
    """Ratings about one firm, or asked by one institution, or all; oldest first."""
    query = _LIST_OF_FIRM if firm else _LIST_OF_INSTITUTION if institution else _LIST_ALL
    asked = {
        "firm": firm,
        "institution": institution,
        "uscc": uscc,
        "after": after,
        "limit": limit,
    }
    async with connection.cursor(row_factory=class_row(Stub)) as cursor:
        return await (await cursor.execute(query, asked)).fetchall()
