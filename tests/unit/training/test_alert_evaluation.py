"""Alerts counted by hand: who is named, who could have been, how early, and the cut-off."""

import numpy as np
import pytest

from training.alert_evaluation import AlertReport, choose_cut_off, judge_alerts
from training.warning import EVENT, GOOD, Outcomes, load_warning_rules

NAN = float("nan")
#: Firm, month, score, called, days late, months to the event, days until 31 days late, default.
ROWS = [
    # 1 is named in both months and becomes late: counts once, its first alert gives the lead.
    (1, 0, 0.9, EVENT, 0, 4.0, 100.0, True),
    (2, 0, 0.1, GOOD, 0, NAN, NAN, False),
    (3, 0, 0.1, EVENT, 0, 3.0, 70.0, False),
    # 4 is named while it is late already, 5 only 29 days before: neither counts.
    (4, 0, 0.9, EVENT, 1, 2.0, 40.0, False),
    (5, 0, 0.1, EVENT, 0, 2.0, 59.0, False),
    (6, 0, 0.1, EVENT, 0, 2.0, NAN, False),
    (1, 1, 0.9, EVENT, 0, 3.0, 70.0, True),
    # 2 is named and nothing happens.
    (2, 1, 0.9, GOOD, 0, NAN, NAN, False),
    # 3 is named at the limit: thirty days ahead.
    (3, 1, 0.9, EVENT, 0, 2.0, 30.0, False),
    (4, 1, 0.1, EVENT, 1, 1.0, 9.0, False),
    (5, 1, 0.9, EVENT, 0, 1.0, 29.0, False),
    # 6 closes next month; of that only the month is known.
    (6, 1, 0.9, EVENT, 0, 1.0, NAN, False),
]


def outcomes(rows: list[tuple[object, ...]]) -> Outcomes:
    firm, place, _, called, dpd, months, days, defaults = zip(*rows, strict=True)
    return Outcomes(
        place=np.array(place, dtype=np.int64) + 8,
        firm=np.array(firm, dtype=np.int64),
        called=np.array(called, dtype=np.str_),
        dpd=np.array(dpd, dtype=np.int64),
        months_to_event=np.array(months, dtype=np.float64),
        days_to_late=np.array(days, dtype=np.float64),
        defaults=np.array(defaults, dtype=np.bool_),
        only_closes=np.zeros(len(rows), dtype=np.bool_),
    )


def report(rows: list[tuple[object, ...]] = list(ROWS), seed: int = 3) -> AlertReport:  # noqa: B006
    score = np.array([row[2] for row in rows], dtype=np.float64)
    return judge_alerts(outcomes(rows), score, 0.5, load_warning_rules(), seed=seed)


def test_alerts_are_counted_by_firm_and_in_time() -> None:
    found = report()
    # 2 of 6 borrowers in the first month, 5 of 6 in the second: 7 of 12.
    assert found.share_by_month.tolist() == [2 / 6, 5 / 6]
    assert found.figures["alerted_share"].value == 7 / 12
    # Named: 1, 2, 3, 4, 5, 6; of these only 2 had no event.
    assert found.alerted == 6
    assert found.figures["precision"].value == 5 / 6
    # Late and nameable in time: 1, 3 and 5 (59 days ahead); 4 never was, it was late already.
    assert found.late == 3
    assert found.figures["recall"].value == 2 / 3
    # Only 1 defaults, and is named. Of all events 6 could be named too, in its first month; it was not.
    assert found.figures["recall_defaults"].value == 1
    assert found.figures["recall_events"].value == 2 / 4
    # First alerts in time: 100 days of firm 1 (not its later 70), 30 of firm 3; the median is between.
    assert found.figures["median_lead_days"].value == 65


def test_nothing_to_count_is_not_zero() -> None:
    found = report([row for row in ROWS if row[0] == 2])
    assert np.isnan(found.figures["recall"].value)
    assert np.isnan(found.figures["median_lead_days"].value)
    assert found.figures["precision"].value == 0


def test_intervals_draw_whole_firms() -> None:
    # Rows of a firm are no new evidence: each row five times gives the same intervals, of the same draws.
    once, five = report(), report([row for row in ROWS for _ in range(5)])
    for name, figure in once.figures.items():
        assert five.figures[name] == figure
        assert figure.low <= figure.value <= figure.high


@pytest.mark.parametrize(("share", "named"), [(0.1, 1), (0.2, 2), (0.19, 1), (0.0, 0)])
def test_the_cut_off_names_no_more_than_the_share(share: float, named: int) -> None:
    score = np.arange(10) / 10
    cut_off = choose_cut_off(score, np.zeros(10, dtype=np.int64), share)
    assert int((score >= cut_off).sum()) == named


def test_the_cut_off_holds_in_the_worst_month_and_does_not_split_ties() -> None:
    calm, storm = np.arange(10) / 10, np.full(10, 0.7)
    score, place = np.concatenate([calm, storm]), np.repeat(np.arange(2), 10)
    cut_off = choose_cut_off(score, place, 0.2)
    # All of the second month would be named at 0.7, so the cut-off lies above it: 0.8 and 0.9 remain.
    assert (score >= cut_off).sum() == 2
    assert (score[place == 1] < cut_off).all()


def test_rows_alerted_anyway_take_their_part_of_the_budget() -> None:
    score, place = np.tile(np.arange(10) / 10, 2), np.repeat(np.arange(2), 10)
    named = np.zeros(20, dtype=np.bool_)
    # 4 of 10 are allowed. In the first month 0 and 9 are named anyway: room for 2 more, 8 and 7. In the
    # second 1 is: room for 3, among them the 9.
    named[[0, 9, 11]] = True
    cut_off = choose_cut_off(score, place, 0.4, named)
    assert np.flatnonzero((score >= cut_off) & ~named).tolist() == [7, 8, 17, 18, 19]
    assert (named | (score >= cut_off))[place == 1].sum() == 4


def test_signals_that_spend_the_budget_leave_the_model_nothing() -> None:
    score, place = np.arange(10) / 10, np.zeros(10, dtype=np.int64)
    named = score < 0.35
    cut_off = choose_cut_off(score, place, 0.2, named)
    assert not (score >= cut_off).any()
    # Everybody named: there is nobody left to choose from.
    assert choose_cut_off(score, place, 1.0, score >= 0) == np.nextafter(-np.inf, np.inf)
