"""How fast each caller may ask."""

from datetime import datetime

from serving.access.callers import Caller


class RateLimits:
    """To be shared by all workers."""

    def take(self, caller: Caller, now: datetime) -> None:
        """Count one request, or refuse it."""
