"""Monthly invoice features 发票月度特征: the few that a provider's monthly table allows.

For firms whose provider shares months, not single invoices. Each is its own feature beside the one
from single invoices, never a silent stand-in: a feature reads one source.
"""

from datetime import date

from features.contracts import Words
from features.definitions.expressions import Value, change, clipped, count, quotient, ratio, yuan
from features.registry import RISKIER, SAFER, Aggregate, Direction, Feature, Grain
from features.windows import column_name, last_complete_month

DATASETS = frozenset({"invoice_month"})


def _months(as_of_date: date) -> str:
    """Whole months of the last two years, 0 the last complete one."""
    number = f"{last_complete_month(as_of_date)} - (month // 100 * 12 + month % 100 - 1)"
    return (
        f"SELECT *, {number} AS month_no FROM visible_invoice_month WHERE {number} BETWEEN 0 AND 23"
    )


MONTH = Grain("monthly_table", DATASETS, _months)
_YEAR, _YEAR_BEFORE = "month_no < 12", "month_no >= 12"


def _sum(column: str, where: str) -> Aggregate:
    return Aggregate(MONTH, f"sum({column})", where, empty="0")


def _feature(
    name: str, value: Value, direction: Direction, group: str, zh: str, en: str
) -> Feature:
    words = Words(zh=f"{zh}（月表）", en=f"{en} (monthly table)")
    return Feature(name, value.expression, value.of, value.unit, direction, "unknown", group, words)


FEATURES: tuple[Feature, ...] = (
    _feature(
        column_name("monthly_sales_amount", "sum", "12m", "cny"),
        yuan(_sum("out_amount_fen", _YEAR)), SAFER, "R07",
        "近12个整月销项金额", "sales in 12 whole months",
    ),
    _feature(
        column_name("monthly_sales_active_months", "count", "12m"),
        count(Aggregate(MONTH, "count(*)", f"{_YEAR} AND out_amount_fen > 0", empty="0")), SAFER, "R07",
        "近12个整月有销项的月数", "months with sales, of 12 whole ones",
    ),
    _feature(
        column_name("monthly_sales_amount", "yoy", "12m"),
        change(_sum("out_amount_fen", _YEAR), _sum("out_amount_fen", _YEAR_BEFORE)), SAFER, "R27",
        "近12个整月销项金额同比", "sales of 12 whole months against a year earlier",
    ),
    _feature(
        column_name("monthly_red_amount", "share", "12m"),
        ratio(
            clipped(f"({quotient('{red}', '{all}')})"),
            red=_sum("red_amount_fen", _YEAR),
            all=_sum("out_amount_fen + red_amount_fen", _YEAR),
        ),
        RISKIER, "R09",
        "近12个整月红冲金额占比", "share taken back by red notes in 12 whole months",
    ),
)  # fmt: skip
