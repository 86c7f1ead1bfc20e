"""A service that watches a city's borrowers, and a receiver at which every lender has its endpoint."""

import asyncio
import json
import shutil
import sys
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from urllib.request import urlopen

import psycopg
import pyarrow.parquet as pq

from benchmarks.load.cpu import parent_of
from benchmarks.load.processes import await_up, end_service, start_service
from benchmarks.load.receiver import SECRETS
from benchmarks.our_service import make_home
from features.clock import now_in_shanghai
from features.definitions import REGISTRY
from features.errors import BundleError
from features.vault import Vault
from models.aliases import CHAMPION, named_bundle
from models.bundle import load_bundle
from serving.auth.institutions import repository as institutions
from serving.database.embedded import embedded
from serving.db import Connection
from serving.loans.exposures import live_exposures
from serving.webhooks import endpoint_repository
from serving.webhooks.secrets import Keyring
from serving.webhooks.signing import new_webhook_secret
from xinqiao.demo_accounts import make_accounts
from xinqiao.settings import load_settings

PORT, RECEIVER_PORT = 18435, 18436
WORKERS = 2
RECEIVER = f"http://127.0.0.1:{RECEIVER_PORT}"
#: What a home is copied without: what it was trained by, and what an earlier service left.
_UNUSED = ("quarters", "studies", "database", "audit", "run", "online", "watch", "city")
_LOOK_S = 0.02


@dataclass(frozen=True)
class Heard:
    """One notice at the receiver; without a kind its signature was not right."""

    path: str
    notice_id: str
    kind: str
    uscc: str
    signal: str
    at: float


@dataclass(frozen=True)
class House:
    """A running service with its lenders.

    Attributes
    ----------
    clock : timedelta
        From the machine's clock to the service's, whose today is the last day of the data.
    owner : str
        conninfo of the ledger.
    service, database, receiver : int
        Processes.
    paths : mapping of str to str
        The receiver's path of each lender.
    secrets : mapping of str to str
        What signs for each path.
    """

    home: Path
    clock: timedelta
    owner: str
    service: int
    database: int
    receiver: int
    paths: Mapping[str, str]
    secrets: Mapping[str, str]

    @property
    def now(self) -> datetime:
        """The service's wall time."""
        return now_in_shanghai() + self.clock


def kept_home(cities: Path, firms: int) -> tuple[Path, date]:
    """A demonstration's home with a model that serves, made once and kept; with its last day.

    One whose model was trained on other definitions of the features is made again.
    """
    place = cities / f"demo-{firms}"
    home = place / "home"
    if not _serves(home):
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        make_home(place, firms)
    told = json.loads((home / "city" / "city.json").read_text(encoding="utf-8"))
    return home, date.fromisoformat(told["last_day"])


def _serves(home: Path) -> bool:
    try:
        load_bundle(named_bundle(home / "bundles", CHAMPION), REGISTRY, home / "tables")
    except (BundleError, FileNotFoundError):
        return False
    return (home / "ratings.parquet").exists()


def copied_home(kept: Path, work: Path) -> Path:
    """A copy to serve from."""
    home = work / "home"
    shutil.copytree(kept, home, ignore=shutil.ignore_patterns(*_UNUSED))
    for folder in (work, home):
        folder.chmod(0o711)  # the server's own user passes through
    return home


@contextmanager
def watching(home: Path, today: date) -> Generator[House]:
    """Serve a home whose loans were brought in, until the block ends."""
    now = now_in_shanghai()
    clock = timedelta(days=(today - now.date()).days)
    settings = replace(load_settings(), home=home)
    rated: list[str] = pq.read_table(home / "ratings.parquet", columns=["uscc"])["uscc"].to_pylist()
    make_accounts(settings, rated, now + clock)
    with embedded(home / "database") as addresses:
        secrets, paths = asyncio.run(_let_lenders_in(addresses.owner, home, now + clock))
        with psycopg.connect(addresses.owner) as connection:
            database = parent_of(connection.info.backend_pid)
        listing = home / "secrets.json"
        listing.write_text(json.dumps(secrets), encoding="utf-8")
        with _receiver(home, listing) as receiver, _service(home, today) as service:
            yield House(home, clock, addresses.owner, service, database, receiver, paths, secrets)


def heard_from(start: int) -> list[Heard]:
    """What the receiver has heard from the n-th notice on."""
    with urlopen(f"{RECEIVER}/?from={start}", timeout=10) as answer:  # noqa: S310 - our own
        rows: list[tuple[str, str, str, str, str, float]] = json.load(answer)
    return [Heard(*row) for row in rows]


def await_notices(start: int, wanted: set[tuple[str, str, str]], seconds: float) -> list[Heard]:
    """Wait until every wanted (path, enterprise, signal) was heard; what was heard since.

    Raises
    ------
    RuntimeError
        If one does not come in time.
    """
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        heard = heard_from(start)
        if wanted <= {(one.path, one.uscc, one.signal) for one in heard}:
            return heard
        time.sleep(_LOOK_S)
    raise RuntimeError(f"Of {len(wanted)} notices not all arrived within {seconds:g} s.")


def await_first_round(house: House, seconds: float = 240.0) -> int:
    """Wait until everybody was asked about once and all of it has left; how many notices that were.

    Raises
    ------
    RuntimeError
        If it takes longer.
    """
    until, log = time.monotonic() + seconds, house.home / "serve.log"
    while time.monotonic() < until:
        is_over = any(
            '"watch_borrowers"' in line and '"job.done"' in line
            for line in log.read_text("utf-8", "replace").splitlines()
        )
        if is_over and not waiting(house):
            return len(heard_from(0))
        time.sleep(0.2)
    raise RuntimeError(f"The first round of the watch was not over within {seconds:g} s.")


def waiting(house: House) -> int:
    """Notices that have not left."""
    with psycopg.connect(house.owner) as connection:
        found = connection.execute("SELECT count(*) FROM notice WHERE state = 'waiting'").fetchone()
    return int(found[0]) if found else 0


async def _let_lenders_in(
    owner: str, home: Path, now: datetime
) -> tuple[dict[str, str], dict[str, str]]:
    """An endpoint at the receiver for everybody who has an exposure: secrets by path, paths by lender."""
    keyring = Keyring(Vault(home / "vault"))
    secrets, paths = dict[str, str](), dict[str, str]()
    async with await psycopg.AsyncConnection.connect(owner, autocommit=True) as connection:
        lenders = sorted({one.institution for one in await live_exposures(connection)})
        for number, lender in enumerate(lenders):
            path = paths[lender] = f"/{number}"
            secrets[path] = await _add_endpoint(connection, keyring, lender, number, now)
    return secrets, paths


async def _add_endpoint(
    connection: Connection, keyring: Keyring, lender: str, number: int, now: datetime
) -> str:
    names = (f"机构{number}", f"Institution {number}")
    await institutions.add_application(connection, lender, names, "bank", None, now)
    await institutions.write_state(
        connection, lender, "active", "bench", now.date() + timedelta(days=365), now
    )
    endpoint, secret = f"W-bench-{number}", new_webhook_secret()
    await endpoint_repository.add(
        connection, endpoint, lender, "bench", f"{RECEIVER}/{number}", now
    )
    sealed = await keyring.seal(endpoint, secret)
    await endpoint_repository.add_secret(connection, endpoint, f"K-bench-{number}", sealed, now)
    return secret


@contextmanager
def _receiver(home: Path, listing: Path) -> Generator[int]:
    words = ["-m", "uvicorn", "benchmarks.load.receiver:app", "--port", str(RECEIVER_PORT)]
    words += ["--no-access-log", "--lifespan", "off", "--loop", "uvloop", "--http", "httptools"]
    words += ["--timeout-keep-alive", "600"]
    yield from _running(words, home / "receiver.log", {SECRETS: str(listing)}, RECEIVER)


@contextmanager
def _service(home: Path, today: date) -> Generator[int]:
    words = ["-m", "xinqiao", "serve", "--port", str(PORT), "--workers", str(WORKERS)]
    words += ["--today", today.isoformat()]
    variables = {"XINQIAO_HOME": str(home), "XINQIAO_WEBHOOK_LOOPBACK": "1"}
    yield from _running(words, home / "serve.log", variables, f"http://127.0.0.1:{PORT}/readyz")


def _running(
    words: Sequence[str], log: Path, variables: Mapping[str, str], url: str
) -> Generator[int]:
    process = start_service([sys.executable, *words], log=log, variables=variables)
    try:
        await_up(url, process)
        yield process.pid
    finally:
        end_service(process)
