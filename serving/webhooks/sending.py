"""One sending of one notice, bounded in time and size whatever the receiver does.

The standard library's client, because the connection has to go to an address that was checked while the
name stays in the certificate and in `Host`, and because the deadline has to hold from the first byte of
the handshake on. Redirects are failures; of an answer the status alone counts.
"""

import asyncio
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPResponse
from socket import IPPROTO_TCP, TCP_NODELAY, create_connection

from features.pull.deadline import Deadline
from serving.webhooks.addresses import Resolve, Target, checked_addresses, checked_url, look_up
from serving.webhooks.errors import AddressRefusedError
from serving.webhooks.rules import Sending, load_rules

_OK, _REDIRECT, _FAILED = 200, 300, 400


@dataclass(frozen=True)
class Parcel:
    """What goes over the wire, and where to."""

    url: str
    headers: Mapping[str, str]
    text: str


@dataclass(frozen=True)
class Reply:
    """What came of a sending.

    Attributes
    ----------
    outcome : str
        `sent`, or a code of why not: `http_500`, `redirect`, `timeout`, `connection`, `tls`, or what
        `checked_url` and `checked_addresses` refuse.
    status : int or None
        Of the answer, if one came.
    retry_after : float or None
        Seconds the receiver asked to be left alone.
    milliseconds : int
    """

    outcome: str
    status: int | None = None
    retry_after: float | None = None
    milliseconds: int = 0

    @property
    def is_sent(self) -> bool:
        """Whether the receiver has it."""
        return self.outcome == "sent"


class Sender:
    """Sends parcels, several at a time, over connections that it keeps; close it at the end.

    Parameters
    ----------
    may_loop_back : bool
        Whether this machine may be a receiver.
    ca_file : str or None
        Certificates to trust instead of the machine's.
    seconds : callable
        Monotonic.
    """

    def __init__(
        self,
        *,
        may_loop_back: bool = False,
        resolve: Resolve = look_up,
        ca_file: str | None = None,
        limits: Sending | None = None,
        hands: int | None = None,
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        self._may_loop_back, self._resolve, self._seconds = may_loop_back, resolve, seconds
        self._limits = limits or load_rules().sending
        self._tls = ssl.create_default_context(cafile=ca_file)
        self._hands = ThreadPoolExecutor(hands or load_rules().leases.hands, "webhook")
        self._kept: dict[tuple[str, str, int, str], list[_Pinned]] = {}
        self._lock = threading.Lock()

    async def __call__(self, parcel: Parcel) -> Reply:
        """Send one parcel."""
        return await asyncio.get_running_loop().run_in_executor(self._hands, self.send, parcel)

    def close(self) -> None:
        """Let the sendings in work end, and close the kept connections."""
        self._hands.shutdown(wait=True)
        for kept in self._kept.values():
            for connection in kept:
                connection.close()

    def send(self, parcel: Parcel) -> Reply:
        """As calling it, in the thread of the caller."""
        began = self._seconds()
        try:
            reply = self._send(parcel, began + self._limits.total_seconds)
        except AddressRefusedError as refused:
            reply = Reply(refused.reason)
        spent = int(1000 * (self._seconds() - began))
        return Reply(reply.outcome, reply.status, reply.retry_after, spent)

    def _send(self, parcel: Parcel, until: float) -> Reply:
        target = checked_url(parcel.url, may_loop_back=self._may_loop_back)
        addresses = checked_addresses(target, self._resolve)
        reply = Reply("timeout")
        for address in addresses[: self._limits.addresses]:
            left = until - self._seconds()
            if left <= 0:  # a slow resolver has used it up; nobody waits for us any more
                return Reply("timeout")
            with Deadline(left) as deadline:
                reply = self._try(target, address, parcel, deadline)
            if reply.outcome != "unreachable":
                return reply
        return Reply("connection") if reply.outcome == "unreachable" else reply

    def _try(self, target: Target, address: str, parcel: Parcel, deadline: Deadline) -> Reply:
        try:
            return self._exchange(target, address, parcel, deadline)
        except _UnreachableError:
            return Reply("timeout" if deadline.is_over else "unreachable")
        except TimeoutError:
            return Reply("timeout")
        except ssl.SSLError:
            return Reply("timeout" if deadline.is_over else "tls")
        except (OSError, HTTPException, ValueError):
            return Reply("timeout" if deadline.is_over else "connection")

    def _exchange(self, target: Target, address: str, parcel: Parcel, deadline: Deadline) -> Reply:
        key = (target.scheme, target.host, target.port, address)
        with self._lock:
            kept = self._kept.get(key)
            connection = kept.pop() if kept else None
        if connection is not None:
            # The other side may have closed it meanwhile; the webhook id makes a second sending harmless.
            with suppress(OSError, HTTPException):
                return self._over(connection, key, target, parcel, deadline)
            connection.close()
        tls = self._tls if target.scheme == "https" else None
        fresh = _Pinned(target, address, tls, self._limits.connect_seconds)
        return self._over(fresh, key, target, parcel, deadline)

    def _over(
        self,
        connection: "_Pinned",
        key: tuple[str, str, int, str],
        target: Target,
        parcel: Parcel,
        deadline: Deadline,
    ) -> Reply:
        try:
            connection.open(deadline, self._limits.total_seconds)
            headers = {"Host": target.authority, "User-Agent": "xinqiao", **parcel.headers}
            connection.request("POST", target.path, parcel.text.encode(), headers)
            response = connection.getresponse()
            reply = _reply(response)
            if _drained(response, self._limits.answer_bytes):
                self._keep(key, connection)
            else:
                connection.close()
        except BaseException:
            connection.close()
            raise
        return reply

    def _keep(self, key: tuple[str, str, int, str], connection: "_Pinned") -> None:
        with self._lock:
            if sum(map(len, self._kept.values())) < self._limits.kept_connections:
                self._kept.setdefault(key, []).append(connection)
                return
        connection.close()


class _UnreachableError(Exception):
    """Nothing was sent, so the next address may be tried."""


class _Pinned(HTTPConnection):
    """A connection to one address, for one name."""

    def __init__(
        self, target: Target, address: str, tls: ssl.SSLContext | None, connect_seconds: float
    ) -> None:
        super().__init__(target.host, target.port)
        self._address, self._tls, self._connect_seconds = address, tls, connect_seconds

    def open(self, deadline: Deadline, read_seconds: float) -> None:
        """Connect if it is not yet; the deadline cuts it from here on."""
        if self.sock is not None:
            deadline.hold(self.sock)
            return
        try:
            bare = create_connection((self._address, self.port), self._connect_seconds)
        except OSError:
            raise _UnreachableError from None
        bare.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
        self.sock = bare
        if self._tls is not None:
            self.sock = self._tls.wrap_socket(
                bare, server_hostname=self.host, do_handshake_on_connect=False
            )
            deadline.hold(self.sock)
            self.sock.do_handshake()
        self.sock.settimeout(read_seconds)
        deadline.hold(self.sock)


def _reply(response: HTTPResponse) -> Reply:
    status = response.status
    if _OK <= status < _REDIRECT:
        return Reply("sent", status)
    if _REDIRECT <= status < _FAILED:
        return Reply("redirect", status)
    return Reply(f"http_{status}", status, _seconds_of(response.headers.get("Retry-After", "")))


def _seconds_of(text: str) -> float | None:
    """Retry-After in seconds; a date is left aside, our own pause counts then."""
    return float(text) if text.isascii() and text.isdigit() and len(text) <= 9 else None  # noqa: PLR2004 - thirty years


def _drained(response: HTTPResponse, most: int) -> bool:
    """Read what is left if it is little and ends by itself; only then may the connection be kept."""
    if response.will_close or response.length is None or response.length > most:
        return False
    with suppress(OSError, HTTPException):
        response.read()
        return True
    return False
