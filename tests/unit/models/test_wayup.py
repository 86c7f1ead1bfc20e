"""The way up: the search against plain enumeration, the proof, and what no step may touch."""

from collections.abc import Iterator
from datetime import date, datetime
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from features.changes import Change
from features.contracts import load_catalogue
from features.definitions import REGISTRY
from features.errors import ModelDocumentError, RequestError
from features.rules.vocabulary import Vocabulary
from features.snapshot import open_snapshot
from features.whatif import WhatIf, hold_firm
from models.arrays import FloatArray
from models.bundle import load_bundle
from models.watching.setting import COLUMNS
from models.wayup.search import WaySearch
from models.wayup.steps import STEPS_PATH, Step, Steps, load_steps
from models.wayup.targets import GradeTarget, Rater
from tests.builders import CATALOGUE, TinyLake, whole_scope
from tests.rated_town import make_model
from tests.wayup_firm import ABLE, FIRM, SEED, land_firm

AS_OF, NOW = date(2026, 5, 31), datetime(2026, 6, 1, 9)
VOCABULARY = Vocabulary.of(COLUMNS)


def steps_of(horizons: list[int], limit: int = 12) -> Steps:
    changed = {"horizons_months": horizons, "limit_steps": limit}
    return load_steps().model_copy(update=changed).at(AS_OF, VOCABULARY)


@pytest.fixture(scope="module")
def rater(tmp_path_factory: pytest.TempPathFactory) -> Rater:
    home = tmp_path_factory.mktemp("home")
    return Rater.of(
        load_bundle(home / "bundles" / make_model(home, SEED), REGISTRY), AS_OF, REGISTRY
    )


@pytest.fixture(scope="module")
def what(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WhatIf]:
    """A firm lost to the tax authority, in arrears for tax and power, and on the list of abnormal operations."""
    lake = TinyLake(tmp_path_factory.mktemp("lake"))
    land_firm(lake)
    with open_snapshot(
        lake.view, CATALOGUE, AS_OF, whole_scope(), now=NOW, enterprises=[FIRM], threads=1
    ) as snapshot:
        yield hold_firm(snapshot, FIRM)


Outcome = tuple[int, frozenset[str], float, int]


@pytest.fixture(scope="module")
def outcomes(what: WhatIf, rater: Rater) -> list[Outcome]:
    """Day, steps, weight and rank of every combination, by plain loops and one build a combination."""
    steps = steps_of([1])
    weights, registry = steps.book.weights, COLUMNS.select(rater.names)
    found: list[Outcome] = []
    for months in steps.book.horizons_months:
        for size in range(len(ABLE) + 1):
            for codes in combinations(ABLE, size):
                taken = [step for step in steps.steps if step.code in codes]
                row = what.build_alone(months, [_changes(step, months) for step in taken], registry)
                columns = dict(zip(registry.names, row[:, np.newaxis], strict=True))
                rank = int(rater.rate(columns).rank[0])
                weight = sum(_cost(what, step, months) for step in taken)
                weight += weights.effort * sum(step.version.effort for step in taken)
                found.append((months, frozenset(codes), weight + weights.month * months, rank))
    return found


def _changes(step: Step, months: int) -> tuple[Change, ...]:
    return step.changes(step.days(AS_OF, months))


def _cost(what: WhatIf, step: Step, months: int) -> float:
    return round(float(what.rows(step.version.cost.format_map(step.days(AS_OF, months)))[0][0]), 2)


@pytest.mark.parametrize("better", [2, 3])
def test_the_cheapest_plan_is_that_of_plain_enumeration(
    what: WhatIf, rater: Rater, outcomes: list[Outcome], better: int
) -> None:
    now = rater.rate(_now(what, rater))
    rank = int(now.rank[0]) - better

    found = WaySearch(what, COLUMNS, steps_of([1]), rater).find(
        GradeTarget(rater.grades[rank - 1], rank)
    )

    good = [one for one in outcomes if one[3] <= rank]
    if good:
        months, codes, weight, _ = min(good, key=lambda one: (one[0], one[2], len(one[1])))
        assert found.plan is not None
        assert found.plan.months == months
        assert frozenset(step.code for step in found.plan.steps) == codes
        assert found.plan.weight == weight
    else:
        assert found.plan is None
        assert found.is_proof
        assert [one.combinations for one in found.tried] == [16]
    # One of the two targets has a plan and the other has none, or this test shows only half.
    assert bool(good) == (better == 2)


def _now(what: WhatIf, rater: Rater) -> dict[str, FloatArray]:
    registry = COLUMNS.select(rater.names)
    row = what.build_alone(0, [], registry)
    return dict(zip(registry.names, row[:, np.newaxis], strict=True))


def test_points_of_a_plan_add_up(what: WhatIf, rater: Rater) -> None:
    found = WaySearch(what, COLUMNS, steps_of([3]), rater).find(GradeTarget("AAA", 1))

    assert found.plan is None
    nearest = found.nearest
    assert nearest is not None
    gained = sum(step.points for step in nearest.steps)
    assert found.today.score + nearest.time_points + gained == nearest.then.score
    assert nearest.then.rank <= found.tried[0].waiting.rank
    # Arrears of 5,000 yuan and 0.05 % for each of 60 days from 1 May to 30 June: 5,150 yuan.
    assert {s.code: s.cost_cny for s in nearest.steps}.get("settle_tax_arrears", 5150) == 5150


def test_what_was_not_computed_is_not_claimed(what: WhatIf, rater: Rater) -> None:
    found = WaySearch(what, COLUMNS, steps_of([3], limit=2), rater).find(GradeTarget("AAA", 1))

    assert found.plan is None
    assert not found.is_proof
    assert found.tried[0].combinations == 4
    assert len(found.tried[0].possible) > 2


def test_a_step_changes_only_what_it_names(what: WhatIf) -> None:
    moved = 0
    for step in load_steps().at(AS_OF, VOCABULARY).steps:
        named = {dataset: {"available_at"} for dataset in step.datasets}
        for change in step.version.changes:
            named[change.dataset] |= set(change.values)
        what.build_alone(12, [_changes(step, 12)], COLUMNS.select(["enterprise_age_months"]))
        for dataset in (d for d in what.datasets if d.name in named or d.name not in what.empty):
            columns = set(dataset.lake_columns()) - named.get(dataset.name, set())
            columns -= {"enterprise_key"}
            listed = ", ".join(f'"{name}"' for name in sorted(columns))
            is_added = any(
                c.dataset == dataset.name and c.action == "add" for c in step.version.changes
            )
            then, changed = what.then(dataset.name, 12), f"visible_{dataset.name}"
            for first, second in ((then, changed), (changed, then)):
                left = what.rows(
                    f"SELECT {listed} FROM {first} EXCEPT SELECT {listed} FROM {second}"
                )
                assert not left or (is_added and first == changed), (step.code, dataset.name)
        moved += what.would_change(12, _changes(step, 12))
    assert moved >= len(ABLE)


def test_every_changed_column_is_in_the_catalogue() -> None:
    catalogue = load_catalogue()
    for step in load_steps().steps:
        for version in step.versions:
            for change in version.changes:
                columns = set(catalogue[change.dataset].lake_columns())
                assert set(change.values) <= columns, (step.code, change.dataset)
    for never in load_steps().never:
        assert set(never.columns) <= set(catalogue[never.dataset].lake_columns()), never.dataset


@pytest.mark.parametrize(
    ("dataset", "values", "said"),
    [
        (
            "court_judgment",
            "{party_role: \"'third'\"}",
            "changes court_judgment: a suit that was judged",
        ),
        ("reg_basic", "{established_on: \"DATE '1990-01-01'\"}", "changes established_on: age"),
        (
            "invoice_line",
            "{amount_fen: amount_fen * 2}",
            "changes invoice_line: turnover is earned",
        ),
        ("pension_month", "{insured: insured + 1}", "changes insured: people are hired"),
    ],
)
def test_an_immutable_fact_is_refused(tmp_path: Path, dataset: str, values: str, said: str) -> None:
    text = STEPS_PATH.read_text(encoding="utf-8")
    text += (
        "  - code: cheat\n    words: {zh: 造假, en: Cheat}\n    versions:\n      - valid_from: 2010-01-01\n"
        "        when: enterprise_age_months is known\n        months: 1\n        effort: 1\n        cost: SELECT 0\n"
        f"        changes: [{{dataset: {dataset}, action: set, values: {values}}}]\n        source: none\n"
    )
    path = tmp_path / "steps.yaml"
    path.write_text(text, encoding="utf-8")

    with pytest.raises(ModelDocumentError, match=said):
        load_steps(path)


def test_a_grade_that_is_none_is_refused(rater: Rater) -> None:
    with pytest.raises(RequestError, match="'D' is no grade one can aim at"):
        GradeTarget.of("D", rater)
    assert GradeTarget.of(" bbb", rater).rank == 4
