from dataclasses import replace

import numpy as np
import pytest

from features.definitions import REGISTRY
from models.rating import INVOICE_RATING
from training.fit import fit_rating

NAMES = ("sales_amount_sum_12m_cny", "sales_days_since_last", "purchase_to_sales_ratio_12m")
FEATURES = REGISTRY.select(NAMES)
SPEC = replace(INVOICE_RATING, rounds=60)
RNG = np.random.default_rng(4)
MATRIX = RNG.normal(size=(150, 3))
MATRIX[RNG.random((150, 3)) < 0.1] = np.nan
IS_DEFAULT = RNG.random(150) < 1 / (1 + np.exp(1.2 + 1.3 * np.nan_to_num(MATRIX[:, 0])))


def test_the_same_rows_and_seed_give_the_same_model() -> None:
    first = fit_rating(MATRIX, IS_DEFAULT, SPEC, FEATURES, seed=7)
    second = fit_rating(MATRIX, IS_DEFAULT, SPEC, FEATURES, seed=7)
    assert first.booster.model_to_string() == second.booster.model_to_string()
    assert first.line == second.line


def test_the_number_of_trees_is_one_that_competed() -> None:
    fitted = fit_rating(MATRIX, IS_DEFAULT, SPEC, FEATURES, seed=7)
    assert fitted.trees in {20, 40, 60}
    assert fitted.booster.num_trees() == fitted.trees


@pytest.mark.parametrize(("column", "direction"), [(0, -1), (1, 1)])
def test_directions_hold_over_the_whole_range(column: int, direction: int) -> None:
    fitted = fit_rating(MATRIX, IS_DEFAULT, SPEC, FEATURES, seed=7)
    sweep = np.linspace(-4, 4, 60)
    for other in (-1.0, 0.0, 1.0):
        rows = np.full((60, 3), other)
        rows[:, column] = sweep
        assert (direction * np.diff(fitted.probability(rows)) >= -1e-12).all()
