"""Trade features 外贸特征: exports by month as customs reports them.

A month without a declaration has no row, so a month missing between others is a month of none; only
the newest months can be late.
"""

from datetime import date

from features.definitions.declare import declare
from features.definitions.expressions import Value, change
from features.definitions.month_grid import age_of, on_grid
from features.registry import SAFER, Aggregate, Feature, Grain
from features.windows import column_name

_DATASET = "trade_month"


def _exports(as_of_date: date) -> str:
    rows = (
        f"SELECT enterprise_key, {age_of(as_of_date)} AS age, "
        "CAST(round(export_amount * 100) AS BIGINT) AS export_cents "
        f"FROM visible_{_DATASET} WHERE export_amount IS NOT NULL"
    )
    return on_grid(rows, if_none="0")


EXPORT = Grain("export_month", frozenset({_DATASET}), _exports)


def _sum(where: str) -> Aggregate:
    return Aggregate(EXPORT, "sum(export_cents)", where, empty="0")


FEATURES: tuple[Feature, ...] = (
    declare(
        column_name("export_amount", "sum", "12m", "usd"),
        Value("usd", "{cents} / 100", {"cents": _sum("month_no < 12")}),
        SAFER, "R07", "最近12个月出口额", "exports in the latest 12 months",
    ),
    declare(
        column_name("export_amount", "yoy", "6m"),
        change(_sum("month_no < 6"), _sum("month_no BETWEEN 12 AND 17")),
        SAFER, "R27", "最近6个月出口额同比", "exports of the latest 6 months against a year earlier",
    ),
)  # fmt: skip
