"""Whoever dies, and however: no process stays, what was committed stays, what was not does not."""

import os
import random
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Generator
from contextlib import closing, suppress
from pathlib import Path

import psycopg
import pytest

from serving.database.embedded import embedded, is_running, wait_until_stopped
from serving.database.processes import of_data_folder
from serving.database.site import Site, read_site
from tests.databases import reachable_folder, remove_home

ROOT = Path(__file__).parents[3]
WITHIN = 20.0
#: Acknowledged commits survive every death below; only the machine's own death needs fsync.
QUICK = {"fsync": "off"}


class User:
    """Another process that uses the server of this home."""

    def __init__(self, home: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.database_user", str(home)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    @property
    def address(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()

    def leave(self) -> None:
        self.process.communicate()


Come = Callable[[], User]


@pytest.fixture
def home() -> Generator[Path]:
    folder = reachable_folder()
    yield folder
    remove_home(folder)


@pytest.fixture
def come(home: Path) -> Generator[Come]:
    """Another user; whoever has not left by the end of the test is made to."""
    users: list[User] = []

    def come() -> User:
        users.append(User(home))
        return users[-1]

    yield come
    for user in users:
        if user.process.poll() is None:
            user.kill()


def site_of(home: Path) -> Site:
    site = read_site(home)
    assert site is not None
    return site


def postmaster(site: Site) -> int:
    return int((site.data / "postmaster.pid").read_text().splitlines()[0])


def parent(process: int) -> int:
    status = Path(f"/proc/{process}/status").read_text()
    return int(status.split("PPid:")[1].split()[0])


def wait_for_end(processes: list[int]) -> None:
    """Return when all have ended; fails, never hangs."""
    for process in processes:
        try:
            handle = os.pidfd_open(process)
        except ProcessLookupError:
            continue
        ended, _, _ = select.select([handle], [], [], WITHIN)
        os.close(handle)
        assert ended, f"process {process} is still there"


def end_server(home: Path, act: Callable[[], None]) -> None:
    """Do it, then require that no process of the server is left."""
    site = site_of(home)
    there = [*of_data_folder(site.data), parent(postmaster(site))]
    assert len(there) >= 6
    act()
    wait_for_end(there)
    assert of_data_folder(site.data) == []
    assert not is_running(home)


def connect_again(address: str) -> psycopg.Connection[tuple[object, ...]]:
    """Connect to a server that is coming back."""
    for _ in range(400):
        try:
            return psycopg.connect(address)
        except psycopg.OperationalError:
            select.select([], [], [], 0.05)
    raise AssertionError("the server did not come back")


def numbers(connection: psycopg.Connection[tuple[object, ...]]) -> list[object]:
    return [row[0] for row in connection.execute("SELECT n FROM kept ORDER BY n").fetchall()]


def leave_work(address: str) -> psycopg.Connection[tuple[object, ...]]:
    """1 is committed, 2 is not, and the transaction stays open."""
    connection = psycopg.connect(address)
    connection.execute("CREATE TABLE kept (n integer)")
    connection.execute("INSERT INTO kept VALUES (1)")
    connection.commit()
    connection.execute("INSERT INTO kept VALUES (2)")
    return connection


def test_the_last_user_leaving_stops_the_server(home: Path, come: Come) -> None:
    with embedded(home, extra=QUICK) as addresses:
        other = come()
        assert other.address == addresses.owner
        other.leave()
        with psycopg.connect(addresses.app) as connection:
            assert connection.execute("SELECT current_user").fetchone() == ("xinqiao_app",)
        left = of_data_folder(site_of(home).data)
    wait_for_end(left)
    wait_until_stopped(home)
    assert of_data_folder(site_of(home).data) == []
    assert "fast shutdown request" in (home / "server.log").read_text()


def test_a_killed_user_leaves_no_server(home: Path, come: Come) -> None:
    user = come()
    with closing(leave_work(user.address)):
        end_server(home, user.kill)
    with embedded(home, extra=QUICK) as addresses, psycopg.connect(addresses.owner) as connection:
        assert numbers(connection) == [1]


def test_a_killed_keeper_takes_the_server_with_it(home: Path) -> None:
    with embedded(home, extra=QUICK) as addresses:
        with closing(leave_work(addresses.owner)):
            keeper = parent(postmaster(site_of(home)))
            end_server(home, lambda: os.kill(keeper, signal.SIGKILL))
        # A user who is still there does not hinder the next one from starting it again.
        with embedded(home) as again, psycopg.connect(again.owner) as connection:
            assert numbers(connection) == [1]


def test_a_killed_server_comes_back_for_its_users(home: Path) -> None:
    with embedded(home, extra=QUICK) as addresses, closing(leave_work(addresses.owner)):
        site = site_of(home)
        first = postmaster(site)
        busy = psycopg.connect(addresses.owner)
        # A computation does not notice that its postmaster has died, and would hold the folder.
        busy.pgconn.send_query(b"SELECT count(*) FROM generate_series(1, 1000000000000)")
        before = of_data_folder(site.data)
        os.kill(first, signal.SIGKILL)
        wait_for_end(before)
        with connect_again(addresses.owner) as connection:
            assert numbers(connection) == [1]
        assert postmaster(site) != first
        busy.close()
    assert "ended by itself (-9)" in (home / "keeper.log").read_text()


def test_a_killed_backend_loses_its_transaction_only(home: Path) -> None:
    with (
        embedded(home, extra=QUICK) as addresses,
        closing(leave_work(addresses.owner)) as open_work,
    ):
        first = postmaster(site_of(home))
        os.kill(open_work.info.backend_pid, signal.SIGKILL)
        wait_for_end([open_work.info.backend_pid])
        with connect_again(addresses.owner) as connection:
            assert numbers(connection) == [1]
        assert postmaster(site_of(home)) == first


def test_all_killed_at_once_leave_nothing(home: Path, come: Come) -> None:
    user = come()
    with closing(leave_work(user.address)):
        site = site_of(home)
        all_of_it = [parent(postmaster(site)), *of_data_folder(site.data)]

        def strike() -> None:
            for process in all_of_it:
                with suppress(ProcessLookupError):  # its parent went first and it followed
                    os.kill(process, signal.SIGKILL)
            user.kill()

        end_server(home, strike)
    with embedded(home, extra=QUICK) as addresses, psycopg.connect(addresses.owner) as connection:
        assert numbers(connection) == [1]


def test_starts_at_the_same_moment_make_one_server(home: Path, come: Come) -> None:
    users = [come() for _ in range(6)]
    addresses = {user.address for user in users}
    assert len(addresses) == 1
    site = site_of(home)
    leaders = [p for p in of_data_folder(site.data) if parent(p) == parent(postmaster(site))]
    assert leaders == [postmaster(site)]

    def all_go() -> None:
        for user in users:
            user.kill()

    end_server(home, all_go)


def test_a_keeper_told_to_stop_stops_cleanly(home: Path) -> None:
    with embedded(home, extra=QUICK):
        keeper = parent(postmaster(site_of(home)))
        end_server(home, lambda: os.kill(keeper, signal.SIGTERM))
    assert "database system is shut down" in (home / "server.log").read_text()


def test_a_number_in_stale_files_that_is_now_another_process(home: Path) -> None:
    with embedded(home, extra=QUICK):
        site = site_of(home)
        files = [site.data / "postmaster.pid", site.socket / ".s.PGSQL.5432.lock"]
        lines = [file.read_text().splitlines() for file in files]
    wait_until_stopped(home)
    # The test itself is alive under this number and is no PostgreSQL.
    for file, kept in zip(files, lines, strict=True):
        file.write_text("\n".join([str(os.getpid()), *kept[1:]]))
    with embedded(home, extra=QUICK) as addresses:
        psycopg.connect(addresses.app).close()
    assert (home / "keeper.log").read_text() == ""


@pytest.mark.soak
def test_random_deaths(home: Path, come: Come) -> None:
    """Every acknowledged number survives any history of deaths; no unacknowledged one is half there."""
    rng = random.Random(20261121)  # noqa: S311 - a repeatable history
    acknowledged: list[int] = []
    for number in range(150):
        user = come()
        with closing(connect_again(user.address)) as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS kept (n integer)")
            assert numbers(connection) == acknowledged
            connection.execute("INSERT INTO kept VALUES (%s)", [number])
            connection.commit()
            acknowledged.append(number)
            connection.execute("INSERT INTO kept VALUES (-1)")
            site = site_of(home)
            main, backend = postmaster(site), connection.info.backend_pid
            victims = rng.sample([parent(main), main, backend], rng.randrange(4))
            for process in victims:
                with suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)
            rng.choice([user.kill, user.leave])()
        wait_until_stopped(home)
        wait_for_end(of_data_folder(site.data))
        assert of_data_folder(site.data) == [], victims
