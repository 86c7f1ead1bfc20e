import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.load.outcome import Outcome, Report, make_report
from benchmarks.load.search import Bounds, search_break, search_rate

EXACT = Bounds(votes=1)


def report(rate: float, *, p99_ms: float = 1.0, achieved: float | None = None) -> Report:
    one = Outcome(
        due=np.zeros(1), sent=np.zeros(1), ended=np.zeros(1), status=np.array([200], dtype=np.int64)
    )
    made = make_report(one, seconds=1.0)
    return replace(
        made, offered_rate=rate, achieved_rate=rate if achieved is None else achieved, p99_ms=p99_ms
    )


def service(limit: float, capacity: float) -> Callable[[float], Report]:
    """A service that is fast up to a rate and answers no more than another."""

    def trial(rate: float) -> Report:
        return report(rate, p99_ms=20.0 if rate <= limit else 20.1, achieved=min(rate, capacity))

    return trial


def test_the_search_closes_in_on_the_limit_and_goes_on_to_the_break() -> None:
    found = search_rate(service(437.0, 1000.0), first=100.0, bounds=EXACT)
    assert found.rate is not None
    assert 437 / EXACT.precision <= found.rate <= 437
    assert found.best is not None
    assert found.best.offered_rate == found.rate
    # up from the first rate not held: 506.25, 759.4, 1139.1, where 1000 / 1139 = 0.88 < 0.95
    assert found.breaks_at == pytest.approx(100 * 1.5**6)


def test_a_service_too_slow_for_the_first_rate_holds_none() -> None:
    found = search_rate(service(5.0, 120.0), first=10.0, bounds=EXACT)
    assert (found.rate, found.best) == (None, None)
    # 10 · 1.5^7 = 170.9 is the first above 120 / 0.95 = 126.3 (10 · 1.5^6 = 113.9)
    assert found.breaks_at == pytest.approx(10 * 1.5**7)


def test_a_first_rate_that_is_too_high_is_stepped_down_from() -> None:
    found = search_rate(service(30.0, 60.0), first=100.0, least=5.0, bounds=EXACT)
    assert found.rate is not None
    # down by 1.5: 66.7, 44.4, 29.6 is held; then between 29.6 and 44.4
    assert 30 / EXACT.precision <= found.rate <= 30
    assert found.breaks_at == pytest.approx(100 / 1.5)  # 60 / 66.7 = 0.90 < 0.95


def test_nothing_below_the_least_rate_is_tried() -> None:
    found = search_rate(service(1.0, 500.0), first=10.0, least=5.0, bounds=EXACT)
    assert found.rate is None
    assert min(trial.offered_rate for trial in found.trials) == pytest.approx(10 / 1.5)


def test_where_a_service_that_holds_nothing_breaks() -> None:
    found = search_break(service(0.0, 20.0), first=10.0, bounds=EXACT)
    assert (found.rate, found.best) == (None, None)
    # 10 · 1.5 = 15 is followed; 22.5 is not: 20 / 22.5 = 0.89
    assert found.breaks_at == pytest.approx(22.5)
    assert len(found.trials) == 2


def test_a_search_is_bounded() -> None:
    found = search_rate(service(math.inf, math.inf), first=1.0, bounds=Bounds(votes=1, trials=7))
    assert (len(found.trials), found.breaks_at) == (7, None)
    assert found.rate == pytest.approx(1.5**6)


def test_one_slow_moment_does_not_decide() -> None:
    steady, calls = service(437.0, 1000.0), iter(range(1000))

    def trial(rate: float) -> Report:
        # every fourth run is disturbed, never two in a row
        return report(rate, p99_ms=99.0) if next(calls) % 4 == 2 else steady(rate)

    found = search_rate(trial, first=100.0)
    assert found.rate is not None
    assert 437 / EXACT.precision <= found.rate <= 437


def test_a_fast_service_that_fails_holds_nothing() -> None:
    found = search_rate(lambda rate: replace(report(rate), wrong=1), bounds=Bounds(trials=6))
    assert found.rate is None
