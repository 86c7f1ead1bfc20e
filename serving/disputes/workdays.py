"""Working days of the mainland: weekends, holidays, and the days worked instead.

The State Council arranges each year late in the year before. Beyond what is arranged a deadline is
counted from Monday to Friday and says so: it is `is_provisional` until the arrangement is known.
"""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

import chinese_calendar

#: The last days of a year are arranged together with the next New Year, so they are not known before.
_KNOWN_UNTIL = date(max(chinese_calendar.holidays).year, 12, 28)
_KNOWN_FROM = date(min(chinese_calendar.holidays).year, 1, 1)
_SATURDAY = 5


@dataclass(frozen=True)
class Due:
    """Until when something must be done.

    Attributes
    ----------
    at : datetime
        Asia/Shanghai wall time.
    is_provisional : bool
        Whether a holiday that is not arranged yet may move it.
    """

    at: datetime
    is_provisional: bool = False


def is_arranged(day: date) -> bool:
    """Whether the holidays around this day are known."""
    return _KNOWN_FROM <= day <= _KNOWN_UNTIL


def is_working_day(day: date) -> bool:
    """Whether offices work on this day; Monday to Friday where it is not arranged yet.

    Examples
    --------
    >>> is_working_day(date(2026, 10, 1)), is_working_day(date(2026, 10, 10))
    (False, True)
    """
    if not is_arranged(day):
        return day.weekday() < _SATURDAY
    return bool(chinese_calendar.is_workday(day))


def due_in_working_days(start: datetime, days: int, hour: int) -> Due:
    """The hour of the n-th working day after the day of `start`, which itself is not counted.

    Parameters
    ----------
    days : int
        At least 1.
    hour : int
        Of the day, 0 to 23.

    Examples
    --------
    >>> due_in_working_days(datetime(2026, 11, 20, 16, 30), 2, 18).at
    datetime.datetime(2026, 11, 24, 18, 0)
    """
    day, left = start.date(), days
    while left > 0:
        day += timedelta(days=1)
        left -= is_working_day(day)
    return Due(datetime.combine(day, time(hour)), not is_arranged(day))


def due_in_days(start: datetime, days: int, hour: int) -> Due:
    """The hour of the n-th day after the day of `start`, whether offices work on it or not."""
    return Due(datetime.combine(start.date() + timedelta(days=days), time(hour)))
