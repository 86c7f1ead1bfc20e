"""What else ends when an institution leaves: the consents that enterprises gave it."""

from datetime import datetime

from serving.consent.service import BATCH, SubjectOf, end_all_for
from serving.db import Connection


async def end_consents(
    connection: Connection, uscc: str, now: datetime, subject_of: SubjectOf
) -> int:
    """End every live consent to the institution; their number."""
    ended = 0
    while count := await end_all_for(connection, uscc, now, "institution_exit", subject_of):
        ended += count
        if count < BATCH:
            break
    return ended
