"""A service for tests: the real application on a fresh ledger, a clock to set, callers of every role.

::

    with service(fresh_database) as running:
        bank = running.bank(permissions=["consent:read"])
        assert running.get("/v1/consents", bank).status_code == 200

Requests go through the whole application without a socket. All names and codes are invented.
"""

import asyncio
import itertools
import json
import tempfile
from collections.abc import Awaitable, Callable, Coroutine, Generator, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property
from io import StringIO
from pathlib import Path
from typing import Any, LiteralString, TypeVar

import httpx
import psycopg
from fastapi import APIRouter, FastAPI

from serving.app import ROOMS, create_app
from serving.auth.marks import digest_of
from serving.auth.tokens import Claims, unix_seconds
from serving.database.addresses import Addresses
from serving.house import House
from serving.observe.log import make_log
from serving.settings import Settings

NOON = datetime(2026, 11, 20, 12, 0)  # a Friday
FIRM = "91370000MA3TEST01X"
BANK = "91370000MA3BANK01X"
OTHER_BANK = "91370000MA3BANK02X"
T = TypeVar("T")


@dataclass
class Clock:
    """Wall time that stands until it is moved."""

    now: datetime = NOON

    def __call__(self) -> datetime:
        """The time now."""
        return self.now

    def move(self, **step: float) -> None:
        """Let time pass; arguments as of `timedelta`."""
        self.now += timedelta(**step)


@dataclass(frozen=True)
class Ask:
    """Somebody who asks: headers of its requests, and whose they are."""

    id: str
    tenant: str
    headers: dict[str, str]


ANYBODY = Ask("", "", {})


@dataclass
class Running:
    """The application at work."""

    app: FastAPI
    addresses: Addresses
    clock: Clock
    logged: StringIO
    runner: asyncio.Runner
    client: httpx.AsyncClient
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    @property
    def house(self) -> House:
        """What the worker holds."""
        house: House = self.app.state.house
        return house

    @property
    def log_lines(self) -> list[dict[str, Any]]:
        """Every line the service logged."""
        return [json.loads(line) for line in self.logged.getvalue().splitlines()]

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Do something in the application's own loop."""
        return self.runner.run(work)

    def ask(self, method: str, path: str, who: Ask = ANYBODY, **more: Any) -> httpx.Response:
        """One request; `more` is httpx's: `json`, `content`, `headers`, `params`."""
        return self.run(self.asking(method, path, who, **more))

    def get(self, path: str, who: Ask = ANYBODY, **more: Any) -> httpx.Response:
        """One GET."""
        return self.ask("GET", path, who, **more)

    def post(self, path: str, who: Ask = ANYBODY, **more: Any) -> httpx.Response:
        """One POST."""
        return self.ask("POST", path, who, **more)

    async def asking(self, method: str, path: str, who: Ask, **more: Any) -> httpx.Response:
        """One request, to be awaited together with others in `run`."""
        headers = who.headers | more.pop("headers", {})
        return await self.client.request(method, path, headers=headers, **more)

    def together(self, *asked: Awaitable[T]) -> list[T]:
        """Several requests at once."""

        async def all_of_them() -> list[T]:
            return list(await asyncio.gather(*asked))

        return self.run(all_of_them())

    @cached_property
    def owner_connection(self) -> psycopg.Connection:
        """Kept open for `sql`: a new one costs the server more than most statements do."""
        return psycopg.connect(self.addresses.owner, autocommit=True, prepare_threshold=None)

    def sql(self, query: LiteralString, **values: object) -> list[tuple[Any, ...]]:
        """Ask or change the ledger directly, as its owner; each call is a transaction."""
        cursor = self.owner_connection.execute(query, values)
        return cursor.fetchall() if cursor.description else []

    def close(self) -> None:
        """Leave the ledger."""
        if "owner_connection" in self.__dict__:
            self.owner_connection.close()

    def institution(self, uscc: str = BANK, *, state: str = "active", kind: str = "bank") -> str:
        """An institution, whose yearly assessment holds for a year; made once."""
        self.sql(
            "INSERT INTO institution (uscc, name_zh, kind, state, state_since, assessed_until) "
            "VALUES (%(uscc)s, '测试机构', %(kind)s, %(state)s, %(now)s, %(until)s) ON CONFLICT DO NOTHING",
            uscc=uscc,
            kind=kind,
            state=state,
            now=self.clock.now,
            until=self.clock.now.date() + timedelta(days=365),
        )
        return uscc

    def bank(
        self, permissions: Sequence[str] = (), *, uscc: str = BANK, rate: float = 1000.0
    ) -> Ask:
        """An institution's program with a token for these permissions."""
        number = next(self.numbers)
        client_id, secret_id = f"A-{number:020x}", f"S-{number:020x}"
        self.institution(uscc)
        self.sql(
            "INSERT INTO client (client_id, institution, label, permissions, rate_per_second, burst, state, created_at) "
            "VALUES (%(client)s, %(uscc)s, 'test', %(held)s, %(rate)s, 1000, 'active', %(now)s)",
            client=client_id,
            uscc=uscc,
            held=list(permissions),
            rate=rate,
            now=self.clock.now,
        )
        self.sql(
            "INSERT INTO client_secret (secret_id, client_id, digest, created_at) "
            "VALUES (%(secret)s, %(client)s, %(digest)s, %(now)s)",
            secret=secret_id,
            client=client_id,
            digest=digest_of(secret_id),
            now=self.clock.now,
        )
        token = self.token(client_id, secret_id, uscc, permissions)
        return Ask(client_id, uscc, {"Authorization": f"Bearer {token}"})

    def token(self, client_id: str, secret_id: str, uscc: str, permissions: Sequence[str]) -> str:
        """A token for ten minutes from now."""
        start = unix_seconds(self.clock.now)
        claims = Claims(client_id, secret_id, uscc, frozenset(permissions), start, start + 600)
        return self.house.token_keys.issue(claims)

    def person(self, role: str, tenant: str = "", *, real_name_level: int = 2) -> Ask:
        """Somebody new with one role, whose browser has a session."""
        number = next(self.numbers)
        person_id, token = f"U-{number:020x}", f"session-{number:032x}"
        self.sql(
            "WITH made AS (INSERT INTO person (person_id, login, password_hash, real_name_level, state, created_at)"
            " VALUES (%(person)s, %(login)s, '', %(level)s, 'active', %(now)s)), "
            "member AS (INSERT INTO membership (person_id, role, tenant, granted_at)"
            " VALUES (%(person)s, %(role)s, %(tenant)s, %(now)s)) "
            "INSERT INTO session (token_digest, person_id, role, tenant, created_at, last_used_at, expires_at) "
            "VALUES (%(digest)s, %(person)s, %(role)s, %(tenant)s, %(now)s, %(now)s, %(until)s)",
            person=person_id,
            login=f"{role}{number}",
            level=real_name_level,
            role=role,
            tenant=tenant,
            digest=digest_of(token),
            now=self.clock.now,
            until=self.clock.now + timedelta(hours=8),
        )
        return Ask(
            person_id, tenant, {"Cookie": f"xinqiao={token}", "Sec-Fetch-Site": "same-origin"}
        )

    def owner(self, uscc: str = FIRM) -> Ask:
        """The owner of a firm."""
        return self.person("owner", uscc)

    def officer(self, uscc: str = BANK) -> Ask:
        """A person at an institution."""
        return self.person("officer", self.institution(uscc))

    def operator(self) -> Ask:
        """Somebody who runs the platform."""
        return self.person("operator")

    def auditor(self) -> Ask:
        """Somebody who reads the record."""
        return self.person("auditor")


@contextmanager
def service(
    addresses: Addresses,
    *,
    rooms: Sequence[APIRouter] = ROOMS,
    before: Callable[[Path], None] = lambda _: None,
    address: str = "127.0.0.1",
    **overrides: Any,
) -> Generator[Running]:
    """The application on a ledger of the caller's (`fresh_database`, or `ledger.clone()`).

    Parameters
    ----------
    before : callable
        Given the home before the application starts.
    address : str
        Where requests seem to come from.
    overrides
        Any of `Settings`.
    """
    clock, logged = Clock(), StringIO()
    with tempfile.TemporaryDirectory(prefix="service-") as folder, asyncio.Runner() as runner:
        home = Path(folder)
        before(home)
        settings = replace(Settings(home, addresses.app, sealer=addresses.sealer), **overrides)
        app = create_app(settings, clock=clock, rooms=rooms, log=make_log(logged))
        stack = AsyncExitStack()

        async def start() -> httpx.AsyncClient:
            await stack.enter_async_context(app.router.lifespan_context(app))
            transport = httpx.ASGITransport(app, raise_app_exceptions=True, client=(address, 50000))
            client = httpx.AsyncClient(transport=transport, base_url="http://xinqiao.test")
            return await stack.enter_async_context(client)

        try:
            client = runner.run(start())
            running = Running(app, addresses, clock, logged, runner, client)
            stack.callback(running.close)
            yield running
        finally:
            runner.run(stack.aclose())
