"""All SQL about products."""

import json
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import LiteralString

from models.products.book import ProductEntry
from serving.auth.rows import fetch_all, fetch_one
from serving.db import Connection
from serving.products.rows import ProductRow, VersionRow

_COLUMNS: LiteralString = """v.code, p.institution, v.version, v.state, v.valid_from, v.valid_until, v.document,
       v.submitted_at, v.reviewed_at, v.note, p.withdrawn_at"""
_CLAIM = """
INSERT INTO product (code, institution, created_at) VALUES (%(code)s, %(institution)s, %(now)s)
ON CONFLICT (code) DO NOTHING
"""
_HOLD = """
SELECT code, institution, created_at, withdrawn_at, withdrawn_reason FROM product WHERE code = %(code)s FOR UPDATE
"""
_ADD = """
INSERT INTO product_version (code, version, state, valid_from, valid_until, document, submitted_by, submitted_at)
SELECT %(code)s, 1 + coalesce(max(version), 0), 'in_review', %(valid_from)s, %(valid_until)s, %(document)s,
       %(by)s, %(now)s
FROM product_version WHERE code = %(code)s
RETURNING version
"""
_READ = f"""
SELECT {_COLUMNS} FROM product_version v JOIN product p USING (code)
WHERE v.code = %(code)s ORDER BY v.version DESC
"""
_SOME = f"""
SELECT {_COLUMNS} FROM product_version v JOIN product p USING (code)
WHERE (%(institution)s::text IS NULL OR p.institution = %(institution)s::text)
  AND (%(state)s::text IS NULL OR v.state = %(state)s::text)
  AND (v.code, -v.version) > (%(after_code)s, %(after_version)s)
ORDER BY v.code, -v.version LIMIT %(limit)s
"""
_WAITING = f"""
SELECT {_COLUMNS} FROM product_version v JOIN product p USING (code)
WHERE v.state = 'in_review' AND p.withdrawn_at IS NULL ORDER BY v.submitted_at, v.code LIMIT %(limit)s
"""
_REVIEW = """
UPDATE product_version SET state = %(state)s, reviewed_by = %(by)s, reviewed_at = %(now)s, note = %(note)s
WHERE code = %(code)s AND version = %(version)s AND state = 'in_review' RETURNING version
"""
_BEGUN = """
SELECT count(*) AS count FROM product_version
WHERE code = %(code)s AND state = 'published' AND valid_from = %(valid_from)s
"""
_WITHDRAW = """
UPDATE product SET withdrawn_at = %(now)s, withdrawn_by = %(by)s, withdrawn_reason = %(reason)s,
    change_no = nextval('product_change_no')
WHERE code = %(code)s AND withdrawn_at IS NULL RETURNING code
"""
_CHANGED = "UPDATE product SET change_no = nextval('product_change_no') WHERE code = %(code)s"
_LATEST = "SELECT coalesce(max(change_no), 0) AS change_no FROM product"
_PUBLISHED = f"""
SELECT {_COLUMNS} FROM product_version v JOIN product p USING (code)
WHERE v.state = 'published' AND p.withdrawn_at IS NULL ORDER BY v.code, v.valid_from
"""
_WITHDRAWN = "SELECT code FROM product WHERE withdrawn_at IS NOT NULL"


async def claim(
    connection: Connection, code: str, institution: str, now: datetime
) -> ProductRow | None:
    """The product of a code, made if nobody has it, held until the transaction ends."""
    await connection.execute(_CLAIM, {"code": code, "institution": institution, "now": now})
    return await fetch_one(connection, ProductRow, _HOLD, {"code": code})


async def add_version(connection: Connection, entry: ProductEntry, by: str, now: datetime) -> int:
    """Keep a version that is to be reviewed; its number."""
    version = entry.versions[0]
    given = {
        "code": entry.code,
        "valid_from": version.valid_from,
        "valid_until": version.valid_until,
        "document": json.dumps(entry.model_dump(mode="json"), ensure_ascii=False),
        "by": by,
        "now": now,
    }
    row = await (await connection.execute(_ADD, given)).fetchone()
    return int(row[0]) if row else 0


async def read_versions(connection: Connection, code: str) -> list[VersionRow]:
    """Every version of a code, the latest first; none if there is no such code."""
    return await fetch_all(connection, VersionRow, _READ, {"code": code})


async def read_some(
    connection: Connection,
    institution: str | None,
    state: str | None,
    after: tuple[str, int],
    limit: int,
) -> list[VersionRow]:
    """Versions by code, the latest first."""
    given = {
        "institution": institution,
        "state": state,
        "after_code": after[0],
        "after_version": after[1],
        "limit": limit,
    }
    return await fetch_all(connection, VersionRow, _SOME, given)


async def read_waiting(connection: Connection, limit: int) -> list[VersionRow]:
    """Versions that wait for a review, the longest waiting first."""
    return await fetch_all(connection, VersionRow, _WAITING, {"limit": limit})


async def begins_twice(connection: Connection, row: VersionRow) -> bool:
    """Whether a published version of the code begins on the same day."""
    given = {"code": row.code, "valid_from": row.valid_from}
    found = await (await connection.execute(_BEGUN, given)).fetchone()
    return bool(found and found[0])


async def review(
    connection: Connection, row: VersionRow, *, state: str, by: str, note: str, now: datetime
) -> bool:
    """Settle a version; whether it was waiting."""
    given = {
        "code": row.code, "version": row.version, "state": state, "by": by, "note": note, "now": now,
    }  # fmt: skip
    settled = await (await connection.execute(_REVIEW, given)).fetchone()
    await connection.execute(_CHANGED, {"code": row.code})
    return settled is not None


async def withdraw(
    connection: Connection, code: str, *, by: str, reason: str, now: datetime
) -> bool:
    """Take a product off the shelf; whether it stood there."""
    given = {"code": code, "by": by, "reason": reason, "now": now}
    return await (await connection.execute(_WITHDRAW, given)).fetchone() is not None


async def change_no(connection: Connection) -> int:
    """A number that grows with every change of what is published."""
    row = await (await connection.execute(_LATEST)).fetchone()
    return int(row[0]) if row else 0


async def read_published(
    connection: Connection, starter: Sequence[ProductEntry]
) -> list[ProductEntry]:
    """What may be matched: the starter catalogue and what was published, less what was withdrawn."""
    rows = await fetch_all(connection, VersionRow, _PUBLISHED, {})
    gone: Collection[str] = {
        str(row[0]) for row in await (await connection.execute(_WITHDRAWN)).fetchall()
    }
    by_code: dict[str, list[VersionRow]] = {}
    for row in rows:
        by_code.setdefault(row.code, []).append(row)
    published = [_joined(versions) for versions in by_code.values()]
    return [*(entry for entry in starter if entry.code not in gone), *published]


def _joined(rows: Sequence[VersionRow]) -> ProductEntry:
    """One product of all its published versions, named as the latest says."""
    entries = [row.entry for row in rows]
    versions = [entry.versions[0] for entry in entries]
    return entries[-1].model_copy(update={"versions": versions})
