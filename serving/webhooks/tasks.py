"""What the upkeep does of this room."""

from datetime import datetime, timedelta

from serving.db import Database
from serving.webhooks import repository
from serving.webhooks.dispatching import Dispatcher, dispatch_due
from serving.webhooks.rules import load_rules

#: After so long a round claims nothing more, so that a stop is not kept waiting.
ROUND = timedelta(seconds=5)


async def send_notices(dispatcher: Dispatcher) -> int:
    """Send what is due, for some seconds at most."""
    return await dispatch_due(dispatcher, until=dispatcher.clock() + ROUND)


async def forget_notices(database: Database, now: datetime) -> int:
    """Delete notices that were settled long ago."""
    kept = timedelta(days=load_rules().keeping.settled_days)
    async with database.transaction() as connection:
        return await repository.forget(connection, now, kept)
