"""Chances of approval: the belief without answers, calibrated with them, and never better for a worse letter."""

from datetime import date
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import isotonic_regression

from features.errors import ModelDocumentError
from models.arrays import BoolArray, FloatArray, IntArray
from models.matching.approval import Outcomes, falling, fit_chances
from models.matching.chances import Chances, believed, load_belief, read_chances
from models.matching.reliability import reliability
from tests.unit.models.test_ranking import product

DAY = date(2026, 6, 30)
BELIEF = load_belief(DAY)
FAMILIES = ["credit", "mortgage", "pledge", "guarantee"]


def drawn(
    rng: np.random.Generator, truth: FloatArray, n: int
) -> tuple[IntArray, IntArray, BoolArray]:
    """Products, letters and answers of n applications."""
    at, letter = rng.integers(0, len(truth), n), rng.integers(0, truth.shape[1], n)
    return at, letter, rng.random(n) < truth[at, letter]


def counted(shape: tuple[int, int], at: IntArray, letter: IntArray, which: BoolArray) -> IntArray:
    counts = np.zeros(shape, dtype=np.int64)
    np.add.at(counts, (at[which], letter[which]), 1)
    return counts


def outcomes(answered: IntArray, granted: IntArray, shown: int = 0, applied: int = 0) -> Outcomes:
    p = len(answered)
    names = [f"P{n}" for n in range(p)]
    families = [FAMILIES[n % 4] for n in range(p)]
    return Outcomes(names, families, answered, granted, np.full(p, shown), np.full(p, applied))


def test_after_simulated_answers_what_is_said_comes_true_and_the_belief_alone_does_not() -> None:
    rng = np.random.default_rng(0)
    # Lenders far stricter than believed, each family and product with a habit of its own.
    lean = np.repeat(rng.normal(-1.2, 0.7, 10), 4)[:, None] + rng.normal(0, 0.5, (40, 1))
    truth = 1 / (1 + np.exp(-(lean - np.linspace(-2, 3, 10))))
    at, letter, granted = drawn(rng, truth, 30_000)
    everyone = np.ones(30_000, dtype=np.bool_)
    fitted = fit_chances(
        outcomes(counted((40, 10), at, letter, everyone), counted((40, 10), at, letter, granted)),
        BELIEF,
        DAY,
    )
    at, letter, granted = drawn(rng, truth, 4_000)
    said = np.array([fitted.products[f"P{n}"].approve for n in range(40)])[at, letter]
    assert sum(one.is_calibrated for one in reliability(granted, said, level=0.99)) >= 9
    alone = reliability(granted, BELIEF.curve[letter], level=0.99)
    assert sum(one.is_calibrated for one in alone) <= 2


def test_without_answers_it_is_the_belief_and_says_so() -> None:
    nothing = np.zeros((2, 10), dtype=np.int64)
    found = fit_chances(outcomes(nothing, nothing), BELIEF, DAY)
    assert found == believed(BELIEF)
    assert found.fitted_on is None
    table = found.of([product("P0", "A")])
    assert table.approve[:, 0].tolist()[:10] == list(BELIEF.approve.values())
    assert (table.answered.tolist(), found.place("AAA"), found.place(None)) == ([0], 0, 10)


def test_a_few_answers_move_a_product_a_little_and_others_less() -> None:
    answered = np.zeros((3, 10), dtype=np.int64)
    granted = answered.copy()
    answered[0, 4] = granted[0, 4] = 20
    found = fit_chances(outcomes(answered, granted, shown=50, applied=10), BELIEF, DAY)
    # Letter BB of all: (0.5 x 20 + 20) / 40 = 0.75, over BBB's 0.60 and A's 0.68, which weigh 20 each: pooled
    # (0.68 x 20 + 0.60 x 20 + 0.75 x 40) / 80 = 0.695, under AA's 0.75.
    assert found.everything.approve[:6] == pytest.approx([0.80, 0.75, 0.695, 0.695, 0.695, 0.38])
    assert found.everything.answered == found.products["P0"].answered == 20
    # The product leans on all, its family being itself: BB (0.695 x 20 + 20) / 40 = 0.8475, pooled with
    # AA, A and BBB: (0.75 x 20 + 0.695 x 20 + 0.695 x 20 + 0.8475 x 40) / 100 = 0.767, under AAA's 0.80.
    assert found.products["P0"].approve[:5] == pytest.approx([0.80, 0.767, 0.767, 0.767, 0.767])
    assert found.products["P1"].approve[4] == pytest.approx(0.695)
    # 30 of 150 applied: (0.08 x 100 + 30) / 250
    assert found.everything.apply == pytest.approx(0.152)
    new = found.of([product("NEW", "A", guarantee=["mortgage"])])
    assert new.approve[4, 0] == pytest.approx(found.families["mortgage"].approve[4])
    assert new.answered.tolist() == [0]


def test_no_answers_make_a_worse_letter_the_better_one() -> None:
    rng = np.random.default_rng(3)
    answered = rng.integers(0, 400, (12, 10))
    upside_down = (answered * np.linspace(0.05, 0.95, 10)).astype(np.int64)
    found = fit_chances(outcomes(answered, upside_down), BELIEF, DAY)
    curves = [found.everything, *found.families.values(), *found.products.values()]
    assert all((np.diff(one.approve) <= 1e-9).all() for one in curves)
    table = found.of([product(f"P{n}", "A") for n in range(12)])
    assert (np.diff(table.approve[:10], axis=0) <= 1e-9).all()


def test_falling_is_isotonic_regression() -> None:
    rng = np.random.default_rng(5)
    values, weights = rng.random((50, 10)), rng.uniform(0.5, 40, (50, 10))
    found = falling(values, weights)
    for row in range(50):
        second = isotonic_regression(values[row], weights=weights[row], increasing=False)
        np.testing.assert_allclose(found[row], second.x, atol=1e-12)


def test_what_is_written_is_read_and_a_broken_file_says_so(tmp_path: Path) -> None:
    answered = np.full((2, 10), 7, dtype=np.int64)
    found = fit_chances(outcomes(answered, answered // 2), BELIEF, DAY)
    path = tmp_path / "chances.json"
    assert read_chances(path, BELIEF) == believed(BELIEF)
    path.write_text(found.model_dump_json(), encoding="utf-8")
    assert read_chances(path, BELIEF) == found
    old = Chances.model_validate(found.model_dump() | {"letters": ["A", "B"]})
    path.write_text(old.model_dump_json(), encoding="utf-8")
    assert read_chances(path, BELIEF) == believed(BELIEF)
    path.write_text("{", encoding="utf-8")
    with pytest.raises(ModelDocumentError, match="the next refit writes it again"):
        read_chances(path, BELIEF)
