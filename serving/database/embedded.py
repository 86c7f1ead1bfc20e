"""A private PostgreSQL for as long as somebody uses it.

Any number of processes may use one home at once. The first starts a keeper (`keeper.py`), which
starts the server; all hold one lock shared, and when the last of them has gone the keeper stops the
server and ends.
"""

import fcntl
import os
import subprocess
import sys
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
from psycopg.conninfo import make_conninfo

from serving.database.addresses import ROLES, Addresses
from serving.database.cluster import (
    ADMINISTRATOR,
    Passwords,
    make_cluster,
    prepared_mark,
    read_passwords,
)
from serving.database.installing import find_install, find_place, find_socket, server_user
from serving.database.roles import LEDGER, prepare_server
from serving.database.site import Site, keeper_lock, read_site, start_lock, users_lock
from serving.errors import DatabaseError

#: How long a start may take; recovery after a crash reads at most `max_wal_size` again [s].
START_SECONDS = 60.0
#: Lines of the server's log that an error quotes.
QUOTED_LINES = 5
#: A log larger than this is put aside at the next start [bytes].
LOG_BYTES = 10_000_000

_CHECKOUT = Path(__file__).resolve().parents[2]
_PAUSE_SECONDS = 0.02


@contextmanager
def embedded(
    home: Path, *, extra: Mapping[str, str] | None = None, within: float = START_SECONDS
) -> Generator[Addresses]:
    """The ledger's addresses on a private server, which runs while the block does.

    Parameters
    ----------
    home : Path
        `<XINQIAO_HOME>/database`; made when missing.
    extra : mapping of str to str, optional
        PostgreSQL settings beside the shipped ones; they count if this use starts the server.
    within : float
        How long a start may take [s].

    Raises
    ------
    DatabaseError
        If the server does not start, with the last lines of its log.
    """
    home = home.resolve()
    # Others need to pass through, not to read: the server's own folder inside is its user's alone.
    home.mkdir(mode=0o711, parents=True, exist_ok=True)
    with _lock(start_lock(home), fcntl.LOCK_EX):
        passwords = read_passwords(home)
        users = _open_lock(users_lock(home), fcntl.LOCK_SH)
        try:
            site = _ensure_running(home, passwords, extra or {}, within)
        except BaseException:
            os.close(users)
            raise
    try:
        yield _addresses(site, passwords)
    finally:
        os.close(users)


def administrator(home: Path) -> str:
    """Conninfo of the superuser of a server in use, for backups, tests and repairs."""
    home = home.resolve()
    site = read_site(home)
    if site is None:
        raise DatabaseError(
            en=f"No ledger was ever started in {home}. Start the service first.",
            zh=f"{home} 中从未启动过业务数据库，请先启动服务。",
        )
    return _conninfo(site, ADMINISTRATOR, read_passwords(home)[ADMINISTRATOR], "postgres")


def is_running(home: Path) -> bool:
    """Whether a keeper lives for this home."""
    try:
        descriptor = os.open(keeper_lock(home), os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def wait_until_stopped(home: Path) -> None:
    """Return when the keeper has ended; the last user must have gone."""
    with _lock(keeper_lock(home), fcntl.LOCK_SH):
        return


def _ensure_running(
    home: Path, passwords: Passwords, extra: Mapping[str, str], within: float
) -> Site:
    deadline = time.monotonic() + within
    has_started = False
    while True:
        free = _try_lock(keeper_lock(home))
        if free is not None:
            try:
                if has_started:
                    raise _failure(home, "ended at once", "启动后即退出")
                _start_keeper(_prepare(home, passwords, extra), free)
            finally:
                os.close(free)
            has_started = True
        site = read_site(home)
        if site is not None and _is_ready(site, passwords):
            return site
        if time.monotonic() > deadline:
            raise _failure(
                home, f"was not ready within {within:g} s", f"未能在 {within:g} 秒内就绪"
            )
        time.sleep(_PAUSE_SECONDS)


def _prepare(home: Path, passwords: Passwords, extra: Mapping[str, str]) -> Site:
    """Everything a server needs before it starts; called while no keeper lives."""
    user, before = server_user(), read_site(home)
    place = find_place(home, user)
    site = Site(
        home=home,
        place=place,
        socket=find_socket(place, before.socket if before else None, user),
        install=find_install(place, user),
        uid=user[0],
        gid=user[1],
    )
    make_cluster(site, passwords[ADMINISTRATOR], extra=extra)
    with suppress(FileNotFoundError):
        if site.log.stat().st_size > LOG_BYTES:
            site.log.replace(site.log.with_suffix(".log.1"))
    site.write()
    return site


def _start_keeper(site: Site, lock: int) -> None:
    """Hand the keeper's lock over with its birth, so that there are never two."""
    command = [sys.executable, "-m", "serving.database.keeper", str(site.home)]
    with (site.home / "keeper.log").open("ab") as log:
        subprocess.run(  # noqa: S603 - our own module; it forks and returns at once
            command,
            cwd=_CHECKOUT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=[lock],
            start_new_session=True,
            check=True,
        )


def _is_ready(site: Site, passwords: Passwords) -> bool:
    """Whether it answers; roles and ledger are made when they are missing."""
    address = _conninfo(site, ADMINISTRATOR, passwords[ADMINISTRATOR], "postgres")
    mark = prepared_mark(site.home)
    try:
        if mark.exists():
            psycopg.connect(address, connect_timeout=2).close()
        else:
            prepare_server(address, passwords)
            mark.touch()
    except psycopg.OperationalError:
        return False
    return True


def _addresses(site: Site, passwords: Passwords) -> Addresses:
    return Addresses(
        {role: _conninfo(site, f"xinqiao_{role}", passwords[role], LEDGER) for role in ROLES}
    )


def _conninfo(site: Site, user: str, password: str, database: str) -> str:
    return make_conninfo(host=str(site.socket), dbname=database, user=user, password=password)


def _failure(home: Path, what: str, what_zh: str) -> DatabaseError:
    words = " / ".join(
        line for name in ("keeper.log", "server.log") for line in _last_lines(home / name)
    )
    return DatabaseError(
        en=f"The private PostgreSQL in {home} {what}. Its log ends with: {words or 'nothing'}",
        zh=f"{home} 中的内置 PostgreSQL {what_zh}；日志末尾为：{words or '（空）'}",
    )


def _last_lines(path: Path) -> list[str]:
    with suppress(FileNotFoundError):
        return path.read_text("utf-8", errors="replace").splitlines()[-QUOTED_LINES:]
    return []


def _open_lock(path: Path, operation: int) -> int:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except PermissionError:
        raise DatabaseError(
            en=f"The ledger in {path.parent} belongs to another user of this system. Run as the user who started it first.",
            zh=f"{path.parent} 中的业务数据库属于本系统的另一个用户，请以首次启动它的用户运行。",
        ) from None
    try:
        fcntl.flock(descriptor, operation)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _try_lock(path: Path) -> int | None:
    try:
        return _open_lock(path, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return None


@contextmanager
def _lock(path: Path, operation: int) -> Generator[None]:
    descriptor = _open_lock(path, operation)
    try:
        yield
    finally:
        os.close(descriptor)
