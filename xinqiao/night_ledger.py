"""What people have entered since the starter catalogue was written: a night reads it from the ledger as the service does."""

import asyncio
import hashlib
import json
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from datetime import date
from functools import cached_property
from typing import LiteralString

from models.products.book import ProductEntry, load_products
from models.tags.held import Claims
from serving.database.migrate import require_current
from serving.database.opening import opened
from serving.database.site import read_site
from serving.db import open_database
from serving.products.repository import read_published
from serving.tags.repository import every_claim, every_removal
from xinqiao.settings import Settings, database_addresses

#: Everything is read as it stood at one moment, and nothing is written.
_BEGIN: LiteralString = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
_WAIT_SECONDS = 10.0


@dataclass(frozen=True, eq=False)
class LedgerPart:
    """Products to match and what was said of firms' tags.

    Attributes
    ----------
    entries : sequence of ProductEntry
        The starter catalogue and what institutions published, less what was withdrawn.
    is_read : bool
        Whether there is a ledger; without one the starter catalogue is all there is.
    """

    entries: Sequence[ProductEntry]
    claims: Claims
    is_read: bool

    @cached_property
    def stamp(self) -> str:
        """SHA-256 of all of it."""
        parts = [
            self.is_read,
            [entry.model_dump(mode="json") for entry in self.entries],
            sorted(astuple(one) for one in self.claims.given),
            sorted(self.claims.removed),
        ]
        return hashlib.sha256(json.dumps(parts, default=str).encode()).hexdigest()


def read_ledger(settings: Settings, day: date) -> LedgerPart:
    """Read the ledger as it stands now; what is valid on the day counts.

    A ledger there is none of is no error: no address is set, and this home never had a private server.

    Raises
    ------
    DatabaseError, SchemaError
        If there is one and it does not answer, its address is wrong, or its schema is not this program's.
    UnavailableError
        If it stops answering while it is read.
    """
    given = database_addresses()
    if not given and read_site(settings.database) is None:
        return LedgerPart(load_products(), Claims(), is_read=False)
    with opened(settings.database, given) as addresses:
        require_current(addresses.app)
        return asyncio.run(_read(addresses.app, day))


async def _read(address: str, day: date) -> LedgerPart:
    database = await open_database(address, size=1, wait_seconds=_WAIT_SECONDS)
    try:
        async with database.connection() as connection:
            await connection.execute(_BEGIN)
            entries = await read_published(connection, load_products())
            claims = Claims(await every_claim(connection, day), await every_removal(connection))
            return LedgerPart(entries, claims, is_read=True)
    finally:
        await database.close()
