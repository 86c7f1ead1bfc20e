import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from training.evaluate import (
    auc_difference,
    auc_estimate,
    draw_firms,
    drawn_aucs,
    fold_aucs,
    judge,
)
from training.splits import Folds, repeated_folds

RNG = np.random.default_rng(5)
IS_DEFAULT = np.array([True] * 8 + [False] * 22)
GOOD = np.clip(0.25 + 0.3 * IS_DEFAULT + 0.12 * RNG.normal(size=(2, 30)), 0.01, 0.99)
NOISE = RNG.uniform(0.05, 0.95, size=(2, 30))
FOLDS = repeated_folds(IS_DEFAULT, repeats=2, folds=4, seed=3)


def test_every_firm_is_held_out_once_a_repeat_and_defaults_are_spread() -> None:
    for repeat in range(2):
        held_out = np.concatenate([test for r, _, _, test in FOLDS if r == repeat])
        assert sorted(held_out) == list(range(30))
    for _, _, train, test in FOLDS:
        assert not set(train) & set(test)
        assert IS_DEFAULT[test].sum() == 2
    assert len(FOLDS) == 8


def test_a_repeat_does_not_depend_on_how_many_there_are() -> None:
    more = repeated_folds(IS_DEFAULT, repeats=5, folds=4, seed=3)
    assert np.array_equal(more.fold_of[:2], FOLDS.fold_of)


def test_fold_aucs_agree_with_a_second_implementation() -> None:
    expected = [roc_auc_score(IS_DEFAULT[test], GOOD[r, test]) for r, _, _, test in FOLDS]
    assert fold_aucs(IS_DEFAULT, GOOD, FOLDS) == pytest.approx(expected)


def test_drawn_aucs_equal_drawing_rows_for_real() -> None:
    draws = draw_firms(IS_DEFAULT, 25, np.random.default_rng(1))
    fast = drawn_aucs(IS_DEFAULT, GOOD, FOLDS, draws)
    for rows, value in zip(draws, fast, strict=True):
        slow = []
        for repeat, _, _, test in FOLDS:
            drawn = np.array([row for row in rows if row in set(test)])
            if 0 < IS_DEFAULT[drawn].sum() < len(drawn):
                slow.append(roc_auc_score(IS_DEFAULT[drawn], GOOD[repeat, drawn]))
        assert value == pytest.approx(np.mean(slow))


def test_draws_keep_the_number_of_defaults() -> None:
    draws = draw_firms(IS_DEFAULT, 50, np.random.default_rng(1))
    assert (IS_DEFAULT[draws].sum(axis=1) == 8).all()


def test_the_interval_holds_the_figure_and_shrinks_with_more_firms() -> None:
    def width(times: int) -> float:
        y = np.tile(IS_DEFAULT, times)
        p = np.clip(0.25 + 0.3 * y + 0.2 * np.random.default_rng(8).normal(size=(1, len(y))), 0, 1)
        folds = repeated_folds(y, repeats=1, folds=4, seed=3)
        draws = draw_firms(y, 400, np.random.default_rng(2))
        found = auc_estimate(y, p, folds, draws)
        assert found.low < found.value < found.high
        return found.high - found.low

    assert width(8) < width(1)


def test_a_model_does_not_differ_from_itself_and_differs_from_noise() -> None:
    good = judge(IS_DEFAULT, GOOD, FOLDS, seed=1)
    noise = judge(IS_DEFAULT, NOISE, FOLDS, seed=1)
    same = auc_difference(good, good, seed=1)
    assert (same.value, same.low, same.high) == (0, 0, 0)
    other = auc_difference(good, noise, seed=1)
    assert other.low > 0
    assert other.value == pytest.approx(good.auc.value - noise.auc.value)


def test_a_paired_difference_needs_the_same_folds() -> None:
    good = judge(IS_DEFAULT, GOOD, FOLDS, seed=1)
    folds = Folds(np.roll(FOLDS.fold_of, 1, axis=1))
    with pytest.raises(ValueError, match="both models on the same folds"):
        auc_difference(good, judge(IS_DEFAULT, GOOD, folds, seed=1), seed=1)


def test_separated_outcomes_have_no_calibration_line_but_every_other_figure() -> None:
    perfect = np.tile(np.where(IS_DEFAULT, 0.9, 0.1) + np.linspace(0, 0.05, 30), (2, 1))
    found = judge(IS_DEFAULT, perfect, FOLDS, seed=1)
    assert found.auc.value == 1
    assert np.isnan(found.calibration_slope.value)
    assert np.isfinite(found.brier.value)


def test_the_mean_probability_is_taken_in_log_odds() -> None:
    p = np.vstack([np.full(30, 0.2), np.full(30, 0.8)])
    found = judge(IS_DEFAULT, p + 1e-6 * RNG.normal(size=p.shape), FOLDS, seed=1)
    # logit(0.2) = -logit(0.8), so their mean is logit(0.5).
    assert found.mean_probability == pytest.approx(np.full(30, 0.5), abs=1e-5)
