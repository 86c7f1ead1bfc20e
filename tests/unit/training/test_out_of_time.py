from datetime import date

import numpy as np
import pytest

from features.contracts import load_catalogue
from features.definitions import REGISTRY
from features.errors import CohortError
from models.rating import base_12m
from training.development import later_slice
from training.out_of_time import drawn_rows, judge_out_of_time
from training.performance import load_performance_rules
from training.splits import grouped_folds
from training.timeline import plan_timeline

RULES = load_performance_rules()
RNG = np.random.default_rng(3)
FIRM = np.repeat(np.arange(60), 4)
IS_DEFAULT = np.isin(FIRM, np.arange(12))
PROBABILITY = np.clip(0.05 + 0.2 * IS_DEFAULT + 0.1 * RNG.random(240), 0.01, 0.9)


def test_development_ends_before_the_later_year_and_everything_has_matured() -> None:
    found = plan_timeline(date(2026, 6, 30), 2020 * 12 + 1, RULES)
    assert [len(found.development), len(found.out_of_time)] == [6, 4]
    # June 2026 less 12 months of performance less 1 month until it is reported.
    assert found.out_of_time[-1] == date(2025, 5, 31)
    assert found.out_of_time[0] == date(2024, 8, 31)
    assert found.development[-1] == date(2024, 5, 31)


def test_a_month_that_has_not_ended_does_not_count() -> None:
    assert plan_timeline(date(2026, 7, 30), 0, RULES) == plan_timeline(date(2026, 6, 30), 0, RULES)
    assert plan_timeline(date(2026, 7, 31), 0, RULES).out_of_time[-1] == date(2025, 6, 30)


def test_a_short_history_is_cut_in_half_and_a_shorter_one_refused() -> None:
    found = plan_timeline(date(2026, 6, 30), 2024 * 12 + 8, RULES)
    assert [len(found.development), len(found.out_of_time)] == [2, 2]
    with pytest.raises(CohortError, match=r"1 quarter\(s\) is known"):
        plan_timeline(date(2026, 6, 30), 2025 * 12 + 3, RULES)


def test_a_firm_is_never_on_both_sides_of_a_fold() -> None:
    for _, _, train, test in grouped_folds(IS_DEFAULT, FIRM, folds=5, seed=1):
        assert not set(FIRM[train]) & set(FIRM[test])
        assert IS_DEFAULT[test].any()


def test_a_firm_is_drawn_with_all_its_rows() -> None:
    for rows in drawn_rows(FIRM, 20, np.random.default_rng(1)):
        assert len(rows) == 240
        counts = np.bincount(rows, minlength=240).reshape(60, 4)
        assert (counts == counts[:, :1]).all()


def test_repeating_rows_of_a_firm_adds_no_certainty() -> None:
    once = np.arange(0, 240, 4)
    alone = judge_out_of_time(
        IS_DEFAULT[once], PROBABILITY[once], FIRM[once], np.ones(60, bool), seed=1
    ).figures["auc"]
    same = np.repeat(once, 4)
    repeated = judge_out_of_time(
        IS_DEFAULT[same], PROBABILITY[same], FIRM[same], np.ones(240, bool), seed=1
    ).figures["auc"]
    assert (repeated.low, repeated.high) == pytest.approx((alone.low, alone.high))


def test_the_line_is_fitted_late_and_earlier_only_for_want_of_defaults() -> None:
    place = np.repeat(np.arange(6), 40)
    many, few = np.ones(240, bool), np.arange(240) % 10 == 0
    assert set(place[later_slice(place, many)]) == {4, 5}
    # 4 defaults a date, 24 in all: fewer than 30, so every date counts.
    assert later_slice(place, few).all()


def test_the_rating_reads_what_a_bank_may_see_and_no_label() -> None:
    read = {name for f in base_12m(load_catalogue()).features(REGISTRY) for name in f.datasets}
    assert "repayment_snapshot" in read
    assert not read & {"loan_outcome", "consent_event"}
