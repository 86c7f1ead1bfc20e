"""Who asks: a token of a program, a session of a person, or nobody."""

from datetime import datetime

from fastapi import Request

from serving.access.callers import NOBODY, Caller
from serving.db import Connection
from serving.house import House


async def identify(house: House, request: Request, connection: Connection, now: datetime) -> Caller:
    """Say who asks, by what the ledger knows of the key in this transaction.

    Raises
    ------
    NotAuthenticatedError
        If a key was given and is not, or no longer, good.
    """
    return NOBODY
