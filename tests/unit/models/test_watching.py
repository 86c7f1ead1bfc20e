"""The watch: all exposures at once equal one by one, and each sees only what it may see."""

from dataclasses import replace

import numpy as np
import pytest

from features.errors import ModelInputError
from models.bundle import Bundle
from models.signals.answers import ask_signals
from models.signals.finding import Assessment
from models.signals.levels import Level
from models.watching import watch as watch_room
from models.watching.assessments import assessments_of
from models.watching.exposures import Exposures, Firms
from models.watching.views import migration
from models.watching.watch import Watched, run_watch
from tests.unit.models.watch_world import DATASETS, REGISTRY, World, make_bundle, make_world


@pytest.fixture(scope="module")
def watcher(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return make_bundle(tmp_path_factory.mktemp("watch") / "bundle")


@pytest.fixture(scope="module")
def world(watcher: Bundle, tmp_path_factory: pytest.TempPathFactory) -> World:
    return make_world(tmp_path_factory.mktemp("signals"), watcher)


@pytest.fixture(scope="module")
def watched(world: World) -> Watched:
    return run_watch(world.watch, world.exposures, world.firms, world.before)


def alone(world: World, row: int) -> Watched:
    """The run of one exposure, with its firm as the only one."""
    old = world.exposures
    firm, view = int(old.firm[row]), old.views[int(old.view[row])]
    one = Exposures(
        [old.institutions[row]], np.array([0]), (view,), np.array([0]),
        {name: values[[row]] for name, values in old.facts.items()},
    )  # fmt: skip

    def only(firms: Firms) -> Firms:
        return replace(
            firms,
            usccs=[firms.usccs[firm]],
            columns={name: values[[firm]] for name, values in firms.columns.items()},
        )

    return run_watch(world.watch, one, only(world.firms), only(world.before))


def test_all_at_once_equals_one_by_one(world: World, watched: Watched) -> None:
    together = list(assessments_of(watched))
    assert len(together) == len(world.exposures)
    for row, found in enumerate(together):
        assert next(assessments_of(alone(world, row))) == found
    # The world must ask something: every signal holds somewhere, is clear and is unknown somewhere.
    said = {finding.signal for one in together for finding in one.findings}
    assert said == {"W01", "W30", "W46", "W54", "W55"}


def test_chunks_change_nothing(
    world: World, watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch_room, "CHUNK", 7)
    again = run_watch(world.watch, world.exposures, world.firms, world.before)
    assert list(assessments_of(again)) == list(assessments_of(watched))


def test_answers_equal_the_signals_asked_with_what_is_withheld(
    world: World, watched: Watched
) -> None:
    for row in range(len(world.exposures)):
        view = world.exposures.views[int(world.exposures.view[row])]
        firm = int(world.exposures.firm[row])
        columns = {name: values[[firm]] for name, values in world.firms.columns.items()}
        facts = {name: values[[row]] for name, values in watched.facts.items()}
        found = ask_signals(
            world.watch.signals, world.watch.vocabulary, columns | facts, world.firms.as_of_date,
            rows=1, withheld=view,
        )  # fmt: skip
        np.testing.assert_array_equal(found.levels[0], watched.levels[row])
        np.testing.assert_array_equal(found.ways[0], watched.ways[row])


def test_closed_data_change_nothing(world: World, watched: Watched) -> None:
    """An institution's assessment is the same whatever stands in what is closed to it."""
    rng = np.random.default_rng(3)
    columns = dict(world.firms.columns)
    row = next(
        r for r in range(len(world.exposures))
        if {"tax_filing_month", "electricity_month"}
        <= world.exposures.views[int(world.exposures.view[r])]
    )  # fmt: skip
    for name in ("sales_yoy", "usage_yoy"):
        columns[name] = rng.normal(size=len(columns[name])).clip(-1, 10)
    changed = run_watch(
        world.watch, world.exposures, replace(world.firms, columns=columns), world.before
    )
    wanted = np.array([row])
    assert list(assessments_of(changed, wanted)) == list(assessments_of(watched, wanted))
    assert list(assessments_of(changed)) != list(assessments_of(watched))


def test_a_finding_names_what_it_rests_on(world: World, watched: Watched) -> None:
    for row, one in enumerate(assessments_of(watched)):
        view = world.exposures.views[int(world.exposures.view[row])]
        for finding in one.findings:
            assert view.isdisjoint(finding.datasets)
            assert all(view.isdisjoint(value.datasets) for value in finding.evidence)
            if finding.signal in {"W54", "W55"}:
                # What the model read of this firm for this institution, so that a consent taken back
                # before the notice leaves stops it.
                assert finding.datasets == frozenset(DATASETS) - view
                assert finding.says


def test_the_warning_holds_from_its_cut_off(world: World) -> None:
    found = run_watch(world.watch, world.exposures, world.firms, world.before)
    place = [signal.code for signal in world.watch.signals].index("W54")
    row = int(np.nanargmax(found.probability))
    for cut_off, level in (
        (found.probability[row], 3),
        (np.nextafter(found.probability[row], 1), 0),
    ):
        watch = replace(world.watch, cut_off=float(cut_off))
        again = run_watch(watch, world.exposures, world.firms, world.before)
        assert again.levels[row, place] == level


def test_without_models_or_a_past_their_signals_are_unknown(world: World) -> None:
    bare = replace(world.watch, warning=None, rating=None)
    for found, codes in (
        (run_watch(bare, world.exposures, world.firms), {"W54", "W55"}),
        (run_watch(world.watch, world.exposures, world.firms), {"W55"}),
    ):
        for one in assessments_of(found):
            assert codes.isdisjoint(one.clear)
            assert codes.isdisjoint(finding.signal for finding in one.findings)


def test_findings_come_worst_first(watched: Watched) -> None:
    several = [one for one in assessments_of(watched) if len(one.findings) > 1]
    assert several
    for one in several:
        ranks = [(-finding.level.rank, finding.signal) for finding in one.findings]
        assert ranks == sorted(ranks)


def test_evidence_is_what_the_way_that_answered_shows(world: World, watched: Watched) -> None:
    by_way = {0: "sales_yoy", 1: "usage_yoy"}
    seen: set[int] = set()
    for row, one in enumerate(assessments_of(watched)):
        firm = int(world.exposures.firm[row])
        for finding in one.findings:
            if finding.signal != "W30":
                continue
            value = finding.evidence[0]
            assert value.name == by_way[finding.way]
            assert value.value == world.firms.columns[value.name][firm]
            if finding.way == 0:
                assert (finding.level is Level.ORANGE) == (value.value <= -0.5)
            seen.add(finding.way)
    assert seen == {0, 1}


def test_a_column_nobody_looked_up_is_a_mistake(world: World) -> None:
    fewer = {name: v for name, v in world.firms.columns.items() if name != "usage_yoy"}
    with pytest.raises(ModelInputError, match=r"no column usage_yoy"):
        run_watch(world.watch, world.exposures, replace(world.firms, columns=fewer))


def test_migration_counts_exposures_whose_grades_are_both_known(watched: Watched) -> None:
    everyone = np.ones(len(watched.exposures), dtype=np.bool_)
    counts = migration(watched, everyone)
    known = [(b, n) for b, n in zip(watched.grade_before.tolist(), watched.grade.tolist(), strict=True) if min(b, n) >= 0]  # fmt: skip
    assert 0 < len(known) < len(watched.exposures)
    for before, now in set(known):
        assert counts[before, now] == known.count((before, now))
    assert counts.sum() == len(known)


def test_no_exposures_give_nothing(world: World) -> None:
    none = Exposures([], np.zeros(0, dtype=np.int64), (), np.zeros(0, dtype=np.int64), {})
    found = run_watch(world.watch, none, world.firms, world.before)
    assert found.levels.shape == (0, len(world.watch.signals))
    assert list[Assessment](assessments_of(found)) == []
    assert len(REGISTRY) == len(world.watch.names)
