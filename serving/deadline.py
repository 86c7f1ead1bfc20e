"""A deadline that is heard: whoever lets one cancellation slip is cancelled again.

`asyncio.timeout` cancels once. A part that catches that one - `asyncio.wait_for` of Python 3.11 does,
when what it waits for comes at the same moment, and the ledger's pool waits by it - would go on without
any limit.
"""

import asyncio
from types import TracebackType
from typing import Self

#: Long enough for a transaction to be rolled back, which is work of milliseconds [s].
AGAIN_SECONDS = 1.0


class LateError(Exception):
    """The deadline passed."""


class Deadline:
    """Cancel the block when its time is over; `async with`.

    Parameters
    ----------
    seconds : float
        Time for the block.
    again : float
        After how long to cancel again what is still at work [s].
    """

    def __init__(self, seconds: float, again: float = AGAIN_SECONDS) -> None:
        self._seconds, self._again = seconds, again
        self._fired = 0

    async def __aenter__(self) -> Self:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("A deadline needs a task.")
        self._task, self._before = task, task.cancelling()
        self._timer = asyncio.get_running_loop().call_later(self._seconds, self._fire)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        stack: TracebackType | None,
    ) -> None:
        """Turn our own cancellation into `LateError`; another's goes on.

        Raises
        ------
        LateError
            If the block was cancelled by this deadline and by nobody else.
        """
        self._timer.cancel()
        left = self._task.cancelling()
        for _ in range(self._fired):
            left = self._task.uncancel()
        if self._fired and left <= self._before and kind is asyncio.CancelledError:
            raise LateError from error

    def lift(self) -> None:
        """Let the rest take as long as it does."""
        self._timer.cancel()

    def _fire(self) -> None:
        self._fired += 1
        self._task.cancel()
        self._timer = asyncio.get_running_loop().call_later(self._again, self._fire)
