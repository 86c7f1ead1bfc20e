"""What kind of firm a row is about, from the records of its own date."""

import itertools
from datetime import date
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from features.firm_segments import PUBLIC_SIZE, add_segments, kinds_of, segment_of
from features.online import KIND
from features.register_attributes import read_attributes
from features.snapshot import Snapshot, open_snapshot
from tests.builders import CATALOGUE, NOW, TinyLake, seeded, whole_scope
from tests.whole_worlds import land_whole, whole_world
from training.study import SEGMENTS

REGISTER = [
    # key, industry, region, entity type
    (1, "C3911", "371302", "company"),
    (2, "5211", "371311", "individual"),
    (3, None, None, None),
    (4, "C3911", "371302", "company"),
]
#: key, year, filed, employees, revenue in fen: 10 million fen are 100,000 yuan, 10 wan yuan.
REPORTS = [
    (1, 2023, "2024-03-01", 310, 1_900 * 1_000_000),
    (1, 2024, "2025-03-01", 25, 280 * 1_000_000),
    (2, 2024, "2025-03-01", 8, None),
    (4, 2024, "2025-03-01", 310, None),
]


@pytest.fixture
def segments() -> pa.Table:
    connection = duckdb.connect()
    connection.execute(
        "CREATE TABLE enterprise AS SELECT unnest([1, 2, 3, 4]) AS enterprise_key, 'x' AS uscc"
    )
    connection.execute(
        "CREATE TABLE visible_reg_basic (enterprise_key INT, industry_code TEXT, region_code TEXT, entity_type TEXT)"
    )
    connection.execute(
        "CREATE TABLE visible_reg_annual_report (enterprise_key INT, report_year INT, filed_on DATE, "
        "employees BIGINT, revenue_fen BIGINT, assets_fen BIGINT)"
    )
    connection.execute(
        "CREATE TABLE visible_annual_figures (enterprise_key INT, report_year INT, filed_on DATE, "
        "revenue_fen BIGINT, assets_fen BIGINT)"
    )
    connection.execute("CREATE TABLE visible_loan_account (enterprise_key INT, loan_id TEXT)")
    connection.executemany("INSERT INTO visible_reg_basic VALUES (?, ?, ?, ?)", REGISTER)
    connection.executemany(
        "INSERT INTO visible_reg_annual_report VALUES (?, ?, ?, ?, ?, NULL)", REPORTS
    )
    connection.execute(
        "INSERT INTO visible_annual_figures VALUES (4, 2024, '2025-03-01', 190000000, NULL)"
    )
    connection.execute("INSERT INTO visible_loan_account VALUES (1, 'a'), (1, 'b'), (2, 'c')")
    snapshot = Snapshot(connection, None, None, None, None)  # type: ignore[arg-type]
    with connection:
        return add_segments(pa.table({"enterprise_key": [1, 2, 3, 4]}), snapshot)


def test_segments_are_codes_and_empty_where_nothing_is_known(segments: pa.Table) -> None:
    found = {name: segment_of(segments, name) for name in SEGMENTS}
    assert found["industry_section"] == ["C", "F", "", "C"]
    assert found["region"] == ["371302", "371311", "", "371302"]
    assert found["entity_type"] == ["company", "individual", "", "company"]
    # Two loans; one loan; none yet, so the one granted soon after is the first.
    assert found["first_loan"] == ["no", "yes", "yes", "yes"]


def test_size_rests_on_the_latest_report_and_on_hidden_figures_only_if_seen(
    segments: pa.Table,
) -> None:
    # 25 persons but 280 of the 300 wan yuan of a small manufacturer: micro. Retail, 8 of 10 persons:
    # micro. 310 persons and 190 wan yuan: the revenue fails 300, micro; by persons alone, medium.
    assert segment_of(segments, "size_class") == ["micro", "micro", "", "micro"]
    assert segment_of(segments, PUBLIC_SIZE) == ["micro", "micro", "", "medium"]


def test_kinds_are_the_segments_of_the_snapshot(tmp_path: Path) -> None:
    day = date(2025, 5, 31)
    lake = TinyLake(tmp_path)
    world = dict(whole_world(seeded(3), day))
    codes = itertools.cycle(["C3911", "5211", "7010", "I65", "99", None])
    world["reg_basic"] = [row | {"industry_code": next(codes)} for row in world["reg_basic"]]
    for name in ("reg_annual_report", "annual_figures"):
        figures = itertools.product([None, 3, 250, 2_000], [None, 10**8, 10**11, 10**13])
        world[name] = [
            row
            | {"revenue_fen": fen, "assets_fen": fen}
            | ({"employees": people} if "employees" in row else {})
            for row, (people, fen) in zip(world[name], itertools.cycle(figures), strict=False)
        ]
    land_whole(lake, world)
    for scope in (whole_scope(), whole_scope().without("annual_figures")):
        with open_snapshot(lake.view, CATALOGUE, day, scope, now=NOW) as snapshot:
            firms = snapshot.connection.sql("SELECT uscc FROM enterprise ORDER BY enterprise_key")
            table = add_segments(firms.to_arrow_table(), snapshot)
            usccs = table["uscc"].to_pylist()
            kinds = kinds_of(snapshot, [*reversed(usccs), "nobody"])
            numbers = read_attributes(snapshot)
        for name in ("industry_code", "region_code"):
            np.testing.assert_array_equal(kinds[name], [*getattr(numbers, name)[::-1], np.nan])
        for name in set(KIND.names or ()) - {"industry_code", "region_code"}:
            told = [each.decode() for each in kinds[name].tolist()]
            assert told == [*reversed(segment_of(table, name)), ""], name
        assert len({each for each in segment_of(table, "size_class") if each}) > 1
