"""Asia/Shanghai, the one clock of the platform; instants in the lake are its wall time.

China has no summer time, so a wall-clock instant is unambiguous and two instants compare
the same in every engine that reads the lake.
"""

from datetime import date, datetime, time, timedelta, timezone

SHANGHAI = timezone(timedelta(hours=8), "Asia/Shanghai")


def now_in_shanghai() -> datetime:
    """Wall time in Asia/Shanghai without a zone; read only at the edges (commands, endpoints)."""
    return datetime.now(SHANGHAI).replace(tzinfo=None)


def end_of(day: date) -> datetime:
    """The instant D 24:00, which is what `as_of` date D means.

    Examples
    --------
    >>> end_of(date(2020, 2, 29))
    datetime.datetime(2020, 3, 1, 0, 0)
    """
    return datetime.combine(day + timedelta(days=1), time())
