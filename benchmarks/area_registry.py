"""Features at the size of a city: the invoice features beside pandas and the bound, then all of them.

Runs on the bench cities that are there, see `benchmarks.cities`; the largest is measured against the
peers, all of them for the growth of cost.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from benchmarks.area_features import SCANNED
from benchmarks.cities import BenchCity, bench_cities, largest_city
from benchmarks.measure import Measured, Runner, measure, measure_pair, of_command
from benchmarks.results import Entry, compared
from benchmarks.setting import ROOT, Setting

AREA = "registry"
AS_OF = date(2025, 5, 31)
MONTHS = 24
#: Sides are large here, so fewer turns say as much.
TURNS = 3
_PER = 10_000
_TOLERANCE = 1e-6

_entry = partial(compared, AREA)


def compare(setting: Setting) -> Iterator[Entry]:
    """Measure the largest city against the peers, and every city against its size."""
    city = largest_city(setting.cities)
    yield from _against_peers(setting, city)
    yield from _whole(setting, city)
    yield from _growth(setting)
    yield from _single(setting, city)
    yield from _making(setting, city)
    yield _facts(setting, city)


def _ours(setting: Setting, city: BenchCity, job: str, *more: str) -> Runner:
    out = setting.work / f"{job}.parquet"
    command = [sys.executable, "-m", "benchmarks.our_registry", job, city.lake, "--out", out]
    return of_command([*command, "--as-of", str(AS_OF), *more])


def _against_peers(setting: Setting, city: BenchCity) -> Iterator[Entry]:
    invoices = city.lake / "data" / "invoice_line"
    ours = _ours(setting, city, "build", "--only", "invoice_line")
    theirs = setting.work / "pandas.parquet"
    words = ("--lake", "--as-of", str(AS_OF), "--out", theirs)
    pair = measure_pair(
        ours, of_command(setting.peer("pandas_features", invoices, *words)), turns=TURNS
    )
    rows = sum(pq.read_metadata(path).num_rows for path in invoices.glob("*.parquet"))
    same, compared_values = _agreement(setting.work / "build.parquet", theirs)
    about = f"{city.enterprises:,} firms, {rows / 1e6:.1f} M invoices, 56 features, one thread"
    yield _entry(
        "Invoice features, CPU, against pandas",
        ours=pair.ours.cpu_seconds,
        peer=pair.peer.cpu_seconds,
        better="lower",
        unit="s",
        now=setting.now,
        note=f"{about}; {pair.spread_note('cpu_seconds')}; {same:,} of {compared_values:,} values equal "
        "(the rest: firms without invoices are 0 there and unknown here, a month with more red than blue "
        "counts as active there, shares of a month are kept to a millionth here)",
    )
    yield _entry(
        "Invoice features, peak memory, against pandas",
        ours=pair.ours.peak_rss_mib,
        peer=pair.peer.peak_rss_mib,
        better="lower",
        unit="MiB",
        now=setting.now,
        note=f"same runs; {pair.spread_note('peak_rss_mib')}",
    )
    scan = of_command(setting.peer("column_scan", invoices / "*.parquet", "--columns", SCANNED))
    bound = measure_pair(ours, scan, turns=TURNS)
    yield _entry(
        "Invoice features, CPU, against the bare column scan",
        ours=bound.ours.cpu_seconds,
        peer=bound.peer.cpu_seconds,
        better="lower",
        unit="s",
        now=setting.now,
        note=f"the bound; {bound.spread_note('cpu_seconds')}",
    )


def _agreement(ours: Path, theirs: Path) -> tuple[int, int]:
    """Values that are equal to rounding, and values compared, of firms both sides have."""
    mine, other = pq.read_table(ours), pq.read_table(theirs)
    names = [name for name in mine.column_names if name in other.column_names]
    _, a, b = np.intersect1d(
        mine["enterprise_key"].to_numpy(),
        np.asarray(other["enterprise_id"].to_pylist(), dtype=np.int64),
        return_indices=True,
    )
    same = 0
    for name in names:
        x = mine[name].to_numpy(zero_copy_only=False)[a].astype(np.float64)
        y = other[name].to_numpy(zero_copy_only=False)[b].astype(np.float64)
        same += int(np.isclose(x, y, rtol=_TOLERANCE, atol=_TOLERANCE, equal_nan=True).sum())
    return same, len(a) * len(names)


def _whole(setting: Setting, city: BenchCity) -> Iterator[Entry]:
    built = measure(_ours(setting, city, "build"), turns=TURNS)
    panel = measure(_ours(setting, city, "panel", "--months", str(MONTHS)), turns=1)
    yield _entry(
        "All features, one date, CPU",
        ours=built.cpu_seconds,
        peer=None,
        better="lower",
        unit="s",
        now=setting.now,
        note=f"{_told(built, 'features')} features, {_told(built, 'firms')} firms, {city.rows / 1e6:.1f} M "
        f"delivered rows, one thread; peak {built.peak_rss_mib:,.0f} MiB",
    )
    yield _entry(
        f"{MONTHS} monthly snapshots, CPU a snapshot, against one alone",
        ours=panel.cpu_seconds / MONTHS,
        peer=built.cpu_seconds,
        better="lower",
        unit="s",
        now=setting.now,
        note=f"{_told(panel, 'rows')} rows of {MONTHS} month ends; peak {panel.peak_rss_mib:,.0f} MiB",
    )


def _growth(setting: Setting) -> Iterator[Entry]:
    """CPU a firm, of every city against the smallest: 1 where cost grows with the firms."""
    cities = bench_cities(setting.cities)
    built = [
        (city, measure(_ours(setting, city, "build"), turns=1 if city is cities[-1] else TURNS))
        for city in cities
    ]
    per_firm = [1000 * side.cpu_seconds / city.enterprises for city, side in built]
    for (city, side), ours in zip(built, per_firm, strict=True):
        yield _entry(
            f"All features, CPU a firm, {city.enterprises:,} firms",
            ours=ours,
            peer=per_firm[0],
            better="lower",
            unit="ms",
            now=setting.now,
            note=f"beside {cities[0].enterprises:,} firms; {side.cpu_seconds:.1f} s, peak "
            f"{side.peak_rss_mib:,.0f} MiB, one thread",
        )


def _single(setting: Setting, city: BenchCity) -> Iterator[Entry]:
    one = measure(_ours(setting, city, "one"), turns=1)
    touched = measure(_ours(setting, city, "touched"), turns=1)
    yield _entry(
        "One firm, whole vector, CPU",
        ours=float(one.figures["median_ms"]),
        peer=None,
        better="lower",
        unit="ms",
        now=setting.now,
        note=f"from the lake of {city.enterprises:,} firms; median, worst {one.figures['worst_ms']} ms",
    )
    yield _entry(
        "One firm, features that a landed row touches, CPU",
        ours=float(touched.figures["median_ms"]),
        peer=None,
        better="lower",
        unit="ms",
        now=setting.now,
        note=f"median over {_told(touched, 'datasets')} datasets of the median firm; slowest "
        f"{touched.figures['slowest']} {touched.figures['slowest_ms']} ms",
    )


def _making(setting: Setting, city: BenchCity) -> Iterator[Entry]:
    blocks = city.enterprises / _PER
    figures = {
        "A city per 10,000 firms, CPU to simulate": (city.simulate_cpu_seconds / blocks, "s"),
        "A city per 10,000 firms, size of its deliveries": (city.megabytes / blocks, "MB"),
        "A city per 10,000 firms, CPU to ingest": (city.ingest_cpu_seconds / blocks, "s"),
    }
    for name, (value, unit) in figures.items():
        yield _entry(
            name,
            ours=value,
            peer=None,
            better="lower",
            unit=unit,
            now=setting.now,
            note=f"of {city.enterprises:,} firms, 78 months, {city.rows / 1e6:.1f} M rows; simulator's peak "
            f"{city.simulate_peak_mib:,.0f} MiB",
        )


def _facts(setting: Setting, city: BenchCity) -> Entry:
    folder = Path(city.home).parent / "city"
    words = [sys.executable, "-m", "xinqiao", "simulate", "report", str(folder), "--json"]
    told = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True)
    lines = json.loads(told.stdout)
    missed = [line["name"] for line in lines if not line["holds"]]
    return _entry(
        "Facts of the city within tolerance",
        ours=sum(line["holds"] for line in lines),
        peer=None,
        better="neither",
        unit="",
        now=setting.now,
        note=f"of {len(lines)}; missed: {', '.join(missed) or 'none'}",
    )


def _told(side: Measured, name: str) -> str:
    value = side.figures[name]
    return f"{value:,.0f}" if isinstance(value, float | int) else value
