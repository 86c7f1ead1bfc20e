"""What else ends when an institution leaves: the consents that enterprises gave it."""

from collections.abc import Callable
from datetime import datetime

from serving.consent.service import BATCH, end_all_for
from serving.db import Connection

CAUSE = "institution_exit"
_LEFT_OVER = """
SELECT uscc FROM institution
WHERE state = 'exited'
  AND EXISTS (SELECT FROM consent WHERE grantee = institution.uscc AND status = 'active')
ORDER BY uscc LIMIT 1
"""


async def end_consents(
    connection: Connection, uscc: str, now: datetime, subject_of: Callable[[str], str]
) -> int:
    """End the first `BATCH` live consents to the institution, and say how many.

    Its keys are dead with the exit, so what is left opens nothing until `finish_leaving` ends it.
    """
    return await end_all_for(connection, uscc, now, CAUSE, subject_of, limit=BATCH)


async def finish_leaving(
    connection: Connection, now: datetime, subject_of: Callable[[str], str]
) -> int:
    """End a batch of consents to an institution that has left; 0 when none are left. For the maintenance."""
    row = await (await connection.execute(_LEFT_OVER)).fetchone()
    return await end_consents(connection, row[0], now, subject_of) if row else 0
