"""The highest rate a service holds, and the rate at which it breaks."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.load.outcome import Report

Trial = Callable[[float], Report]


@dataclass(frozen=True)
class Bounds:
    """When a rate is held, and how long is searched.

    Parameters
    ----------
    p99_ms : float
        Latency from the due time that 99 % of requests may have at most; none may fail.
    step : float
        Factor from one rate to the next on the way up.
    precision : float
        The search ends when the rates held and not held are this close [ratio].
    trials : int
        At most so many runs; the search ends in bounded time because each run does.
    votes : int
        Runs of a rate, odd: it is held if most of them hold. A shared machine has slow moments.
    follows : float
        A service whose answers fall below this share of what is offered no longer follows.
    """

    p99_ms: float = 20.0
    step: float = 1.5
    precision: float = 1.05
    trials: int = 40
    votes: int = 3
    follows: float = 0.95

    def hold(self, report: Report) -> bool:
        """Whether a run was within the bounds."""
        return report.failed == 0 and report.p99_ms <= self.p99_ms

    def follow(self, report: Report) -> bool:
        """Whether answers came as fast as requests were due."""
        return report.achieved_rate >= self.follows * report.offered_rate


@dataclass(frozen=True)
class Found:
    """Result of a search.

    Attributes
    ----------
    rate : float or None
        Highest rate held [1/s]; None if not even the first was.
    best : Report or None
        The last run at that rate that held.
    breaks_at : float or None
        Lowest rate tried at which answers no longer followed [1/s]; None if none was found.
    trials : tuple of Report
        All runs, in order.
    """

    rate: float | None
    best: Report | None
    breaks_at: float | None
    trials: tuple[Report, ...]

    def __str__(self) -> str:
        held = "no rate held" if self.rate is None else f"holds {self.rate:,.0f}/s ({self.best})"
        broken = "not found" if self.breaks_at is None else f"at {self.breaks_at:,.0f}/s"
        return f"{held}; breaks {broken}; {len(self.trials)} runs"


def search_rate(
    trial: Trial,
    *,
    first: float = 100.0,
    least: float = math.inf,
    bounds: Bounds | None = None,
) -> Found:
    """Step up until a rate is not held, then close in by halves, then up again until it breaks.

    Parameters
    ----------
    trial : callable
        Loads the service at a rate [1/s] for a fixed time.
    first : float
        Rate to begin with; it is run once before and thrown away, to warm the service up.
    least : float
        If the first is not held, lower ones are tried, but none below this [1/s].
    bounds : Bounds, optional

    Returns
    -------
    Found
        What was known when the trials were used up, if they were.
    """
    search = _Search(trial, bounds or Bounds())
    trial(first)
    held, failed = search.climb(first)
    if not held:
        held, failed = search.descend(first, least)
    search.close_in(held, failed)
    if failed is not None:
        search.push(first if not held else failed)
    return search.found()


def search_break(trial: Trial, *, first: float, bounds: Bounds | None = None) -> Found:
    """Where a service breaks of which it is known that it holds no rate."""
    search = _Search(trial, bounds or Bounds())
    search.push(first)
    return search.found()


class _Search:
    def __init__(self, trial: Trial, bounds: Bounds) -> None:
        self._trial = trial
        self._bounds = bounds
        self._runs: list[tuple[float, Report]] = []
        self._held: float | None = None

    @property
    def _is_over(self) -> bool:
        return len(self._runs) >= self._bounds.trials

    def climb(self, rate: float) -> tuple[float, float | None]:
        """Highest rate held on the way up (0: none) and the first that was not."""
        held = 0.0
        while not self._is_over:
            if not self._holds(rate):
                return held, rate
            held, rate = rate, rate * self._bounds.step
        return held, None

    def descend(self, rate: float, least: float) -> tuple[float, float]:
        """Highest rate held on the way down (0: none) and the one above it."""
        while rate / self._bounds.step >= least and not self._is_over:
            if self._holds(rate / self._bounds.step):
                return rate / self._bounds.step, rate
            rate /= self._bounds.step
        return 0.0, rate

    def close_in(self, held: float, failed: float | None) -> None:
        while failed is not None and held and failed > held * self._bounds.precision:
            if self._is_over:
                return
            middle = (held + failed) / 2
            if self._holds(middle):
                held = middle
            else:
                failed = middle

    def push(self, rate: float) -> None:
        while self._breaks_at() is None and not self._is_over:
            rate *= self._bounds.step
            self._run(rate)

    def _run(self, rate: float) -> Report:
        report = self._trial(rate)
        self._runs.append((rate, report))
        return report

    def _holds(self, rate: float) -> bool:
        """Run a rate until most votes are the same; votes that are missing count against it."""
        needed = self._bounds.votes // 2 + 1
        votes = [0, 0]
        while max(votes) < needed and not self._is_over:
            votes[self._bounds.hold(self._run(rate))] += 1
        if votes[True] >= needed:
            self._held = rate
        return votes[True] >= needed

    def _breaks_at(self) -> float | None:
        """Lowest rate of which most runs did not follow."""
        rates = sorted({rate for rate, _ in self._runs})
        for rate in rates:
            runs = [report for tried, report in self._runs if tried == rate]
            if 2 * sum(not self._bounds.follow(report) for report in runs) > len(runs):
                return rate
        return None

    def found(self) -> Found:
        held = [r for rate, r in self._runs if rate == self._held and self._bounds.hold(r)]
        return Found(
            rate=self._held,
            best=held[-1] if held else None,
            breaks_at=self._breaks_at(),
            trials=tuple(report for _, report in self._runs),
        )
