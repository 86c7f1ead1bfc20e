"""Reports and profiles in the ledger; a report is added and read, never changed."""

from collections.abc import Collection
from dataclasses import asdict, dataclass
from datetime import date, datetime

from psycopg.rows import class_row, scalar_row

from serving.db import Connection

_NEXT = "SELECT nextval('report_running')"
_INSERT = """
INSERT INTO report (number, uscc, institution, asked_by, scope, opened, consents, is_public_only, purpose, profile,
    sections, made_at, valid_until, lake_version, negative_rows, sha256, document)
VALUES (%(number)s, %(uscc)s, %(institution)s, %(asked_by)s, %(scope)s, %(opened)s, %(consents)s,
    %(is_public_only)s, %(purpose)s, %(profile)s, %(sections)s, %(made_at)s, %(valid_until)s, %(lake_version)s,
    %(negative_rows)s, %(sha256)s, %(document)s)
"""
_FIND = """
SELECT number, uscc, institution, asked_by, scope, opened, consents, is_public_only, purpose, profile, sections,
    made_at, valid_until, lake_version, negative_rows, sha256, document
FROM report WHERE number = %(number)s
"""
_DIGEST = "SELECT sha256 FROM report WHERE number = %(number)s"
_RATING = """
SELECT document FROM rating
WHERE uscc = %(uscc)s AND institution = %(institution)s AND scope = %(scope)s AND opened <@ %(opened)s
  AND (purpose = %(purpose)s OR is_public_only) AND valid_until >= %(today)s
ORDER BY rating_no DESC LIMIT 1
"""
_PROFILE = """
SELECT name, sections, changed_at FROM report_profile WHERE institution = %(institution)s AND name = %(name)s
"""
_PROFILES = """
SELECT name, sections, changed_at FROM report_profile WHERE institution = %(institution)s ORDER BY name
"""
_KEEP_PROFILE = """
INSERT INTO report_profile (institution, name, sections, changed_at, changed_by)
VALUES (%(institution)s, %(name)s, %(sections)s, %(now)s, %(by)s)
ON CONFLICT (institution, name) DO UPDATE
SET sections = excluded.sections, changed_at = excluded.changed_at, changed_by = excluded.changed_by
"""


@dataclass(frozen=True)
class Report:
    """One report as it was given.

    Attributes
    ----------
    institution : str
        Who asked; empty where the firm itself did.
    negative_rows : str
        JSON of the rows that must not be shown once they are repaired.
    document : bytes
        The canonical text, word for word, sealed: the firm's own report holds what no dump of the ledger may.
    """

    number: str
    uscc: str
    institution: str
    asked_by: str
    scope: str
    opened: list[str]
    consents: list[str]
    is_public_only: bool
    purpose: str
    profile: str
    sections: list[str]
    made_at: datetime
    valid_until: date
    lake_version: int
    negative_rows: str
    sha256: str
    document: bytes


@dataclass(frozen=True)
class Profile:
    """The sections an institution wants to see."""

    name: str
    sections: list[str]
    changed_at: datetime


async def next_running(connection: Connection) -> int:
    """A running number nobody had; one that is lost leaves a gap."""
    async with connection.cursor(row_factory=scalar_row) as cursor:
        found = await (await cursor.execute(_NEXT)).fetchone()
        return int(found or 0)


async def add_report(connection: Connection, report: Report) -> None:
    """Keep a report."""
    await connection.execute(_INSERT, asdict(report))


async def find_report(connection: Connection, number: str) -> Report | None:
    """A report by its number."""
    async with connection.cursor(row_factory=class_row(Report)) as cursor:
        return await (await cursor.execute(_FIND, {"number": number})).fetchone()


async def find_digest(connection: Connection, number: str) -> str | None:
    """The hash of a report, and nothing else of it."""
    async with connection.cursor(row_factory=scalar_row) as cursor:
        found = await (await cursor.execute(_DIGEST, {"number": number})).fetchone()
        return None if found is None else str(found)


async def newest_rating(
    connection: Connection,
    *,
    uscc: str,
    institution: str,
    scope: str,
    opened: Collection[str],
    purpose: str,
    today: date,
) -> str | None:
    """The document of the newest rating that rests on nothing beyond what is open now."""
    asked = {
        "uscc": uscc,
        "institution": institution,
        "scope": scope,
        "opened": sorted(opened),
        "purpose": purpose,
        "today": today,
    }
    async with connection.cursor(row_factory=scalar_row) as cursor:
        found = await (await cursor.execute(_RATING, asked)).fetchone()
        return None if found is None else str(found)


async def find_profile(connection: Connection, institution: str, name: str) -> Profile | None:
    """An institution's profile."""
    async with connection.cursor(row_factory=class_row(Profile)) as cursor:
        asked = {"institution": institution, "name": name}
        return await (await cursor.execute(_PROFILE, asked)).fetchone()


async def list_profiles(connection: Connection, institution: str) -> list[Profile]:
    """All profiles of an institution."""
    async with connection.cursor(row_factory=class_row(Profile)) as cursor:
        return await (await cursor.execute(_PROFILES, {"institution": institution})).fetchall()


async def keep_profile(connection: Connection, institution: str, profile: Profile, by: str) -> None:
    """Make or replace a profile."""
    asked = {
        "institution": institution,
        "name": profile.name,
        "sections": profile.sections,
        "now": profile.changed_at,
        "by": by,
    }
    await connection.execute(_KEEP_PROFILE, asked)
