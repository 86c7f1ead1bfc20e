"""Workers that share one listening socket take equal parts of what arrives.

The system wakes all of them for a new connection, and whoever is first would take every one that
waits: most of a bank's kept connections would end at one worker while the other is idle. So each tells
in shared memory how many it holds, takes one at a time, and for a moment leaves the next to a worker
that holds fewer. Only for a moment: a worker that died or hangs keeps nobody out.
"""

import asyncio
import mmap
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass, field

_COUNT = struct.Struct("=i")
#: Stands for a worker that takes nothing now; more than any worker holds.
_NOBODY = 2**31 - 1
#: How long, and how often, a connection is left to others [s].
PAUSE_SECONDS, PATIENCE = 0.002, 5

Factory = Callable[[], asyncio.Protocol]


class Holdings:
    """How many connections each worker holds, in a file that all of them map.

    Parameters
    ----------
    file : int
        Descriptor of a file that began as `of_nobody` says.
    place : int
        This worker's among them.
    """

    def __init__(self, file: int, place: int) -> None:
        self._map = mmap.mmap(file, 0)
        self._place = place * _COUNT.size
        self.tell(_NOBODY)

    @staticmethod
    def of_nobody(workers: int) -> bytes:
        """What the file holds before any worker is there."""
        return _COUNT.pack(_NOBODY) * workers

    def tell(self, count: int) -> None:
        """Say how many this worker holds."""
        _COUNT.pack_into(self._map, self._place, count)

    @property
    def fewest(self) -> int:
        """The least that any worker says it holds, this one included."""
        return min(count for (count,) in _COUNT.iter_unpack(self._map[:]))

    def close(self) -> None:
        """Say that this worker takes no more."""
        self.tell(_NOBODY)
        self._map.close()


@dataclass
class Accepting:
    """Takes connections for one worker.

    Attributes
    ----------
    factory : callable
        Makes the protocol of a connection.
    held : callable
        How many connections the worker has.
    """

    listening: socket.socket
    holdings: Holdings
    factory: Factory
    held: Callable[[], int]
    _coming: set[asyncio.Task[object]] = field(default_factory=set[asyncio.Task[object]])
    _left: int = 0
    _pause: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Take what comes from now on."""
        self.listening.settimeout(0)
        self.tell()
        self._resume()

    def tell(self) -> int:
        """Say how many this worker holds, and return it."""
        held = self.held() + len(self._coming)
        self.holdings.tell(held)
        return held

    def close(self) -> None:
        """Take no more."""
        if self._pause is not None:
            self._pause.cancel()
        asyncio.get_running_loop().remove_reader(self.listening)
        self.holdings.close()

    def _resume(self) -> None:
        self._pause = None
        asyncio.get_running_loop().add_reader(self.listening, self._one_waits)

    def _one_waits(self) -> None:
        if self.tell() > self.holdings.fewest and self._left < PATIENCE:
            self._left += 1
            self._leave_it()
            return
        self._left = 0
        try:
            connection, _ = self.listening.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return  # another worker was quicker, or the caller has left
        except OSError:  # no descriptor is free; one will be
            self._leave_it()
            return
        self._welcome(connection)

    def _leave_it(self) -> None:
        loop = asyncio.get_running_loop()
        loop.remove_reader(self.listening)
        self._pause = loop.call_later(PAUSE_SECONDS, self._resume)

    def _welcome(self, connection: socket.socket) -> None:
        connection.settimeout(0)
        loop = asyncio.get_running_loop()
        task = loop.create_task(loop.connect_accepted_socket(self.factory, connection))
        self._coming.add(task)
        task.add_done_callback(self._coming.discard)
        self.tell()
