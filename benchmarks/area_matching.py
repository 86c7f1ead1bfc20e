"""Products against firms: equal to a naive double loop, one request, and everyone at once.

Made-up products and firms (`benchmarks.matching_world`): a city has neither a million firms nor thousands of
products. Sizes can be set in the environment to try the area: `XINQIAO_BENCH_MATCHING=1000,100`. What is read
for a match is measured on the largest bench city; without one a small one is made.
"""

import os
import sys
from collections.abc import Iterator

from benchmarks.cities import bench_cities, make_city
from benchmarks.measure import Sample, of_command
from benchmarks.results import Entry, compared
from benchmarks.setting import Setting

AREA = "matching"
#: Firms and products of each part; the environment sets smaller ones.
EQUAL, BATCH, REQUEST = (10_000, 1_000), (1_000_000, 2_000), (10_000, 1_000)
_CORES = 2
#: Firms of a city that is made for the purpose, and the last day of every city.
_SMALL, _DAY = 2_000, "2026-06-30"


def compare(setting: Setting) -> Iterator[Entry]:
    """Agreement first, then one request, the batch on one thread and on two, and what is read for a match."""
    yield from _equal(setting)
    yield from _request(setting)
    yield from _batch(setting)
    yield from _reading(setting)


def _equal(setting: Setting) -> Iterator[Entry]:
    firms, rules = _size(EQUAL)
    found = _run(setting, "equal", firms, rules).figures
    said = (
        f"every pair of {firms:,} firms and {rules:,} products, a share of every value unknown: "
        f"{found['eligible']:,} meet, {found['undecided']:,} cannot be decided, {found['failed']:,} fail"
    )
    for title, name in (("one firm at a time", "alone"), ("everyone at once", "batch")):
        yield compared(
            AREA,
            f"Pairs that differ from a naive double loop, {title}",
            ours=float(found[name]),
            peer=None,
            better="lower",
            unit="",
            now=setting.now,
            note=said,
        )


def _request(setting: Setting) -> Iterator[Entry]:
    rules, calls = _size(REQUEST)
    found = _run(setting, "request", rules, calls).figures
    said = (
        f"{found['conditions']:,} distinct conditions; median of {calls:,} firms, 99th percentile "
        f"{float(found['p99_ms']):.2f} ms; peer: median of {found['peer_calls']} of them, no explanations; "
        f"products made ready in {float(found['ready_seconds']):.1f} s"
    )
    yield compared(
        AREA,
        "One firm, 10,000 products, near misses and 20 explanations, against a naive loop",
        ours=float(found["p50_ms"]),
        peer=float(found["peer_ms"]),
        better="lower",
        unit="ms",
        now=setting.now,
        note=said,
    )


def _batch(setting: Setting) -> Iterator[Entry]:
    firms, rules = _size(BATCH)
    for threads in (1, _CORES):
        taken = _run(setting, "batch", firms, rules, threads)
        found, seconds = taken.figures, float(taken.figures["seconds"])
        said = (
            f"{firms:,} firms × {rules:,} products, {found['conditions']:,} conditions, {float(found['share']):.1%} of "
            f"pairs meet; counts, near misses and the first ten of every firm, from columns of numbers; peak "
            f"{taken.peak_rss_mib:,.0f} MiB with the drawing of firms"
        )
        on = "one thread" if threads == 1 else f"{threads} threads"
        yield compared(
            AREA,
            f"Everyone against every product on {on}, against a naive double loop",
            ours=seconds,
            peer=float(found["naive_seconds"]),
            better="lower",
            unit="s",
            now=setting.now,
            note=f"{said}; the loop is measured on {found['naive_pairs']:,} pairs between the blocks and scaled up",
        )
        if threads == 1:
            yield compared(
                AREA,
                "Everyone against every product on one thread, against one DuckDB expression a product",
                ours=seconds,
                peer=float(found["duckdb_seconds"]),
                better="lower",
                unit="s",
                now=setting.now,
                note=f"{said}; DuckDB counts who meets each product, no more, one thread, on "
                f"{found['duckdb_firms']:,} firms, scaled up",
            )


def _reading(setting: Setting) -> Iterator[Entry]:
    """Records of firms read from the online build, against a snapshot of the lake."""
    cities = bench_cities(setting.cities) or [make_city(setting.work / "cities", _SMALL)]
    home, lake = setting.work / "first-match", cities[-1].lake
    found = _module(setting, "our_first_match", str(home), str(lake), _DAY).figures
    said = f"{found['firms']:,} firms on the register, starter catalogue; the same in every bit"
    first = (
        f"median of {found['first']} firms, their own look and an institution's in turns; {said}"
    )
    open_ = f"median of 3, in turns, {found['open']} firms drawn; {said}"
    for name, ours, peer, unit, note in (
        ("Records and grade of a firm at its first match, against the lake", "match_ms", "match_lake_ms", "ms", first),
        ("One product against 500 consenting firms, against the lake", "look_s", "look_lake_s", "s", open_),
        ("One product counted among everybody else, against the lake", "count_s", "count_lake_s", "s", open_),
    ):  # fmt: skip
        yield compared(
            AREA,
            name,
            ours=float(found[ours]),
            peer=float(found[peer]),
            better="lower",
            unit=unit,
            now=setting.now,
            note=note,
        )


def _run(setting: Setting, part: str, *sizes: int) -> Sample:
    """One part in a process of its own."""
    return _module(setting, "our_matching", part, *map(str, sizes))


def _module(setting: Setting, name: str, *words: str) -> Sample:
    """A script in a process of its own; what compiles the loops is not measured."""
    cache = f"NUMBA_CACHE_DIR={setting.work / 'numba'}"
    command = ["env", "OMP_NUM_THREADS=1", cache, sys.executable, "-W", "ignore", "-m"]
    return of_command([*command, f"benchmarks.{name}", *words])()


def _size(whole: tuple[int, int]) -> tuple[int, int]:
    """Sizes of a part, no larger than the environment allows."""
    given = os.environ.get("XINQIAO_BENCH_MATCHING", "")
    if not given:
        return whole
    first, second = (int(word) for word in given.split(","))
    return min(whole[0], first), min(whole[1], second)
