"""Monthly invoice features 发票月度特征: the few that a provider's monthly table allows.

For firms whose provider shares months, not single invoices. Each is its own feature beside the one
from single invoices, never a silent stand-in: a feature reads one source.
"""

from datetime import date

from features.contracts import Words
from features.registry import RISKIER, SAFER, Aggregate, Feature, Grain
from features.windows import column_name, last_complete_month

DATASETS = frozenset({"invoice_month"})


def _months(as_of_date: date) -> str:
    number = f"{last_complete_month(as_of_date)} - (month // 100 * 12 + month % 100 - 1)"
    return (
        f"SELECT *, {number} AS month_no FROM visible_invoice_month WHERE {number} BETWEEN 0 AND 23"
    )


MONTH = Grain("monthly_table", DATASETS, _months)


def _sum(column: str, where: str) -> Aggregate:
    return Aggregate(MONTH, f"sum({column})", where, empty="0")


_YEAR, _YEAR_BEFORE = "month_no < 12", "month_no >= 12"

FEATURES: tuple[Feature, ...] = (
    Feature(
        column_name("monthly_sales_amount", "sum", "12m", "cny"), "{fen} / 100.0",
        {"fen": _sum("out_amount_fen", _YEAR)}, "cny", SAFER, "unknown", "R07",
        Words(zh="近12个整月销项金额（月表）", en="sales in 12 whole months (monthly table)"),
    ),
    Feature(
        column_name("monthly_sales_active_months", "count", "12m"), "{n}",
        {"n": Aggregate(MONTH, "count(*)", f"{_YEAR} AND out_amount_fen > 0", empty="0")},
        "count", SAFER, "unknown", "R07",
        Words(zh="近12个整月有销项的月数（月表）", en="months with sales, of 12 whole ones (monthly table)"),
    ),
    Feature(
        column_name("monthly_sales_amount", "yoy", "12m"),
        "CASE WHEN {before} <= 0 THEN NULL WHEN {now} > 11 * {before} THEN 10 "
        "WHEN {now} < 0 THEN -1 ELSE {now} / {before} - 1 END",
        {"now": _sum("out_amount_fen", _YEAR), "before": _sum("out_amount_fen", _YEAR_BEFORE)},
        "ratio", SAFER, "unknown", "R27",
        Words(zh="近12个整月销项金额同比（月表）", en="sales of 12 whole months against a year earlier (monthly table)"),
    ),
    Feature(
        column_name("monthly_red_amount", "share", "12m"),
        "CASE WHEN {all} > 0 THEN {red} / {all} END",
        {"red": _sum("red_amount_fen", _YEAR), "all": _sum("out_amount_fen + red_amount_fen", _YEAR)},
        "ratio", RISKIER, "unknown", "R09",
        Words(zh="近12个整月红冲金额占比（月表）", en="share taken back by red notes in 12 whole months (monthly table)"),
    ),
)  # fmt: skip
