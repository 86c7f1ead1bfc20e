import numpy as np
import pytest
from sklearn.metrics import average_precision_score, brier_score_loss, log_loss, roc_auc_score

from models.metrics import calibration_line, expected_calibration_error, ks
from training.table.figures import FIGURES, Judged

RNG = np.random.default_rng(5)
N = 400
IS_POSITIVE = RNG.random(N) < 0.3
#: Two digits make many ties.
PROBABILITY = np.round(np.clip(0.25 + 0.2 * IS_POSITIVE + RNG.normal(0, 0.15, N), 0.01, 0.99), 2)


def test_figures_of_four_rows_by_hand() -> None:
    is_positive = np.array([True, False, True, False])
    probability = np.array([0.8, 0.4, 0.4, 0.1])
    found = Judged.of(is_positive, probability).figures(np.ones((1, 4)))
    # Pairs: 0.8 beats both; 0.4 ties one and beats the other: (1 + 1 + 0.5 + 1) / 4.
    assert found["auc"][0] == pytest.approx(3.5 / 4)
    # From 0.8 on: half the positives and no negative.
    assert found["ks"][0] == pytest.approx(0.5)
    # Half the positives at precision 1 / 1, the other half at 2 / 3.
    assert found["pr_auc"][0] == pytest.approx(0.5 * 1 + 0.5 * 2 / 3)
    # Squares 0.04, 0.16, 0.36 and 0.01, a quarter of their sum.
    assert found["brier"][0] == pytest.approx(0.1425)
    # Bins of width 0.1: |0.1| + |1 - 0.8| + |1 - 0.8| over 4 rows.
    assert found["ece"][0] == pytest.approx((0.1 + 0.2 + 0.2) / 4)


def test_unweighted_figures_are_those_of_the_metrics() -> None:
    found = Judged.of(IS_POSITIVE, PROBABILITY).figures(np.ones((1, N)))
    assert found["ks"][0] == pytest.approx(ks(IS_POSITIVE, PROBABILITY))
    assert found["ece"][0] == pytest.approx(expected_calibration_error(IS_POSITIVE, PROBABILITY))
    slope = calibration_line(IS_POSITIVE, PROBABILITY)[1]
    assert found["calibration_slope"][0] == pytest.approx(slope, rel=1e-7)


def test_weighted_figures_agree_with_a_second_implementation() -> None:
    weight = RNG.gamma(1.0, 1.0, N)
    found = Judged.of(IS_POSITIVE, PROBABILITY).figures(weight[None])
    assert found["auc"][0] == pytest.approx(
        roc_auc_score(IS_POSITIVE, PROBABILITY, sample_weight=weight)
    )
    precision = average_precision_score(IS_POSITIVE, PROBABILITY, sample_weight=weight)
    assert found["pr_auc"][0] == pytest.approx(precision)
    assert found["brier"][0] == pytest.approx(
        brier_score_loss(IS_POSITIVE, PROBABILITY, sample_weight=weight)
    )
    assert found["logloss"][0] == pytest.approx(
        log_loss(IS_POSITIVE, PROBABILITY, sample_weight=weight)
    )


def test_a_weight_is_a_row_as_often() -> None:
    times = RNG.integers(0, 4, N)
    repeated = np.repeat(np.arange(N), times)
    once = Judged.of(IS_POSITIVE, PROBABILITY).figures(np.vstack([np.ones(N), times]).astype(float))
    rows = Judged.of(IS_POSITIVE[repeated], PROBABILITY[repeated])
    often = rows.figures(np.ones((1, len(repeated))))
    for name in FIGURES:
        assert once[name][1] == pytest.approx(often[name][0]), name


def test_a_figure_that_is_not_defined_is_no_number() -> None:
    one_sided = Judged.of(np.zeros(5, dtype=bool), np.linspace(0.1, 0.5, 5))
    found = one_sided.figures(np.ones((1, 5)))
    assert np.isnan([found[name][0] for name in ("auc", "ks", "pr_auc", "calibration_slope")]).all()
    assert found["brier"][0] == pytest.approx((0.01 + 0.04 + 0.09 + 0.16 + 0.25) / 5)
    apart = Judged.of(np.array([False, False, True, True]), np.array([0.1, 0.2, 0.8, 0.9]))
    assert np.isnan(apart.figures(np.ones((1, 4)))["calibration_slope"][0])
