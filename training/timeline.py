"""Which month ends a 12-month rating learns from, and which later ones it is judged on."""

from calendar import monthrange
from dataclasses import dataclass
from datetime import date

from features.errors import CohortError
from training.performance import PerformanceRules, whole_months


@dataclass(frozen=True)
class Timeline:
    """Month ends in their order; nothing in `out_of_time` is ever learned from."""

    development: tuple[date, ...]
    out_of_time: tuple[date, ...]

    @property
    def dates(self) -> tuple[date, ...]:
        """All month ends."""
        return self.development + self.out_of_time


def plan_timeline(data_until: date, first_month: int, rules: PerformanceRules) -> Timeline:
    """Count back from the last whole month to those whose outcome is known.

    Parameters
    ----------
    data_until : date
        Last day of the data.
    first_month : int
        `month_number` of the first month with repayments.

    Returns
    -------
    Timeline
        The last year that has matured is out of time, or the later half of a short history.

    Raises
    ------
    CohortError
        If fewer than two month ends have matured.

    Examples
    --------
    >>> from training.performance import load_performance_rules
    >>> found = plan_timeline(date(2026, 6, 30), 2020 * 12 + 1, load_performance_rules())
    >>> [found.development[0].isoformat(), found.out_of_time[-1].isoformat()]
    ['2023-02-28', '2025-05-31']
    """
    whole = whole_months(data_until)
    last = whole - rules.matured_after_months
    oldest = max(first_month, whole - int(rules.oldest_months.value))
    months = range(last, oldest - 1, -int(rules.step_months.value))[::-1]
    if len(months) <= 1:
        raise CohortError(
            en=f"By {data_until} the outcome of {len(months)} quarter(s) is known; a 12-month rating needs at "
            f"least two, with {rules.matured_after_months} months after each. Bring a longer history.",
            zh=f"截至 {data_until}，仅有 {len(months)} 个季度的结果已知；十二个月评级至少需要两个季度，"
            f"且其后各有 {rules.matured_after_months} 个月的数据。请提供更长的历史。",
        )
    later = sum(month > last - rules.out_of_time_months.value for month in months)
    cut = len(months) - min(later, len(months) // 2)
    dates = [last_day_of(month) for month in months]
    return Timeline(tuple(dates[:cut]), tuple(dates[cut:]))


def last_day_of(number: int) -> date:
    """Last day of a month given by its `month_number`."""
    year, month = divmod(number - 1, 12)
    return date(year, month + 1, monthrange(year, month + 1)[1])
