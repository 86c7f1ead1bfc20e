"""The receiver a bank may paste, tried by the kit; and the kit tried by receivers that fail."""

import json
import re
import socket
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from features.clock import now_in_shanghai
from features.errors import RequestError
from serving.webhooks.kit import Kit
from serving.webhooks.signing import new_webhook_secret
from tests.command import run
from tests.real_service import until

PAGE = Path(__file__).parents[2] / "docs/how-to/receive-notices.md"
MOST_LINES = 30
SECRET = new_webhook_secret()


def receiver_source() -> str:
    """The page's one Python block."""
    (source,) = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    return source


def _listens(port: int) -> bool:
    with closing(socket.socket()) as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(scope="module")
def pasted(tmp_path_factory: pytest.TempPathFactory) -> Generator[tuple[str, Path]]:
    """The receiver as a program of its own: its address and its books."""
    folder = tmp_path_factory.mktemp("receiver")
    (folder / "receiver.py").write_text(receiver_source(), "utf-8")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    books = folder / "heard.db"
    secrets = f"{new_webhook_secret()},{SECRET}"
    program = subprocess.Popen(
        [sys.executable, str(folder / "receiver.py"), secrets, str(books), str(port)],
        stderr=subprocess.DEVNULL,
    )
    try:
        until(lambda: _listens(port))
        yield f"http://127.0.0.1:{port}/", books
    finally:
        program.kill()
        program.wait()


def test_the_receiver_passes_every_check(
    pasted: tuple[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    url, books = pasted
    code, told = run(monkeypatch, "webhook-kit", url, "--secret", SECRET, "--json")
    found = json.loads(told)
    assert found["failed"] == []
    assert code == 0
    names = [check["name"] for check in found["checks"]]
    assert len(names) == len(set(names)) >= 25
    with closing(sqlite3.connect(books)) as held:
        rows = held.execute("SELECT id, sequence FROM heard ORDER BY rowid").fetchall()
    # Acted on once each, in order: what was refused, repeated or late has left nothing.
    assert [sequence for _, sequence in rows] == sorted({sequence for _, sequence in rows})
    accepted = [check["name"] for check in found["checks"] if (check["status"] or 500) < 300]
    assert {"twice", "eight_at_once", "reordered", "unknown_kind"} <= set(accepted)


def test_the_receiver_is_short() -> None:
    assert len(receiver_source().splitlines()) <= MOST_LINES


def _no_check(status: int, body: bytes) -> int:
    """Takes anything."""
    del status, body
    return 200


def _breaks(status: int, body: bytes) -> int:
    """Falls over what is not as it should be."""
    del status
    try:
        return 200 if json.loads(body)["data"] else 400
    except (ValueError, KeyError, TypeError):
        return 500


def _redirects(status: int, body: bytes) -> int:
    del status, body
    return 302


@contextmanager
def answering(answer: Callable[[int, bytes], int]) -> Generator[str]:
    """A receiver with a defect."""

    class Handler(BaseHTTPRequestHandler):
        timeout = 5

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.send_response(answer(0, body))
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        server.block_on_close = False
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/"
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(
    ("answer", "some"),
    [
        (_no_check, {"wrong_signature", "old", "changed_body", "not_json", "replayed_old"}),
        (_breaks, {"wrong_signature", "not_json", "not_an_object", "empty"}),
        (_redirects, {"right", "twice", "slow", "old"}),
    ],
)
def test_the_kit_finds_what_a_receiver_does_wrong(
    answer: Callable[[int, bytes], int], some: set[str]
) -> None:
    with answering(answer) as url:
        verdicts = list(Kit(url, SECRET, now_in_shanghai).checks())
    failed = {verdict.name for verdict in verdicts if not verdict.is_passed}
    assert some <= failed
    if answer is _no_check:
        assert "right" not in failed


def test_the_kit_says_so_when_nobody_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    code, told = run(monkeypatch, "webhook-kit", f"http://127.0.0.1:{port}/", "--secret", SECRET)
    assert code == 1
    assert "无应答" in told


@pytest.mark.parametrize(
    ("url", "secret", "words"),
    [("ftp://bank.cn/", SECRET, "http or https"), ("http://127.0.0.1/", "whsec_ä", "whsec_")],
    ids=["not the web", "not a secret"],
)
def test_the_kit_refuses_what_it_cannot_use(url: str, secret: str, words: str) -> None:
    with pytest.raises(RequestError, match=words):
        Kit(url, secret, now_in_shanghai)
