"""All SQL that only pages need: names beside codes, and the newest first."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from serving.auth.rows import fetch_all
from serving.db import Connection

_OWN = """
SELECT rating_id, rated_at, as_of, score, grade FROM rating
WHERE uscc = %(uscc)s AND institution = '' ORDER BY rating_no DESC LIMIT %(limit)s
"""
_ASKED = """
SELECT rating_id, uscc, purpose, rated_at FROM rating
WHERE institution = %(institution)s ORDER BY rating_no DESC LIMIT %(limit)s
"""
_NAMED = """
SELECT uscc, name_zh, coalesce(name_en, name_zh) AS name_en, kind FROM institution WHERE uscc = ANY(%(codes)s)
"""
_ACTIVE = """
SELECT uscc, name_zh, coalesce(name_en, name_zh) AS name_en, kind FROM institution
WHERE state = 'active' ORDER BY name_zh, uscc LIMIT %(limit)s
"""
_OPEN_CASES = """
SELECT c.case_id, c.kind, c.uscc, c.state, c.filed_at, d.duty, d.due_at, d.is_provisional
FROM credit_case c
LEFT JOIN LATERAL (SELECT duty, due_at, is_provisional FROM case_duty
                   WHERE case_id = c.case_id AND ended_at IS NULL ORDER BY due_at LIMIT 1) d ON true
WHERE c.state NOT IN ('closed', 'withdrawn') ORDER BY d.due_at NULLS LAST, c.case_no LIMIT %(limit)s
"""
_CASES_OF = """
SELECT c.case_id, c.kind, c.uscc, c.state, c.filed_at, d.duty, d.due_at, d.is_provisional
FROM credit_case c
LEFT JOIN LATERAL (SELECT duty, due_at, is_provisional FROM case_duty
                   WHERE case_id = c.case_id AND ended_at IS NULL ORDER BY due_at LIMIT 1) d ON true
WHERE c.uscc = %(uscc)s ORDER BY c.case_no DESC LIMIT %(limit)s
"""


@dataclass(frozen=True)
class OwnRating:
    """A rating the firm asked for itself."""

    rating_id: str
    rated_at: datetime
    as_of: date
    score: int
    grade: str


@dataclass(frozen=True)
class AskedRating:
    """A rating an institution asked for; what it says is read under a live consent."""

    rating_id: str
    uscc: str
    purpose: str
    rated_at: datetime


@dataclass(frozen=True)
class Institution:
    """An institution by its names."""

    uscc: str
    name_zh: str
    name_en: str
    kind: str


@dataclass(frozen=True)
class CaseLine:
    """A case with what is due next; nothing is, where the firm or nobody has to act."""

    case_id: str
    kind: str
    uscc: str
    state: str
    filed_at: datetime
    duty: str | None
    due_at: datetime | None
    is_provisional: bool | None


async def own_ratings(connection: Connection, uscc: str, limit: int) -> list[OwnRating]:
    """What a firm asked about itself, the newest first."""
    return await fetch_all(connection, OwnRating, _OWN, {"uscc": uscc, "limit": limit})


async def asked_ratings(connection: Connection, institution: str, limit: int) -> list[AskedRating]:
    """What an institution asked for, the newest first."""
    asked = {"institution": institution, "limit": limit}
    return await fetch_all(connection, AskedRating, _ASKED, asked)


async def named(connection: Connection, codes: Collection[str]) -> Mapping[str, Institution]:
    """Institutions of these codes, whatever their state."""
    rows = await fetch_all(connection, Institution, _NAMED, {"codes": list(codes)})
    return {row.uscc: row for row in rows}


async def active_institutions(connection: Connection, limit: int = 500) -> list[Institution]:
    """Those that can be granted to."""
    return await fetch_all(connection, Institution, _ACTIVE, {"limit": limit})


async def open_cases(connection: Connection, limit: int) -> list[CaseLine]:
    """Every case that is not over, what is due first before the rest."""
    return await fetch_all(connection, CaseLine, _OPEN_CASES, {"limit": limit})


async def cases_of(connection: Connection, uscc: str, limit: int) -> list[CaseLine]:
    """A firm's cases, the newest first."""
    return await fetch_all(connection, CaseLine, _CASES_OF, {"uscc": uscc, "limit": limit})
