"""Laws that hold for every feature at once, on worlds in which every dataset has rows."""

import random
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from features.clock import end_of
from features.contracts import NEGATIVE_COLUMNS
from features.pipeline import FeatureTable
from features.scope import Purpose
from tests.builders import CATALOGUE, TinyLake, by_enterprise, consent, features_of, seeded
from tests.law import exact, masked, random_scope
from tests.negative import WHOLE
from tests.whole_worlds import FIRMS, World, land_whole, whole_world

AS_OF = date(2020, 2, 29)
SCOPES = sorted({d.document.consent_scope or "" for d in CATALOGUE} - {""})


@pytest.fixture(scope="module")
def world() -> World:
    return whole_world(seeded(39), AS_OF)


@pytest.fixture(scope="module")
def consented() -> dict[int, set[str]]:
    rng = seeded(12)
    return {key: set(rng.sample(SCOPES, rng.randrange(len(SCOPES) + 1))) for key in FIRMS}


@pytest.fixture(scope="module")
def lake(
    world: World, consented: dict[int, set[str]], tmp_path_factory: pytest.TempPathFactory
) -> TinyLake:
    lake = TinyLake(tmp_path_factory.mktemp("whole"))
    land_whole(lake, world)
    given = end_of(AS_OF - timedelta(days=9))
    events = [consent(k, "granted", given, scopes=sorted(s)) for k, s in consented.items()]
    lake.land("consent_event", events)
    return lake


@pytest.fixture(scope="module")
def full(lake: TinyLake) -> FeatureTable:
    return features_of(lake, AS_OF, registry=WHOLE)


def test_every_feature_tells_some_firms_apart(full: FeatureTable) -> None:
    """Laws about values that are all the same would prove nothing; one kind of news may be too rare."""
    seen = exact(full)
    alike = [f.name for f in WHOLE if len({row[f.name] for row in seen.values()}) == 1]
    assert [name for name in alike if "_new_" not in name] == []
    assert len(alike) <= 5


@pytest.mark.parametrize("seed", range(3))
def test_a_scope_with_consents_only_masks(
    seed: int, lake: TinyLake, full: FeatureTable, consented: dict[int, set[str]]
) -> None:
    scope = random_scope(seeded(seed), "bank", Purpose.PRE_CREDIT)
    seen = exact(features_of(lake, AS_OF, scope, registry=WHOLE))
    assert seen == masked(full, scope, consented), scope


def test_a_firms_own_scope_only_masks(lake: TinyLake, full: FeatureTable) -> None:
    scope = replace(
        random_scope(seeded(4), None, Purpose.SELF_REPORT),
        datasets=frozenset(seeded(4).sample(sorted(CATALOGUE.datasets), 40)),
    )
    nobody: dict[int, set[str]] = {key: set() for key in FIRMS}
    assert exact(features_of(lake, AS_OF, scope, registry=WHOLE)) == masked(full, scope, nobody)


def test_order_files_and_threads_change_no_bit(
    world: World, full: FeatureTable, tmp_path: Path
) -> None:
    rng, shuffled = seeded(21), TinyLake(tmp_path)
    for name, rows in world.items():
        mixed = rng.sample(rows, len(rows))
        cut = rng.randrange(len(rows) + 1)
        shuffled.land(name, mixed[:cut])
        shuffled.land(name, mixed[cut:])
    assert exact(features_of(shuffled, AS_OF, registry=WHOLE, threads=4)) == exact(full)


def test_rows_that_become_available_after_as_of_change_nothing(
    world: World, full: FeatureTable, tmp_path: Path
) -> None:
    rng, later_lake = seeded(31), TinyLake(tmp_path)
    midnight = end_of(AS_OF)
    other = whole_world(seeded(32), AS_OF)
    for name, rows in world.items():
        row_ids = later_lake.land(name, rows)
        late = [_late(rng, row) for row in other[name]]
        # A repair that is taken back reaches back as well, so repaired rows stay.
        kept = {i for i, row in zip(row_ids, rows, strict=True) if row.get("repaired_at")}
        until = midnight + timedelta(days=rng.randrange(1, 90))
        ended = dict.fromkeys(sorted({*row_ids[::3]} - kept), until)
        later_lake.land(name, late, retire=ended)
    assert exact(features_of(later_lake, AS_OF, registry=WHOLE)) == exact(full)


def _late(rng: random.Random, row: dict[str, object]) -> dict[str, object]:
    """The row known after `as_of`, without a repair, which alone may reach back."""
    known = end_of(AS_OF) + rng.choice([timedelta(microseconds=1), timedelta(days=400)])
    without = dict.fromkeys(set(NEGATIVE_COLUMNS) & set(row))
    return {**row, **without, "available_at": known}


def test_a_few_firms_on_demand_equal_their_rows_in_the_batch(
    lake: TinyLake, full: FeatureTable
) -> None:
    batch = by_enterprise(full)
    related = [key for key, row in batch.items() if (row["related_dishonest_count"] or 0) > 0]
    for chosen in ([related[0]], [related[-1], 1, 2]):
        alone = by_enterprise(features_of(lake, AS_OF, registry=WHOLE, enterprises=chosen))
        assert alone == {key: batch[key] for key in sorted(chosen)}
