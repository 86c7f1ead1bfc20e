"""Acting for somebody at an earlier moment, through the services: what was on record then, and a row of the audit for it."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from pathlib import Path
from typing import TypeVar

from features.stale import Stale
from features.vault import Vault
from serving.access.callers import Caller
from serving.access.decision import Action
from serving.audit.record import write_entry
from serving.auth.limits import RateLimits
from serving.auth.tokens import TokenKeys
from serving.db import Connection, open_database
from serving.house import House
from serving.look import Look
from serving.ratings.desk import Desk
from serving.ratings.desks import Desks
from serving.settings import Settings as ServiceSettings

_Done = TypeVar("_Done")


@dataclass
class PastDesks(Desks):
    """Desks of earlier days: firms are looked up in the lake as it spoke then, by the model of now.

    Attributes
    ----------
    today : datetime
        Of the build that the desks of other days are made from.
    """

    today: datetime = field(kw_only=True)
    _past: dict[date, Desk] = field(default_factory=dict[date, Desk])

    async def desk(self, now: datetime) -> Desk:
        """The desk of the day of `now`."""
        day = now.date()
        if day not in self._past:
            self._past[day] = _as_of(await super().desk(self.today), day)
        return self._past[day]


@dataclass(frozen=True)
class PastHouse(House):
    """A house in which a look at an earlier day sees what was on record that day."""

    past: PastDesks = field(kw_only=True)

    @property
    def desks(self) -> Desks:
        """One for each day."""
        return self.past


@dataclass(frozen=True)
class Stage:
    """Where callers act, in a transaction of whoever opened it."""

    house: House
    connection: Connection

    async def act(
        self, who: Caller, action: Action, at: datetime, work: Callable[[Look], Awaitable[_Done]]
    ) -> _Done:
        """Do something as the door would let it be done, with its row of the record.

        Raises
        ------
        XinqiaoError
            What the service refuses.
        """
        look = Look(self.house, action, "demo", at, who)
        look.connection = self.connection
        done = await work(look)
        for query, given in look.last:
            await self.connection.execute(query, given)
        await write_entry(self.connection, look.entry(look.outcome, "granted"))
        return done


@asynccontextmanager
async def stage(home: Path, ledger: str, now: datetime) -> AsyncGenerator[Stage]:
    """Open a house of one worker; all that is done on it is written together, or nothing.

    Parameters
    ----------
    ledger : str
        Its address under the role of the service.
    """
    database = await open_database(ledger, size=1, wait_seconds=10.0)
    house = PastHouse(
        settings=ServiceSettings(home, ledger),
        database=database,
        vault=Vault(home / "vault"),
        token_keys=TokenKeys(home / "vault" / "tokens"),
        limits=RateLimits(home / "run" / "rates"),
        clock=lambda: now,
        past=PastDesks(home, today=now),
    )
    try:
        async with database.transaction() as connection:
            yield Stage(house, connection)
    finally:
        house.limits.close()
        house.desks.close()
        house.reading.close()
        await database.close()


def _as_of(desk: Desk, day: date) -> Desk:
    """The desk of another day; its build speaks for nobody then."""
    if day == desk.as_of_date:
        return desk
    manifest = replace(desk.online.manifest, as_of_date=day.isoformat())
    everybody = Stale(frozenset(), is_everyone=True, lake_version=desk.lake.version)
    online = replace(desk.online, manifest=manifest)
    return replace(desk, online=online, stale=everybody, unsure=everybody)
