"""Tags in the ledger: what was claimed, removed and contested. Nothing is deleted."""

from collections.abc import Collection, Mapping
from datetime import date, datetime

from psycopg.rows import class_row

from features.scope import Purpose
from models.tags.held import Given
from serving.db import Connection
from serving.tags.rows import Claim, Contest

_CLAIMS = """
SELECT claim_id, uscc, tag, kind, valid_from, valid_until, authority, evidence_no, made_by, made_at FROM tag_claim
WHERE uscc = ANY(%(usccs)s) AND ended_at IS NULL ORDER BY uscc, tag
"""
_END_CLAIM = """
UPDATE tag_claim SET ended_at = %(now)s WHERE uscc = %(uscc)s AND tag = %(tag)s AND ended_at IS NULL
"""
_CLAIM = """
INSERT INTO tag_claim (claim_id, uscc, tag, kind, valid_from, valid_until, authority, evidence_no, made_by, made_at)
VALUES (%(claim_id)s, %(uscc)s, %(tag)s, %(kind)s, %(valid_from)s, %(valid_until)s, %(authority)s, %(evidence_no)s,
    %(made_by)s, %(made_at)s)
"""
_EVERY_CLAIM = """
SELECT uscc, tag, valid_from, valid_until FROM tag_claim
WHERE ended_at IS NULL AND valid_from <= %(day)s AND valid_until >= %(day)s
"""
_REMOVED = "SELECT uscc, tag FROM tag_removal WHERE uscc = ANY(%(usccs)s) AND restored_at IS NULL"
_EVERY_REMOVAL = "SELECT uscc, tag FROM tag_removal WHERE restored_at IS NULL"
_REMOVE = """
INSERT INTO tag_removal (uscc, tag, cause, removed_by, removed_at)
VALUES (%(uscc)s, %(tag)s, %(cause)s, %(by)s, %(now)s)
ON CONFLICT (uscc, tag) WHERE restored_at IS NULL DO NOTHING
"""
_RESTORE = """
UPDATE tag_removal SET restored_at = %(now)s WHERE uscc = %(uscc)s AND tag = %(tag)s AND restored_at IS NULL
"""
_CONTEST_COLUMNS = "contest_no, contest_id, uscc, tag, text, state, made_at, answered_at, answer_zh"
_CONTEST = """
INSERT INTO tag_contest (contest_id, uscc, tag, text, state, made_by, made_at)
VALUES (%(contest_id)s, %(uscc)s, %(tag)s, %(text)s, 'open', %(by)s, %(now)s)
ON CONFLICT (uscc, tag) WHERE state = 'open' DO NOTHING
"""
_CONTESTS = f"""
SELECT {_CONTEST_COLUMNS} FROM tag_contest
WHERE contest_no > %(after)s AND (%(uscc)s = '' OR uscc = %(uscc)s) AND (NOT %(open)s OR state = 'open')
ORDER BY contest_no LIMIT %(limit)s
"""
_LATEST = f"""
SELECT DISTINCT ON (tag) {_CONTEST_COLUMNS} FROM tag_contest WHERE uscc = %(uscc)s ORDER BY tag, contest_no DESC
"""
_FIND_CONTEST = f"""
SELECT {_CONTEST_COLUMNS} FROM tag_contest WHERE contest_id = %(contest_id)s FOR UPDATE
"""
_ANSWER = """
UPDATE tag_contest SET state = %(state)s, answered_by = %(by)s, answered_at = %(now)s, answer_zh = %(answer_zh)s
WHERE contest_id = %(contest_id)s
"""
#: A grade counts for an institution while everything its rating was made from is still open to it.
_GRADE = """
SELECT grade FROM rating
WHERE uscc = %(uscc)s AND institution = %(institution)s AND valid_until >= %(day)s
  AND (scope = 'self' OR (purpose = %(purpose)s AND opened <@ %(opened)s))
ORDER BY rating_no DESC LIMIT 1
"""
_IS_WATCHED = """
SELECT EXISTS (SELECT FROM alert WHERE uscc = %(uscc)s AND level IN ('O', 'R') AND state <> 'closed')
"""


async def read_claims(connection: Connection, usccs: Collection[str]) -> list[Claim]:
    """Certificates and declarations of some firms that were not ended, past ones among them."""
    async with connection.cursor(row_factory=class_row(Claim)) as cursor:
        return await (await cursor.execute(_CLAIMS, {"usccs": list(usccs)})).fetchall()


async def every_claim(connection: Connection, day: date) -> list[Given]:
    """What counts on a day, of every firm."""
    async with connection.cursor(row_factory=class_row(Given)) as cursor:
        return await (await cursor.execute(_EVERY_CLAIM, {"day": day})).fetchall()


async def write_claim(connection: Connection, claim: Claim) -> None:
    """Write a certificate or declaration in place of the one before."""
    ended = {"uscc": claim.uscc, "tag": claim.tag, "now": claim.made_at}
    await connection.execute(_END_CLAIM, ended)
    await connection.execute(_CLAIM, claim.__dict__)


async def end_claim(connection: Connection, uscc: str, tag: str, now: datetime) -> None:
    """End what was certified or declared."""
    await connection.execute(_END_CLAIM, {"uscc": uscc, "tag": tag, "now": now})


async def removed_tags(connection: Connection, usccs: Collection[str]) -> list[tuple[str, str]]:
    """(uscc, tag) of what some firms have taken away."""
    rows = await (await connection.execute(_REMOVED, {"usccs": list(usccs)})).fetchall()
    return [(uscc, tag) for uscc, tag in rows]


async def every_removal(connection: Connection) -> list[tuple[str, str]]:
    """(uscc, tag) of what any firm has taken away."""
    return [
        (uscc, tag) for uscc, tag in await (await connection.execute(_EVERY_REMOVAL)).fetchall()
    ]


async def remove_tag(
    connection: Connection, uscc: str, tag: str, *, cause: str, by: str, now: datetime
) -> None:
    """Take a tag away; one that is gone stays gone."""
    given = {"uscc": uscc, "tag": tag, "cause": cause, "by": by, "now": now}
    await connection.execute(_REMOVE, given)


async def restore_tag(connection: Connection, uscc: str, tag: str, now: datetime) -> bool:
    """Give a tag back; whether it had been taken away."""
    given = {"uscc": uscc, "tag": tag, "now": now}
    return (await connection.execute(_RESTORE, given)).rowcount > 0


async def write_contest(
    connection: Connection, contest_id: str, uscc: str, tag: str, text: str, by: str, now: datetime
) -> bool:
    """Open a contest; False if one is open already."""
    given = {"contest_id": contest_id, "uscc": uscc, "tag": tag, "text": text, "by": by, "now": now}
    return (await connection.execute(_CONTEST, given)).rowcount > 0


async def list_contests(
    connection: Connection, *, uscc: str, only_open: bool, after: int, limit: int
) -> list[Contest]:
    """Contests, the oldest first; of every firm where none is named."""
    asked: Mapping[str, object] = {"uscc": uscc, "open": only_open, "after": after, "limit": limit}
    async with connection.cursor(row_factory=class_row(Contest)) as cursor:
        return await (await cursor.execute(_CONTESTS, asked)).fetchall()


async def latest_contests(connection: Connection, uscc: str) -> dict[str, Contest]:
    """The latest contest of each tag of a firm."""
    async with connection.cursor(row_factory=class_row(Contest)) as cursor:
        rows = await (await cursor.execute(_LATEST, {"uscc": uscc})).fetchall()
    return {row.tag: row for row in rows}


async def find_contest(connection: Connection, contest_id: str) -> Contest | None:
    """One contest, locked."""
    async with connection.cursor(row_factory=class_row(Contest)) as cursor:
        return await (await cursor.execute(_FIND_CONTEST, {"contest_id": contest_id})).fetchone()


async def answer_contest(
    connection: Connection, contest_id: str, state: str, answer_zh: str, by: str, now: datetime
) -> None:
    """Close a contest with what was found."""
    given = {"contest_id": contest_id, "state": state, "answer_zh": answer_zh, "by": by, "now": now}
    await connection.execute(_ANSWER, given)


async def newest_grade(
    connection: Connection,
    uscc: str,
    institution: str,
    purpose: Purpose | None,
    opened: Collection[str],
    day: date,
) -> str | None:
    """The grade of the newest rating that still counts: the firm's own, or one the institution was given."""
    asked = {
        "uscc": uscc,
        "institution": institution,
        "purpose": purpose or "",
        "opened": sorted(opened),
        "day": day,
    }
    found = await (await connection.execute(_GRADE, asked)).fetchone()
    return None if found is None else str(found[0])


async def is_watched(connection: Connection, uscc: str) -> bool:
    """Whether an orange or red warning about the firm is open anywhere."""
    found = await (await connection.execute(_IS_WATCHED, {"uscc": uscc})).fetchone()
    return bool(found and found[0])
