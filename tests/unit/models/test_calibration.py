import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from features.errors import CalibrationError, ModelInputError
from models.calibration import LogitLine, fit_logit_line, logistic_line


def sample(n: int, seed: int = 7) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    margin = rng.normal(-1.5, 1.2, n)
    return margin, rng.random(n) < 1 / (1 + np.exp(-(0.4 + 0.7 * margin)))


def test_two_values_are_solved_by_hand() -> None:
    # margin 0: 1 default of 4; margin 1: 3 of 4. With 4 defaults and 4 good firms the targets are
    # 5/6 and 1/6, so the mean target is (1 * 5/6 + 3 * 1/6) / 4 = 1/3 and, mirrored, 2/3.
    # A line through two values fits both means: intercept = logit(1/3) = -ln 2, slope = 2 ln 2.
    margin = [0.0] * 4 + [1.0] * 4
    is_default = [1, 0, 0, 0, 1, 1, 1, 0]
    line = fit_logit_line(margin, is_default)
    assert line.intercept == pytest.approx(-np.log(2), abs=1e-9)
    assert line.slope == pytest.approx(2 * np.log(2), abs=1e-9)
    assert line.probability([0.0, 1.0]) == pytest.approx([1 / 3, 2 / 3], abs=1e-9)


@pytest.mark.parametrize("scaled", [1.0, 1e-4, 1e4])
def test_smoothed_line_agrees_with_a_second_implementation(scaled: float) -> None:
    margin, is_default = sample(600)
    line = fit_logit_line(margin * scaled, is_default)
    # A fractional target t is one row of each outcome with weights t and 1 - t.
    bad, good = is_default.sum(), (~is_default).sum()
    target = np.where(is_default, (bad + 1) / (bad + 2), 1 / (good + 2))
    peer = LogisticRegression(C=np.inf, tol=1e-12, max_iter=10_000)
    peer.fit(
        np.concatenate([margin, margin])[:, None],
        np.repeat([1, 0], margin.size),
        sample_weight=np.concatenate([target, 1 - target]),
    )
    assert line.slope * scaled == pytest.approx(np.ravel(peer.coef_)[0], rel=1e-5)
    assert line.intercept == pytest.approx(np.ravel(peer.intercept_)[0], rel=1e-5)


def test_a_weight_counts_like_repeated_rows() -> None:
    margin, is_default = sample(80)
    weight = np.where(np.arange(80) % 3 == 0, 2.0, 1.0)
    repeated = np.repeat(np.arange(80), weight.astype(int))
    weighted = fit_logit_line(margin, is_default, weight)
    counted = fit_logit_line(margin[repeated], is_default[repeated])
    assert weighted.slope == pytest.approx(counted.slope, rel=1e-8)
    assert weighted.intercept == pytest.approx(counted.intercept, rel=1e-8)


def test_separable_margins_stay_finite() -> None:
    line = fit_logit_line([-2.0, -1.0, 1.0, 2.0], [0, 0, 1, 1])
    assert 0 < line.slope < 10
    # Targets are 3/4 and 1/4, so two firms a side never look certain.
    assert np.all(line.probability([2.0]) < 0.9)


def test_an_outlier_does_not_break_newton() -> None:
    margin, is_default = sample(200)
    margin[0], is_default[0] = 400.0, False
    line = fit_logit_line(margin, ~is_default | (margin > 0))
    assert np.isfinite([line.intercept, line.slope]).all()


def test_a_margin_that_ranks_backwards_is_refused() -> None:
    margin, is_default = sample(300)
    with pytest.raises(CalibrationError, match="does not rank defaults"):
        fit_logit_line(-margin, is_default)


@pytest.mark.parametrize("outcome", [0, 1])
def test_one_outcome_cannot_be_calibrated(outcome: int) -> None:
    with pytest.raises(CalibrationError, match="needs both outcomes"):
        fit_logit_line([0.0, 1.0], [outcome, outcome])


def test_equal_margins_cannot_be_calibrated() -> None:
    with pytest.raises(CalibrationError, match="All margins are equal"):
        fit_logit_line([3.0, 3.0, 3.0], [0, 1, 0])


def test_unsmoothed_separable_outcomes_have_no_line() -> None:
    x = np.array([-2.0, -1.0, 1.0, 2.0])
    with pytest.raises(CalibrationError, match="perfectly separated"):
        logistic_line(x, np.array([0.0, 0.0, 1.0, 1.0]), np.ones(4))


@pytest.mark.parametrize(
    ("margin", "is_default", "weight"),
    [
        ([], [], None),
        ([1.0, np.nan], [0, 1], None),
        ([1.0, 2.0], [0, 1, 1], None),
        ([1.0, 2.0], [0, 1], [1.0, 0.0]),
    ],
)
def test_unusable_columns_are_refused(
    margin: list[float], is_default: list[int], weight: list[float] | None
) -> None:
    with pytest.raises(ModelInputError, match="finite margins, outcomes and positive weights"):
        fit_logit_line(margin, is_default, weight)


@pytest.mark.parametrize("slope", [0.0, -1.0, float("nan"), float("inf")])
def test_a_line_that_does_not_rise_cannot_be_made(slope: float) -> None:
    with pytest.raises(CalibrationError, match="positive slope"):
        LogitLine(0.0, slope)


def test_probability_rises_with_the_margin_and_survives_extremes() -> None:
    line = LogitLine(-1.0, 0.8)
    probability = line.probability([-1e6, -1.0, 0.0, 1.0, 1e6])
    assert np.all(np.diff(probability) > 0)
    assert probability[[0, -1]].tolist() == [0.0, 1.0]
