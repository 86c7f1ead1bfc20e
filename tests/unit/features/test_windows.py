from datetime import date, timedelta

import pytest

from features.windows import Window, column_name, last_complete_month, months_before
from tests.oracle.invoice_features import last_whole_month, months_ago

DAYS = [date(2019, 1, 1) + timedelta(days=n) for n in range(1500)]


def test_months_before_equals_walking_back_a_month_at_a_time():
    for day in DAYS[::3]:
        for months in (0, 1, 3, 12, 25, 36):
            assert months_before(day, months) == months_ago(day, months), (day, months)


def test_last_complete_month_is_over_and_the_next_is_not():
    for day in DAYS:
        year, month = last_whole_month(day)
        assert last_complete_month(day) == year * 12 + month - 1, day


@pytest.mark.parametrize(
    ("as_of", "window", "after", "until"),
    [
        # A month end maps to month ends, so whole months stay whole.
        (date(2020, 2, 29), Window(12), date(2019, 2, 28), date(2020, 2, 29)),
        (date(2021, 2, 28), Window(12), date(2020, 2, 29), date(2021, 2, 28)),
        (date(2020, 6, 30), Window(3), date(2020, 3, 31), date(2020, 6, 30)),
        (date(2020, 6, 15), Window(3), date(2020, 3, 15), date(2020, 6, 15)),
        (date(2020, 5, 30), Window(3), date(2020, 2, 29), date(2020, 5, 30)),
        (date(2020, 2, 29), Window(3, offset=12), date(2018, 11, 30), date(2019, 2, 28)),
    ],
)
def test_bounds(as_of: date, window: Window, after: date, until: date):
    assert window.bounds(as_of) == (after, until)
    assert window.covers("d", as_of) == f"(d > DATE '{after}' AND d <= DATE '{until}')"


def test_consecutive_windows_neither_overlap_nor_leave_a_gap():
    for day in DAYS[::7]:
        for months in (3, 6, 12):
            recent, before = Window(months).bounds(day), Window(months, offset=months).bounds(day)
            assert before[1] == recent[0]


def test_names():
    assert Window(12).name == "12m"
    assert Window(3, offset=12).name == "3m_prior12m"
    assert column_name("buyer", "count", "12m") == "buyer_count_12m"
