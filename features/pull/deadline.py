"""One deadline over a whole exchange, whatever the other side sends and however slowly.

A timeout of a socket starts again with every byte; here a timer ends the connection itself.
"""

import socket
import threading
from contextlib import suppress
from types import TracebackType
from typing import Self, cast

from urllib3.connection import HTTPConnection, HTTPSConnection


class Deadline:
    """Cuts the connection of the thread it is opened in when the time is up."""

    _here = threading.local()

    def __init__(self, seconds: float) -> None:
        self._timer = threading.Timer(seconds, self._cut)
        self._timer.daemon = True
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self.is_over = False

    def __enter__(self) -> Self:
        """Start counting."""
        self._here.deadline = self
        self._timer.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop counting; after this no connection is cut any more."""
        self._timer.cancel()
        with self._lock:
            self._socket = None
        self._here.deadline = None

    @classmethod
    def watch(cls, connection: HTTPConnection) -> None:
        """Tell the deadline of this thread which connection the request goes through."""
        deadline = cast("Deadline | None", getattr(cls._here, "deadline", None))
        if deadline is not None and connection.sock is not None:
            deadline.hold(connection.sock)

    def hold(self, connected: socket.socket) -> None:
        """Cut this socket when the time is up, or at once if it is."""
        with self._lock:
            self._socket = connected
            if self.is_over:
                self._shut()

    def _cut(self) -> None:
        with self._lock:
            self.is_over = True
            self._shut()

    def _shut(self) -> None:
        if self._socket is not None:
            with suppress(OSError):
                # TLS would first take its own state apart under the reader; the bare socket just ends.
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)


class Plain(HTTPConnection):
    """A connection that its thread's deadline can cut."""

    def connect(self) -> None:
        """Connect; the deadline sees the new socket."""
        super().connect()
        Deadline.watch(self)

    def putrequest(self, *args: object, **kwargs: object) -> None:
        """Begin a request on a kept connection."""
        Deadline.watch(self)
        super().putrequest(*args, **kwargs)  # type: ignore[arg-type]  # passed on as they came


class Secure(HTTPSConnection):
    """The same over TLS."""

    def connect(self) -> None:
        """Connect; the deadline sees the new socket."""
        super().connect()
        Deadline.watch(self)

    def putrequest(self, *args: object, **kwargs: object) -> None:
        """Begin a request on a kept connection."""
        Deadline.watch(self)
        super().putrequest(*args, **kwargs)  # type: ignore[arg-type]  # passed on as they came
