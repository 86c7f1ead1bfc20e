import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics as peer

from features.errors import ModelInputError
from models import metrics
from models.scale import load_scale


def sample(seed: int, n: int = 300, *, rounded: bool = True) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    risk = rng.beta(2, 6, n)
    if rounded:
        risk = np.round(risk, 1).clip(0.05, 0.95)
    return rng.random(n) < risk, risk


ranked = st.lists(st.tuples(st.booleans(), st.integers(0, 6)), min_size=2, max_size=40).filter(
    lambda rows: len({is_default for is_default, _ in rows}) == 2
)


@given(ranked)
def test_auc_is_the_share_of_pairs_won(rows: list[tuple[bool, int]]) -> None:
    y, x = [r[0] for r in rows], [r[1] for r in rows]
    wins = [
        1.0 if b > g else 0.5 if b == g else 0.0
        for b, bad in zip(x, y, strict=True)
        for g, other in zip(x, y, strict=True)
        if bad and not other
    ]
    assert metrics.auc(y, x) == pytest.approx(np.mean(wins), abs=1e-12)
    assert metrics.auc(y, x) == pytest.approx(peer.roc_auc_score(y, x), abs=1e-12)
    assert metrics.gini(y, x) == pytest.approx(2 * np.mean(wins) - 1, abs=1e-12)


@given(ranked)
def test_ks_is_read_from_the_roc_curve(rows: list[tuple[bool, int]]) -> None:
    y, x = np.array([r[0] for r in rows]), np.array([r[1] for r in rows], dtype=float)
    false_rate, true_rate, _ = peer.roc_curve(y, x, drop_intermediate=False)
    assert metrics.ks(y, x) == pytest.approx(np.abs(true_rate - false_rate).max(), abs=1e-12)


def test_ranking_by_hand() -> None:
    # pairs: 0.4>0.1, 0.4=0.4, 0.8>0.1, 0.8>0.4 -> 3.5 of 4; the curves are 1/2 apart at most
    assert metrics.auc([0, 0, 1, 1], [0.1, 0.4, 0.4, 0.8]) == 0.875
    assert metrics.ks([0, 0, 1, 1], [0.1, 0.4, 0.4, 0.8]) == 0.5
    assert metrics.auc([0, 1], [3.0, 3.0]) == 0.5
    assert metrics.ks([0, 1], [3.0, 3.0]) == 0.0


@given(ranked)
def test_average_precision_takes_tied_rows_together(rows: list[tuple[bool, int]]) -> None:
    y, x = np.array([r[0] for r in rows]), np.array([r[1] for r in rows])
    # of each default: the share of defaults among the firms that rank at least as high
    shares = [y[x >= own].mean() for own in x[y]]
    assert metrics.pr_auc(y, x) == pytest.approx(np.mean(shares), abs=1e-12)
    assert metrics.pr_auc(y, x) == pytest.approx(peer.average_precision_score(y, x), abs=1e-12)


def test_average_precision_by_hand() -> None:
    # 0.8: 1 of 1; the tie at 0.4: 2 of 3 -> (1 + 2/3) / 2
    assert metrics.pr_auc([0, 0, 1, 1], [0.1, 0.4, 0.4, 0.8]) == pytest.approx(5 / 6)
    # all tied: the default rate
    assert metrics.pr_auc([0, 0, 0, 1], [2.0] * 4) == 0.25


weighted_rows = st.lists(
    st.tuples(st.booleans(), st.integers(1, 5), st.integers(0, 3)), min_size=2, max_size=25
).filter(lambda rows: len({is_default for is_default, _, weight in rows if weight}) == 2)


@given(weighted_rows)
def test_a_whole_weight_is_so_many_equal_rows(rows: list[tuple[bool, int, int]]) -> None:
    y, x, w = (np.array(column) for column in zip(*rows, strict=True))
    p = x / 6
    for measure in (
        metrics.auc,
        metrics.gini,
        metrics.ks,
        metrics.pr_auc,
        metrics.brier,
        metrics.log_loss,
        metrics.observed_expected,
    ):
        repeated = measure(y.repeat(w), p.repeat(w))
        assert measure(y, p, w) == pytest.approx(repeated, abs=1e-12), measure.__name__


def test_weighted_measures_agree_with_a_second_implementation() -> None:
    y, p = sample(6)
    w = np.random.default_rng(6).exponential(1, y.size)
    for ours, theirs in (
        (metrics.auc, peer.roc_auc_score),
        (metrics.pr_auc, peer.average_precision_score),
        (metrics.brier, peer.brier_score_loss),
        (metrics.log_loss, peer.log_loss),
    ):
        assert ours(y, p, w) == pytest.approx(theirs(y, p, sample_weight=w), abs=1e-12)


def test_a_row_without_weight_is_no_certainty() -> None:
    assert metrics.log_loss([1, 1], [0.0, 0.5], [0, 1]) == pytest.approx(np.log(2))


@pytest.mark.parametrize("weight", [[1.0, -1.0], [1.0, np.nan], [0.0, 0.0], [1.0]])
def test_unusable_weights_are_refused(weight: list[float]) -> None:
    with pytest.raises(ModelInputError, match=r"finite numbers >= 0, one a row and not all 0"):
        metrics.brier([0, 1], [0.2, 0.6], weight)
    with pytest.raises(ModelInputError, match=r"Row weights|Both outcomes"):
        metrics.auc([0, 1], [0.2, 0.6], weight)


def test_an_outcome_without_weight_does_not_count() -> None:
    with pytest.raises(ModelInputError, match="got 0 defaults and 2 others"):
        metrics.auc([0, 0, 1], [0.1, 0.2, 0.6], [1, 1, 0])


def test_observed_to_expected_by_hand() -> None:
    # 2 came, 0.2 + 0.6 + 0.2 + 0.6 = 1.6 were expected
    assert metrics.observed_expected([0, 1, 0, 1], [0.2, 0.6, 0.2, 0.6]) == pytest.approx(1.25)
    with pytest.raises(ModelInputError, match="needs expected defaults"):
        metrics.observed_expected([0, 1], [0.0, 0.0])


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_probability_losses_agree_with_a_second_implementation(seed: int) -> None:
    y, p = sample(seed)
    assert metrics.brier(y, p) == pytest.approx(peer.brier_score_loss(y, p), abs=1e-12)
    assert metrics.log_loss(y, p) == pytest.approx(peer.log_loss(y, p), abs=1e-12)


def test_losses_by_hand() -> None:
    # ((0.2)^2 + (0.4)^2) / 2 = 0.1;  -(ln 0.8 + ln 0.6) / 2 = 0.3670
    assert metrics.brier([0, 1], [0.2, 0.6]) == pytest.approx(0.1)
    assert metrics.log_loss([0, 1], [0.2, 0.6]) == pytest.approx(0.36698, abs=1e-5)
    assert metrics.log_loss([0, 1], [0.0, 1.0]) == 0.0
    assert metrics.log_loss([1, 1], [0.0, 1.0]) == np.inf


def test_calibration_error_by_hand() -> None:
    # bin 1: two rows, rate 0.5, mean 0.15 -> 0.35; bin 9 with p = 1: rate 1, mean 0.95 -> 0.05
    y, p = [0, 1, 1, 1], [0.12, 0.18, 0.9, 1.0]
    assert metrics.expected_calibration_error(y, p) == pytest.approx((2 * 0.35 + 2 * 0.05) / 4)


def test_calibration_line_finds_the_line_that_made_the_sample() -> None:
    rng = np.random.default_rng(11)
    log_odds = rng.normal(-1, 1.5, 200_000)
    y = rng.random(log_odds.size) < 1 / (1 + np.exp(-(0.3 + 0.8 * log_odds)))
    intercept, slope = metrics.calibration_line(y, 1 / (1 + np.exp(-log_odds)))
    assert intercept == pytest.approx(0.3, abs=0.03)
    assert slope == pytest.approx(0.8, abs=0.02)


def test_calibration_line_is_zero_and_one_for_perfect_rates() -> None:
    # 1 of 4 at 0.25 and 3 of 4 at 0.75
    y = [1, 0, 0, 0, 1, 1, 1, 0]
    intercept, slope = metrics.calibration_line(y, [0.25] * 4 + [0.75] * 4)
    assert intercept == pytest.approx(0, abs=1e-9)
    assert slope == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize(
    ("n", "defaults", "probability", "jeffreys", "binomial"),
    [
        (1000, 30, 0.02, 0.016238, 0.020697),
        (1000, 22, 0.02, 0.315471, 0.355441),
        (500, 8, 0.01, 0.095335, 0.132320),
        (200, 0, 0.005, 0.843480, 1.0),
    ],
)
def test_level_tests_meet_the_published_vectors(
    n: int, defaults: int, probability: float, jeffreys: float, binomial: float
) -> None:
    assert metrics.jeffreys_p_value(defaults, n, probability) == pytest.approx(jeffreys, abs=5e-7)
    assert metrics.binomial_p_value(defaults, n, probability) == pytest.approx(binomial, abs=5e-7)


def test_binomial_agrees_with_an_exact_test() -> None:
    exact = stats.binomtest(8, 500, 0.01, alternative="greater").pvalue
    assert metrics.binomial_p_value(8, 500, 0.01) == pytest.approx(exact, abs=1e-12)


def test_jeffreys_interval_inverts_its_own_p_value() -> None:
    low, high = metrics.jeffreys_interval(3, 40, level=0.90)
    assert metrics.jeffreys_p_value(3, 40, low) == pytest.approx(0.05, abs=1e-9)
    assert metrics.jeffreys_p_value(3, 40, high) == pytest.approx(0.95, abs=1e-9)


def test_jeffreys_interval_of_one_firm_by_hand() -> None:
    # d = 0, n = 1: Beta(1/2, 3/2); d = 1 is its mirror image.
    none, one = metrics.jeffreys_interval(0, 1), metrics.jeffreys_interval(1, 1)
    assert none.low == 0.0
    assert one.high == 1.0
    assert none.high == pytest.approx(1 - one.low, abs=1e-12)
    # Beta(1/2, 3/2).cdf(x) = 2/pi * (asin(sqrt x) + sqrt(x (1 - x)))
    x = none.high
    assert 2 / np.pi * (np.arcsin(np.sqrt(x)) + np.sqrt(x * (1 - x))) == pytest.approx(0.95)


@pytest.mark.parametrize(("defaults", "n"), [(0, 0), (-1, 5), (6, 5)])
def test_impossible_counts_are_refused(defaults: int, n: int) -> None:
    with pytest.raises(ModelInputError, match="0 <= defaults <= n"):
        metrics.jeffreys_interval(defaults, n)


def naive_delong(y: np.ndarray, rankings: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Structural components by the double loop of the 1988 paper."""
    tens, zeros = [], []
    for x in rankings:
        wins = np.array([[1.0 if b > g else 0.5 if b == g else 0.0 for g in x[~y]] for b in x[y]])
        tens.append(wins.mean(axis=1))
        zeros.append(wins.mean(axis=0))
    covariance = np.cov(tens) / y.sum() + np.cov(zeros) / (~y).sum()
    return np.array([t.mean() for t in tens]), np.atleast_2d(covariance)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_delong_agrees_with_the_double_loop(seed: int) -> None:
    y, first = sample(seed, n=60)
    second = np.round(first + np.random.default_rng(seed).normal(0, 0.2, y.size), 1)
    areas, covariance = naive_delong(y, [first, second])
    variance = covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]
    found = metrics.auc_difference(y, first, second, level=0.95)
    assert found.difference == pytest.approx(areas[0] - areas[1], abs=1e-12)
    assert found.high - found.low == pytest.approx(2 * 1.959964 * np.sqrt(variance), rel=1e-6)
    z = (areas[0] - areas[1]) / np.sqrt(variance)
    assert found.p_value == pytest.approx(2 * stats.norm.cdf(-abs(z)), rel=1e-9)


def test_equivalent_rankings_do_not_differ() -> None:
    y, risk = sample(5)
    found = metrics.auc_difference(y, risk, 10 * risk + 1)
    assert found == (0.0, 0.0, 0.0, 1.0)


def test_auc_interval_by_the_logit_transform() -> None:
    y, risk = sample(4, n=80)
    areas, covariance = naive_delong(y, [risk, risk])
    area, spread = areas[0], np.sqrt(covariance[0, 0])
    low, high = metrics.auc_interval(y, risk, level=0.90)
    reach = 1.644854 * spread / (area * (1 - area))
    assert np.log(low / (1 - low)) == pytest.approx(np.log(area / (1 - area)) - reach, abs=1e-6)
    assert np.log(high / (1 - high)) == pytest.approx(np.log(area / (1 - area)) + reach, abs=1e-6)
    assert 0 < low < area < high < 1


def test_perfect_ranking_has_no_delong_interval() -> None:
    assert np.isnan(metrics.auc_interval([0, 0, 1, 1], [1.0, 2.0, 3.0, 4.0])).all()


def test_auc_interval_covers_about_as_often_as_it_says() -> None:
    # Two normals one apart: AUC = Phi(1 / sqrt 2) = 0.7602.
    rng = np.random.default_rng(20)
    y = np.repeat([True, False], [40, 120])
    truth, hits = stats.norm.cdf(1 / np.sqrt(2)), 0
    for _ in range(400):
        low, high = metrics.auc_interval(y, rng.normal(0, 1, 160) + y, level=0.90)
        hits += low <= truth <= high
    assert 0.85 <= hits / 400 <= 0.95


@pytest.mark.parametrize("measure", [metrics.auc, metrics.ks, metrics.calibration_line])
def test_one_outcome_has_no_ranking(measure: object) -> None:
    assert callable(measure)
    with pytest.raises(ModelInputError, match=r"Both outcomes are needed, got 0 defaults and 2"):
        measure([0, 0], [0.1, 0.2])


def test_unusable_samples_are_refused() -> None:
    with pytest.raises(ModelInputError, match="without missing values"):
        metrics.auc([0, 1], [0.1, np.nan])
    with pytest.raises(
        ModelInputError, match=r"of one length, got shapes .*; 1.2 is no probability"
    ):
        metrics.brier([0, 1], [0.1, 1.2])
    with pytest.raises(ModelInputError, match="strictly between 0 and 1"):
        metrics.calibration_line([0, 1], [0.0, 0.5])
    with pytest.raises(ModelInputError, match=r"nan is no probability"):
        metrics.brier([0, 1], [0.1, np.nan])
    with pytest.raises(ModelInputError, match=r"At least one row is needed"):
        metrics.log_loss([], [])
    with pytest.raises(ModelInputError, match=r"got shapes \(3,\) and \(2,\)"):
        metrics.pr_auc([0, 1, 1], [0.1, 0.2])


@pytest.mark.parametrize("outcome", [[0, np.nan], [0, None], [0, 2]])
def test_an_unknown_outcome_is_no_default(outcome: list[object]) -> None:
    for measure in (metrics.auc, metrics.brier, metrics.observed_expected):
        with pytest.raises(ModelInputError, match=r"must be 0 or 1, got (nan|2.0) in row 1"):
            measure(np.array(outcome), [0.1, 0.2])


def test_every_grade_has_its_rate() -> None:
    scale = load_scale(scale_id="xinqiao-2026")
    score = [700, 660, 610, 600, 300]
    rates = metrics.grade_rates(scale, score, [0, 1, 0, 0, 1])
    assert list(rates) == ["AAA", "AA", "A", "BBB", "BB", "B", "CCC", "CC", "C"]
    assert (rates["AAA"].n, rates["AAA"].defaults) == (2, 1)
    assert (rates["BBB"].n, rates["BBB"].defaults) == (2, 0)
    assert rates["BBB"].low == 0.0
    assert rates["C"].high == 1.0
    assert (rates["B"].n, rates["B"].low, rates["B"].high) == (0, None, None)
