"""The collection rate 归集率: periods delivered of periods due, month by month."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from features.clock import end_of
from features.quality.duties import Duty
from features.quality.measures import Cell
from features.quality.periods import Period, period_of, periods_due


@dataclass(frozen=True)
class Arrival:
    """The first rows of a period.

    Parameters
    ----------
    at : datetime
        When they became available.
    is_dated_back : bool
        They landed later: `at` is what their mapping says of a back history.
    """

    at: datetime
    is_dated_back: bool


@dataclass(frozen=True)
class MonthRate:
    """Periods of one month (YYYYMM): due, delivered, delivered on time."""

    month: int
    required: int
    delivered: int
    on_time: int

    @property
    def rate(self) -> float:
        """Collection rate in [0, 1]."""
        return self.delivered / self.required


@dataclass(frozen=True)
class Calendar:
    """What one provider owed of one dataset by `as_of`, and what came.

    Parameters
    ----------
    months : tuple of MonthRate
        Months in which a period ends that was due; oldest first.
    missing, late : tuple of str
        Names of the periods not delivered, and delivered after their due day.
    dated_back : int
        Periods whose punctuality rests on what a mapping says of a back history.
    """

    duty: Duty
    months: tuple[MonthRate, ...]
    missing: tuple[str, ...]
    late: tuple[str, ...]
    dated_back: int

    @property
    def required(self) -> int:
        """Periods due."""
        return sum(month.required for month in self.months)

    @property
    def delivered(self) -> int:
        """Periods due of which rows have come."""
        return sum(month.delivered for month in self.months)

    @property
    def on_time(self) -> int:
        """Periods whose first rows came by their due day."""
        return sum(month.on_time for month in self.months)

    @property
    def rate(self) -> float | None:
        """Collection rate in [0, 1]; None while nothing was due."""
        return self.delivered / self.required if self.required else None


def arrivals(
    cells: Iterable[Cell], duty: Duty, collected: Mapping[int, datetime]
) -> dict[Period, Arrival]:
    """The first rows of every period, in the duty's own cadence.

    Parameters
    ----------
    collected : dict of int to datetime
        When each batch landed.

    Notes
    -----
    A period counts from `available_at` and not from the landing of its batch: both are the same for a
    fresh delivery, and for a back history, which lands in one day, only `available_at` speaks of the
    provider. Where the two differ the arrival is marked, for then it is what a mapping says.
    """
    first: dict[Period, Arrival] = {}
    for cell in cells:
        period = period_of(cell.day, duty.cadence)
        found = Arrival(cell.first_available, cell.first_available < collected[cell.batch_no])
        known = first.get(period)
        if known is None or (found.at, found.is_dated_back) < (known.at, known.is_dated_back):
            first[period] = found
    return first


def keep_calendar(duty: Duty, first: Mapping[Period, Arrival], as_of_date: date) -> Calendar:
    """Hold the arrivals against the periods due."""
    months: dict[int, list[int]] = {}
    missing: list[str] = []
    late: list[str] = []
    dated_back = 0
    for period in periods_due(duty.since, duty.cadence, duty.grace_days, as_of_date, duty.until):
        arrival = first.get(period)
        is_on_time = arrival is not None and arrival.at <= end_of(period.due(duty.grace_days))
        if arrival is None:
            missing.append(period.name)
        elif not is_on_time:
            late.append(period.name)
        dated_back += arrival is not None and arrival.is_dated_back
        counted = months.setdefault(period.month, [0, 0, 0])
        for place, is_counted in enumerate((True, arrival is not None, is_on_time)):
            counted[place] += is_counted
    rates = tuple(MonthRate(month, *counts) for month, counts in sorted(months.items()))
    return Calendar(duty, rates, tuple(missing), tuple(late), dated_back)
