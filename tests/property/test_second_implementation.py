"""Every invoice feature equals a second implementation on random small worlds."""

from datetime import date
from pathlib import Path

import pytest

from features.definitions import REGISTRY
from tests.builders import TinyLake, by_enterprise, features_of, seeded
from tests.oracle.invoice_features import invoice_features, month_features
from tests.oracle.invoice_worlds import land_world, world_of

AS_OF = [
    date(2020, 2, 29),
    date(2020, 2, 28),
    date(2021, 2, 28),
    date(2020, 5, 30),
    date(2020, 5, 31),
    date(2020, 6, 15),
    date(2020, 12, 31),
    date(2021, 1, 1),
]
#: The monthly table's buyers are averages of what is delivered, for which spec tables are enough.
IMPLEMENTED_TWICE = {
    feature.name
    for feature in REGISTRY
    if feature.datasets <= {"invoice_line", "invoice_month"}
    and not feature.name.startswith("monthly_buyer")
}


@pytest.mark.parametrize("seed", range(len(AS_OF)))
def test_every_feature_equals_the_second_implementation(seed: int, tmp_path: Path):
    as_of = AS_OF[seed]
    world = world_of(seeded(seed), as_of)
    lake = TinyLake(tmp_path)
    land_world(lake, world)
    computed = by_enterprise(features_of(lake, as_of))
    for key, (lines, months) in world.items():
        expected = {**invoice_features(lines, as_of), **month_features(months, as_of)}
        assert set(expected) == IMPLEMENTED_TWICE
        for name, value in expected.items():
            assert computed[key][name] == (
                None if value is None else pytest.approx(value, rel=1e-9, abs=1e-12)
            ), f"{name} of firm {key}: {lines} {months}"
