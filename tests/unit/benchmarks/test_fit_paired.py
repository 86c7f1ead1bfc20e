import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from benchmarks.fit_paired import DRAWS, HeldOut, Sides, draw_rows, drawn_aucs


def test_auc_counts_pairs_with_ties_half_under_every_weight() -> None:
    is_positive = np.array([True, False, True, False])
    risk = np.array([0.2, 0.2, 0.9, 0.5])
    weight = np.array([[1.0, 1, 1, 1], [2, 1, 0, 1], [0, 1, 0, 1]])
    # as they are: 0.2 ties 0.2 (1/2) and loses to 0.5; 0.9 wins twice: 2.5 of 4
    # 0.9 not drawn, 0.2 twice: 2 * 1/2 of 2 * 2 pairs; last: no positive drawn
    found = drawn_aucs(is_positive, risk, weight)
    np.testing.assert_array_equal(found, [0.625, 0.25, np.nan])


def test_auc_agrees_with_scikit_learn() -> None:
    rng = np.random.default_rng(3)
    is_positive, risk = rng.random(200) < 0.3, rng.integers(0, 20, 200) / 20
    weight = rng.integers(0, 4, (5, 200)).astype(np.float64)
    theirs = [roc_auc_score(is_positive, risk, sample_weight=one) for one in weight]
    np.testing.assert_allclose(drawn_aucs(is_positive, risk, weight), theirs, rtol=1e-12)


def test_draws_keep_outcomes_and_groups_together() -> None:
    unit = np.repeat(np.arange(12), 3)
    is_positive = (unit < 4) & (np.arange(36) % 3 == 2)  # the last row of four groups
    drawn = draw_rows(is_positive, unit, seed=1)
    assert drawn.shape == (1 + DRAWS, 36)
    assert (drawn[0] == 1).all()
    np.testing.assert_array_equal(drawn[:, ::3], drawn[:, 2::3])
    assert set(drawn[:, is_positive].sum(axis=1)) == {4.0}
    assert set(drawn.sum(axis=1)) == {36.0}
    assert (drawn[1:] != 1).any()


def test_sides_are_compared_on_the_same_draws() -> None:
    rng = np.random.default_rng(5)
    is_positive = rng.random(300) < 0.4
    noise = rng.normal(size=300)
    better = is_positive * 1.5 + noise
    folds = [
        HeldOut(rows, {"a": better[rows], "same": 2 * better[rows] + 1, "b": noise[rows]})
        for rows in np.array_split(np.arange(300), 3)
    ]
    sides = Sides(is_positive, folds, draw_rows(is_positive, None, seed=2))
    equal = sides.difference("a", "same")
    assert (equal.value, equal.low, equal.high) == (0.0, 0.0, 0.0)
    ahead = sides.difference("a", "b")
    assert 0 < ahead.low < ahead.value < ahead.high
    by_fold = [roc_auc_score(is_positive[f.rows], f.probability["a"]) for f in folds]
    assert sides.auc("a").value == pytest.approx(np.mean(by_fold), abs=1e-12)
