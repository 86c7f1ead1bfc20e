"""Utility facts 水电气事实: meters that stand still, bills left unpaid, supply cut, capacity given back."""

from features.definitions.declare import declare
from features.definitions.expressions import Value, change, clipped, count, quotient, ratio
from features.definitions.utility_grains import GAS_GRID, POWER_GRID, WATER_GRID
from features.facts.activity_utility_grains import ACCOUNT, CAPACITY, INVOICED_PER_KWH, SUPPLY
from features.registry import RISKIER, SAFER, Aggregate, Feature, Grain
from features.windows import column_name

#: A spread of fewer months is no habit.
_MONTHS_OF_A_HABIT = 12


def _same_month(grid: Grain) -> Value:
    """The latest month against the same month a year before."""
    both = "month_no = 0 AND before_c IS NOT NULL"
    return change(Aggregate(grid, "sum(usage_c)", both), Aggregate(grid, "sum(before_c)", both))


def _standstill(grid: Grain) -> Value:
    """The busier of the two latest months over the mean of the year before them; both must be there."""
    year = "month_no BETWEEN 2 AND 13"
    level = quotient("{now} * {n}", "{year}")
    return ratio(
        clipped(f"(CASE WHEN {{late}} = 2 THEN {level} END)"),
        now=Aggregate(grid, "max(usage_c)", "month_no < 2"),
        late=Aggregate(grid, "count(*)", "month_no < 2"),
        year=Aggregate(grid, "sum(usage_c)", year),
        n=Aggregate(grid, "count(*)", year),
    )


def _standstill_before(grid: Grain) -> Value:
    """The quieter of the same two months a year earlier, over the same mean; 1 where neither is on record."""
    year = "month_no BETWEEN 2 AND 13"
    level = quotient("{before} * {n}", "{year}")
    return ratio(
        clipped(f"(CASE WHEN {{before}} IS NULL AND {{year}} > 0 THEN 1 ELSE {level} END)"),
        before=Aggregate(grid, "min(before_c)", "month_no < 2"),
        year=Aggregate(grid, "sum(usage_c)", year),
        n=Aggregate(grid, "count(*)", year),
    )


def _course(grid: Grain, name: str, zh: str) -> list[Feature]:
    return [
        declare(
            column_name(f"{name}_usage", "yoy", "1m"), _same_month(grid), SAFER, "R05",
            f"最近一月用{zh}量同比", f"{name} of the latest month against a year earlier",
            is_recency=True,
        ),
        declare(
            column_name(f"{name}_usage_to_year", "ratio", "2m"), _standstill(grid), SAFER, "R05",
            f"最近两月中较高用{zh}量与此前12个月月均之比",
            f"{name} of the busier of the latest 2 months over the mean of the 12 before",
            is_recency=True,
        ),
        declare(
            column_name(f"{name}_usage_to_year", "ratio", "2m_prior12m"), _standstill_before(grid), SAFER, "R05",
            f"去年同期两月中较低用{zh}量与最近两月之前12个月月均之比（无去年记录时为1）",
            f"{name} of the quieter of the same 2 months last year over the same mean, 1 without a record of them",
        ),
    ]  # fmt: skip


_BILLS = [
    declare(
        column_name("utility_arrears_run", "months", "12m"),
        Value("months", "{run}", {"run": Aggregate(ACCOUNT, "max(run_months)")}), RISKIER, "R06",
        "水电气账单截至最近连续欠费的最长月数", "longest run of utility bills left unpaid up to the latest",
        is_recency=True,
    ),
    declare(
        column_name("utility_arrears_to_bill", "ratio"),
        ratio(
            clipped(f"({quotient('{arrears}', '{bill}')})"),
            arrears=Aggregate(ACCOUNT, "sum(arrears_fen)"), bill=Aggregate(ACCOUNT, "sum(bill_fen)"),
        ),
        RISKIER, "R06",
        "最近水电气欠费与月均账单之比", "utility arrears over a mean month's bills",
    ),
    declare(
        column_name("electricity_accounts_stopped", "count"),
        count(Aggregate(SUPPLY, "sum(CASE WHEN is_stopped THEN 1 ELSE 0 END)")), RISKIER, "R06",
        "暂停供电或异常销户的用电户数", "electricity accounts suspended or closed abnormally",
    ),
    declare(
        column_name("electricity_accounts_served", "count"),
        count(Aggregate(SUPPLY, "sum(CASE WHEN is_stopped THEN 0 ELSE 1 END)")), SAFER, "R06",
        "正常供电的用电户数", "electricity accounts still served",
    ),
    declare(
        column_name("electricity_capacity", "change", "12m"),
        change(Aggregate(CAPACITY, "sum(now_c)"), Aggregate(CAPACITY, "sum(peak_c)")), SAFER, "R05",
        "当前合同容量较近12个月最高值变化", "contracted capacity against its highest of 12 months",
    ),
]  # fmt: skip

_DEVIATION = declare(
    column_name("invoiced_per_kwh", "deviation", "24m"),
    ratio(
        clipped(
            f"(CASE WHEN {{n}} >= {_MONTHS_OF_A_HABIT} AND {{n}} * {{logs2}} > {{logs}} * {{logs}} "
            "THEN ({now} - {logs} / {n}) / sqrt(({n} * {logs2} - {logs} * {logs}) / ({n} * {n})) END)"
        ),
        now=Aggregate(INVOICED_PER_KWH, "max(log_ppm)", "is_latest"),
        n=Aggregate(INVOICED_PER_KWH, "count(*)", "NOT is_latest"),
        logs=Aggregate(INVOICED_PER_KWH, "sum(log_ppm)", "NOT is_latest"),
        logs2=Aggregate(INVOICED_PER_KWH, "sum(log_ppm * log_ppm)", "NOT is_latest"),
    ),
    RISKIER, "R09",
    "最近一月单位电量开票额（对数）偏离自身24个月水平的标准差倍数",
    "log of invoiced sales per kWh, standard deviations from the firm's own 24 months",
    is_recency=True,
)  # fmt: skip

FACTS: tuple[Feature, ...] = (
    *_course(POWER_GRID, "electricity", "电"),
    *_course(WATER_GRID, "water", "水"),
    *_course(GAS_GRID, "gas", "气"),
    *_BILLS,
    _DEVIATION,
)
