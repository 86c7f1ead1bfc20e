"""Monthly records on a grid of whole months, counted from the latest that has arrived.

Monthly data arrive late, and not on one day. Counted from the calendar, a month on its way would
read as a month of nothing. So month 0 is the latest month a firm has among the last three that are
complete; the window moves with it, and a late delivery makes a value older, never lower.
"""

from datetime import date

from features.windows import last_complete_month

#: A firm whose latest month is older than this has stopped being delivered, or has gone silent [months].
LATE_MONTHS = 3
GRID_MONTHS = 24


def age_of(as_of_date: date, column: str = "month") -> str:
    """Whole months between a YYYYMM column and the last month complete at `as_of` [months]."""
    return f"({last_complete_month(as_of_date)} - ({column} // 100 * 12 + {column} % 100 - 1))"


def newest(age: str, where: str = "true") -> str:
    """Age of a firm's latest row that is no more than late; NULL where there is none."""
    return (
        f"min(CASE WHEN {where} AND {age} < {LATE_MONTHS} THEN {age} END) "
        "OVER (PARTITION BY enterprise_key)"
    )


def on_grid(rows: str, *, if_none: str = "NULL", months: int = GRID_MONTHS) -> str:
    """Rows with `month_no`, 0 the latest month that has arrived.

    Parameters
    ----------
    rows : str
        SELECT of `enterprise_key`, `age` (see `age_of`) and whatever is measured.
    if_none : str
        Month 0 of a firm without a recent month: `NULL` leaves the firm off the grid (nothing is
        known of it), `0` takes its silence for a fact.
    """
    # Month 0 is no older than that, so what lies further back than the grid from it is in no month.
    reach = f"age >= 0 AND age < {months + LATE_MONTHS - 1}"
    dated = f"SELECT *, coalesce({newest('age')}, {if_none}) AS newest FROM ({rows}) AS aged WHERE {reach}"
    return f"SELECT *, age - newest AS month_no FROM ({dated}) AS dated WHERE age - newest BETWEEN 0 AND {months - 1}"


def year_before(column: str) -> str:
    """The same month's value a year earlier; NULL where that month was not delivered."""
    return (
        f"max({column}) OVER (PARTITION BY enterprise_key ORDER BY month_no "
        "RANGE BETWEEN 12 FOLLOWING AND 12 FOLLOWING)"
    )
