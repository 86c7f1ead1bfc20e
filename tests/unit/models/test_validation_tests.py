from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from features.errors import ModelInputError
from models.limits import load_limits
from models.scale import load_scale
from models.validation_tests import grade_tests, hosmer_lemeshow, level_test, spiegelhalter

LIMITS = load_limits(date(2026, 11, 1))
SCALE = load_scale(scale_id="xinqiao-2026")


def expand(groups: list[tuple[str, int, int, float]]) -> tuple[list[int], list[float], list[str]]:
    """Rows of groups given as (code, n, defaults, probability)."""
    y = [int(k < d) for _, n, d, _ in groups for k in range(n)]
    p = [probability for _, n, _, probability in groups for _ in range(n)]
    return y, p, [code for code, n, _, _ in groups for _ in range(n)]


def test_hosmer_lemeshow_by_hand() -> None:
    # a: (4 - 10 * 0.2)^2 / (10 * 0.2 * 0.8) = 4 / 1.6 = 2.5
    # b: (9 - 20 * 0.5)^2 / (20 * 0.5 * 0.5) = 1 / 5  = 0.2
    # c: as many came as expected, which adds nothing
    y, p, group = expand([("a", 10, 4, 0.2), ("b", 20, 9, 0.5), ("c", 10, 1, 0.1)])
    found = hosmer_lemeshow(y, p, group, in_sample=False)
    assert found.statistic == pytest.approx(2.7)
    assert found.degrees == 3
    assert found.p_value == pytest.approx(stats.chi2(3).sf(2.7))
    assert hosmer_lemeshow(y, p, group, in_sample=True).degrees == 1
    # the chi-square tail with two degrees has a closed form: exp(-x / 2) for x
    y2, p2, group2 = expand([("a", 10, 4, 0.2), ("b", 20, 9, 0.5)])
    found = hosmer_lemeshow(y2, p2, group2, in_sample=False)
    assert found.p_value == pytest.approx(np.exp(-2.7 / 2))


@given(
    st.lists(
        st.tuples(st.booleans(), st.floats(0.01, 0.99), st.sampled_from("abc")),
        min_size=1,
        max_size=40,
    ),
)
def test_hosmer_lemeshow_is_pearsons_chi_square_of_both_outcomes_in_any_order(
    rows: list[tuple[bool, float, str]],
) -> None:
    y, p, g = (np.array(column) for column in zip(*rows, strict=True))
    # (D - E)^2 / E + (D - E)^2 / (N - E) = (D - E)^2 / (E (1 - E / N))
    pearson = sum(
        (came[g == code].sum() - expected[g == code].sum()) ** 2 / expected[g == code].sum()
        for code in set(g)
        for came, expected in ((y, p), (~y, 1 - p))
    )
    found = hosmer_lemeshow(y, p, g, in_sample=False)
    assert found.statistic == pytest.approx(pearson, rel=1e-9, abs=1e-9)
    assert found.degrees == len(set(g))
    again = hosmer_lemeshow(y[::-1], p[::-1], g[::-1], in_sample=False)
    assert again.statistic == pytest.approx(found.statistic, rel=1e-9, abs=1e-9)


def test_spiegelhalter_by_hand() -> None:
    # numerator: (1 - .2)(.6) + (0 - .2)(.6) + (0 - .4)(.2) = .48 - .12 - .08 = 0.28
    # variance: 2 * .36 * .16 + .04 * .24 = 0.1152 + 0.0096 = 0.1248
    found = spiegelhalter([1, 0, 0], [0.2, 0.2, 0.4])
    assert found.statistic == pytest.approx(0.28 / np.sqrt(0.1248))
    assert found.p_value == pytest.approx(2 * stats.norm.cdf(-0.28 / np.sqrt(0.1248)))
    assert found.degrees is None


def test_spiegelhalter_is_the_brier_score_against_its_own_expectation() -> None:
    rng = np.random.default_rng(2)
    p = rng.beta(1, 5, 50)
    y = rng.random(50) < p
    brier = (y - p) ** 2
    # E[(y - p)^2] = p (1 - p), Var[(y - p)^2] = (1 - 2 p)^2 p (1 - p)
    z = (brier - p * (1 - p)).sum() / np.sqrt(((1 - 2 * p) ** 2 * p * (1 - p)).sum())
    assert spiegelhalter(y, p).statistic == pytest.approx(z, rel=1e-9)


def test_right_probabilities_are_doubted_about_as_often_as_said() -> None:
    rng = np.random.default_rng(7)
    p = np.repeat([0.02, 0.05, 0.1, 0.3], 500)
    draws = [rng.random(p.size) < p for _ in range(400)]
    for_groups = np.array([hosmer_lemeshow(y, p, p, in_sample=False).p_value for y in draws])
    for_brier = np.array([spiegelhalter(y, p).p_value for y in draws])
    # 400 draws at 5 %: 20 expected, standard deviation 4.4
    assert 7 <= (for_groups < 0.05).sum() <= 33
    assert 7 <= (for_brier < 0.05).sum() <= 33


def test_probabilities_too_low_and_too_high_are_found() -> None:
    rng = np.random.default_rng(8)
    p = np.repeat([0.02, 0.05, 0.1, 0.3], 500)
    y = rng.random(p.size) < 1.6 * p
    assert hosmer_lemeshow(y, p, p, in_sample=False).p_value < 1e-4
    assert spiegelhalter(y, p).statistic > 2.58
    assert spiegelhalter(rng.random(p.size) < 0.6 * p, p).statistic < -2.58


def test_level_tests_refuse_what_cannot_be_tested() -> None:
    with pytest.raises(ModelInputError, match=r"Group 'b' has a mean probability of 0 or 1"):
        hosmer_lemeshow([0, 1], [0.5, 0.0], ["a", "b"], in_sample=False)
    with pytest.raises(ModelInputError, match=r"at least 3 groups, got 2"):
        hosmer_lemeshow([0, 1], [0.5, 0.5], ["a", "b"], in_sample=True)
    with pytest.raises(ModelInputError, match=r"needs its group, got shape \(1,\)"):
        hosmer_lemeshow([0, 1], [0.5, 0.5], ["a"], in_sample=False)
    with pytest.raises(ModelInputError, match=r"probability other than 0, 1/2 and 1"):
        spiegelhalter([0, 1], [0.5, 1.0])
    with pytest.raises(ModelInputError, match=r"At least one row is needed"):
        spiegelhalter([], [])


@pytest.mark.parametrize(
    ("n", "defaults", "probability", "jeffreys", "binomial", "light"),
    [
        (1000, 30, 0.02, 0.016238, 0.020697, "amber"),
        (1000, 22, 0.02, 0.315471, 0.355441, "green"),
        (500, 8, 0.01, 0.095335, 0.132320, "green"),
        (200, 0, 0.005, 0.843480, 1.0, "green"),
        # Beta(3/2, 1/2).cdf(x) = 2/pi * (asin(sqrt x) - sqrt(x (1 - x))); at 0.01: 2/pi * 0.00066868
        (1, 1, 0.01, 0.0004257, 0.01, "red"),
    ],
)
def test_a_level_test_has_both_p_values_and_a_light(
    n: int, defaults: int, probability: float, jeffreys: float, binomial: float, light: str
) -> None:
    found = level_test("all", n, defaults, probability, limits=LIMITS, level=0.90)
    assert found.p_value == pytest.approx(jeffreys, abs=5e-7)
    assert found.binomial_p_value == pytest.approx(binomial, abs=5e-7)
    assert found.light == light
    assert found.observed_rate == defaults / n


def test_every_grade_is_tested_against_its_own_mean_probability() -> None:
    # BBB: two probabilities, mean (0.015 + 0.02) / 2; B: 200 firms at 5 %, 25 defaults of 10
    y, p, _ = expand([("", 100, 2, 0.015), ("", 100, 1, 0.02), ("", 200, 25, 0.05)])
    found = {test.code: test for test in grade_tests(SCALE, y, p, limits=LIMITS, level=0.90)}
    assert list(found) == ["AAA", "AA", "A", "BBB", "BB", "B", "CCC", "CC", "C"]
    assert found["BBB"][:3] == ("BBB", 200, 3)
    assert found["BBB"].mean_probability == pytest.approx(0.0175)
    assert found["BBB"].light == "green"
    assert found["B"].light == "red"
    assert found["B"].p_value == pytest.approx(stats.beta(25.5, 175.5).cdf(0.05))
    interval = found["B"].interval
    assert interval is not None
    assert interval.low < 25 / 200 < interval.high
    assert found["AAA"] == ("AAA", 0, 0, None, None, None, None, None, None)
