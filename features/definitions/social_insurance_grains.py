"""The relations social-insurance features stand on: heads and contributions, month by month.

A month that was not delivered says nothing, neither of heads nor of payment: the fund may have been
late, closed its books or changed its system. Only a month that arrived with nobody insured or nothing
paid is a month the firm did not pay. Months absent end a run of paid months only where as many are
absent as it takes to call a firm silent.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import cache

from features.definitions.month_grid import LATE_MONTHS, age_of, on_grid, year_before
from features.registry import Grain


@dataclass(frozen=True)
class Fund:
    """One source of monthly contributions: its datasets, and what it calls heads and amounts."""

    name: str
    heads: str
    amount: str
    group: str
    zh: str
    en: str
    heads_zh: str
    heads_en: str

    @property
    def monthly(self) -> str:
        """Dataset of single months."""
        return f"{self.name}_month"

    @property
    def filing(self) -> str:
        """Dataset of the filings over 24 months."""
        return f"{self.name}_filing"


PENSION = Fund(
    "pension", "insured", "employer_amount_fen", "R12",
    "养老保险", "pension insurance", "养老保险参保人数", "staff in pension insurance",
)  # fmt: skip
MEDICAL = Fund(
    "medical", "insured", "amount_fen", "R12",
    "医疗保险", "medical insurance", "医疗保险参保人数", "staff in medical insurance",
)  # fmt: skip
HOUSING = Fund(
    "housing_fund", "depositors", "amount_fen", "R13",
    "公积金", "housing fund", "公积金缴存人数", "depositors of the housing fund",
)  # fmt: skip


def _months(fund: Fund) -> Callable[[date], str]:
    def select(as_of_date: date) -> str:
        """Months of two years, 0 the latest that has arrived; the same month a year before beside each."""
        deferred = "deferred_amount_fen" if fund is MEDICAL else "0"
        rows = (
            f"SELECT enterprise_key, {age_of(as_of_date)} AS age, {fund.heads} AS heads, "
            f"{fund.amount} AS paid_fen, coalesce({deferred}, 0) AS deferred_fen "
            f"FROM visible_{fund.monthly}"
        )
        before = f"{year_before('heads')} AS heads_before, {year_before('paid_fen')} AS paid_before"
        return f"SELECT *, {before} FROM ({on_grid(rows)}) AS placed"

    return select


@cache
def month_grid_of(fund: Fund) -> Grain:
    """The fund's months."""
    return Grain(f"{fund.name}_grid", frozenset({fund.monthly}), _months(fund))


@cache
def run_of(fund: Fund) -> Grain:
    """The fund's months, marked where payment stopped."""
    months = month_grid_of(fund)

    def select(_: date) -> str:
        """Months with `breaks`, how many times payment has stopped since: 0 is the present run."""
        absent = (
            "month_no - lag(month_no, 1, 0) OVER (PARTITION BY enterprise_key ORDER BY month_no)"
        )
        stopped = (
            f"CASE WHEN heads = 0 OR paid_fen = 0 OR {absent} > {LATE_MONTHS} THEN 1 ELSE 0 END"
        )
        return (
            "SELECT enterprise_key, sum(stopped) OVER (PARTITION BY enterprise_key ORDER BY month_no "
            "ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS breaks "
            f"FROM (SELECT enterprise_key, month_no, {stopped} AS stopped FROM {months.name}) AS marked"
        )

    return Grain(f"{fund.name}_run", months.datasets, select, parents=(months,))


@cache
def filing_of(fund: Fund) -> Grain:
    """The fund's own word."""

    def select(as_of_date: date) -> str:
        """The latest filing, while it is no older than a month may be late."""
        age = age_of(as_of_date, "(year(stat_date) * 100 + month(stat_date))")
        return (
            "SELECT enterprise_key, in_arrears FROM (SELECT *, row_number() OVER "
            "(PARTITION BY enterprise_key ORDER BY stat_date DESC) AS place "
            f"FROM visible_{fund.filing} WHERE stat_date <= DATE '{as_of_date}' "
            f"AND {age} < {LATE_MONTHS} AND in_arrears IS NOT NULL) AS filed WHERE place = 1"
        )

    return Grain(f"{fund.name}_latest_filing", frozenset({fund.filing}), select)
