"""One firm in one call: score, exact contributions and sentences; and how fast a server is ready."""

import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from time import perf_counter

from benchmarks.measure import Sample, of_command
from benchmarks.results import Entry, compared
from benchmarks.setting import Setting

AREA = "scoring"
DEPTHS = (4, 6)
_MODEL = "300 trees, 100 features, 12 % missing, 1,000 reference firms, one thread"


def compare(setting: Setting) -> Iterator[Entry]:
    """Measure both depths, each in a process of its own, then start-up at depth 6."""
    for depth in DEPTHS:
        folder = setting.work / f"depth-{depth}"
        folder.mkdir()
        ours = of_command(_command(setting, "one", str(depth), str(setting.turns), folder))()
        call, peer = (float(ours.figures[f"call_{side}"]) for side in ("ours", "peer"))
        yield compared(
            AREA,
            f"Score, contributions and reasons of one row, depth {depth}, against LightGBM and shap",
            ours=call * 1e3,
            peer=peer * 1e3,
            better="lower",
            unit="ms",
            now=setting.now,
            note=f"{_MODEL}; peer: predict and shap values of a DataFrame row, no points or sentences; "
            f"median of {setting.turns} turns, {ours.figures['call_peer_spread']}; ours in a batch of "
            f"2,000: {float(ours.figures['rows_per_s']):,.0f} rows/s, points included",
        )
    yield from _readiness(setting, setting.work / f"depth-{DEPTHS[-1]}")


def _readiness(setting: Setting, folder: Path) -> Iterator[Entry]:
    """From the start of the process to its end after one answer, wall time and memory."""
    ours = _command(setting, "start", folder)
    peer = _command(setting, "start-peer", folder)
    _timed(ours)  # compiles the loops once; every later start loads them
    taken = [(_timed(ours), _timed(peer)) for _ in range(setting.turns)]
    note = f"depth 6; the whole process until it has answered once; median of {setting.turns} turns"
    yield compared(
        AREA,
        "Ready to serve, against LightGBM and shap",
        ours=median(mine for (mine, _), _ in taken),
        peer=median(theirs for _, (theirs, _) in taken),
        better="lower",
        unit="s",
        now=setting.now,
        note=note,
    )
    yield compared(
        AREA,
        "Memory of a ready process, against LightGBM and shap",
        ours=median(mine.peak_rss_mib for (_, mine), _ in taken),
        peer=median(theirs.peak_rss_mib for _, (_, theirs) in taken),
        better="lower",
        unit="MiB",
        now=setting.now,
        note=note,
    )


def _timed(command: list[str | Path]) -> tuple[float, Sample]:
    started = perf_counter()
    sample = of_command(command)()
    return perf_counter() - started, sample


def _command(setting: Setting, *arguments: str | Path) -> list[str | Path]:
    cache = f"NUMBA_CACHE_DIR={setting.work / 'numba'}"
    python = (sys.executable, "-W", "ignore", "-m", "benchmarks.our_scoring")
    return ["env", "OMP_NUM_THREADS=1", cache, *python, *arguments]
