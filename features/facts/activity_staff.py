"""Staff facts 用工事实: how many were insured before, and for how long nothing was paid.

Each fund is its own source, as among the features.
"""

from datetime import date
from functools import cache

from features.definitions.declare import declare
from features.definitions.expressions import Value, count, quotient
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

_YEAR = 12
_BEFORE = "month_no BETWEEN 1 AND 3"


@cache
def _arrears_of(fund: Fund) -> Grain:
    """The fund's filings of a year, marked where one was not in arrears."""

    def select(as_of_date: date) -> str:
        """Filings with `breaks`, how many of a later day were clear: 0 is the present run of arrears."""
        age = age_of(as_of_date, "(year(stat_date) * 100 + month(stat_date))")
        filed = (
            f"SELECT *, min({age}) OVER (PARTITION BY enterprise_key) AS newest FROM visible_{fund.filing} "
            f"WHERE stat_date <= DATE '{as_of_date}' AND {age} < {LATE_MONTHS + _YEAR} AND in_arrears IS NOT NULL"
        )
        return (
            "SELECT enterprise_key, sum(CASE WHEN in_arrears THEN 0 ELSE 1 END) OVER (PARTITION BY enterprise_key "
            "ORDER BY stat_date DESC ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS breaks "
            f"FROM ({filed}) AS filed WHERE newest < {LATE_MONTHS}"
        )

    return Grain(f"{fund.name}_arrears_run", frozenset({fund.filing}), select)


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
            column_name(f"{fund.name}_arrears_run", "count"),
            count(Aggregate(_arrears_of(fund), "sum(CASE WHEN breaks = 0 THEN 1 ELSE 0 END)")),
            RISKIER, group,
            f"截至最近一次报送{fund.zh}连续欠费的报送次数",
            f"filings in a row up to the latest that are in arrears with {fund.en}",
            is_recency=True,
        ),
    ]  # fmt: skip


FACTS: tuple[Feature, ...] = tuple(
    fact for fund in (PENSION, MEDICAL, HOUSING) for fact in _facts(fund)
)
