"""A real `xinqiao serve` with a bank and consenting firms, and beside it the least a look could cost.

Both write to the same private PostgreSQL, whose disk is kept honest: what was answered is on it.
"""

import asyncio
import sys
from collections.abc import AsyncGenerator, Generator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from itertools import cycle, repeat
from pathlib import Path

import psycopg

from benchmarks.callers import Headers, add_bank, add_owners
from benchmarks.load.floor_insert import ADDRESS, CREATE
from benchmarks.load.plan import Request
from benchmarks.load.processes import await_up, end_service, start_service
from benchmarks.load.run import Target
from features.identifiers import synthetic_uscc
from features.scope import Purpose
from serving.access.callers import Caller, Role
from serving.access.decision import Action
from serving.consent import service
from serving.consent.notices import notice_on
from serving.consent.states import Wish
from serving.database.addresses import Addresses
from serving.database.embedded import administrator, embedded
from serving.database.migrate import upgrade
from serving.database.site import read_site
from serving.db import Database, open_database
from serving.ratings.repository import INSERT as INSERT_RATING
from serving.ratings.repository import Rating

PORT, FLOOR_PORT = 18433, 18434
WORKERS = 2
BANK = synthetic_uscc("ledger", "bank")
PURPOSE = Purpose.APPLY
#: As long as the document of a rating with all its sentences.
_DOCUMENT = '{"note": "' + "x" * 6_000 + '"}'


@dataclass(frozen=True)
class Firm:
    """A firm with a live consent to the bank, and a rating the bank once asked for."""

    uscc: str
    consent_id: str
    rating_id: str
    owner: Headers

    def look(self, bank: Headers) -> Request:
        """The bank reads the rating: who asks, consent, one row of the record, durable."""
        return Request("GET", f"/v1/ratings/{self.rating_id}", bank)

    def revoke(self) -> Request:
        """The owner takes the consent back."""
        return Request("POST", f"/v1/consents/{self.consent_id}/revoke", self.owner)


@dataclass(frozen=True)
class Ledger:
    """A private ledger in use.

    Attributes
    ----------
    server : int
        PostgreSQL's main process.
    floor : str
        conninfo of a database beside the ledger, for what is compared with.
    """

    home: Path
    addresses: Addresses
    server: int
    floor: str


@contextmanager
def private_ledger(home: Path) -> Generator[Ledger]:
    """A migrated, empty ledger with the shipped settings."""
    home.mkdir(mode=0o711)
    home.parent.chmod(0o711)  # the server's own user passes through
    with embedded(home / "database") as addresses:
        upgrade(addresses.owner)
        site = read_site(home / "database")
        if site is None:
            raise RuntimeError("the private ledger is not described")
        floor = administrator(home / "database")
        with psycopg.connect(floor) as connection:
            connection.execute(CREATE)
        server = int((site.data / "postmaster.pid").read_text().split()[0])
        yield Ledger(home, addresses, server, floor)


@contextmanager
def our_service(ledger: Ledger, bank: Headers, firms: Sequence[Firm]) -> Generator[Target]:
    """`xinqiao serve` on the ledger; its plan looks at one firm after the other."""
    words = ["-m", "xinqiao", "serve", "--port", str(PORT), "--workers", str(WORKERS)]
    variables = {"XINQIAO_HOME": str(ledger.home)}
    process = start_service(
        [sys.executable, *words], log=ledger.home / "serve.log", variables=variables
    )
    url = f"http://127.0.0.1:{PORT}"
    try:
        await_up(f"{url}/readyz", process)
        plan = cycle([firm.look(bank) for firm in firms])
        yield Target(url, plan, {"service": process.pid, "PostgreSQL": ledger.server})
    finally:
        end_service(process)


@contextmanager
def bare_service(ledger: Ledger) -> Generator[Target]:
    """A bare FastAPI endpoint that inserts a row and commits, under as many workers."""
    words = ["-m", "uvicorn", "benchmarks.load.floor_insert:app", "--port", str(FLOOR_PORT)]
    words += [
        "--workers",
        str(WORKERS),
        "--no-access-log",
        "--loop",
        "uvloop",
        "--http",
        "httptools",
    ]
    process = start_service(
        [sys.executable, *words],
        log=ledger.home / "floor.log",
        variables={ADDRESS: ledger.floor},
    )
    url = f"http://127.0.0.1:{FLOOR_PORT}"
    try:
        await_up(url, process)
        pids = {"service": process.pid, "PostgreSQL": ledger.server}
        yield Target(url, repeat(Request("GET", "/")), pids)
    finally:
        end_service(process)


def let_in(ledger: Ledger, count: int, now: datetime) -> tuple[Headers, list[Firm]]:
    """A bank's program, and firms that consent to it."""
    bank = add_bank(ledger.addresses, ledger.home, BANK, {Action.RATING_READ}, now)
    usccs = [synthetic_uscc("ledger", str(number)) for number in range(count)]
    owners = add_owners(ledger.addresses, usccs, now)
    consents = asyncio.run(_grant(ledger.addresses.app, usccs, now))
    ratings = [
        _rating(number, uscc, consent, now)
        for number, (uscc, consent) in enumerate(zip(usccs, consents, strict=True))
    ]
    with psycopg.connect(ledger.addresses.owner) as connection, connection.cursor() as cursor:
        cursor.executemany(INSERT_RATING, [asdict(rating) for rating in ratings])
    firms = [
        Firm(uscc, consent, rating.rating_id, owner)
        for uscc, consent, rating, owner in zip(usccs, consents, ratings, owners, strict=True)
    ]
    return bank, firms


@asynccontextmanager
async def opened(conninfo: str, size: int) -> AsyncGenerator[Database]:
    """A pool as a worker has one."""
    database = await open_database(conninfo, size=size, wait_seconds=5)
    try:
        yield database
    finally:
        await database.close()


async def _grant(conninfo: str, usccs: Sequence[str], now: datetime) -> list[str]:
    wish = Wish(
        grantee=BANK,
        purpose=PURPOSE,
        scopes=frozenset({"tax", "invoice"}),
        valid_from=now.date(),
        valid_to=now.date() + timedelta(days=30),
        notice_version=notice_on(now.date()).version,
    )
    async with opened(conninfo, 1) as database, database.transaction() as connection:
        return [
            (await service.grant(connection, _owner(uscc), wish, now)).consent_id for uscc in usccs
        ]


def _owner(uscc: str) -> Caller:
    return Caller(Role.OWNER, id="P-1", tenant=uscc, real_name_level=2)


def _rating(number: int, uscc: str, consent: str, now: datetime) -> Rating:
    return Rating(
        rating_id=f"R-{number:020x}",
        uscc=uscc,
        institution=BANK,
        asked_by="load",
        scope="grantee",
        opened=["tax"],
        consents=[consent],
        purpose=PURPOSE,
        need_id="",
        is_public_only=False,
        as_of=now.date(),
        rated_at=now,
        valid_until=now.date() + timedelta(days=30),
        model="base_12m",
        bundle_id="load",
        lake_version=1,
        score=600,
        grade="A",
        feature_hash="",
        document=_DOCUMENT,
    )
