"""A real `xinqiao serve` on loopback: its processes, its log, its answers."""

import http.client
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.databases import reachable_folder, remove_home

ROOT = Path(__file__).parents[1]


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
def serving(before: Callable[[Path], None] = lambda _: None) -> Generator[Server]:
    """Run one until the block ends; `before` is given its home first."""
    home = reachable_folder()
    before(home)
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
