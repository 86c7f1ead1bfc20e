"""Receivers behind a real socket that answer well, badly, slowly or not at all."""

import socket
import ssl
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

#: Long enough that a sender's patience always ends first.
_HANG_SECONDS = 20.0


@dataclass
class Server:
    """What came in, and how it is answered.

    Attributes
    ----------
    mode : str
        A name in `MODES`.
    requests : list of bytes
        Whole requests, in the order in which they came.
    connections : int
        How often somebody connected.
    """

    mode: str = "ok"
    requests: list[bytes] = field(default_factory=list[bytes])
    connections: int = 0
    port: int = 0
    stop: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.port}/notices"

    def body(self, place: int = -1) -> bytes:
        """The body of a request."""
        return self.requests[place].partition(b"\r\n\r\n")[2]

    def header(self, name: str, place: int = -1) -> str:
        """One header of a request."""
        head = self.requests[place].partition(b"\r\n\r\n")[0].decode("latin-1")
        lines = (line.partition(": ") for line in head.splitlines()[1:])
        return next(value for key, _, value in lines if key.lower() == name)


def _plain(head: bytes) -> Callable[[Server, socket.socket], None]:
    def answer(server: Server, connection: socket.socket) -> None:
        del server
        connection.sendall(head)

    return answer


def _hang(server: Server, connection: socket.socket) -> None:
    del connection
    server.stop.wait(_HANG_SECONDS)


def _drip(start: bytes) -> Callable[[Server, socket.socket], None]:
    """A byte now and then, always in time for the next read, without an end."""

    def answer(server: Server, connection: socket.socket) -> None:
        connection.sendall(start)
        while not server.stop.wait(0.02):
            connection.sendall(b"x")

    return answer


def _flood(server: Server, connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
    while not server.stop.is_set():
        connection.sendall(b"x" * 65_536)


def _status(line: str, *headers: str) -> Callable[[Server, socket.socket], None]:
    head = "\r\n".join([f"HTTP/1.1 {line}", *headers, "Content-Length: 0", "", ""])
    return _plain(head.encode())


MODES: dict[str, Callable[[Server, socket.socket], None]] = {
    "ok": _status("200 OK"),
    "no_content": _plain(b"HTTP/1.1 204 No Content\r\n\r\n"),
    "closing": _status("200 OK", "Connection: close"),
    "error": _status("500 Oh"),
    "refusing": _status("401 No"),
    "gone": _status("410 Gone"),
    "busy": _status("503 Busy", "Retry-After: 120"),
    "busy_until": _status("429 Busy", "Retry-After: Fri, 31 Dec 2100 23:59:59 GMT"),
    "busy_nonsense": _status("429 Busy", "Retry-After: 1e309"),
    "redirect": _status("302 Found", "Location: http://127.0.0.1:1/elsewhere"),
    "redirect_kept": _status("307 Temporary", "Location: http://169.254.169.254/latest"),
    "refresh": _status("300 Choices", "Refresh: 0; url=http://127.0.0.1:1/"),
    "garbage": _plain(b"\x16\x03\x01 what is this\r\n\r\n"),
    "empty": _plain(b""),
    "half_head": _plain(b"HTTP/1.1 200"),
    "many_headers": _plain(b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 500 + b"\r\n"),
    "long_header": _plain(b"HTTP/1.1 200 OK\r\nX-A: " + b"b" * 100_000 + b"\r\n\r\n"),
    "bad_length": _plain(b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n"),
    "odd_body": _plain(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n\xff\xfe\x00"),
    "hang": _hang,
    "drip_head": _drip(b"HTTP/1.1 200 OK\r\nX-Slow: "),
    "drip_continue": _drip(b"HTTP/1.1 100 Continue\r\n"),
    "drip_body": _drip(b"HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n"),
    "flood": _flood,
    "endless": _drip(b"HTTP/1.0 200 OK\r\n\r\n"),
}


@contextmanager
def receiving(mode: str = "ok", *, tls: ssl.SSLContext | None = None) -> Generator[Server]:
    """Listen on a loopback port until the context ends."""
    server = Server(mode)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server.port = listening.getsockname()[1]
        thread = threading.Thread(target=_accept, args=(server, listening, tls), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.stop.set()
            with suppress(OSError):
                listening.shutdown(socket.SHUT_RDWR)
            thread.join()


def _accept(server: Server, listening: socket.socket, tls: ssl.SSLContext | None) -> None:
    while not server.stop.is_set():
        try:
            connection, _ = listening.accept()
        except OSError:
            return
        server.connections += 1
        threading.Thread(target=_serve, args=(server, connection, tls), daemon=True).start()


def _serve(server: Server, connection: socket.socket, tls: ssl.SSLContext | None) -> None:
    with suppress(OSError), connection:
        if server.mode == "no_handshake":
            server.stop.wait(_HANG_SECONDS)
            return
        talk = connection if tls is None else tls.wrap_socket(connection, server_side=True)
        with talk:
            while request := _read(talk):
                server.requests.append(request)
                MODES[server.mode](server, talk)
                if server.mode not in {"ok", "odd_body"}:
                    return


def _read(connection: socket.socket) -> bytes:
    """One request; empty when the other side has gone."""
    held = b""
    while b"\r\n\r\n" not in held:
        part = connection.recv(65_536)
        if not part:
            return b""
        held += part
    head, _, body = held.partition(b"\r\n\r\n")
    length = next(
        int(line.split(b":")[1])
        for line in head.splitlines()
        if line.lower().startswith(b"content-length")
    )
    while len(body) < length:
        body += connection.recv(65_536)
    return head + b"\r\n\r\n" + body
