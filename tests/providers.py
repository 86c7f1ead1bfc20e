"""A provider's endpoint on this machine that can misbehave in every way the pull must survive."""

import json
import socket
import ssl
import threading
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from features.pull.endpoint import Endpoint, load_endpoint

Request = dict[str, str]
Reply = dict[str, object]

OTHER_FIRM = "93371323MA3TE5T11M"
#: Short enough that a hanging provider costs a test no time that matters [s].
PATIENCE = 0.2
#: Long enough for a machine that is busy with other things [s].
UNHURRIED = 30.0


@dataclass
class FakeProvider:
    """What it was asked, and how it answers.

    Parameters
    ----------
    records : callable
        Records of an honest answer.
    mode : callable
        How to answer about a firm, by its code; `ok` is honest.
    """

    records: Callable[[Request], list[dict[str, object]]]
    mode: Callable[[str], str] = lambda _: "ok"
    requests: list[Request] = field(default_factory=list[Request])
    headers: list[dict[str, str]] = field(default_factory=list[dict[str, str]])
    on_request: Callable[[Request], None] = lambda _: None
    first: Reply | None = None
    port: int = 0
    patience: float = UNHURRIED
    stop: threading.Event = field(default_factory=threading.Event)

    def endpoint(self, folder: Path, text: str = "", dataset: str = "invoice_month") -> Endpoint:
        """An endpoint file of this provider, with small limits."""
        path = folder / "provider.yaml"
        path.write_text(
            f"dataset: {dataset}\nprovider: 税务局\nurl: http://127.0.0.1:{self.port}/share\n"
            f"timeouts: {{connect: {self.patience}, read: {self.patience}, "
            f"total: {1.5 * self.patience}}}\n"
            "retries: {count: 1, backoff_seconds: 0.01}\n"
            "answer: {bytes: 20000, records: 5}\n" + text,
            encoding="utf-8",
        )
        return load_endpoint(path)

    def answer(self, request: Request) -> Reply:
        return {
            "request_id": request["request_id"],
            "uscc": request["uscc"],
            "records": self.records(request),
        }


@contextmanager
def running(
    provider: FakeProvider, *, tls: ssl.SSLContext | None = None
) -> Generator[FakeProvider]:
    """Serve on a loopback port of its own until the context ends."""
    handler = type("Handler", (_Handler,), {"provider": provider})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        server.block_on_close = False
        if tls is not None:
            # The handshake is left to the connection's own thread.
            server.socket = tls.wrap_socket(
                server.socket, server_side=True, do_handshake_on_connect=False
            )
        provider.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield provider
        finally:
            provider.stop.set()
            server.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    provider: FakeProvider
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._serve(dict(parse_qsl(urlsplit(self.path).query, keep_blank_values=True)))

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self._serve(json.loads(body))

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        """Say nothing."""

    def _serve(self, request: Request) -> None:
        self.provider.requests.append(request)
        self.provider.headers.append(dict(self.headers))
        self.provider.on_request(request)
        mode = self.provider.mode(request.get("uscc", ""))
        with suppress(OSError):
            getattr(self, f"_{mode}")(request)

    def _send(
        self, content: object, status: int = 200, headers: Iterable[tuple[str, str]] = ()
    ) -> None:
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _changed(self, request: Request, **changes: object) -> None:
        self._send(self.provider.answer(request) | changes)

    def _records(self, request: Request, **changes: object) -> None:
        records = [record | changes for record in self.provider.records(request)]
        self._changed(request, records=records)

    def _ok(self, request: Request) -> None:
        answer = self.provider.answer(request)
        self.provider.first = self.provider.first or answer
        self._send(answer)

    def _hang(self, _: Request) -> None:
        self.provider.stop.wait(10)
        self.close_connection = True

    def _drip(self, _: Request) -> None:
        """A byte now and then, always in time for the next read."""
        self.send_response(200)
        self.send_header("Content-Length", "10000")
        self.end_headers()
        while not self.provider.stop.wait(PATIENCE / 4):
            self.wfile.write(b" ")

    def _drip_header(self, _: Request) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        while not self.provider.stop.wait(PATIENCE / 4):
            self.wfile.write(b"x")

    def _endless(self, request: Request) -> None:
        """A whole answer without a length on a connection that is never closed."""
        self.wfile.write(
            b"HTTP/1.0 200 OK\r\n\r\n" + json.dumps(self.provider.answer(request)).encode()
        )
        self.wfile.flush()
        self.provider.stop.wait(10)

    def _drop(self, _: Request) -> None:
        self.connection.shutdown(socket.SHUT_RDWR)
        self.close_connection = True

    def _cut_off(self, request: Request) -> None:
        body = json.dumps(self.provider.answer(request)).encode()
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (len(body) + 1) + body)
        self.close_connection = True

    def _error(self, _: Request) -> None:
        self._send(b"down", 500)

    def _forbidden(self, _: Request) -> None:
        self._send(b"no", 403)

    def _busy(self, request: Request) -> None:
        if sum(seen["uscc"] == request["uscc"] for seen in self.provider.requests) > 1:
            self._ok(request)
        else:
            self._send(b"later", 429, [("Retry-After", "2")])

    def _busy_for_an_hour(self, _: Request) -> None:
        self._send(b"later", 429, [("Retry-After", "3600")])

    def _lie(self, request: Request) -> None:
        self._changed(request, uscc=OTHER_FIRM)

    def _repeat(self, request: Request) -> None:
        self._send(self.provider.first or self.provider.answer(request))

    def _old(self, request: Request) -> None:
        self._changed(request, request_id="of-another-day")

    def _foreign(self, request: Request) -> None:
        self._records(request, uscc=OTHER_FIRM)

    def _future(self, request: Request) -> None:
        self._records(request, month="209901")

    def _past(self, request: Request) -> None:
        self._records(request, month="201001")

    def _undated(self, request: Request) -> None:
        self._records(request, month="一月")

    def _huge(self, request: Request) -> None:
        self._changed(request, padding="x" * 30_000)

    def _many(self, request: Request) -> None:
        self._changed(request, records=self.provider.records(request) * 6)

    def _text(self, _: Request) -> None:
        self._send("税务局".encode("gb18030"))

    def _nan(self, request: Request) -> None:
        self._records(request, out_amount=float("nan"))

    def _deep(self, _: Request) -> None:
        self._send(b"[" * 9_000 + b"]" * 9_000)

    def _redirect(self, _: Request) -> None:
        self._send(b"", 302, [("Location", f"http://127.0.0.1:{self.provider.port}/elsewhere")])

    def _schema(self, request: Request) -> None:
        short = [dict(list(record.items())[:2]) for record in self.provider.records(request)]
        self._changed(request, records=short)

    def _nested(self, request: Request) -> None:
        self._records(request, out_amount={"value": "1"})

    def _half_character(self, request: Request) -> None:
        self._records(request, out_amount="\ud83d")

    def _bad_row(self, request: Request) -> None:
        self._records(request, out_count="many")

    def _leaky(self, request: Request) -> None:
        """An answer to a verification that says too much."""
        self._send(self.provider.answer(request) | {"answer": "no", "value": request["value"]})
