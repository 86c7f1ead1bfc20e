"""Work on the ledger from a command, and rows of it that go to the lake."""

import asyncio
from typing import TYPE_CHECKING, Protocol, TypeVar

from features.clock import now_in_shanghai
from features.contracts import load_catalogue
from features.lake import Lake
from features.vault import Vault
from xinqiao.settings import database_addresses, load_settings

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import datetime

    from serving.db import Connection
    from serving.landing import Destination

Done = TypeVar("Done")


class Export(Protocol):
    """What a room lands of its own."""

    def __call__(
        self, connection: "Connection", to: "Destination", *, now: "datetime"
    ) -> "Awaitable[int]":
        """Land what is new; how much that was."""
        ...


def with_ledger(work: "Callable[[Connection], Awaitable[Done]]") -> Done:
    """Do something on a connection of the ledger's owner."""
    import psycopg  # noqa: PLC0415 - takes half a second to load

    from serving.database.opening import opened  # noqa: PLC0415 - see above

    async def run(conninfo: str) -> Done:
        async with await psycopg.AsyncConnection.connect(conninfo, autocommit=True) as connection:
            return await work(connection)

    with opened(load_settings().database, database_addresses()) as addresses:
        return asyncio.run(run(addresses.owner))


def exported(export: Export) -> int:
    """Land what is new of a room in the lake of the settings; how much that was."""
    from serving.landing import Destination  # noqa: PLC0415 - see above

    settings = load_settings()
    to = Destination(
        Lake(settings.lake), load_catalogue(), Vault(settings.vault), settings.home / "outgoing"
    )
    return with_ledger(lambda connection: export(connection, to, now=now_in_shanghai()))
