"""Utility features 水电气特征: what meters say about work, and unpaid bills about cash.

Usage compares a month with the same month a year before, and only months delivered in both years
count, so a season, a late reading or a gap is no fall. Without a reading in the last three whole
months nothing is said.
"""

from features.definitions.declare import declare
from features.definitions.expressions import (
    Value,
    change,
    clipped,
    count,
    quotient,
    ratio,
    variation,
    yuan,
)
from features.definitions.utility_grains import BILL, GAS_GRID, POWER_GRID, WATER_GRID
from features.registry import FREE, RISKIER, SAFER, Aggregate, Feature, Grain
from features.windows import column_name

#: Hours of a month times the power factor of full load: kWh one kVA can draw in a month.
_KWH_OF_KVA = 720 * 9 // 10


def mean_usage(months: int) -> Value:
    """Mean of the months delivered, of the last so many [kWh a month]."""
    where = f"month_no < {months}"
    return Value(
        "kwh",
        "{usage} / (100 * {n})",
        {
            "usage": Aggregate(POWER_GRID, "sum(usage_c)", where),
            "n": Aggregate(POWER_GRID, "count(*)", where),
        },
    )


def _change(grid: Grain) -> Value:
    """The latest month against the mean of the three before."""
    growth = f"({quotient('{now} * {n}', '{before}')}) - 1"
    return ratio(
        clipped(f"({growth})"),
        now=Aggregate(grid, "sum(usage_c)", "month_no = 0"),
        before=Aggregate(grid, "sum(usage_c)", "month_no BETWEEN 1 AND 3"),
        n=Aggregate(grid, "count(*)", "month_no BETWEEN 1 AND 3"),
    )


def _growth(grid: Grain) -> Value:
    """The latest three months against the same ones a year before."""
    both = "month_no < 3 AND before_c IS NOT NULL"
    return change(Aggregate(grid, "sum(usage_c)", both), Aggregate(grid, "sum(before_c)", both))


def _course(grid: Grain, name: str, zh: str) -> list[Feature]:
    """How usage moves, for one utility."""
    return [
        declare(
            column_name(f"{name}_usage", "change", "1m"), _change(grid), SAFER, "R05",
            f"最近一月用{zh}量与此前3个月均值相比", f"{name} of the latest month against the 3 before",
        ),
        declare(
            column_name(f"{name}_usage", "yoy", "3m"), _growth(grid), SAFER, "R05",
            f"最近3个月用{zh}量同比", f"{name} of the latest 3 months against a year earlier",
            is_recency=True,
        ),
    ]  # fmt: skip


_ELECTRICITY = [
    declare(
        column_name("electricity_usage", "mean", "3m", "kwh"), mean_usage(3), FREE, "R05",
        "最近3个月月均用电量", "mean monthly electricity of the latest 3 months", is_recency=True,
    ),
    declare(
        column_name("electricity_usage", "mean", "12m", "kwh"), mean_usage(12), FREE, "R05",
        "最近12个月月均用电量", "mean monthly electricity of the latest 12 months",
    ),
    *_course(POWER_GRID, "electricity", "电"),
    declare(
        column_name("electricity_usage", "cv", "12m"),
        ratio(
            variation("{n}"),
            ppm=Aggregate(POWER_GRID, "sum(year_ppm)", "month_no < 12"),
            ppm2=Aggregate(POWER_GRID, "sum(year_ppm * year_ppm)", "month_no < 12"),
            n=Aggregate(POWER_GRID, "count(*)", "month_no < 12"),
        ),
        RISKIER, "R05",
        "最近12个月用电量变异系数", "variation of monthly electricity over the latest 12 months",
    ),
    declare(
        column_name("electricity_zero_months", "count", "12m"),
        count(Aggregate(POWER_GRID, "count(*)", "month_no < 12 AND usage_c = 0")), RISKIER, "R05",
        "最近12个月零用电月数", "months without any electricity, of the latest 12",
    ),
    declare(
        column_name("electricity_capacity", "share", "3m"),
        ratio(
            clipped(f"({quotient('{usage}', f'({{capacity}} * {_KWH_OF_KVA})')})"),
            usage=Aggregate(POWER_GRID, "sum(rated_usage_c)", "month_no < 3"),
            capacity=Aggregate(POWER_GRID, "sum(capacity_c)", "month_no < 3 AND capacity_c > 0"),
        ),
        FREE, "R05",
        "最近3个月用电占合同容量比", "electricity over contracted capacity in the latest 3 months",
        is_recency=True,
    ),
]  # fmt: skip

_PAYMENT = [
    declare(
        column_name("utility_accounts_in_arrears", "count"),
        count(Aggregate(BILL, "count(*)", "is_latest AND arrears_fen > 0")), RISKIER, "R06",
        "最近账单欠费的水电气户数", "utility accounts in arrears at their latest bill",
    ),
    declare(
        column_name("utility_arrears", "sum", unit="cny"),
        yuan(Aggregate(BILL, "sum(arrears_fen)", "is_latest")), RISKIER, "R06",
        "最近账单水电气欠费金额", "utility arrears at the latest bills",
    ),
    declare(
        column_name("utility_arrears_months", "count", "12m"),
        count(Aggregate(BILL, "count(DISTINCT month_no)", "arrears_fen > 0")), RISKIER, "R06",
        "最近12个月有水电气欠费的月数", "months with a utility bill left unpaid, of the latest 12",
    ),
    declare(
        column_name("electricity_breaches", "count", "24m"),
        count(Aggregate(POWER_GRID, "sum(breaches)", "month_no = 0")), RISKIER, "R06",
        "最近24个月违约用电次数", "breaches of the supply contract in 24 months",
    ),
]  # fmt: skip

FEATURES: tuple[Feature, ...] = (
    *_ELECTRICITY,
    *_course(WATER_GRID, "water", "水"),
    *_course(GAS_GRID, "gas", "气"),
    *_PAYMENT,
)
