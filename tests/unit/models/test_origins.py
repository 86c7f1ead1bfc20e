"""What changed since a loan was granted: the same model, the same view, two days, points that add up."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

import numpy as np
import pytest

from features.contracts import Words
from models.bundle import Bundle
from models.signals.finding import Assessment
from models.watching.assessments import assessments_of
from models.watching.exposures import Firms
from models.watching.opinions import Judge
from models.watching.origins import with_origins
from models.watching.watch import Watched, run_watch
from tests.unit.models.watch_world import (
    DATASETS,
    REGISTRY,
    World,
    draw_firms,
    make_bundle,
    make_world,
)

GRANTED, ORIGIN = date(2025, 4, 10), date(2025, 3, 31)
#: A year before the origin, to the day; what began later does not reach back.
LIMIT, BEYOND = date(2024, 3, 31), date(2024, 4, 1)
ASKS_MODELS = ("W54", "W55")


@dataclass
class Past:
    """Firms as they were on any earlier day, and what was asked."""

    matrix: np.ndarray
    begins: Mapping[str, date] = field(default_factory=lambda: dict.fromkeys(DATASETS, LIMIT))
    asked: dict[date, list[set[str]]] = field(default_factory=dict[date, list[set[str]]])

    def firms(self, day: date, usccs: Sequence[str]) -> Firms:
        self.asked.setdefault(day, []).append(set(usccs))
        rows = [int(uscc.removeprefix("F")) for uscc in usccs]
        return Firms(usccs, day, dict(zip(REGISTRY.names, self.matrix[rows].T, strict=True)))

    def title(self, dataset: str) -> Words:
        return Words(zh=f"表{dataset}", en=f"table {dataset}")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return make_bundle(tmp_path_factory.mktemp("origins") / "bundle")


@pytest.fixture(scope="module")
def world(bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> World:
    made = make_world(tmp_path_factory.mktemp("signals"), bundle)
    granted = [GRANTED] * len(made.exposures)
    return replace(made, exposures=replace(made.exposures, granted=granted))


@pytest.fixture(scope="module")
def watched(world: World) -> Watched:
    return run_watch(world.watch, world.exposures, world.firms, world.before)


@pytest.fixture
def past() -> Past:
    return Past(draw_firms(60, np.random.default_rng(9)))


def told(watched: Watched, past: Past, rows: np.ndarray | None = None) -> list[Assessment]:
    wanted = np.arange(len(watched.exposures)) if rows is None else rows
    return with_origins(watched, list(assessments_of(watched, wanted)), wanted, past)


def since_grant(one: Assessment, signal: str) -> list[str]:
    """What is said in English."""
    said = [finding.since_grant for finding in one.findings if finding.signal == signal]
    return [en for _, en in (said[0] or ())] if said else []


def scores(bundle: Bundle, matrix: np.ndarray, hidden: np.ndarray) -> list[int]:
    return bundle.points(np.where(hidden, np.nan, matrix), hidden).score.tolist()


def test_both_scores_are_the_models_own_under_the_lenders_view(
    bundle: Bundle, world: World, watched: Watched, past: Past
) -> None:
    now, count = world.firms.matrix(REGISTRY.names), 0
    for row, one in enumerate(told(watched, past)):
        firm, view = int(world.exposures.firm[row]), int(world.exposures.view[row])
        hidden = Judge(bundle).hidden(world.exposures.views[view])
        both = np.vstack([past.matrix[firm], now[firm]])
        before, after = scores(bundle, both, hidden)
        for signal, score in zip(ASKS_MODELS, ("Score of the warning model", "Score"), strict=True):
            if said := since_grant(one, signal):
                is_told = said[0].startswith(score)
                assert is_told == bool((~np.isnan(both[:, ~hidden])).any(axis=1).all())
                if is_told:
                    assert said[0] == (
                        f"{score} since the loan was granted on 2025-04-10: from {before} "
                        f"(2025-03-31) to {after} (2026-06-30)"
                    )
                    count += 1
    assert count > 20


def test_groups_that_are_told_lost_what_the_points_say(
    bundle: Bundle, world: World, watched: Watched, past: Past
) -> None:
    """The three that lost most, in whole points, against the two cards taken apart by hand."""
    now, count = world.firms.matrix(REGISTRY.names), 0
    for row, one in enumerate(told(watched, past)):
        said = since_grant(one, "W54")
        if not said or not said[0].startswith("Score"):
            continue
        firm, view = int(world.exposures.firm[row]), int(world.exposures.view[row])
        hidden = Judge(bundle).hidden(world.exposures.views[view])
        then, since = (
            bundle.points(np.where(hidden, np.nan, matrix[[firm]]), hidden)
            for matrix in (past.matrix, now)
        )
        lost = (since.group_points - then.group_points)[0]
        limit = int((since.points_limit - then.points_limit)[0])
        assert lost.sum() + limit == since.score[0] - then.score[0]
        worst = sorted(int(points) for points in lost if points < 0)[:3]
        assert [int(en.rsplit(", ", 1)[1].split()[0]) for en in said[1:]] == worst
        count += bool(worst)
    assert count > 10


def test_only_firms_a_model_warns_of_are_looked_up_each_day_at_once(
    world: World, watched: Watched, past: Past
) -> None:
    found = told(watched, past)
    warned = {
        one.uscc for one in found if {f.signal for f in one.findings}.intersection(ASKS_MODELS)
    }
    assert set(past.asked) == {ORIGIN}
    assert past.asked[ORIGIN][0] == warned
    assert len(warned) < len(world.firms.usccs)


def test_what_is_closed_today_changes_nothing(world: World, watched: Watched, past: Past) -> None:
    rows = [
        row
        for row in range(len(world.exposures))
        if "electricity_month" in world.exposures.views[int(world.exposures.view[row])]
    ]
    other, usage = past.matrix.copy(), REGISTRY.names.index("usage_yoy")
    other[:, usage] = np.random.default_rng(4).normal(size=len(other))
    wanted = np.array(rows)
    found = told(watched, past, wanted)
    assert any(since_grant(one, "W54") for one in found)
    assert told(watched, Past(other), wanted) == found
    assert told(watched, Past(other)) != told(watched, past)


@pytest.mark.parametrize(("begins", "counts"), [(LIMIT, True), (BEYOND, False)])
def test_a_dataset_counts_if_it_was_held_for_a_year_before(
    world: World, watched: Watched, past: Past, begins: date, *, counts: bool
) -> None:
    past.begins = {**past.begins, "invoice_line": begins}
    said = [since_grant(one, "W54") for one in told(watched, past)]
    compared = [one for one in said if one and one[0].startswith("Score")]
    left_out = "Left out of this, held for less than 12 months when the loan was granted: table invoice_line"
    assert compared
    is_left_out = [left_out in one for one in compared]
    # Whoever may not see invoices anyway hears nothing of them.
    assert any(is_left_out) != counts
    assert not all(is_left_out)
    late = Past(np.where(np.array(REGISTRY.names) == "buyers_count", 1e6, past.matrix), past.begins)
    changed = [since_grant(one, "W54") for one in told(watched, late)]
    assert (changed == said) != counts


def test_nothing_that_reaches_back_is_said_and_never_a_number(
    world: World, watched: Watched, past: Past
) -> None:
    past.begins = dict.fromkeys(DATASETS, date(2025, 1, 1))
    said = [since_grant(one, "W54") for one in told(watched, past)]
    assert {tuple(one) for one in said if one} == {
        (
            "No comparison with the grant of the loan on 2025-04-10: the data open to you begin on "
            "2025-01-01, less than 12 months before",
        )
    }
    empty = Past(np.full_like(past.matrix, np.nan))
    said = [since_grant(one, "W55") for one in told(watched, empty)]
    assert {tuple(one) for one in said if one} == {
        ("No comparison with the grant of the loan on 2025-04-10: nothing open to you was on record then",)
    }  # fmt: skip


def test_without_a_day_of_grant_nothing_is_said_of_it(
    world: World, watched: Watched, past: Past
) -> None:
    unknown = replace(watched, exposures=replace(world.exposures, granted=()))
    findings = [each for one in told(unknown, past) for each in one.findings]
    assert findings
    assert {each.since_grant for each in findings} == {None}
    assert past.asked == {}
