"""The nightly whole on the bench cities, and on a city several times over where one has been made.

Each lake gets a home of its own that looks at it and writes elsewhere, so a city is never changed. Without
a city a small one is made. A million firms: `python -m benchmarks.times_over 100000 10`.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks.cities import bench_cities, make_city
from benchmarks.measure import Sample, of_command
from benchmarks.results import Better, Entry, compared
from benchmarks.setting import Setting
from benchmarks.times_over import times_over

AREA = "nightly"
DAY, SMALL = "2026-06-30", 2_000


def compare(setting: Setting) -> Iterator[Entry]:
    """Every lake, smallest first."""
    cities = bench_cities(setting.cities) or [make_city(setting.work / "cities", SMALL)]
    lakes = [(city.enterprises, city.lake, "") for city in cities]
    lakes += [
        (firms, lake, f"; the city of {firms // times:,} {times} times over")
        for firms, times, lake in times_over(setting.cities)
    ]
    for firms, lake, of in sorted(lakes):
        home = setting.work / f"night-{firms}"
        yield from _night(setting, firms, _run(setting, home, lake), of)


def _night(setting: Setting, firms: int, taken: Sample, of: str) -> Iterator[Entry]:
    found = taken.figures
    said = (
        f"{found['firms']:,} firms on the register × {found['columns']} columns, {found['rated']:,} rated with reasons, "
        f"{found['exposures']:,} exposures watched; features {float(found['features_seconds']):.1f} s, ratings and "
        f"matches {float(found['ratings_seconds']):.1f} s, watch {float(found['watch_seconds']):.1f} s; "
        f"the same night again changes no file{of}"
    )
    name = f"The night of {firms:,} firms"
    yield _entry(setting, f"{name}, wall time", float(found["whole"]), "s", said)
    yield _entry(setting, f"{name}, peak memory", taken.peak_rss_mib, "MiB", said)


def _entry(setting: Setting, name: str, value: float, unit: str, said: str) -> Entry:
    better: Better = "lower"
    return compared(
        AREA, name, ours=value, peer=None, better=better, unit=unit, now=setting.now, note=said
    )


def _run(setting: Setting, home: Path, lake: Path) -> Sample:
    """One night in a process of its own."""
    cache = f"NUMBA_CACHE_DIR={setting.work / 'numba'}"
    command = ["env", cache, sys.executable, "-W", "ignore", "-m", "benchmarks.our_nightly"]
    return of_command([*command, str(home), str(lake), DAY])()
