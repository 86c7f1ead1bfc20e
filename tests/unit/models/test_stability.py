"""Shifts, concentration and migration against hand-worked numbers and second implementations."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from features.errors import ModelInputError
from models.stability import (
    EMPTY_SHARE,
    Bins,
    characteristic_stability,
    concentration,
    migration,
    population_stability,
    quantile_bins,
    shift_of_counts,
)

COUNTS = st.lists(st.integers(0, 500), min_size=2, max_size=8).filter(lambda row: sum(row) > 0)


def test_a_shift_by_hand() -> None:
    # Shares 0.5, 0.3, 0.2 against 0.4, 0.4, 0.2:
    # -0.1 ln(0.8) + 0.1 ln(4/3) + 0 = 0.0223144 + 0.0287682 = 0.0510826
    assert shift_of_counts([50, 30, 20], [40, 40, 20]) == pytest.approx(0.0510826, abs=1e-7)


def test_an_empty_cell_counts_as_the_least_share() -> None:
    # (1e-4 - 0.5) ln(1e-4 / 0.5) + (1 - 0.5) ln(1 / 0.5)
    by_hand = (1e-4 - 0.5) * math.log(1e-4 / 0.5) + 0.5 * math.log(2)
    assert shift_of_counts([50, 50], [0, 80]) == pytest.approx(by_hand, rel=1e-12)
    assert shift_of_counts([50, 50, 0], [0, 80, 0]) == pytest.approx(by_hand, rel=1e-12)


@given(COUNTS, st.data())
def test_a_shift_agrees_with_a_plain_loop(expected: list[int], data: st.DataObject) -> None:
    size = len(expected)
    actual = data.draw(
        st.lists(st.integers(0, 500), min_size=size, max_size=size).filter(lambda row: sum(row) > 0)
    )
    total = 0.0
    for e, a in zip(expected, actual, strict=True):
        before = max(e / sum(expected), EMPTY_SHARE)
        after = max(a / sum(actual), EMPTY_SHARE)
        total += (after - before) * math.log(after / before)
    found = shift_of_counts(expected, actual)
    assert found == pytest.approx(total, abs=1e-12)
    assert found >= 0
    assert shift_of_counts(expected, expected) == 0
    assert found == pytest.approx(shift_of_counts(actual, expected), abs=1e-12)


@pytest.mark.parametrize(
    ("expected", "actual"), [([], []), ([0, 0], [1, 2]), ([1, 2], [0, 0]), ([1, 2], [1, 2, 3])]
)
def test_a_shift_of_nothing_is_refused(expected: list[int], actual: list[int]) -> None:
    with pytest.raises(ModelInputError, match="two non-empty samples counted over the same cells"):
        shift_of_counts(expected, actual)


@given(
    st.lists(st.floats(-50, 50) | st.just(math.nan) | st.just(math.inf), min_size=1, max_size=40),
    st.lists(st.floats(-50, 50), max_size=6, unique=True),
)
def test_cells_are_half_open_and_the_last_is_missing(
    values: list[float], edges: list[float]
) -> None:
    bins = Bins(edges=tuple(sorted(edges)))
    for value, cell in zip(values, bins.cell_of(values).tolist(), strict=True):
        if math.isnan(value):
            assert cell == len(bins) - 1
        else:
            assert cell == sum(edge <= value for edge in edges)
    assert bins.count(values).sum() == len(values)


def test_quantile_cells_hold_about_equally_many() -> None:
    values = np.random.default_rng(1).gamma(2.0, 1.0, 5_000)
    bins = quantile_bins(values, cells=10)
    assert bins.count(values)[:-1].tolist() == [500] * 10
    assert bins.count(values)[-1] == 0


def test_features_are_measured_one_by_one() -> None:
    rng = np.random.default_rng(2)
    before, after = rng.normal(size=(800, 2)), rng.normal(size=(700, 2))
    after[:, 1] += 2
    after[:350, 0] = np.nan
    bins = [quantile_bins(column, cells=10) for column in before.T]
    found = characteristic_stability(before, after, bins)
    each = [population_stability(before[:, k], after[:, k], bins=bins[k]) for k in range(2)]
    assert found.tolist() == each
    # Half of the values gone to a cell that was empty: 0.4999 ln(5000) = 4.258, and as much again
    # spread over ten cells that lost half: 0.5 ln 2 = 0.347, but for chance.
    assert found[0] == pytest.approx(4.258 + 0.347, abs=0.1)
    assert found[1] > 1


def test_concentration_by_hand() -> None:
    # Shares 0.5, 0.3, 0.2, 0: 0.25 + 0.09 + 0.04 = 0.38
    found = concentration([50, 30, 20, 0])
    assert found.herfindahl == pytest.approx(0.38, abs=1e-12)
    assert found.largest_share == 0.5
    with pytest.raises(ModelInputError, match="at least one graded firm"):
        concentration([0, 0])


def test_migration_by_hand() -> None:
    before = ["A"] * 100 + ["B"] * 10 + ["?"]
    after = ["A"] * 60 + ["B"] * 10 + ["C"] * 30 + ["B"] * 10 + ["A"]
    found = migration(before, after, ["A", "B", "C"])
    assert found.counts.tolist() == [[60, 10, 30], [0, 10, 0], [0, 0, 0]]
    # All but the 30 that fell two grades, of 110.
    assert found.within_one_notch == pytest.approx(80 / 110)
    # A to B: (0.6 - 0.1) / sqrt((0.24 + 0.09 + 2 * 0.06) / 100) = 0.5 / 0.0670820
    assert found.upper_p_values[0, 1] == pytest.approx(stats.norm.cdf(0.5 / 0.0670820), abs=1e-9)
    # A to C: (0.1 - 0.3) / sqrt((0.09 + 0.21 + 2 * 0.03) / 100) = -0.2 / 0.06 = -3.3333
    assert found.upper_p_values[0, 2] == pytest.approx(0.000429, abs=1e-6)
    # B to C: (1 - 0) / sqrt(0) says nothing against the hypothesis.
    assert found.upper_p_values[1, 2] == 0.5
    assert np.isnan(found.upper_p_values[np.tril_indices(3)]).all()
    with pytest.raises(ModelInputError, match="graded at both dates"):
        migration(["?"], ["A"], ["A"])


def test_upper_p_values_are_the_chance_of_what_was_seen() -> None:
    # Where both shares are 0.2 of 200, a difference as large as seen or larger comes up as often as
    # the p-value says.
    rng = np.random.default_rng(3)
    draws = rng.multinomial(200, [0.6, 0.2, 0.2], size=4_000)
    p = [
        migration(["A"] * 200, np.repeat(["A", "B", "C"], row), ["A", "B", "C"]).upper_p_values[
            0, 2
        ]
        for row in draws
    ]
    assert np.mean(np.array(p) <= 0.05) == pytest.approx(0.05, abs=0.012)
