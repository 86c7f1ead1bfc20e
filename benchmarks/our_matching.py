"""Matching measured: `python -m benchmarks.our_matching batch|equal|request …`.

`batch FIRMS RULES THREADS` matches drawn firms a block at a time, and between blocks a few of them by the
naive double loop and by one DuckDB expression a product, so that a slow minute touches all three.
`equal FIRMS RULES` compares every pair with the naive loop. `request RULES CALLS` answers one firm at a time.
"""

import sys
from collections.abc import Sequence
from statistics import median
from time import perf_counter

import duckdb
import numpy as np
import pyarrow as pa

from benchmarks.matching_world import (
    Crowd,
    drawn_firms,
    drawn_order,
    drawn_rules,
    meanings,
    vocabulary,
)
from benchmarks.naive_matching import Firm, Lacks, Test, naive_lacks, naive_test
from benchmarks.peers.meter import Meter
from features.rules.parser import parse_rule
from features.rules.syntax import Rule
from models.matching.batch import NOTHING, Everyone, Matches
from models.matching.explaining import Teller
from models.matching.matcher import Matcher

SEED = 20261122
BLOCK = 65_536
#: Firms of a block that the peers are shown, too.
NAIVE_FIRMS, DUCK_FIRMS = 40, 20_000
TOP, EXPLAINED = 10, 20


def _ready(rules: int, rng: np.random.Generator, threads: int = 1) -> tuple[list[Rule], Everyone]:
    book = [(name, parse_rule(text, name)) for name, text in drawn_rules(rules, rng)]
    matcher = Matcher.of_rules(book, vocabulary())
    nothing = np.zeros(len(matcher.conditions), dtype=np.bool_)
    everyone = Everyone(matcher, drawn_order(rules, rng), nothing, TOP, threads)
    _match(everyone, drawn_firms(64, rng))
    return [rule for _, rule in book], everyone


def _match(everyone: Everyone, crowd: Crowd) -> Matches:
    return everyone.match(crowd.columns, crowd.grade)


def batch(firms: int, rules: int, threads: int) -> None:
    """Match everyone; report seconds of each side scaled to all pairs, and what they found."""
    rng = np.random.default_rng(SEED)
    started = perf_counter()
    book, everyone = _ready(rules, rng, threads)
    ready = perf_counter() - started
    tests = [naive_test(rule, vocabulary()) for rule in book]
    asked = f"SELECT {', '.join(f'count(*) FILTER (WHERE {_sql(rule)})' for rule in book)} FROM t"
    seconds, naive, duck = 0.0, [0.0, 0], list[float]()
    sure = kept = done = 0
    meter = Meter()
    while done < firms:
        crowd = drawn_firms(min(BLOCK, firms - done), rng)
        started = perf_counter()
        found = _match(everyone, crowd)
        seconds += perf_counter() - started
        done += len(crowd.grade)
        sure += int(found.counts.sure.sum())
        kept += int((found.top != NOTHING).sum())
        some = [crowd.firm(row) for row in range(min(NAIVE_FIRMS, len(crowd.grade)))]
        started = perf_counter()
        _double_loop(some, tests)
        naive = [naive[0] + perf_counter() - started, naive[1] + len(some) * rules]
        if not duck or done >= firms:
            duck.append(_ask_duckdb(crowd, asked, firms))
    pairs = firms * rules
    meter.report(
        seconds=seconds,
        naive_seconds=naive[0] / naive[1] * pairs,
        naive_pairs=naive[1],
        duckdb_seconds=median(duck),
        duckdb_firms=min(DUCK_FIRMS, BLOCK, firms),
        ready_seconds=ready,
        share=sure / pairs,
        kept=kept,
        conditions=len(everyone.matcher.conditions),
    )


def equal(firms: int, rules: int) -> None:
    """Hold every pair against the naive loop, as one of many and alone."""
    rng = np.random.default_rng(SEED)
    book, everyone = _ready(rules, rng)
    crowd, matcher = drawn_firms(firms, rng), everyone.matcher
    whole = Everyone(matcher, np.arange(rules, dtype=np.int32)[None], everyone.is_left, rules)
    matrix = matcher.conditions.matrix(crowd.columns)
    meter = Meter()
    found = whole.match(crowd.columns, np.zeros(firms, dtype=np.int64))
    tests = [naive_test(rule, vocabulary()) for rule in book]
    alone = batch_differs = 0
    open_, failed = np.zeros(rules, dtype=np.int64), 0
    for row in range(firms):
        theirs = _double_loop([crowd.firm(row)], tests)[0]
        verdict = matcher.verdicts(matrix[row])
        expected = np.array([2 if one else 1 if one is None else 0 for one in theirs])
        mine = np.where(verdict.is_eligible, 2, np.where(verdict.is_open, 1, 0))
        alone += int((mine != expected).sum())
        meets = np.zeros(rules, dtype=np.bool_)
        meets[found.top[row][found.top[row] != NOTHING]] = True
        batch_differs += int((meets != (expected == 2)).sum())  # noqa: PLR2004 - true
        open_ += expected == 1
        failed += int((expected == 0).sum())
    undecided = int(np.abs(open_ - found.counts.undecided).sum())
    meter.report(
        pairs=firms * rules, alone=alone, batch=batch_differs + undecided,
        eligible=int(found.counts.sure.sum()), undecided=int(open_.sum()), failed=failed,
    )  # fmt: skip


def request(rules: int, calls: int) -> None:
    """One firm against every product: who fits, near misses, and twenty explanations."""
    rng = np.random.default_rng(SEED)
    started = perf_counter()
    book, everyone = _ready(rules, rng)
    ready = perf_counter() - started
    crowd = drawn_firms(calls, rng)
    firms = [crowd.firm(row) for row in range(calls)]
    lacks: list[Lacks] = [naive_lacks(rule, vocabulary()) for rule in book]
    ours, peer, found = list[float](), list[float](), (0, 0)
    teller = Teller.of(everyone.matcher.conditions, meanings())
    _answer(everyone.matcher, teller, firms[0])
    for call, firm in enumerate(firms):
        started = perf_counter()
        found = _answer(everyone.matcher, teller, firm)
        ours.append(perf_counter() - started)
        if call % 20 == 0:
            started = perf_counter()
            counts = _naive_answer(lacks, firm)
            peer.append(perf_counter() - started)
            if counts != found:
                raise SystemExit(f"The naive loop finds {counts}, we find {found}.")
    meter = Meter()
    meter.report(
        p50_ms=median(ours) * 1e3, p99_ms=float(np.quantile(ours, 0.99)) * 1e3, peer_ms=median(peer) * 1e3,
        peer_calls=len(peer), ready_seconds=ready, eligible=found[0], near=found[1],
        conditions=len(everyone.matcher.conditions),
    )  # fmt: skip


def _answer(matcher: Matcher, teller: Teller, firm: Firm) -> tuple[int, int]:
    row = matcher.conditions.row(firm)
    states = matcher.conditions.ask(row[None])[0]
    found = matcher.judged(states)
    eligible, near = np.flatnonzero(found.is_eligible), np.flatnonzero(found.is_near)
    for rule in near[:EXPLAINED].tolist():
        teller.tell_all(matcher.missing(rule, states), row, may_see_values=True)
    return len(eligible), len(near)


def _naive_answer(lacks: Sequence[Lacks], firm: Firm) -> tuple[int, int]:
    eligible = near = 0
    for one in lacks:
        failed, unknown = one(firm)
        eligible += failed == 0 and unknown == 0
        near += failed == 1 and unknown == 0
    return eligible, near


def _double_loop(firms: Sequence[Firm], tests: Sequence[Test]) -> list[list[bool | None]]:
    return [[test(firm) for test in tests] for firm in firms]


def _ask_duckdb(crowd: Crowd, asked: str, firms: int) -> float:
    """Seconds of counting who meets each product, scaled to all firms; planning is counted once.

    No near misses, and no firm's own list.
    """
    rows = min(DUCK_FIRMS, len(crowd.grade))
    table = pa.table(
        {name: pa.array(held[:rows], from_pandas=True) for name, held in crowd.columns.items()}
    )
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.register("seen", table)
        took = list[float]()
        for some in (0, rows):
            connection.execute(f"CREATE OR REPLACE TABLE t AS SELECT * FROM seen LIMIT {some}")
            started = perf_counter()
            connection.execute(asked).fetchall()
            took.append(perf_counter() - started)
    planning, whole = took
    return planning + (whole - planning) / rows * firms


def _sql(rule: Rule) -> str:
    """A rule as DuckDB reads it: flags are numbers there, units are written out."""
    text = str(rule).replace("(", "( ").replace(")", " )")
    for unit, scale in ((" 万元", "*10000"), (" months", ""), (" %", "*0.01")):
        text = text.replace(unit, scale)
    return " ".join(f"({word} = 1)" if word.startswith("tag_") else word for word in text.split())


if __name__ == "__main__":
    {"batch": batch, "equal": equal, "request": request}[sys.argv[1]](*map(int, sys.argv[2:]))
