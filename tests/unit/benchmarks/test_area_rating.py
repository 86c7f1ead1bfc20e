import numpy as np
import pytest

from benchmarks.area_rating import auc_difference_interval, mean_auc

TARGET = np.array([0, 0, 1, 1] * 10)
RIGHT = np.array([[0.1, 0.2, 0.8, 0.9] * 10])
HALF_RIGHT = np.array([[0.1, 0.8, 0.2, 0.9] * 10])


def test_auc_is_averaged_over_repeats() -> None:
    # Four kinds of pairs: 0.2 over 0.1, 0.9 over 0.1 and 0.8 are right, 0.2 over 0.8 is not: 3 / 4.
    assert mean_auc(TARGET, HALF_RIGHT) == pytest.approx(0.75)
    assert mean_auc(TARGET, np.vstack([RIGHT, HALF_RIGHT])) == pytest.approx(0.875)


def test_the_interval_of_a_difference_holds_it_and_is_zero_against_oneself() -> None:
    assert auc_difference_interval(TARGET, RIGHT, RIGHT, draws=100) == (0.0, 0.0)
    low, high = auc_difference_interval(TARGET, RIGHT, HALF_RIGHT, draws=100)
    assert 0 < low < 0.25 < high < 0.6
