"""Ways up by one grade of firms below BBB: how many have a plan, whether it holds when its rows are delivered, what it costs.

Firms are drawn from the city of a home with a model that serves (`XINQIAO_BENCH_HOME`, by default the one of
`make demo`). The peer of the search is plain enumeration: one build a combination, by loops.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from itertools import combinations
from pathlib import Path
from time import process_time

import numpy as np

from benchmarks.results import Entry, compared
from benchmarks.setting import ROOT, Setting
from benchmarks.wayup_overlay import delivered, whole_scope
from features.clock import end_of
from features.contracts import load_catalogue
from features.definitions import REGISTRY
from features.lake import Lake
from features.pipeline import build_features
from features.snapshot import open_snapshot
from features.whatif import WhatIf, hold_firm
from models.aliases import CHAMPION, named_bundle
from models.bundle import load_bundle
from models.wayup.guide import Guide
from models.wayup.search import WaySearch, WayUp
from models.wayup.targets import GradeTarget

AREA = "wayup"
#: Last day of every city; nothing in its lake was known later.
CITY_UNTIL, SEED = date(2026, 6, 30), 20261122
#: Firms asked, the grade they are below, and plans that plain enumeration repeats.
FIRMS, GRADE, REPEATED = 80, "BBB", 5
#: Plain enumeration costs a build a combination.
_FEW_STEPS = 3


@dataclass
class _Outcome:
    """Counts and times over the firms."""

    planned: int = 0
    proved: int = 0
    valid: int = 0
    repeated: int = 0
    equal: int = 0
    combinations: int = 0
    seconds: float = 0.0
    plain_seconds: float = 0.0
    search_seconds: float = 0.0


def bench_home() -> Path:
    """Where the lake and the model are."""
    return Path(os.environ.get("XINQIAO_BENCH_HOME", ROOT / "var"))


def compare(setting: Setting) -> Iterator[Entry]:
    """Search, deliver, rate again."""
    home = bench_home()
    bundle = load_bundle(named_bundle(home / "bundles", CHAMPION), REGISTRY, home / "tables")
    guide = Guide.of(bundle, CITY_UNTIL)
    found = _Outcome()
    drawn = _below(home, guide)
    for key, grade in drawn.items():
        _one(home, guide, guide.to_grade(grade), key, setting, found)
    note = f"{len(drawn)} firms drawn below {GRADE}, each to the next grade; {found.combinations} combinations rated; seed {SEED}"

    def entry(name: str, ours: float, unit: str, peer: float | None = None) -> Entry:
        better = "lower" if unit == "s" else "neither"
        return compared(
            AREA, name, ours=ours, peer=peer, better=better, unit=unit, now=setting.now, note=note
        )

    yield entry("Firms with a plan", found.planned / len(drawn), "share")
    yield entry("Firms with the proof of none", found.proved / len(drawn), "share")
    yield entry(
        "Plans that reach the grade once delivered", found.valid / max(found.planned, 1), "share"
    )
    yield entry(
        "Plans as cheap as plain enumeration's", found.equal / max(found.repeated, 1), "share"
    )
    yield entry("CPU a firm", found.seconds / len(drawn), "s")
    if found.repeated:
        yield entry(
            "CPU a plan, plain enumeration",
            found.search_seconds / found.repeated,
            "s",
            found.plain_seconds / found.repeated,
        )


def _below(home: Path, guide: Guide) -> dict[int, str]:
    """Firms below the grade, drawn, each with the next better grade than its own."""
    registry = guide.columns.select(guide.rater.names)
    with open_snapshot(
        Lake(home / "lake").view(), load_catalogue(), CITY_UNTIL, whole_scope(), now=_now(),
        datasets=registry.datasets,
    ) as snapshot:  # fmt: skip
        table = build_features(snapshot, registry)
    columns = dict(zip(registry.names, table.matrix().T, strict=True))
    ranks = guide.rater.rate(columns).rank
    below = np.flatnonzero(ranks > guide.to_grade(GRADE).rank)
    drawn = np.random.default_rng(SEED).permutation(below)[:FIRMS].tolist()
    return {int(table.enterprise_keys[row]): guide.rater.grades[ranks[row] - 2] for row in drawn}


def _one(
    home: Path, guide: Guide, target: GradeTarget, key: int, setting: Setting, found: _Outcome
) -> None:
    began = process_time()
    with open_snapshot(
        Lake(home / "lake").view(), load_catalogue(), CITY_UNTIL, whole_scope(), now=_now(),
        enterprises=[key], threads=1, datasets=guide.datasets(target),
    ) as snapshot:  # fmt: skip
        what = hold_firm(snapshot, key)
        answer = WaySearch(what, guide.columns, guide.steps, guide.rater).find(target)
        spent = process_time() - began
        found.seconds += spent
        found.combinations += sum(one.combinations for one in answer.tried)
        found.proved += answer.is_proof
        if answer.plan is None:
            return
        found.planned += 1
        found.valid += _holds(what, guide, target, answer, home, setting)
        if found.repeated < REPEATED and all(len(t.possible) <= _FEW_STEPS for t in answer.tried):
            began = process_time()
            cheapest = _enumerated(what, guide, target, answer)
            found.plain_seconds += process_time() - began
            found.search_seconds += spent
            found.repeated += 1
            found.equal += cheapest == (answer.plan.months, answer.plan.weight)


def _holds(
    what: WhatIf, guide: Guide, target: GradeTarget, answer: WayUp, home: Path, setting: Setting
) -> bool:
    """Whether the grade is reached by the rows of the plan, delivered into a lake."""
    plan = answer.plan
    if plan is None:
        return False
    registry = guide.columns.select(guide.rater.names)
    codes = {step.code for step in plan.steps}
    changes = [
        step.changes(step.days(CITY_UNTIL, plan.months))
        for step in guide.steps.steps
        if step.code in codes
    ]
    what.build_alone(plan.months, changes, registry)
    row = delivered(what, home / "lake", plan.day, registry, setting.work)
    columns = dict(zip(registry.names, row[:, np.newaxis], strict=True))
    standings = guide.rater.rate(columns)
    return int(standings.rank[0]) <= target.rank and int(standings.score[0]) == plan.then.score


def _enumerated(
    what: WhatIf, guide: Guide, target: GradeTarget, answer: WayUp
) -> tuple[int, float] | None:
    """Day and weight of the cheapest plan, by plain loops."""
    weights, registry = guide.steps.book.weights, guide.columns.select(guide.rater.names)
    for tried in answer.tried:
        able = [step for step in guide.steps.steps if step.code in tried.possible]
        found: list[float] = []
        for size in range(len(able) + 1):
            for taken in combinations(able, size):
                names = {step.code for step in taken}
                possible = {step.code for step in able}
                if any(set(s.version.together) & possible - names for s in taken):
                    continue
                days = [step.days(CITY_UNTIL, tried.months) for step in taken]
                changes = [step.changes(day) for step, day in zip(taken, days, strict=True)]
                row = what.build_alone(tried.months, changes, registry)
                columns = dict(zip(registry.names, row[:, np.newaxis], strict=True))
                if int(guide.rater.rate(columns).rank[0]) <= target.rank:
                    money = [
                        what.rows(step.version.cost.format_map(day))[0][0]
                        for step, day in zip(taken, days, strict=True)
                    ]
                    weight = sum(
                        weights.unknown_money if one is None else max(round(float(one), 2), 0.0)
                        for one in money
                    )
                    weight += weights.effort * sum(step.version.effort for step in taken)
                    found.append(weight + weights.month * tried.months)
        if found:
            return tried.months, min(found)
    return None


def _now() -> datetime:
    return end_of(CITY_UNTIL)
