"""The relations utility features stand on: what meters ran, and what was left unpaid.

A firm's accounts are summed per month. One meter is sometimes delivered under two account numbers:
rows of a month that agree in everything but the account count once. Usage is whole hundredths of
its unit and capacity whole hundredths of a kVA, so sums are exact.
"""

from collections.abc import Callable
from datetime import date

from features.definitions.expressions import parts_per_million
from features.definitions.month_grid import LATE_MONTHS, age_of, on_grid, year_before
from features.registry import Grain

ELECTRICITY, WATER, GAS = "electricity_month", "water_month", "gas_month"
_YEAR = 12
#: What a row says besides whose account it is.
_BILL = "usage, billed_fen, paid_fen, arrears_fen"


def _hundredths(column: str) -> str:
    return f"CAST(round({column} * 100) AS BIGINT)"


def _graded(monthly: str) -> str:
    """Months on the grid, with the same month a year before and the month's part of its year."""
    year = "sum(usage_c) OVER (PARTITION BY enterprise_key, month_no < 12)"
    return (
        f"SELECT *, {parts_per_million('usage_c', 'year_c')} AS year_ppm FROM ("
        f"SELECT *, {year_before('usage_c')} AS before_c, {year} AS year_c "
        f"FROM ({on_grid(monthly)}) AS placed) AS compared"
    )


def _monthly(columns: str, sums: str, dataset: str, as_of_date: date) -> str:
    """One row a month: the firm's meters together."""
    metered = (
        f"SELECT DISTINCT enterprise_key, {age_of(as_of_date)} AS age, {columns} "
        f"FROM visible_{dataset} WHERE usage IS NOT NULL"
    )
    return (
        f"SELECT enterprise_key, age, sum({_hundredths('usage')}) AS usage_c{sums} "
        f"FROM ({metered}) AS metered GROUP BY enterprise_key, age"
    )


def _electricity(as_of_date: date) -> str:
    sums = (
        f", sum({_hundredths('contract_capacity')}) AS capacity_c"
        f", sum(CASE WHEN contract_capacity > 0 THEN {_hundredths('usage')} END) AS rated_usage_c"
        ", sum(breach_24m) AS breaches"
    )
    columns = f"{_BILL}, contract_capacity, breach_24m"
    return _graded(_monthly(columns, sums, ELECTRICITY, as_of_date))


def _piped(dataset: str) -> Callable[[date], str]:
    return lambda as_of_date: _graded(_monthly(_BILL, "", dataset, as_of_date))


POWER_GRID = Grain("electricity_grid", frozenset({ELECTRICITY}), _electricity)
WATER_GRID = Grain("water_grid", frozenset({WATER}), _piped(WATER))
GAS_GRID = Grain("gas_grid", frozenset({GAS}), _piped(GAS))


def _bills(as_of_date: date) -> str:
    """Bills of all three utilities; `is_latest` marks the last one of an account still served."""
    each = " UNION ALL ".join(
        f"SELECT enterprise_key, '{dataset}' AS kind, account_no, {age_of(as_of_date)} AS age, {_BILL} "
        f"FROM visible_{dataset} WHERE arrears_fen IS NOT NULL"
        for dataset in (ELECTRICITY, GAS, WATER)
    )
    dated = (
        "SELECT *, min(age) OVER (PARTITION BY enterprise_key, kind, account_no) AS last_age "
        f"FROM ({each}) AS bills WHERE age >= 0 AND age < {_YEAR + LATE_MONTHS - 1}"
    )
    metered = (
        f"SELECT DISTINCT enterprise_key, kind, age, {_BILL}, "
        f"age = last_age AND age < {LATE_MONTHS} AS is_latest FROM ({dated}) AS dated"
    )
    return on_grid(metered, months=_YEAR)


BILL = Grain("utility_bill", frozenset({ELECTRICITY, GAS, WATER}), _bills)
