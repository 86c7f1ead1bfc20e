"""What is counted, in Prometheus' words; labels are routes and codes, never anything of a request."""

from pathlib import Path

from fastapi import Request
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from serving.db import Database

_BUCKETS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Meters:
    """The counts of one process; with a folder, those of all workers that write there are told.

    Parameters
    ----------
    folder : Path or None
        Where workers keep their counts. The library reads it from `PROMETHEUS_MULTIPROC_DIR` when it
        is first imported, so the parent sets both.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._registry = told = CollectorRegistry()
        self._folder = folder
        self.requests = Counter(
            "xinqiao_requests", "Answers.", ["method", "route", "status"], registry=told
        )
        self.seconds = Histogram(
            "xinqiao_request_seconds", "Time to answer.", ["route"], registry=told, buckets=_BUCKETS
        )
        self.refused = Counter("xinqiao_refused", "Problems, by code.", ["code"], registry=told)
        self.audit_rows = Counter(
            "xinqiao_audit_rows", "Rows of the record.", ["outcome"], registry=told
        )
        self.in_flight = _gauge("in_flight", "Requests in work.", "livesum", told)
        self.pool_size = _gauge("pool_connections", "Connections to the ledger.", "livesum", told)
        self.pool_waiting = _gauge("pool_waiting", "Requests waiting for one.", "livesum", told)
        self.seal_lag = _gauge(
            "seal_lag_seconds", "Age of the oldest row not sealed.", "livemax", told
        )
        self.jobs = Counter(
            "xinqiao_jobs", "Rounds of the upkeep.", ["job", "outcome"], registry=told
        )
        self.rated_again = Counter(
            "xinqiao_rated_again", "Exposures looked at upon an event.", ["outcome"], registry=told
        )

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one answer."""
        self.requests.labels(known_method(method), route, str(status)).inc()
        self.seconds.labels(route).observe(seconds)

    def pool(self, database: Database) -> None:
        """Take the pool's numbers."""
        numbers = database.pool.get_stats()
        self.pool_size.set(numbers.get("pool_size", 0))
        self.pool_waiting.set(numbers.get("requests_waiting", 0))

    def page(self) -> bytes:
        """Everything counted, as Prometheus reads it."""
        if self._folder is None:
            return generate_latest(self._registry)
        together = CollectorRegistry()
        MultiProcessCollector(together, str(self._folder))  # it tells the registry of itself
        return generate_latest(together)


def meters_of(request: Request) -> Meters:
    """The counts of the worker that has this request."""
    meters: Meters = request.app.state.meters
    return meters


def known_method(method: str) -> str:
    """The method, or `OTHER`: a caller can invent a method, and what it holds."""
    return method if method in _METHODS else "OTHER"


def forget_process(number: int, folder: Path) -> None:
    """Take a dead worker's gauges out of the sums; what it counted stays."""
    mark_process_dead(number, str(folder))


def _gauge(name: str, words: str, together: str, told: CollectorRegistry) -> Gauge:
    return Gauge(f"xinqiao_{name}", words, registry=told, multiprocess_mode=together)  # pyright: ignore[reportArgumentType]
