"""The relations utility facts stand on: accounts with their bills, supply and capacity; sales beside meters."""

from datetime import date

from features.definitions import invoice_month
from features.definitions.month_grid import LATE_MONTHS, age_of
from features.definitions.utility_grains import ELECTRICITY, GAS, POWER_GRID, WATER
from features.registry import Grain

#: Bills that a run of arrears and a mean bill are read from, counted from an account's latest [months].
_YEAR = 12
#: Statuses in which an account draws nothing.
_STOPPED = ("suspended", "closed_abnormal")
_ACCOUNT = "PARTITION BY enterprise_key, kind, account_no"


def _since_latest(rows: str, months: int) -> str:
    """Rows with `place`, months since the latest of an account that is still reported."""
    reach = f"age >= 0 AND age < {months + LATE_MONTHS - 1}"
    dated = f"SELECT *, min(age) OVER ({_ACCOUNT}) AS last_age FROM ({rows}) AS aged WHERE {reach}"
    return (
        f"SELECT *, age - last_age AS place FROM ({dated}) AS dated "
        f"WHERE last_age < {LATE_MONTHS} AND age - last_age < {months}"
    )


def _accounts(as_of_date: date) -> str:
    """Accounts: bills unpaid in a row up to the latest, what is owed by it, and a mean bill."""
    each = " UNION ALL ".join(
        f"SELECT enterprise_key, '{dataset}' AS kind, account_no, {age_of(as_of_date)} AS age, "
        f"arrears_fen, billed_fen FROM visible_{dataset} WHERE arrears_fen IS NOT NULL"
        for dataset in (ELECTRICITY, GAS, WATER)
    )
    marked = (
        f"SELECT *, sum(CASE WHEN arrears_fen > 0 THEN 0 ELSE 1 END) OVER ({_ACCOUNT} ORDER BY place "
        f"ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS breaks FROM ({_since_latest(each, _YEAR)}) AS bills"
    )
    return (
        "SELECT enterprise_key, sum(CASE WHEN breaks = 0 THEN 1 ELSE 0 END) AS run_months, "
        "max(CASE WHEN place = 0 THEN arrears_fen END) AS arrears_fen, "
        "CAST(round(avg(billed_fen)) AS BIGINT) AS bill_fen "
        f"FROM ({marked}) AS marked GROUP BY enterprise_key, kind, account_no"
    )


ACCOUNT = Grain("utility_account", frozenset({ELECTRICITY, GAS, WATER}), _accounts)


def _powered(as_of_date: date, columns: str, where: str) -> str:
    return (
        f"SELECT enterprise_key, '{ELECTRICITY}' AS kind, account_no, {age_of(as_of_date)} AS age, {columns} "
        f"FROM visible_{ELECTRICITY} WHERE {where}"
    )


def _supply(as_of_date: date) -> str:
    rows = _powered(
        as_of_date, f"account_status IN {_STOPPED} AS is_stopped", "account_status IS NOT NULL"
    )
    return f"SELECT enterprise_key, is_stopped FROM ({_since_latest(rows, 1)}) AS latest"


SUPPLY = Grain("electricity_supply", frozenset({ELECTRICITY}), _supply)


def _capacity(as_of_date: date) -> str:
    """An account's latest capacity beside its highest of the months before, in hundredths of a kVA."""
    hundredths = "CAST(round(contract_capacity * 100) AS BIGINT) AS capacity_c"
    rows = _powered(as_of_date, hundredths, "contract_capacity IS NOT NULL")
    return (
        "SELECT enterprise_key, max(CASE WHEN place = 0 THEN capacity_c END) AS now_c, "
        f"max(capacity_c) AS peak_c FROM ({_since_latest(rows, _YEAR + 1)}) AS placed "
        "GROUP BY enterprise_key, kind, account_no"
    )


CAPACITY = Grain("electricity_account_capacity", frozenset({ELECTRICITY}), _capacity)


def _invoiced_per_kwh(_: date) -> str:
    """Logarithms of sales over electricity, month by month where there are both, in parts per million."""
    ratio = "CAST(monthly_table.out_amount_fen AS DOUBLE) / electricity_grid.usage_c"
    joined = (
        f"SELECT monthly_table.enterprise_key, monthly_table.age, CAST(round(1000000 * ln({ratio})) AS BIGINT) AS log_ppm "
        "FROM monthly_table JOIN electricity_grid "
        "ON electricity_grid.enterprise_key = monthly_table.enterprise_key "
        "AND electricity_grid.age = monthly_table.age "
        "WHERE monthly_table.out_amount_fen > 0 AND electricity_grid.usage_c > 0"
    )
    return (
        "SELECT enterprise_key, log_ppm, age = min(age) OVER (PARTITION BY enterprise_key) AS is_latest "
        f"FROM ({joined}) AS joined"
    )


INVOICED_PER_KWH = Grain(
    "invoiced_per_kwh",
    frozenset({ELECTRICITY}) | invoice_month.DATASETS,
    _invoiced_per_kwh,
    parents=(invoice_month.MONTH, POWER_GRID),
)
