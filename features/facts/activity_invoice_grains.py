"""The relations invoice facts stand on: gaps between invoices, months of red notes, the former top buyer."""

from datetime import date

from features.definitions import invoice_month
from features.definitions.expressions import parts_per_million
from features.definitions.invoice_grains import DATASETS, DAY, LINE
from features.registry import Grain
from features.windows import Window, last_complete_month, months_before

#: A firm's habit of invoicing is read from so long a past [months].
HABIT = Window(24)
#: A buyer that has left was large in a year the last quarter is no part of.
YEAR_BEFORE_QUARTER = Window(12, offset=3)


def _gaps(as_of_date: date) -> str:
    """Days from one sales invoice to the next, `place` 1 the shortest of `gaps`; the present silence is none.

    `is_season` marks the gap in which the same day of last year lies: a firm that rests every winter
    is used to one as long.
    """
    year_days = (as_of_date - months_before(as_of_date, 12)).days
    followed = (
        "SELECT enterprise_key, days_ago, lead(days_ago) OVER "
        "(PARTITION BY enterprise_key ORDER BY days_ago DESC) AS next_days_ago "
        f"FROM invoice_day WHERE is_sale AND {HABIT.covers('issued_on', as_of_date)}"
    )
    return (
        "SELECT enterprise_key, days_ago - next_days_ago AS gap_days, "
        f"days_ago >= {year_days} AND next_days_ago <= {year_days} AS is_season, row_number() OVER "
        "(PARTITION BY enterprise_key ORDER BY days_ago - next_days_ago) AS place, "
        "count(*) OVER (PARTITION BY enterprise_key) AS gaps "
        f"FROM ({followed}) AS followed WHERE next_days_ago IS NOT NULL"
    )


GAP = Grain("sales_gap", DATASETS, _gaps, parents=(LINE, DAY))


def _with_habit(months: str) -> str:
    """Months with `red_ppm`; those of the year before the latest quarter are placed by it."""
    sold = (
        f"SELECT *, {parts_per_million('red_fen', 'sold_fen')} AS red_ppm, "
        f"month_no BETWEEN 3 AND 14 AND sold_fen > 0 AS is_usual FROM ({months}) AS summed"
    )
    each = "PARTITION BY enterprise_key, is_usual"
    return (
        f"SELECT *, row_number() OVER ({each} ORDER BY red_ppm) AS place, count(*) OVER ({each}) AS months "
        f"FROM ({sold}) AS sold"
    )


def _red_months(as_of_date: date) -> str:
    number = f"{last_complete_month(as_of_date)} - (year(issued_on) * 12 + month(issued_on) - 1)"
    return _with_habit(
        f"SELECT enterprise_key, {number} AS month_no, "
        "sum(CASE WHEN amount_fen < 0 THEN -amount_fen ELSE 0 END) AS red_fen, "
        "sum(CASE WHEN amount_fen > 0 THEN amount_fen ELSE 0 END) AS sold_fen "
        f"FROM invoice WHERE is_valid AND is_sale AND {number} BETWEEN 0 AND 14 "
        f"GROUP BY enterprise_key, {number}"
    )


RED = Grain("sales_red_month", DATASETS, _red_months, parents=(LINE,))


def _red_table(_: date) -> str:
    return _with_habit(
        "SELECT enterprise_key, month_no, coalesce(red_amount_fen, 0) AS red_fen, "
        "out_amount_fen + coalesce(red_amount_fen, 0) AS sold_fen FROM monthly_table WHERE month_no < 15"
    )


RED_TABLE = Grain(
    "monthly_red_month", invoice_month.DATASETS, _red_table, parents=(invoice_month.MONTH,)
)


def _former_top(as_of_date: date) -> str:
    """The largest buyer of that year: its part in ppm, and the days since its last invoice."""
    year = YEAR_BEFORE_QUARTER.covers("issued_on", as_of_date)
    summed = (
        "SELECT enterprise_key, counterparty_key, max(issued_on) FILTER (WHERE amount_fen > 0) AS last_on, "
        f"coalesce(sum(amount_fen) FILTER (WHERE {year}), 0) AS net_fen "
        "FROM invoice WHERE is_valid AND is_sale GROUP BY enterprise_key, counterparty_key"
    )
    placed = (
        "SELECT *, sum(net_fen) OVER (PARTITION BY enterprise_key) AS all_fen, row_number() OVER "
        "(PARTITION BY enterprise_key ORDER BY net_fen DESC, counterparty_key) AS place "
        f"FROM ({summed}) AS summed WHERE net_fen > 0"
    )
    return (
        f"SELECT enterprise_key, {parts_per_million('net_fen', 'all_fen')} AS share_ppm, "
        f"date_diff('day', last_on, DATE '{as_of_date}') AS silent_days "
        f"FROM ({placed}) AS placed WHERE place = 1"
    )


FORMER_TOP = Grain("former_top_buyer", DATASETS, _former_top, parents=(LINE,))
