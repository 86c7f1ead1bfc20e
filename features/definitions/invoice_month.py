"""Monthly invoice features 发票月度特征: the few that a provider's monthly table allows.

For firms whose provider shares months, not single invoices. Each is its own feature beside the one
from single invoices, never a silent stand-in: a feature reads one source.
"""

from datetime import date

from features.definitions.declare import declare
from features.definitions.expressions import (
    Value,
    change,
    clipped,
    count,
    quotient,
    ratio,
    relative_slope,
    yuan,
)
from features.definitions.month_grid import age_of, on_grid
from features.registry import RISKIER, SAFER, Aggregate, Direction, Feature, Grain
from features.windows import column_name

DATASETS = frozenset({"invoice_month"})


def _months(as_of_date: date) -> str:
    """Whole months of two years, 0 the latest that has arrived; three months of silence are a fact."""
    rows = f"SELECT *, {age_of(as_of_date)} AS age FROM visible_invoice_month"
    return on_grid(rows, if_none="0")


MONTH = Grain("monthly_table", DATASETS, _months)


def _runs(_: date) -> str:
    """Months with sales, and how many months of the year passed without before the next one."""
    return (
        "SELECT enterprise_key, CASE WHEN next_no < 11 "
        "THEN (CASE WHEN month_no > 12 THEN 12 ELSE month_no END) - next_no - 1 END AS silent_months FROM ("
        "SELECT enterprise_key, month_no, coalesce(lag(month_no) OVER "
        "(PARTITION BY enterprise_key ORDER BY month_no), -1) AS next_no "
        "FROM monthly_table WHERE out_amount_fen > 0) AS sold"
    )


RUN = Grain("monthly_run", DATASETS, _runs, parents=(MONTH,))
_YEAR, _YEAR_BEFORE = "month_no < 12", "month_no >= 12"
#: A month's share ends at 1, whatever was delivered.
_TOP1_PPM = "CAST(round(1000000 * CASE WHEN top1_buyer_share > 1 THEN 1 ELSE top1_buyer_share END) AS BIGINT)"
_SOLD = f"{_YEAR} AND out_amount_fen > 0"


def _sum(column: str, where: str) -> Aggregate:
    return Aggregate(MONTH, f"sum({column})", where, empty="0")


def _feature(
    name: str,
    value: Value,
    direction: Direction,
    group: str,
    zh: str,
    en: str,
    *,
    is_recency: bool = False,
) -> Feature:
    zh, en = f"{zh}（月表）", f"{en} (monthly table)"
    return declare(name, value, direction, group, zh, en, is_recency=is_recency)


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
    _feature(
        column_name("monthly_sales_amount", "yoy", "3m"),
        change(
            _sum("out_amount_fen", "month_no < 3"),
            _sum("out_amount_fen", "month_no BETWEEN 12 AND 14"),
        ),
        SAFER, "R27",
        "近3个整月销项金额同比", "sales of 3 whole months against a year earlier",
        is_recency=True,
    ),
    _feature(
        column_name("monthly_sales_amount", "slope", "6m"),
        ratio(
            relative_slope(6),
            y=_sum("out_amount_fen", "month_no < 6"),
            xy=_sum("out_amount_fen * (5 - month_no)", "month_no < 6"),
        ),
        SAFER, "R27",
        "近6个整月销项金额的月均趋势", "monthly trend of sales over 6 whole months",
    ),
    _feature(
        column_name("monthly_sales_gap", "max", "12m", "months"),
        Value("months", "{months}", {"months": Aggregate(RUN, "max(silent_months)", empty="12")}),
        RISKIER, "R28",
        "近12个整月最长连续无销项月数", "longest run of months without sales, of 12 whole ones",
        is_recency=True,
    ),
    _feature(
        column_name("monthly_buyer_top1", "share", "12m"),
        ratio(
            "{ppm} / (1000000 * {n})",
            ppm=Aggregate(MONTH, f"sum({_TOP1_PPM})", f"{_SOLD} AND top1_buyer_share IS NOT NULL"),
            n=Aggregate(MONTH, "count(*)", f"{_SOLD} AND top1_buyer_share IS NOT NULL"),
        ),
        RISKIER, "R08",
        "近12个整月当月第一大购方占比均值", "mean share of a month's largest buyer in 12 whole months",
    ),
    _feature(
        column_name("monthly_buyers", "mean", "12m"),
        Value(
            "count", "{buyers} / {n}",
            {
                "buyers": Aggregate(MONTH, "sum(buyer_count)", f"{_SOLD} AND buyer_count IS NOT NULL"),
                "n": Aggregate(MONTH, "count(*)", f"{_SOLD} AND buyer_count IS NOT NULL"),
            },
        ),
        SAFER, "R08",
        "近12个整月月均购方数", "mean number of buyers a month in 12 whole months",
    ),
)  # fmt: skip
