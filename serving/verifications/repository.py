"""How often a column of a firm was asked about: counts, no questions and no answers."""

from datetime import date, timedelta

from psycopg.rows import scalar_row

from serving.db import Connection

_COUNT = """
INSERT INTO verification_count (institution, subject, dataset, column_name, day, asked)
VALUES (%(institution)s, %(subject)s, %(dataset)s, %(column)s, %(day)s, 1)
ON CONFLICT (institution, subject, dataset, column_name, day)
DO UPDATE SET asked = verification_count.asked + 1
RETURNING asked
"""
_WINDOW = """
SELECT coalesce(sum(asked), 0)::int FROM verification_count
WHERE institution = %(institution)s AND subject = %(subject)s AND dataset = %(dataset)s
  AND column_name = %(column)s AND day > %(since)s
"""
_FORGET = "DELETE FROM verification_count WHERE day <= %(since)s"


async def count_question(
    connection: Connection,
    *,
    institution: str,
    subject: str,
    dataset: str,
    column: str,
    day: date,
    window_days: int,
) -> tuple[int, int]:
    """Count one more; how many it makes today, and in the window.

    Who asks the same at once waits for the other to end.
    """
    asked = {
        "institution": institution,
        "subject": subject,
        "dataset": dataset,
        "column": column,
        "day": day,
        "since": day - timedelta(days=window_days),
    }
    async with connection.cursor(row_factory=scalar_row) as cursor:
        today = await (await cursor.execute(_COUNT, asked)).fetchone()
        window = await (await cursor.execute(_WINDOW, asked)).fetchone()
    return int(today or 0), int(window or 0)


async def forget_counts(connection: Connection, day: date, window_days: int) -> int:
    """Delete counts no window reaches any more; how many."""
    since = day - timedelta(days=window_days)
    return (await connection.execute(_FORGET, {"since": since})).rowcount
