"""Staff facts 用工事实: how many were insured before, and for how long nothing was paid.

Each fund is its own source, as among the features.
"""

from datetime import date
from functools import cache

from features.definitions.declare import declare
from features.definitions.expressions import Value, quotient
from features.definitions.month_grid import LATE_MONTHS, age_of
from features.definitions.social_insurance_grains import (
    HOUSING,
    MEDICAL,
    PENSION,
    Fund,
    month_grid_of,
)
from features.registry import FREE, RISKIER, Aggregate, Feature, Grain
from features.windows import column_name

_BEFORE = "month_no BETWEEN 1 AND 3"


@cache
def _filed_of(fund: Fund) -> Grain:
    """Months between the last month paid and the latest filing, by the fund's own word."""

    def select(as_of_date: date) -> str:
        age = age_of(as_of_date, "(year(stat_date) * 100 + month(stat_date))")
        behind = (
            "year(stat_date) * 12 + month(stat_date) "
            "- (last_paid_month // 100 * 12 + last_paid_month % 100)"
        )
        return (
            f"SELECT enterprise_key, {behind} AS behind FROM (SELECT *, row_number() OVER "
            "(PARTITION BY enterprise_key ORDER BY stat_date DESC) AS place "
            f"FROM visible_{fund.filing} WHERE stat_date <= DATE '{as_of_date}' "
            f"AND {age} < {LATE_MONTHS} AND last_paid_month IS NOT NULL) AS filed WHERE place = 1"
        )

    return Grain(f"{fund.name}_filed_behind", frozenset({fund.filing}), select)


def _before(months: Grain) -> Value:
    return Value(
        "count",
        quotient("{heads}", "{n}"),
        {
            "heads": Aggregate(months, "sum(heads)", _BEFORE),
            "n": Aggregate(months, "count(*)", _BEFORE),
        },
    )


def _unpaid_run(months: Grain) -> Value:
    """Months delivered since the last one paid for; all of them where none was."""
    return Value(
        "months",
        "coalesce({last}, {oldest} + 1)",
        {
            "last": Aggregate(months, "min(month_no)", "heads > 0 AND paid_fen > 0"),
            "oldest": Aggregate(months, "max(month_no)"),
        },
    )


def _facts(fund: Fund) -> list[Feature]:
    months, group = month_grid_of(fund), fund.group
    return [
        declare(
            column_name(f"{fund.name}_{fund.heads}", "before", "3m"), _before(months), FREE, group,
            f"最近一月之前3个月的月均{fund.heads_zh}",
            f"{fund.heads_en}, mean of the 3 months before the latest",
        ),
        declare(
            column_name(f"{fund.name}_unpaid_run", "months", "24m"), _unpaid_run(months), RISKIER, group,
            f"截至最近一月{fund.zh}连续未缴的月数", f"months of {fund.en} unpaid in a row up to the latest",
            is_recency=True,
        ),
        declare(
            column_name(f"{fund.name}_filed_behind", "months"),
            Value("months", "CASE WHEN {behind} < 0 THEN 0 ELSE {behind} END",
                  {"behind": Aggregate(_filed_of(fund), "max(behind)")}),
            RISKIER, group,
            f"按最近报送，{fund.zh}最近缴费月份落后的月数",
            f"months that the last month paid of {fund.en} is behind, by the latest filing",
            is_recency=True,
        ),
    ]  # fmt: skip


FACTS: tuple[Feature, ...] = tuple(
    fact for fund in (PENSION, MEDICAL, HOUSING) for fact in _facts(fund)
)
