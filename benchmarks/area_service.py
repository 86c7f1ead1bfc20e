"""A rating over HTTP, under load: ours beside `mlflow models serve` of the same model with shap.

Both are up at the same time on the same machine and are loaded in turns by the same generator. Ours
answers with everything a rating is (who asks, consent, grade, sentences, an audit row on disk); the
peer answers with the probability and the contributions.
"""

import json
import os
import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import cycle
from math import isinf
from pathlib import Path
from statistics import median
from subprocess import run

from benchmarks.load.outcome import Report
from benchmarks.load.plan import Answer, Request, fixed_times
from benchmarks.load.processes import await_up, end_service, start_service
from benchmarks.load.run import Manner, Target, run_load
from benchmarks.load.search import Bounds, Found, search_break, search_rate
from benchmarks.our_service import start_ours
from benchmarks.results import Entry, compared
from benchmarks.setting import ROOT, Setting
from models.aliases import CHAMPION, named_bundle

AREA = "service"
PEER_PORT = 18432
WORKERS = 2
#: Length of a run in the search, and of the runs in turns afterwards [s]; slow rates take longer, so
#: that a p99 is more than the slowest answer, up to a limit.
TRIAL_S, BLOCK_S, LONGEST_S = 4.0, 10.0, 10.0
_ENOUGH_REQUESTS = 200
#: Rates at which both are far from their limits, and as good as idle [1/s].
QUIET_RATE, IDLE_RATE = 10.0, 2.0
#: A search begins at this share of what the CPU time of a request lets expect.
_CAREFUL = 1 / 3
_LARGEST_VALUE = 1e300

_entry = partial(compared, AREA)


@dataclass(frozen=True)
class Side:
    """All that was measured of one side.

    Parameters
    ----------
    found : Found
        The search for the highest rate with p99 <= 20 ms.
    at_rate, quiet : tuple of Report
        Runs in turns, at that rate (at the quiet one if none was held) and at the quiet rate.
    """

    found: Found
    at_rate: tuple[Report, ...]
    quiet: tuple[Report, ...]

    @property
    def cpu_ms(self) -> float:
        """CPU time of all its processes a request, at its highest rate, median."""
        return median(sum(report.cpu_ms.values()) for report in self.at_rate)

    @property
    def most_answered(self) -> float:
        """Highest rate at which answers came, however late [1/s]."""
        return max(report.achieved_rate for report in self.found.trials)


def compare(setting: Setting) -> Iterator[Entry]:
    """Measure our service and the peer with the model that ours serves, both up."""
    with start_ours(setting) as ours:
        bundle = served_bundle(setting.work / "home" / "bundles")
        with serving_peer(bundle, setting.work) as peer:
            mine, theirs = measure_sides(ours, peer, turns=setting.turns)
    yield from entries_of(setting.now, setting.turns, mine, theirs)


def served_bundle(bundles: Path) -> Path:
    """The bundle that serves in a home."""
    return named_bundle(bundles, CHAMPION)


def measure_sides(ours: Target, peer: Target, *, turns: int) -> tuple[Side, Side]:
    """Search both, then load both in turns, at the rate each holds and at a quiet one."""
    found = [search_side(side) for side in (ours, peer)]
    rates = [one.rate or QUIET_RATE for one in found]
    at_rate: list[list[Report]] = [[], []]
    quiet: list[list[Report]] = [[], []]
    for _ in range(turns):
        for index, target in enumerate((ours, peer)):
            at_rate[index].append(load(target, rates[index], seconds=BLOCK_S))
            quiet[index].append(load(target, QUIET_RATE, seconds=TRIAL_S))
    mine, theirs = (
        Side(found[index], tuple(at_rate[index]), tuple(quiet[index])) for index in range(2)
    )
    return mine, theirs


def search_side(target: Target) -> Found:
    """Search the highest rate a side holds, from near where its CPU time lets expect it.

    One whose median answer is late even when it is as good as idle holds no rate at all, so only where
    it breaks is searched.
    """
    trial = partial(load, target)
    trial(QUIET_RATE)
    idle, quiet = trial(IDLE_RATE), trial(QUIET_RATE)
    first = _CAREFUL * expected_rate(quiet, os.cpu_count() or 1)
    if idle.p50_ms > Bounds().p99_ms:
        return search_break(trial, first=first)
    return search_rate(trial, first=max(first, IDLE_RATE), least=IDLE_RATE)


def expected_rate(report: Report, cores: int) -> float:
    """What the cores could answer if a request always cost the CPU time it cost in a run [1/s].

    Examples
    --------
    Two cores have 2,000 ms in a second: at 4 ms a request, enough for 500.
    """
    spent = sum(report.cpu_ms.values()) + report.generator_cpu_ms
    return 1000 * cores / max(spent, 1e-3)


def load(target: Target, rate: float, *, seconds: float = TRIAL_S) -> Report:
    """Load one side at one rate."""
    seconds = max(seconds, min(_ENOUGH_REQUESTS / rate, LONGEST_S))
    return run_load(target, fixed_times(rate, seconds), seconds=seconds, manner=Manner())


@contextmanager
def serving_peer(bundle: Path, work: Path, *, workers: int = WORKERS) -> Generator[Target]:
    """Run `mlflow models serve` on the model of a bundle.

    One thread a worker for LightGBM and shap: more only get into each other's way on two cores.
    """
    folder, log = work / "mlflow-model", work / "mlflow.log"
    variables = {
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "true",
        "OMP_NUM_THREADS": "1",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    writer = ROOT / "benchmarks" / "peers" / "mlflow_rating.py"
    run([sys.executable, writer, "save", bundle, folder], check=True, capture_output=True)
    where = ("--host", "127.0.0.1", "--port", str(PEER_PORT), "--workers", str(workers))
    command = ["mlflow", "models", "serve", "-m", str(folder), "--env-manager", "local", *where]
    process = start_service(command, log=log, variables=variables, cwd=work)
    url = f"http://127.0.0.1:{PEER_PORT}"
    try:
        await_up(f"{url}/ping", process)
        yield Target(url, cycle(peer_plan(bundle)), {"server": process.pid})
    finally:
        end_service(process)


def peer_plan(bundle: Path) -> list[Request]:
    """Ask for the proof rows of a bundle that could be firms, one a request."""
    names = [
        feature["name"]
        for feature in json.loads((bundle / "manifest.json").read_text())["features"]
    ]
    rows = [row["values"] for row in json.loads((bundle / "proof.json").read_text())["rows"]]
    numbers = [[float(value) for value in row] for row in rows]
    usual = [
        [None if value != value else value for value in row]  # noqa: PLR0124 - NaN: null in JSON
        for row in numbers
        if not any(isinf(value) or abs(value) >= _LARGEST_VALUE for value in row)
    ]
    headers = {"Content-Type": "application/json"}
    bodies = [json.dumps({"dataframe_split": {"columns": names, "data": [row]}}) for row in usual]
    check = partial(explains, names=frozenset(names))
    return [Request("POST", "/invocations", headers, body.encode(), check) for body in bodies]


def explains(answer: Answer, names: frozenset[str]) -> bool:
    """Check that the peer gave a probability and the contribution of every feature."""
    if answer.status != 200:  # noqa: PLR2004 - OK
        return False
    (row,) = json.loads(answer.body)["predictions"]
    return 0 < row["default_probability"] < 1 and row["contributions"].keys() == names


def entries_of(now: datetime, turns: int, mine: Side, theirs: Side) -> Iterator[Entry]:
    """Put both sides into entries."""
    peer = "mlflow models serve with shap"
    both = f"{WORKERS} workers each, both up, {turns} blocks of {BLOCK_S:g} s in turns"
    yield _entry(
        f"Highest rate with p99 <= 20 ms, against {peer}",
        ours=mine.found.rate or 0.0,
        peer=theirs.found.rate or 0.0,
        better="higher",
        unit="1/s",
        now=now,
        note=f"{both}; latency from the due time; ours answers {mine.most_answered:,.0f}/s at most, "
        f"peer {theirs.most_answered:,.1f}/s; ours {_late(mine)}; peer {_late(theirs)}",
    )
    yield _entry(
        f"CPU a rating, all processes, against {peer}",
        ours=mine.cpu_ms,
        peer=theirs.cpu_ms,
        better="lower",
        unit="ms",
        now=now,
        note=f"at the highest rate of each; ours {_parts(mine)}; the generator apart: "
        f"{median(report.generator_cpu_ms for report in mine.at_rate):.3f} ms",
    )
    yield _entry(
        f"Latency at {QUIET_RATE:g}/s, p50, against {peer}",
        ours=median(report.p50_ms for report in mine.quiet),
        peer=median(report.p50_ms for report in theirs.quiet),
        better="lower",
        unit="ms",
        now=now,
        note=both,
    )


def _late(side: Side) -> str:
    p99, p999 = (
        median(getattr(report, name) for report in side.at_rate) for name in ("p99_ms", "p999_ms")
    )
    broken = side.found.breaks_at
    where = "did not break" if broken is None else f"breaks at {broken:,.0f}/s"
    failed = sum(report.failed for report in side.at_rate)
    return f"p99 {p99:.1f} ms, p99.9 {p999:.1f} ms, {failed} failed, {where}"


def _parts(side: Side) -> str:
    names = side.at_rate[0].cpu_ms
    return ", ".join(
        f"{name} {median(report.cpu_ms[name] for report in side.at_rate):.2f} ms" for name in names
    )
