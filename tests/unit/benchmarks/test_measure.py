import json
import sys
from collections.abc import Iterator

import pytest

from benchmarks.measure import (
    Measured,
    Pair,
    Runner,
    Sample,
    measure,
    measure_pair,
    of_callable,
    of_command,
)


def printing(text: str) -> list[str]:
    return [sys.executable, "-c", f"print({text!r})"]


def samples(*cpu: float) -> tuple[Sample, ...]:
    return tuple(Sample(value, 2 * value, 100 * value) for value in cpu)


def test_the_median_ignores_one_slow_run() -> None:
    measured = Measured(samples(1.0, 9.0, 1.2))
    assert (measured.cpu_seconds, measured.wall_seconds, measured.peak_rss_mib) == (1.2, 2.4, 120.0)


def test_a_pair_runs_in_turns() -> None:
    order: list[str] = []

    def side(name: str, values: Iterator[Sample]) -> Runner:
        def run() -> Sample:
            order.append(name)
            return next(values)

        return run

    pair = measure_pair(
        side("A", iter(samples(1.0, 2.0))), side("B", iter(samples(3.0, 4.0))), turns=2
    )
    assert order == ["A", "B", "A", "B"]
    assert pair == Pair(Measured(samples(1.0, 2.0)), Measured(samples(3.0, 4.0)))
    # turn by turn 3 / 1 and 4 / 2
    assert pair.spread("cpu_seconds") == (2.0, 3.0)
    assert pair.spread_note("cpu_seconds") == "median of 2 turns, ratio 2.00–3.00"


def test_a_callable_is_charged_for_its_own_work() -> None:
    busy = measure(of_callable(lambda: sum(range(2_000_000))), turns=1)
    idle = measure(of_callable(lambda: None), turns=1)
    assert busy.cpu_seconds > idle.cpu_seconds >= 0
    assert busy.peak_rss_mib > 1


def test_a_process_reports_for_itself() -> None:
    report = {"cpu_seconds": 0.5, "wall_seconds": 0.75, "peak_rss_mib": 12.0, "rows": 7}
    sample = of_command(printing("progress\n" + json.dumps(report)))()
    assert sample == Sample(0.5, 0.75, 12.0, {"rows": 7})


def test_a_process_that_fails_says_why() -> None:
    with pytest.raises(RuntimeError, match="failed with exit 3: out of cheese"):
        of_command(
            [sys.executable, "-c", "import sys; sys.stderr.write('out of cheese'); sys.exit(3)"]
        )()


@pytest.mark.parametrize("last", ["", "done", '{"cpu_seconds": 1}', "[1]", "3"])
def test_a_process_without_a_report_is_refused(last: str) -> None:
    with pytest.raises(RuntimeError, match="did not end with a report of cpu_seconds"):
        of_command(printing(last))()


def test_a_small_process_is_not_charged_for_its_large_parent() -> None:
    ballast = b"x" * (300 * 1024 * 1024)  # written, therefore resident
    code = "from benchmarks.peers.meter import Meter; Meter().report(answer=42)"
    sample = of_command([sys.executable, "-c", code])()
    del ballast
    assert sample.peak_rss_mib < 100
    assert sample.figures["answer"] == 42
