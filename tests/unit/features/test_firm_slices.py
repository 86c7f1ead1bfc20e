"""Firms in slices give what one cut of them all gives, in order, and no more of them are begun than are wanted."""

import threading
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest

import features.slices
from features.definitions import REGISTRY
from features.pipeline import build_features
from features.slices import Cut, in_order, slices
from features.snapshot import open_snapshot
from tests.any_worlds import land_any, land_firms
from tests.builders import CATALOGUE, NOW, TinyLake, seeded, whole_scope

DAY = date(2025, 3, 31)


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Slices of seven firms at most."""
    monkeypatch.setattr(features.slices, "slices", sevens)


def sevens(keys: Sequence[int], *, workers: int) -> list[Sequence[int]]:
    return slices(keys, workers=workers, size=7)


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize("keys", [None, [2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 99]])
def test_slices_together_are_one_cut_of_them_all(keys: list[int] | None, tmp_path: Path) -> None:
    world = TinyLake(tmp_path / "lake")
    land_firms(world, range(1, 31))
    land_any(world, seeded(7), REGISTRY.datasets, range(1, 31), DAY)
    cut = Cut(world.view, CATALOGUE, DAY, whole_scope(), NOW)
    with open_snapshot(
        world.view, CATALOGUE, DAY, whole_scope(), now=NOW, enterprises=keys
    ) as snapshot:
        expected = build_features(snapshot, REGISTRY).table
    made = list(cut.tables(REGISTRY, keys))
    assert [part.num_rows for part in made] == ([5] * 6 if keys is None else [6, 4])
    assert cut.table(REGISTRY, keys).table.equals(expected)


def test_a_lake_without_firms_has_columns(tmp_path: Path) -> None:
    cut = Cut(TinyLake(tmp_path / "lake").view, CATALOGUE, DAY, whole_scope(), NOW)
    table = cut.table(REGISTRY).table
    assert (table.num_rows, table.column_names[2:]) == (0, list(REGISTRY.names))


def test_a_look_at_many_firms_opens_only_their_files(tmp_path: Path) -> None:
    world = TinyLake(tmp_path / "lake")
    firms = [range(1, 121), range(121, 241)]
    for part in firms:
        land_firms(world, part)
        land_any(world, seeded(part.start), {"tax_filing_month"}, part, DAY)
    registry = REGISTRY.reading_only({"tax_filing_month"})
    filed = CATALOGUE["tax_filing_month"]
    first, second = (world.view.among(part).rows(filed) for part in firms)
    assert first != second
    assert world.view.among(range(60, 180)).rows(filed) == world.view.rows(filed)
    with open_snapshot(world.view, CATALOGUE, DAY, whole_scope(), now=NOW) as snapshot:
        expected = build_features(snapshot, registry).table
    cut = Cut(world.view, CATALOGUE, DAY, whole_scope(), NOW)
    found = [cut.table(registry, list(part)).table for part in firms]
    assert pa.concat_tables(found).equals(expected)


def test_what_comes_keeps_its_order_and_no_more_is_begun_than_wanted() -> None:
    begun: list[int] = []
    second = threading.Event()

    def work(one: int) -> int:
        begun.append(one)
        if one == 0:
            assert second.wait(10)  # The first ends after the second.
        second.set()
        return one * one

    made = in_order(work, range(9), workers=2)
    assert next(made) == 0
    assert {0, 1} <= set(begun) <= {0, 1, 2}
    assert list(made) == [1, 4, 9, 16, 25, 36, 49, 64]


def test_one_that_fails_ends_the_others() -> None:
    begun: list[int] = []

    def work(one: int) -> int:
        begun.append(one)
        if one == 1:
            raise ValueError("slice 1 is broken")
        return one

    with pytest.raises(ValueError, match="slice 1 is broken"):
        list(in_order(work, range(50), workers=2))
    assert len(begun) <= 5
