"""What else ends when an institution leaves: the consents that enterprises gave it."""

from datetime import datetime

from serving.db import Connection


async def end_consents(connection: Connection, uscc: str, now: datetime) -> int:
    """End every live consent to the institution; their number."""
    return 0
