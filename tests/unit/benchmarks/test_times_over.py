"""A city several times over: every copy is the city under codes of its own, and nothing is tied across copies."""

from datetime import date
from pathlib import Path

from benchmarks.times_over import repeat
from features.definitions import REGISTRY
from features.lake import Lake
from features.slices import Cut
from tests.any_worlds import land_any, land_firms
from tests.builders import CATALOGUE, NOW, TinyLake, registered, seeded, whole_scope

DAY = date(2025, 3, 31)


def test_every_copy_has_the_features_of_the_city(tmp_path: Path) -> None:
    city = TinyLake(tmp_path / "city")
    land_firms(city, range(1, 13))
    land_any(city, seeded(3), REGISTRY.datasets, range(1, 13), DAY)
    city.land("reg_basic", [registered(1)])  # A row takes the place of another.
    lake = repeat(tmp_path / "city", tmp_path / "thrice", 3)
    once, thrice = (
        Cut(view, CATALOGUE, DAY, whole_scope(), NOW).table(REGISTRY).table
        for view in (city.view, Lake(lake).view())
    )
    for copy in range(3):
        mine = thrice.slice(copy * len(once), len(once)).combine_chunks()
        assert mine.select(REGISTRY.names).equals(once.select(REGISTRY.names).combine_chunks())
    assert len(set(thrice["uscc"].to_pylist())) == len(thrice) == 3 * len(once)
    assert Lake(lake).view().party_count == 3 * city.view.party_count
