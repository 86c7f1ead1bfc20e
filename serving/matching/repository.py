"""Matches in the ledger: added and read, never changed; and which firms opened themselves to an institution."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from serving.auth.rows import fetch_all, fetch_one
from serving.db import Connection
from serving.ratings.sight import ScopeKind

INSERT = """
INSERT INTO match (match_id, uscc, institution, asked_by, scope, opened, consents, purpose, as_of, made_at,
    valid_until, lake_version, bundle_id, shelf, inputs_hash, eligible, document)
VALUES (%(match_id)s, %(uscc)s, %(institution)s, %(asked_by)s, %(scope)s, %(opened)s, %(consents)s, %(purpose)s,
    %(as_of)s, %(made_at)s, %(valid_until)s, %(lake_version)s, %(bundle_id)s, %(shelf)s, %(inputs_hash)s,
    %(eligible)s, %(document)s)
"""
_FIND = """
SELECT match_id, uscc, institution, asked_by, scope, opened, consents, purpose, as_of, made_at, valid_until,
    lake_version, bundle_id, shelf, inputs_hash, eligible, document
FROM match WHERE match_id = %(match_id)s
"""
_LIST = """
SELECT match_no, match_id, uscc, purpose, as_of, made_at, valid_until, cardinality(eligible) AS eligible FROM match
WHERE match_no < %(before)s AND (%(firm)s = '' OR uscc = %(firm)s AND institution = '')
  AND (%(institution)s = '' OR institution = %(institution)s)
ORDER BY match_no DESC LIMIT %(limit)s
"""
#: A consent that counts its looks is spent by a look at its firm, not by a list.
_OPEN = """
SELECT uscc, array_agg(DISTINCT consent_id) AS consents, array_agg(DISTINCT scope) AS scopes
FROM consent, unnest(scopes) AS scope
WHERE grantee = %(institution)s AND purpose = 'pre_credit' AND status = 'active' AND max_queries IS NULL
  AND valid_from <= %(today)s AND valid_to >= %(today)s
GROUP BY uscc ORDER BY uscc LIMIT %(limit)s
"""


@dataclass(frozen=True)
class Match:
    """One match as it was given.

    Attributes
    ----------
    institution : str
        Who asked; empty where the firm itself did.
    shelf : str
        Hash of what was matched.
    eligible : list of str
        Codes of the products, in the order shown.
    document : bytes
        Word for word, sealed: it tells of figures that no dump of the ledger may hold.
    """

    match_id: str
    uscc: str
    institution: str
    asked_by: str
    scope: ScopeKind
    opened: list[str]
    consents: list[str]
    purpose: str
    as_of: date
    made_at: datetime
    valid_until: date
    lake_version: int
    bundle_id: str
    shelf: str
    inputs_hash: str
    eligible: list[str]
    document: bytes


@dataclass(frozen=True)
class Stub:
    """That a match was made."""

    match_no: int
    match_id: str
    uscc: str
    purpose: str
    as_of: date
    made_at: datetime
    valid_until: date
    eligible: int


@dataclass(frozen=True)
class OpenFirm:
    """A firm with live pre-credit consents to an institution, and the scopes they open."""

    uscc: str
    consents: list[str]
    scopes: list[str]


def values_of(match: Match) -> Mapping[str, object]:
    """Parameters of `INSERT`."""
    return vars(match)


async def find_match(connection: Connection, match_id: str) -> Match | None:
    """A match by its id."""
    return await fetch_one(connection, Match, _FIND, {"match_id": match_id})


async def list_matches(
    connection: Connection, *, firm: str, institution: str, before: int, limit: int
) -> list[Stub]:
    """Matches a firm asked for itself, or an institution; latest first."""
    asked = {"firm": firm, "institution": institution, "before": before, "limit": limit}
    return await fetch_all(connection, Stub, _LIST, asked)


async def open_firms(
    connection: Connection, institution: str, today: date, limit: int
) -> list[OpenFirm]:
    """Firms that let an institution look for pre-credit, by code; `limit` of them at most."""
    asked = {"institution": institution, "today": today, "limit": limit}
    return await fetch_all(connection, OpenFirm, _OPEN, asked)
