"""Window bounds as literal dates, and the one rule that names feature columns.

Engines disagree about date arithmetic (31 March minus one month), so bounds are computed here
and reach SQL as literals. A window of n months at `as_of` D is the half-open span (D - n months, D].
Month grids use whole calendar months only: month 0 is the last month that is complete at D.
"""

import calendar
from dataclasses import dataclass
from datetime import date, timedelta


def months_before(day: date, months: int) -> date:
    """The same day of the month `months` earlier, cut to that month's last day.

    Month ends map to month ends, so that windows at month-end dates hold whole months.

    Examples
    --------
    >>> months_before(date(2020, 3, 31), 1)
    datetime.date(2020, 2, 29)
    >>> months_before(date(2020, 2, 29), 12)
    datetime.date(2019, 2, 28)
    >>> months_before(date(2019, 2, 28), 12)
    datetime.date(2018, 2, 28)
    >>> months_before(date(2020, 6, 30), 1)
    datetime.date(2020, 5, 31)
    """
    index = day.year * 12 + day.month - 1 - months
    year, month = divmod(index, 12)
    last = calendar.monthrange(year, month + 1)[1]
    is_month_end = day.day == calendar.monthrange(day.year, day.month)[1]
    return date(year, month + 1, last if is_month_end else min(day.day, last))


def last_complete_month(as_of_date: date) -> int:
    """Number (12·year + month − 1) of the last calendar month that is over at `as_of_date`.

    Examples
    --------
    >>> last_complete_month(date(2020, 2, 29)) == 2020 * 12 + 1
    True
    >>> last_complete_month(date(2020, 2, 28)) == 2020 * 12 + 0
    True
    """
    number = as_of_date.year * 12 + as_of_date.month - 1
    is_over = (as_of_date + timedelta(days=1)).month != as_of_date.month
    return number if is_over else number - 1


@dataclass(frozen=True)
class Window:
    """A span of months ending `offset` months before `as_of`.

    Parameters
    ----------
    months : int
        Length [months].
    offset : int
        Distance of its end from `as_of` [months]; 12 is the same span a year earlier.
    """

    months: int
    offset: int = 0

    def bounds(self, as_of_date: date) -> tuple[date, date]:
        """Exclusive first and inclusive last day of the span."""
        return (
            months_before(as_of_date, self.months + self.offset),
            months_before(as_of_date, self.offset),
        )

    def covers(self, column: str, as_of_date: date) -> str:
        """SQL predicate: the date in `column` lies in the span."""
        after, until = self.bounds(as_of_date)
        return f"({column} > DATE '{after}' AND {column} <= DATE '{until}')"

    @property
    def name(self) -> str:
        """`12m`, or `3m_prior12m` for three months that ended twelve months ago."""
        return f"{self.months}m" + (f"_prior{self.offset}m" if self.offset else "")


def column_name(measure: str, aggregation: str, window: str = "", unit: str = "") -> str:
    """The one rule that names features: measure, aggregation, window, unit.

    Examples
    --------
    >>> column_name("sales_amount", "sum", "12m", "cny")
    'sales_amount_sum_12m_cny'
    >>> column_name("sales", "days_since_last")
    'sales_days_since_last'
    """
    return "_".join(part for part in (measure, aggregation, window, unit) if part)
