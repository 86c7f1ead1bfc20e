"""Tax facts 纳税事实: sales filed lately, filings of nothing, and filings not made."""

from datetime import date

from features.definitions.declare import declare
from features.definitions.expressions import change, count, days
from features.definitions.month_grid import age_of
from features.definitions.tax_grains import FILING, FILINGS
from features.registry import RISKIER, SAFER, Aggregate, Feature, Grain
from features.windows import column_name

_COMPARED = "month_no < 3 AND before_fen IS NOT NULL"


def _zero_runs(_: date) -> str:
    """Filings with `breaks`, how many of a later month were not zero: 0 is the present run of zeros.

    A zero in a month that was zero last year too is a season's rest, as long as the year had sales.
    """
    is_zero = "coalesce(zero_filing, vat_sales_fen = 0)"
    rests = "coalesce(before_fen = 0, false) AND year_fen > 0"
    year = "sum(vat_sales_fen) OVER (PARTITION BY enterprise_key, month_no < 12)"
    return (
        f"SELECT enterprise_key, sum(CASE WHEN {is_zero} AND NOT ({rests}) THEN 0 ELSE 1 END) OVER "
        "(PARTITION BY enterprise_key ORDER BY month_no ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) "
        f"AS breaks FROM (SELECT *, {year} AS year_fen FROM tax_filing) AS filed"
    )


_ZERO_RUN = Grain("tax_zero_run", frozenset({FILINGS}), _zero_runs, parents=(FILING,))


def _outstanding(as_of_date: date) -> str:
    """Days that filings of the last 12 whole months are outstanding, 0 once filed or not yet due."""
    day = f"DATE '{as_of_date}'"
    return (
        "SELECT enterprise_key, CASE WHEN due_on < "
        f"{day} AND (filed_on IS NULL OR filed_on > {day}) THEN date_diff('day', due_on, {day}) ELSE 0 END "
        f"AS days FROM visible_{FILINGS} WHERE {age_of(as_of_date)} BETWEEN 0 AND 11"
    )


_OUTSTANDING = Grain("tax_outstanding", frozenset({FILINGS}), _outstanding)

FACTS: tuple[Feature, ...] = (
    declare(
        column_name("vat_sales", "yoy", "3m"),
        change(
            Aggregate(FILING, "sum(vat_sales_fen)", _COMPARED),
            Aggregate(FILING, "sum(before_fen)", _COMPARED),
        ),
        SAFER, "R27",
        "最近3个月申报销售额同比", "sales filed in the latest 3 months against a year earlier",
        is_recency=True,
    ),
    declare(
        column_name("tax_zero_filings_run", "count"),
        count(Aggregate(_ZERO_RUN, "count(*)", "breaks = 0", empty="0")), RISKIER, "R10",
        "截至最近一期的连续零申报期数（不含每年固定的淡季停业）",
        "zero filings in a row up to the latest, but for months that rest every year",
        is_recency=True,
    ),
    declare(
        column_name("tax_filing_outstanding", "max", "12m", "days"),
        days(Aggregate(_OUTSTANDING, "max(days)")), RISKIER, "R10",
        "最近12个月应报未报的最长逾期天数", "longest outstanding of a filing due in the last 12 months and not made",
        is_recency=True,
    ),
)  # fmt: skip
