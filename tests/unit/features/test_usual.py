"""Business as usual: which rows arrive by themselves, with worked numbers."""

from datetime import date

import duckdb
import pytest

from features.contracts import load_catalogue
from features.engine import identifier
from features.usual import load_usual
from features.windows import months_before

CATALOGUE = load_catalogue()
AS_OF = date(2026, 5, 31)


def ahead(
    dataset: str, rows: list[dict[str, object]], months: int, shows: str
) -> list[tuple[object, ...]]:
    kinds = CATALOGUE[dataset].lake_columns()
    columns = ", ".join(f"{identifier(name)} {kind}" for name, kind in kinds.items())
    later = months_before(AS_OF, -months)
    with duckdb.connect() as connection:
        connection.execute(f"CREATE TABLE held ({columns})")
        for said in rows:
            row = {"enterprise_key": 1, "available_at": date(2026, 1, 1)} | said
            marks = ", ".join("?" for _ in row)
            named = ", ".join(map(identifier, row))
            connection.execute(f"INSERT INTO held ({named}) VALUES ({marks})", list(row.values()))
        day = f"(SELECT 1 AS number_, {months} AS months_, DATE '{later}' AS later_)"
        sql = load_usual().rows_ahead(CATALOGUE[dataset], "held", AS_OF, day)
        return connection.execute(f"SELECT {shows} FROM ({sql}) ORDER BY ALL").fetchall()


def electricity(newest: int, usages: list[float], arrears_fen: int = 0) -> list[dict[str, object]]:
    """Months up to `newest` (12 * year + month - 1), the latest first; arrears in the latest alone."""
    return [
        {
            "account_no": "a",
            "month": (newest - age) // 12 * 100 + (newest - age) % 12 + 1,
            "usage": usage,
            "billed_fen": round(usage * 100),
            "arrears_fen": 0 if age else arrears_fen,
        }
        for age, usage in enumerate(usages)
    ]


def test_a_month_repeats_the_year_before_and_a_fall_goes_on() -> None:
    # April 2026 back to February 2025: the last quarter 90 a month, the same quarter a year before 120.
    rows = electricity(2026 * 12 + 3, [90.0] * 3 + [100.0] * 9 + [120.0] * 3, arrears_fen=700)

    found = ahead("electricity_month", rows, 2, "month, usage, billed_fen, arrears_fen")

    # 90 * 3 / (120 * 3) = 0.75; May and June 2025 had 100, so 75; what is owed stays owed.
    assert found == [(202605, 75.0, 7500, 700), (202606, 75.0, 7500, 700)]


def test_a_rise_does_not_go_on() -> None:
    rows = electricity(2026 * 12 + 3, [150.0] * 3 + [100.0] * 12)

    assert ahead("electricity_month", rows, 1, "month, usage") == [(202605, 100.0)]


@pytest.mark.parametrize(("newest_month", "number"), [(2, 1), (1, 1), (0, 0)])
def test_silence_of_more_than_three_months_goes_on(newest_month: int, number: int) -> None:
    # At the end of May, March (2) and February (1) are late; January (0) is silence.
    rows = electricity(2026 * 12 + newest_month, [10.0] * 15)

    assert len(ahead("electricity_month", rows, 1, "month")) == number


def test_what_is_overdue_grows_older() -> None:
    rows: list[dict[str, object]] = [
        {"loan_id": "late", "month": 202604, "dpd": 10, "balance_fen": 5, "five_class": "2"},
        {"loan_id": "good", "month": 202604, "dpd": 0, "balance_fen": 6, "five_class": "1"},
        {"loan_id": "good", "month": 202603, "dpd": 3, "balance_fen": 7, "five_class": "1"},
    ]

    found = ahead("repayment_snapshot", rows, 2, "loan_id, month, dpd, balance_fen")

    assert found == [
        ("good", 202605, 0, 6), ("good", 202606, 0, 6),
        ("late", 202605, 40, 5), ("late", 202606, 70, 5),
    ]  # fmt: skip


def test_a_yearly_record_comes_on_its_day() -> None:
    rows: list[dict[str, object]] = [
        {"report_year": 2024, "filed_on": date(2025, 6, 12)},
        {"report_year": 2023, "filed_on": date(2024, 6, 20)},
    ]

    assert ahead("reg_annual_report", rows, 1, "report_year, filed_on") == [
        (2025, date(2026, 6, 12))
    ]
    # One filed by the end of May has come already, or is late.
    rows[0]["filed_on"] = date(2025, 5, 30)
    assert ahead("reg_annual_report", rows, 1, "report_year") == []


def test_what_is_not_listed_brings_nothing() -> None:
    assert ahead("court_judgment", [{"case_no": "1", "judged_on": AS_OF}], 12, "case_no") == []


def test_every_column_is_in_the_catalogue() -> None:
    for name, habit in load_usual().datasets.items():
        assert set(habit.columns) <= set(CATALOGUE[name].lake_columns()), name
