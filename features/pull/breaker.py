"""A circuit breaker: a provider that is down is left alone for a while, then one request tries."""

from collections.abc import Callable
from threading import Lock

from features.pull.endpoint import BreakerLimits


class Breaker:
    """Counts failures in a row over all threads.

    Parameters
    ----------
    limits : BreakerLimits
    clock : callable
        Seconds that only rise.
    """

    def __init__(self, limits: BreakerLimits, clock: Callable[[], float]) -> None:
        self._limits = limits
        self._clock = clock
        self._lock = Lock()
        self._failures = 0
        self._shut_until: float | None = None
        self.openings = 0

    def allows(self) -> bool:
        """Whether to ask now; after the pause one caller may, and the others wait for its news."""
        with self._lock:
            if self._shut_until is None:
                return True
            if self._clock() < self._shut_until:
                return False
            self._shut_until = self._clock() + self._limits.pause_seconds
            return True

    def tell(self, *, is_up: bool) -> None:
        """The provider answered, whatever it said, or it did not."""
        with self._lock:
            if is_up:
                self._failures, self._shut_until = 0, None
                return
            self._failures += 1
            if self._failures >= self._limits.failures:
                if self._shut_until is None:
                    self.openings += 1
                self._shut_until = self._clock() + self._limits.pause_seconds
