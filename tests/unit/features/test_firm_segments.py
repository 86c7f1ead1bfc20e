"""What kind of firm a row is about, from the records of its own date."""

import duckdb
import pyarrow as pa
import pytest

from features.firm_segments import PUBLIC_SIZE, add_segments, segment_of
from features.snapshot import Snapshot
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
    connection.execute("CREATE TABLE enterprise AS SELECT unnest([1, 2, 3, 4]) AS enterprise_key")
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
