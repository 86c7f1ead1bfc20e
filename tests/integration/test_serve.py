"""The service for real, on loopback: things are killed, and what is left is counted."""

import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from serving.database.embedded import administrator, wait_until_stopped
from tests.databases import reachable_folder, remove_home

ROOT = Path(__file__).parents[2]


@dataclass
class Server:
    """A running `xinqiao serve`."""

    process: subprocess.Popen[bytes]
    home: Path
    port: int

    @property
    def log(self) -> list[dict[str, Any]]:
        """Lines it has logged."""
        lines = (self.home / "log").read_text("utf-8").splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    def ask(self, path: str) -> tuple[int, Any]:
        """One request on a connection of its own; status 0 while nobody answers."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            text = answer.read().decode()
        except (OSError, http.client.HTTPException):
            return 0, ""
        finally:
            connection.close()
        return answer.status, text

    def children(self, module: str) -> list[int]:
        """Processes that were started from this parent's home, by the module they run."""
        found: list[int] = []
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
                environment = (entry / "environ").read_bytes()
            except OSError:
                continue
            ours = f"XINQIAO_HOME={self.home}".encode() in environment.split(b"\0")
            if ours and module.encode() in words:
                found.append(int(entry.name))
        return sorted(found)


def until(what: Callable[[], object], seconds: float = 20.0) -> None:
    """Wait for something to become true, asking often."""
    deadline, once = time.monotonic() + seconds, threading.Event()
    while not what():
        assert time.monotonic() < deadline, "it did not happen in time"
        once.wait(0.05)


def command(home: Path, *more: str) -> subprocess.Popen[bytes]:
    environment = os.environ | {"XINQIAO_HOME": str(home), "XINQIAO_LANG": "en"}
    with (home / "log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "xinqiao", "serve", "--port", "0", "--workers", "2", *more],
            cwd=ROOT,
            env=environment,
            stdout=log,
            stderr=log,
        )


@contextmanager
def serving() -> Generator[Server]:
    home = reachable_folder()
    process = command(home)
    server = Server(process, home, 0)
    try:
        until(lambda: re.search(r"serving at", (home / "log").read_text("utf-8")), 60)
        found = re.search(r"http://127\.0\.0\.1:(\d+)", (home / "log").read_text("utf-8"))
        assert found
        server.port = int(found[1])
        yield server
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        remove_home_of_service(home)


def remove_home_of_service(home: Path) -> None:
    remove_home(home / "database")
    shutil.rmtree(home)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_who_is_killed_is_replaced_and_nobody_outlives_the_parent() -> None:
    with serving() as server:
        assert json.loads(server.ask("/readyz")[1])["ready"] is True
        workers, upkeep = server.children("serving.worker"), server.children("serving.maintenance")
        assert (len(workers), len(upkeep)) == (2, 1)

        os.kill(workers[0], signal.SIGKILL)
        os.kill(upkeep[0], signal.SIGKILL)
        until(lambda: len(set(server.children("serving.worker")) - {workers[0]}) == 2)
        until(lambda: set(server.children("serving.maintenance")) - set(upkeep))
        until(lambda: sum(line["event"] == "upkeep.acts" for line in server.log) == 2)
        assert server.ask("/readyz")[0] == 200
        assert {line.get("part") for line in server.log if line["event"] == "part.ended"} == {
            "worker",
            "upkeep",
        }
        assert 'xinqiao_jobs_total{job="seal_record",outcome="done"}' in server.ask("/metrics")[1]

        server.process.kill()
        until(lambda: not server.children("serving.worker"))
        until(lambda: not server.children("serving.maintenance"))
        wait_until_stopped(server.home / "database")
        assert server.ask("/healthz")[0] == 0


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_told_to_stop_it_finishes_what_is_in_work() -> None:
    with serving() as server:
        locked = administrator(server.home / "database").replace(
            "dbname=postgres", "dbname=xinqiao"
        )
        answers: list[tuple[int, Any]] = []
        with psycopg.connect(locked) as holder:
            holder.execute("LOCK TABLE alembic_version")
            asker = threading.Thread(target=lambda: answers.append(server.ask("/readyz")))
            asker.start()
            until(lambda: _waiting(locked))
            server.process.terminate()
            until(lambda: _is_closed(server.port))
        asker.join()
        assert answers[0][0] in {200, 503}
        assert json.loads(answers[0][1])["ledger"] is True
        assert server.process.wait(30) == 0
        assert server.children("serving.worker") == server.children("serving.maintenance") == []
        wait_until_stopped(server.home / "database")


def test_a_port_in_use_is_one_clear_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        process = command(tmp_path, "--port", str(taken.getsockname()[1]))
        assert process.wait(60) == 1
    words = (tmp_path / "log").read_text("utf-8")
    assert re.search(
        r"^Error: The service cannot listen on 127\.0\.0\.1 port \d+: Address already in use\.",
        words,
    )
    assert "Traceback" not in words
    assert not (tmp_path / "database").exists()


def test_a_home_that_cannot_be_written_is_one_clear_sentence(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("a file where a folder must be")
    process = command(tmp_path)
    assert process.wait(60) == 1
    words = (tmp_path / "log").read_text("utf-8")
    assert words.startswith(f"Error: The service cannot write in {tmp_path}: ")
    assert "Traceback" not in words


def _waiting(address: str) -> bool:
    with psycopg.connect(address) as connection:
        query = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        found = connection.execute(query).fetchone()
    return bool(found and found[0])


def _is_closed(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except ConnectionRefusedError:
        return True
    return False
