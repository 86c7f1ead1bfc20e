"""Reading the lake beside the event loop: few threads, few at a time, and what is given up stops at once."""

import asyncio
import threading
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from features.snapshot import Snapshot
from serving.errors import OverloadedError

T = TypeVar("T")

#: Reads at work in one worker, and those that may wait for one: each holds a connection of the ledger.
_AT_WORK, _IN_ALL = 2, 4
_AGAIN_SECONDS = 0.05


class Stop:
    """Lets the event loop end what a thread reads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._snapshot: Snapshot | None = None
        self._is_over = False

    @contextmanager
    def watch(self, snapshot: Snapshot) -> Generator[None]:
        """Queries of this snapshot may be ended from outside."""
        with self._lock:
            if self._is_over:
                raise asyncio.CancelledError
            self._snapshot = snapshot
        try:
            yield
        finally:
            with self._lock:
                self._snapshot = None

    def end(self) -> None:
        """Nobody waits for the answer any more."""
        with self._lock:
            self._is_over = True
            if self._snapshot is not None:
                self._snapshot.connection.interrupt()


@dataclass
class Reading:
    """The reading threads of one worker."""

    threads: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(_AT_WORK, thread_name_prefix="read")
    )
    in_all: int = 0

    async def read(self, work: Callable[[Stop], T]) -> T:
        """Do this in a thread; if the request is given up, so is the work.

        Raises
        ------
        OverloadedError
            If as many reads wait as may.
        """
        if self.in_all >= _IN_ALL:
            raise OverloadedError(
                en="As many reports are in work as this service makes at a time. Ask again in a second.",
                zh="正在生成的报告已达上限，请一秒后重试。",
                details={"retry_after_seconds": 1},
            )
        stop = Stop()
        self.in_all += 1
        future = asyncio.get_running_loop().run_in_executor(self.threads, work, stop)
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            _insist(stop, future)
            raise
        finally:
            self.in_all -= 1

    def close(self) -> None:
        """Give the threads back."""
        self.threads.shutdown(wait=False, cancel_futures=True)


def _insist(stop: Stop, future: asyncio.Future[T]) -> None:
    """End the work, again and again: between two queries there is nothing to interrupt."""
    if future.done():
        _ = future.cancelled() or future.exception()  # the end of work nobody waits for is no news
        return
    stop.end()
    asyncio.get_running_loop().call_later(_AGAIN_SECONDS, _insist, stop, future)
