"""Send what is due when it is due, and note when each answer came.

One request at a time on a connection. Where all connections are taken, a due request waits in line,
and its waiting counts.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Sequence
from time import monotonic
from typing import cast

import numpy as np

from benchmarks.load.answers import AnswerReader, MalformedAnswerError
from benchmarks.load.outcome import DROPPED, MALFORMED, UNANSWERED, Outcome
from benchmarks.load.plan import Address, Answer, FloatArray
from benchmarks.load.timer import Timer

_RECONNECT_S = 0.02


class Driver:
    """One run of one generator process.

    Parameters
    ----------
    address : Address
    wires : sequence of bytes
        Requests in the order they are due.
    times : ndarray of shape (n,)
        When they are due, after the start [s].
    connections : int
        Kept open; this many requests can be under way.
    patience_s : float
        How long after the last due time answers are waited for.
    """

    def __init__(
        self,
        address: Address,
        wires: Sequence[bytes],
        times: FloatArray,
        *,
        connections: int,
        patience_s: float,
    ) -> None:
        self._address = address
        self._wires = wires
        self._times = times
        self._connections = connections
        self._patience_s = patience_s
        count = len(wires)
        self._sent = [np.nan] * count
        self._ended = [np.nan] * count
        self._status = [UNANSWERED] * count
        self._bodies: list[bytes | None] = [None] * count
        self._due: list[float] = []
        self._next = 0
        self._open = count
        self._waited = 0
        self._refused = 0
        self._idle: deque[_Connection] = deque()
        self._line: deque[int] = deque()
        self._all: set[_Connection] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._done = asyncio.Event()
        self._timer = Timer()

    async def connect(self) -> None:
        """Open all connections.

        Raises
        ------
        OSError
            If nobody listens there.
        """
        for _ in range(self._connections):
            await self._open_one()

    async def run(self, start: float) -> Outcome:
        """Send everything, the first request at `start` of `time.monotonic`."""
        loop = asyncio.get_running_loop()
        self._due = (self._times + start).tolist()
        loop.add_reader(self._timer.file, self._send_due)
        self._timer.set(self._due[0])
        last = self._due[-1] + self._patience_s
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._done.wait(), last - monotonic())
        return self._close(loop, start)

    def _close(self, loop: asyncio.AbstractEventLoop, start: float) -> Outcome:
        loop.remove_reader(self._timer.file)
        self._timer.close()
        for task in self._tasks:
            task.cancel()
        outcome = Outcome(
            due=self._times,
            sent=np.asarray(self._sent) - start,
            ended=np.asarray(self._ended) - start,
            status=np.asarray(self._status, dtype=np.int64),
            bodies=self._bodies.copy(),
            waited=self._waited,
            refused=self._refused,
        )
        self._done.set()  # connections that close from here on are not opened again
        for connection in list(self._all):
            connection.abort()
        return outcome

    def _send_due(self) -> None:
        self._timer.clear()
        now, due = monotonic(), self._due
        while self._next < len(due) and due[self._next] <= now:
            self._begin(self._next, now)
            self._next += 1
            now = monotonic()
        if self._next < len(due):
            self._timer.set(due[self._next])

    def _begin(self, index: int, now: float) -> None:
        self._sent[index] = now
        if self._idle:
            self._idle.popleft().send(index, self._wires[index])
        else:
            self._waited += 1
            self._line.append(index)

    def answered(self, index: int, answer: Answer) -> None:
        """Note an answer."""
        self._bodies[index] = answer.body
        self._end(index, answer.status)

    def failed(self, index: int, status: int) -> None:
        """Note that there will be no answer."""
        self._end(index, status)

    def _end(self, index: int, status: int) -> None:
        self._ended[index] = monotonic()
        self._status[index] = status
        self._open -= 1
        if not self._open:
            self._done.set()

    def is_free(self, connection: "_Connection") -> None:
        """Give a connection its next request."""
        if self._line:
            index = self._line.popleft()
            connection.send(index, self._wires[index])
        else:
            self._idle.append(connection)

    def opened(self, connection: "_Connection") -> None:
        """Take a new connection into service."""
        self._all.add(connection)
        self.is_free(connection)

    def lost(self, connection: "_Connection") -> None:
        """Open another connection in place of one that has closed."""
        self._all.discard(connection)
        with contextlib.suppress(ValueError):
            self._idle.remove(connection)
        if not self._done.is_set():
            task = asyncio.get_running_loop().create_task(self._reopen())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _open_one(self) -> None:
        loop = asyncio.get_running_loop()
        await loop.create_connection(
            lambda: _Connection(self), self._address.host, self._address.port
        )

    async def _reopen(self) -> None:
        while not self._done.is_set():
            try:
                await self._open_one()
            except OSError:
                self._refused += 1
                await asyncio.sleep(_RECONNECT_S)
            else:
                return


class _Connection(asyncio.Protocol):
    """One kept connection with at most one request under way."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self._reader = AnswerReader()
        self._index = -1
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._driver.opened(self)

    def send(self, index: int, wire: bytes) -> None:
        self._index = index
        if self._transport is not None:
            self._transport.write(wire)

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        try:
            answer = self._reader.feed(data)
        except MalformedAnswerError:
            answer = None
            self._break_off()
        if answer is None:
            return
        if self._index < 0:  # an answer to nothing
            self._break_off()
            return
        index, self._index = self._index, -1
        self._driver.answered(index, answer)
        if answer.closes:
            self.abort()
        else:
            self._driver.is_free(self)

    def _break_off(self) -> None:
        self._fail(MALFORMED)
        self.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        answer = self._reader.end() if exc is None else None
        if answer is not None and self._index >= 0:
            self._driver.answered(self._index, answer)
        else:
            self._fail(DROPPED)
        self._driver.lost(self)

    def _fail(self, status: int) -> None:
        if self._index >= 0:
            self._driver.failed(self._index, status)
            self._index = -1
