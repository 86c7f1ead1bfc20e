"""Medians of CPU, wall and memory, and pairs measured in turns.

The machine is shared, so a ratio is never taken between two runs an hour apart: the two sides run
A B A B, and a slow minute touches both.
"""

import json
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Literal

from benchmarks.peers.meter import cpu_seconds, peak_rss_mib
from benchmarks.setting import ROOT

Quantity = Literal["cpu_seconds", "wall_seconds", "peak_rss_mib"]
_USED: tuple[Quantity, ...] = ("cpu_seconds", "wall_seconds", "peak_rss_mib")
_LAST_WORDS = 400


@dataclass(frozen=True)
class Sample:
    """What one run used, with the run's own figures.

    Parameters
    ----------
    cpu_seconds, wall_seconds : float
    peak_rss_mib : float
        Of the process that ran. A callable shares it with everything done before in this process.
    figures : mapping of str to float or str
    """

    cpu_seconds: float
    wall_seconds: float
    peak_rss_mib: float
    figures: Mapping[str, float | str] = field(default_factory=dict[str, float | str])


Runner = Callable[[], Sample]


@dataclass(frozen=True)
class Measured:
    """Medians over the runs of one side; `figures` are the last run's."""

    samples: tuple[Sample, ...]

    @property
    def cpu_seconds(self) -> float:
        """Median CPU time, user and system [s]."""
        return self.median_of("cpu_seconds")

    @property
    def wall_seconds(self) -> float:
        """Median wall time [s]."""
        return self.median_of("wall_seconds")

    @property
    def peak_rss_mib(self) -> float:
        """Median peak resident set [MiB]."""
        return self.median_of("peak_rss_mib")

    @property
    def figures(self) -> Mapping[str, float | str]:
        """The last run's own figures."""
        return self.samples[-1].figures

    def median_of(self, quantity: Quantity) -> float:
        """Median of one quantity over the runs."""
        return median(_value(sample, quantity) for sample in self.samples)


@dataclass(frozen=True)
class Pair:
    """Two sides measured in turns."""

    ours: Measured
    peer: Measured

    def spread(self, quantity: Quantity) -> tuple[float, float]:
        """Smallest and largest of peer / ours over the turns."""
        ratios = [
            _value(theirs, quantity) / _value(mine, quantity)
            for mine, theirs in zip(self.ours.samples, self.peer.samples, strict=True)
        ]
        return min(ratios), max(ratios)

    def spread_note(self, quantity: Quantity) -> str:
        """Put the spread into words for an entry's note."""
        low, high = self.spread(quantity)
        turns = len(self.ours.samples)
        return f"median of {turns} turns, ratio {low:.2f}–{high:.2f}"


def _value(sample: Sample, quantity: Quantity) -> float:
    match quantity:
        case "cpu_seconds":
            return sample.cpu_seconds
        case "wall_seconds":
            return sample.wall_seconds
        case "peak_rss_mib":
            return sample.peak_rss_mib


def of_callable(function: Callable[[], object]) -> Runner:
    """Make a runner of a function in this process."""

    def run() -> Sample:
        cpu, wall = cpu_seconds(), perf_counter()
        function()
        return Sample(cpu_seconds() - cpu, perf_counter() - wall, peak_rss_mib())

    return run


def of_command(command: Sequence[str | Path], *, cwd: Path = ROOT) -> Runner:
    """Make a runner of a process whose last line of output is a `Meter` report.

    Raises
    ------
    RuntimeError
        When it runs: if the process fails, or does not end with a report.
    """
    words = [str(word) for word in command]
    name = " ".join(Path(word).name for word in words[:2])

    def run() -> Sample:
        done = subprocess.run(words, cwd=cwd, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(
                f"'{name}' failed with exit {done.returncode}: {done.stderr[-_LAST_WORDS:].strip()}"
            )
        lines = done.stdout.strip().splitlines()
        try:
            report: dict[str, float | str] = json.loads(lines[-1])
            used = [float(report.pop(quantity)) for quantity in _USED]
        except (IndexError, KeyError, TypeError, ValueError, AttributeError) as unusable:
            raise RuntimeError(
                f"'{name}' did not end with a report of {', '.join(_USED)} but with {lines[-1:]}"
            ) from unusable
        return Sample(*used, figures=report)

    return run


def measure(side: Runner, *, turns: int) -> Measured:
    """Run one side some times."""
    return Measured(tuple(side() for _ in range(turns)))


def measure_pair(ours: Runner, peer: Runner, *, turns: int) -> Pair:
    """Run both sides in turns, ours first (A B A B)."""
    taken = [(ours(), peer()) for _ in range(turns)]
    return Pair(
        Measured(tuple(mine for mine, _ in taken)), Measured(tuple(theirs for _, theirs in taken))
    )
