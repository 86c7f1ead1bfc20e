"""A panel is the production query at many dates, in parts that are whole and made from one state."""

from collections.abc import Generator, Iterator
from contextlib import closing
from datetime import date
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from features.definitions import REGISTRY
from features.errors import PanelError
from features.panel import PanelPart, as_of_dates, read_manifest, write_panel
from features.registry import Registry
from features.scope import Purpose
from tests.any_worlds import land_any, land_firms
from tests.builders import (
    CATALOGUE,
    NOW,
    TinyLake,
    at,
    features_of,
    invoice,
    penalty,
    registered,
    seeded,
    whole_scope,
)
from tests.negative import PENALTIES

SALES = REGISTRY.select(["sales_amount_sum_12m_cny"])
WITH_PENALTIES = Registry((*SALES, PENALTIES))
DATES = [date(2025, 1, 31), date(2025, 2, 28), date(2025, 3, 31)]


def parts(
    lake: TinyLake, folder: Path, registry: Registry = SALES, **changed: object
) -> Generator[PanelPart]:
    now, purpose = changed.get("now", NOW), changed.get("purpose", Purpose.SELF_REPORT)
    assert isinstance(purpose, Purpose)
    return write_panel(
        lake.view,
        CATALOGUE,
        registry,
        whole_scope(purpose),
        DATES,
        folder,
        now=at(str(now)),
        workers=1,
    )


def kept(made: Iterator[PanelPart]) -> list[bool]:
    return [part.is_kept for part in made]


@pytest.fixture
def lake(tmp_path: Path) -> TinyLake:
    made = TinyLake(tmp_path / "lake")
    made.land("reg_basic", [registered(1), registered(2, at("2025-03-02"))])
    made.land("invoice_line", [invoice(1, date(2025, 2, 3), 500_00)])
    made.land("penalty", [penalty(1, "p", date(2025, 1, 5), repaired_at=at("2026-09-01"))])
    return made


def test_every_part_is_the_feature_table_of_its_date(tmp_path: Path):
    world, rng = TinyLake(tmp_path / "lake"), seeded(5)
    land_firms(world, range(1, 31))
    read = {name for feature in REGISTRY for name in feature.datasets}
    land_any(world, rng, read, range(1, 31), DATES[-1])
    made = list(parts(world, tmp_path / "panel", REGISTRY))
    assert [(part.as_of_date, part.rows) for part in made] == [(day, 30) for day in DATES]
    for part in made:
        table = pq.read_table(part.path)
        assert table.to_pylist() == features_of(world, part.as_of_date).table.to_pylist()


def test_a_part_grows_with_the_register(lake: TinyLake, tmp_path: Path):
    assert [part.rows for part in parts(lake, tmp_path / "panel")] == [1, 1, 2]


def test_a_run_that_ended_early_goes_on_where_it_was(lake: TinyLake, tmp_path: Path):
    folder = tmp_path / "panel"
    with closing(parts(lake, folder)) as made:
        next(made)
    (folder / f".{DATES[1]}.parquet.tmp").write_bytes(b"half a part")
    (folder / f"{DATES[2]}.parquet").write_bytes(b"no part at all")
    assert kept(parts(lake, folder)) == [True, False, False]
    assert kept(parts(lake, folder)) == [True, True, True]
    assert sorted(path.name for path in folder.iterdir()) == [f"{day}.parquet" for day in DATES]


def test_another_lake_other_features_or_another_scope_are_made_again(
    lake: TinyLake, tmp_path: Path
):
    folder = tmp_path / "panel"
    list(parts(lake, folder))
    assert kept(parts(lake, folder, WITH_PENALTIES)) == [False] * 3
    assert kept(parts(lake, folder, WITH_PENALTIES, purpose=Purpose.RESEARCH)) == [False] * 3
    lake.land("invoice_line", [])
    assert kept(parts(lake, folder, WITH_PENALTIES, purpose=Purpose.RESEARCH)) == [False] * 3
    found = read_manifest(folder / f"{DATES[0]}.parquet")
    assert found is not None
    assert (found.lake_version, found.purpose) == (lake.view.version, "research")


def test_a_repair_that_falls_due_later_makes_the_part_again(lake: TinyLake, tmp_path: Path):
    folder = tmp_path / "panel"
    list(parts(lake, folder, WITH_PENALTIES))
    just_before, due = "2026-08-31 23:59:59", "2026-09-01 00:00"
    assert kept(parts(lake, folder, WITH_PENALTIES, now=just_before)) == [True] * 3
    assert kept(parts(lake, folder, WITH_PENALTIES, now=due)) == [False] * 3
    counts = pq.read_table(folder / f"{DATES[0]}.parquet")[PENALTIES.name].to_pylist()
    assert counts == [0.0]


def test_a_part_that_cannot_be_written_leaves_those_before_it(lake: TinyLake, tmp_path: Path):
    folder = tmp_path / "panel"
    (folder / f"{DATES[1]}.parquet").mkdir(parents=True)
    made = parts(lake, folder)
    assert next(made).as_of_date == DATES[0]
    with pytest.raises(PanelError, match=r"2025-02-28\.parquet of the panel cannot be written"):
        next(made)
    assert pq.read_table(folder / f"{DATES[0]}.parquet").num_rows == 1


def test_dates_count_back_from_the_last_one():
    assert as_of_dates(date(2024, 6, 1), date(2025, 3, 31), "quarter") == [
        date(2024, 6, 30),
        date(2024, 9, 30),
        date(2024, 12, 31),
        date(2025, 3, 31),
    ]
    assert as_of_dates(date(2025, 2, 1), date(2025, 1, 31), "month") == []
