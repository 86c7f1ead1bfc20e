"""Figures of draws equal those of the drawn rows put together."""

import numpy as np
import pytest

from models.metrics import auc, calibration_line
from training.drawn import (
    drawn_aucs,
    drawn_ratios,
    drawn_slopes,
    drawn_weights,
    estimate,
    gini_lost,
)

RNG = np.random.default_rng(5)
FIRM = np.repeat(np.arange(400), 3)
RISK = np.clip(RNG.beta(1, 20, 1200), 0.001, 0.9).round(3)
IS_DEFAULT = RNG.random(1200) < RISK
WEIGHTS = drawn_weights(FIRM, 25, np.random.default_rng(1))


def rows_of(weights: np.ndarray) -> np.ndarray:
    return np.repeat(np.arange(len(weights)), weights.astype(int))


def test_a_draw_has_as_many_firms_as_there_are_and_whole_ones() -> None:
    assert (WEIGHTS.sum(axis=1) == 1200).all()
    firms = WEIGHTS.reshape(25, 400, 3)
    assert (firms == firms[:, :, :1]).all()


def test_weights_measure_as_repeated_rows_do() -> None:
    found = (
        drawn_aucs(IS_DEFAULT, RISK, WEIGHTS),
        drawn_slopes(IS_DEFAULT, RISK, WEIGHTS),
        drawn_ratios(IS_DEFAULT, RISK, WEIGHTS),
    )
    for draw, weights in enumerate(WEIGHTS):
        rows = rows_of(weights)
        y, p = IS_DEFAULT[rows], RISK[rows]
        wanted = (auc(y, p), calibration_line(y, p)[1], y.sum() / p.sum())
        assert [column[draw] for column in found] == pytest.approx(wanted, rel=1e-5)


@pytest.mark.parametrize("slope", [0.4, 2.5])
def test_slopes_far_from_one_are_found_too(slope: float) -> None:
    p = 1 / (1 + np.exp(-(slope * np.log(RISK / (1 - RISK)) + 3 * (slope - 1))))
    is_default = np.random.default_rng(2).random(1200) < p
    found = drawn_slopes(is_default, RISK, WEIGHTS)
    assert np.isfinite(found).all()
    assert found.min() < calibration_line(is_default, RISK)[1] < found.max()


def test_a_draw_without_a_figure_is_left_out_of_the_interval() -> None:
    is_default = np.arange(1200) == 7
    found = drawn_aucs(is_default, RISK, WEIGHTS)
    # Firm 2 is not drawn about once in e draws; then there is no default to rank.
    assert np.isnan(found).sum() == (WEIGHTS[:, 7] == 0).sum() > 0
    assert np.isfinite(estimate(0.5, found).low)


def test_a_model_gives_up_nothing_of_its_own_gini_and_all_of_a_worthless_one() -> None:
    same = gini_lost(IS_DEFAULT, RISK, RISK, FIRM, seed=1)
    assert (same.value, same.low, same.high) == (0, 0, 0)
    assert gini_lost(IS_DEFAULT, np.full(1200, 0.1), RISK, FIRM, seed=1).value == 1
