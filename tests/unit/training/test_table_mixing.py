import numpy as np

from models.tree_model import read_ensemble
from training.table.bagging import booster_of
from training.table.mixing import Mix
from training.table.settings import Encoding, Limit, load_rules
from training.table.trees import Columns, Rows
from training.table.trials import Trial, best_few

COLUMNS = Columns(("c0", "c1", "c2"), (0,), (0, 0, 0), levels=(0,), rates=(1,))
RULES = load_rules()


def rows() -> Rows:
    """A level of many, its rate and a number."""
    rng = np.random.default_rng(6)
    level = np.asarray(rng.integers(0, 90, 900), dtype=np.int64)
    rate = rng.random(90)
    number = rng.normal(size=900)
    is_positive = rng.random(900) < 1 / (1 + np.exp(-4 * (rate[level] - 0.5) - number))
    return Rows(
        np.column_stack([level.astype(np.float64), rate[level], number]), is_positive, np.ones(900)
    )


def trial(encoding: Encoding, loss: float, trees: int, *, is_pruned: bool = False) -> Trial:
    candidate = RULES.candidates[0].model_copy(update={"encoding": encoding, "min_rows": 5})
    return Trial(candidate, (loss,), trees, is_pruned)


LEVELS, RATES = trial("levels", 0.2, 30), trial("rates", 0.1, 20)


def margin(mix: Mix, bags: int) -> np.ndarray:
    return read_ensemble(mix.grow(rows(), COLUMNS, bags)).margin(rows().matrix)


def test_a_mix_is_the_mean_of_its_trials_in_one_exact_model() -> None:
    text = Mix((RATES, LEVELS), RULES, 7).grow(rows(), COLUMNS, 4)
    both = read_ensemble(text).margin(rows().matrix)
    # Four bags of two trials: two seeds of each.
    alone = [margin(Mix((one,), RULES, 7), 2) for one in (RATES, LEVELS)]
    assert np.abs(both - np.mean(alone, axis=0)).max() < 1e-12
    booster = booster_of(text)
    assert np.array_equal(np.asarray(booster.predict(rows().matrix, raw_score=True)), both)
    # One tells by the rate and the other by the level itself: the mix has splits on both.
    assert (booster.feature_importance() > 0).all()
    assert text.count("\nTree=") == 2 * (20 + 30)


def test_a_mix_of_many_trees_takes_fewer_seeds() -> None:
    few = RULES.model_copy(update={"most_trees": Limit(value=99, unit="-", source="test")})
    # 20 + 30 trees a seed; a second seed would make 100.
    assert Mix((RATES, LEVELS), few, 7).grow(rows(), COLUMNS, 4).count("\nTree=") == 50


def test_the_best_few_are_finished_and_in_order() -> None:
    pruned, worst = trial("both", 0.05, 10, is_pruned=True), trial("both", 0.3, 10)
    assert best_few((worst, LEVELS, pruned, RATES), 2) == (RATES, LEVELS)
    assert best_few((LEVELS, pruned), 3) == (LEVELS,)
