"""Delivery periods: which stretch of time a row belongs to, and by when it must have come."""

import calendar
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

Cadence = Literal["event", "daily", "weekly", "monthly", "quarterly", "yearly"]
#: Months a period spans, by cadence. What comes daily or on an event is held to by month: a single day
#: without a row says nothing about a provider.
MONTHS = {"event": 1, "daily": 1, "monthly": 1, "quarterly": 3, "yearly": 12}


@dataclass(frozen=True, order=True)
class Period:
    """A delivery period, known by its last day.

    Parameters
    ----------
    last_day : date
        Of the period; it counts towards the month of that day.
    cadence : Cadence
    """

    last_day: date
    cadence: Cadence

    @property
    def month(self) -> int:
        """The month it counts towards (YYYYMM)."""
        return self.last_day.year * 100 + self.last_day.month

    @property
    def name(self) -> str:
        """As people call it.

        Examples
        --------
        >>> [period_of(date(2026, 2, 10), c).name for c in ("weekly", "monthly", "quarterly", "yearly")]
        ['2026-W07', '2026-02', '2026-Q1', '2026']
        """
        day = self.last_day
        if self.cadence == "weekly":
            year, week, _ = day.isocalendar()
            return f"{year}-W{week:02d}"
        if self.cadence == "quarterly":
            return f"{day.year}-Q{day.month // 3}"
        return f"{day.year}" if self.cadence == "yearly" else f"{day:%Y-%m}"

    def due(self, grace_days: int) -> date:
        """Last day on which a delivery of the period is on time."""
        return self.last_day + timedelta(days=grace_days)

    def next(self) -> "Period":
        """The period after this one."""
        return period_of(self.last_day + timedelta(days=1), self.cadence)


def period_of(day: date, cadence: Cadence) -> Period:
    """The period a day lies in.

    Examples
    --------
    >>> period_of(date(2024, 2, 1), "daily").last_day
    datetime.date(2024, 2, 29)
    >>> period_of(date(2026, 2, 8), "weekly") == period_of(date(2026, 2, 2), "weekly")
    True
    """
    if cadence == "weekly":
        return Period(day + timedelta(days=7 - day.isoweekday()), cadence)
    span = MONTHS[cadence]
    month = -(-day.month // span) * span
    return Period(date(day.year, month, calendar.monthrange(day.year, month)[1]), cadence)


def periods_due(
    first: date, cadence: Cadence, grace_days: int, as_of_date: date, until: date | None = None
) -> Iterator[Period]:
    """Periods from the one of `first` on whose day of delivery has passed by `as_of_date`.

    Parameters
    ----------
    until : date, optional
        The duty's last day; periods that end after it are not required.
    """
    period = period_of(first, cadence)
    while period.due(grace_days) <= as_of_date and (until is None or period.last_day <= until):
        yield period
        period = period.next()
