"""The nightly whole on the bench cities, and its later stages on a million firms.

Each city has a home of its own that looks at the city's lake and writes elsewhere, so a city is never
changed. Without a city a small one is made.
"""

import sys
from collections.abc import Iterator

from benchmarks.cities import BenchCity, bench_cities, make_city
from benchmarks.measure import Sample, of_command
from benchmarks.results import Better, Entry, compared
from benchmarks.setting import Setting

AREA = "nightly"
DAY, SMALL, MILLION = "2026-06-30", 2_000, 1_000_000


def compare(setting: Setting) -> Iterator[Entry]:
    """Every city, smallest first; then a million firms from the largest."""
    cities = bench_cities(setting.cities) or [make_city(setting.work / "cities", SMALL)]
    for city in cities:
        home = setting.work / f"night-{city.enterprises}"
        taken = _run(setting, "whole", home, city.lake, DAY)
        yield from _night(setting, city, taken)
        if city is cities[-1]:
            firms = int(taken.figures["firms"])
            times = max(1, round(MILLION / firms))
            yield from _million(setting, city, taken, _run(setting, "million", home, DAY, times))


def _night(setting: Setting, city: BenchCity, taken: Sample) -> Iterator[Entry]:
    found = taken.figures
    said = (
        f"{found['firms']:,} firms on the register × {found['columns']} columns, {found['rated']:,} rated with reasons, "
        f"{found['exposures']:,} exposures watched; features {float(found['features_seconds']):.1f} s, ratings and "
        f"matches {float(found['ratings_seconds']):.1f} s, watch {float(found['watch_seconds']):.1f} s; "
        "the same night again changes no file"
    )
    name = f"The night of {city.enterprises:,} firms"
    yield _entry(setting, f"{name}, wall time", float(found["whole"]), "s", said)
    yield _entry(setting, f"{name}, peak memory", taken.peak_rss_mib, "MiB", said)


def _million(setting: Setting, city: BenchCity, night: Sample, taken: Sample) -> Iterator[Entry]:
    found = taken.figures
    said = (
        f"{found['firms']:,} firms, those of the city of {city.enterprises:,} several times over: features are read, not "
        f"built; seconds of work on two threads: ratings {float(found['rating_seconds']):.0f}, matches "
        f"{float(found['matching_seconds']):.0f}"
    )
    yield _entry(setting, "Ratings, reasons and matches of a million firms, wall time", taken.wall_seconds, "s", said)  # fmt: skip
    yield _entry(setting, "Ratings, reasons and matches of a million firms, peak memory", taken.peak_rss_mib, "MiB", said)  # fmt: skip
    per_firm = (
        float(night.figures["features_seconds"]) + float(night.figures["watch_seconds"])
    ) / float(night.figures["firms"])
    yield _entry(
        setting,
        "The night of a million firms, reckoned",
        per_firm * float(found["firms"]) + taken.wall_seconds,
        "s",
        f"features and watch of the city of {city.enterprises:,} scaled by firms, and the stages after them as measured",
    )


def _entry(setting: Setting, name: str, value: float, unit: str, said: str) -> Entry:
    better: Better = "lower"
    return compared(
        AREA, name, ours=value, peer=None, better=better, unit=unit, now=setting.now, note=said
    )


def _run(setting: Setting, part: str, *words: object) -> Sample:
    """One part in a process of its own."""
    cache = f"NUMBA_CACHE_DIR={setting.work / 'numba'}"
    command = ["env", cache, sys.executable, "-W", "ignore", "-m", "benchmarks.our_nightly"]  # fmt: skip
    return of_command([*command, part, *map(str, words)])()
