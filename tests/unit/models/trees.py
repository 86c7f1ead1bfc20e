"""Models and rows that go looking for trouble, shared by the tests of trees and contributions."""

from dataclasses import dataclass
from functools import cache

import lightgbm as lgb
import numpy as np
import numpy.typing as npt

from models.margin_kernels import ZERO_BAND
from models.tree_model import TreeEnsemble, read_ensemble

FloatArray = npt.NDArray[np.float64]
Parameter = str | int | float | bool | list[int]

FEATURES = 12
#: Columns with whole codes of a category.
CATEGORIES = (5, 7)
KINDS: dict[str, dict[str, Parameter]] = {
    "depth 4": {"max_depth": 4, "num_leaves": 16},
    "depth 6": {"max_depth": 6, "num_leaves": 31},
    "categories": {"max_depth": 5, "categorical_feature": list(CATEGORIES), "cat_smooth": 1.0},
    "one-hot categories": {
        "max_depth": 4,
        "categorical_feature": list(CATEGORIES),
        "max_cat_to_onehot": 64,
    },
    "zero as missing": {"max_depth": 5, "zero_as_missing": True, "categorical_feature": [5]},
    "no missing": {"max_depth": 5, "use_missing": False, "categorical_feature": [5]},
    "monotone": {"max_depth": 4, "monotone_constraints": [1, 0, 0, -1] + [0] * 8},
    "single leaves": {"min_data_in_leaf": 1900},
    "some single leaves": {"max_depth": 3},
    "many leaves": {
        "num_leaves": 200,
        "max_depth": 9,
        "min_data_in_leaf": 2,
        "num_iterations": 6,
        "interaction_constraints": "[0,1,2,3,5],[4,6,7,8]",
    },
}


@dataclass(frozen=True, eq=False)
class Trained:
    booster: lgb.Booster
    text: str
    ensemble: TreeEnsemble
    sample: FloatArray


def firms(rows: int, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    """Amounts of both signs with zeros, two categories, 12 % missing; and a label."""
    matrix = np.round(rng.gamma(1.5, 2.0, (rows, FEATURES)), 3)
    matrix *= np.where(rng.random(matrix.shape) < 0.3, -1.0, 1.0)
    matrix[rng.random(matrix.shape) < 0.1] = 0.0
    for column in CATEGORIES:
        matrix[:, column] = rng.integers(0, 70, rows)
    known = matrix.copy()
    matrix[rng.random(matrix.shape) < 0.12] = np.nan
    risk = 0.4 * known[:, 0] + 0.2 * known[:, 1] * known[:, 2] - known[:, 3]
    risk += 2.0 * (known[:, 5] % 3 == 0) + (known[:, 7] % 5 == 0) + rng.normal(0.0, 2.0, rows)
    return matrix, (risk > 0.5).astype(np.float64)


def train(
    matrix: FloatArray, label: FloatArray, parameters: dict[str, Parameter], rounds: int = 60
) -> lgb.Booster:
    fixed: dict[str, Parameter] = {
        "objective": "binary",
        "verbosity": -1,
        "num_threads": 1,
        "deterministic": True,
        "force_row_wise": True,
        "min_data_per_group": 5,
        "seed": 1,
    }
    given = {"num_iterations": rounds, **fixed, **parameters}
    rounds = int(str(given.pop("num_iterations")))
    categories = given.pop("categorical_feature", [])
    data = lgb.Dataset(matrix, label, categorical_feature=categories)  # pyright: ignore[reportArgumentType] - a list of columns
    return lgb.train(given, data, num_boost_round=rounds)


@cache
def trained(kind: str) -> Trained:
    matrix, label = firms(2000, np.random.default_rng(7))
    booster = train(matrix, label, KINDS[kind])
    text = booster.model_to_string()
    if kind == "some single leaves":
        text = with_single_leaves(text)
        booster = lgb.Booster(model_str=text)
    return Trained(booster, text, read_ensemble(text), matrix)


def with_single_leaves(text: str) -> str:
    """Make every third tree one leaf; training stops at such a tree, but a text may hold some."""
    head, _, rest = text.partition("\ntree_sizes=")
    line, _, rest = rest.partition("\n\n")
    trees: list[str] = []
    for number, size in enumerate(map(int, line.split())):
        tree, rest = rest[:size], rest[size:]
        empty = ("split_feature", "split_gain", "threshold", "decision_type", "left_child")
        empty += ("right_child", "leaf_weight", "internal_value", "internal_weight")
        single = "".join(f"{key}=\n" for key in (*empty, "internal_count"))
        single = f"Tree={number}\nnum_leaves=1\nnum_cat=0\n{single}leaf_value=-0.25\nleaf_count=2\n"
        trees.append(f"{single}is_linear=0\nshrinkage=1\n\n\n" if number % 3 == 1 else tree)
    sizes = " ".join(str(len(tree)) for tree in trees)
    return f"{head}\ntree_sizes={sizes}\n\n{''.join(trees)}{rest}"


def hostile_rows(
    model: TreeEnsemble, sample: FloatArray, rows: int, *, seed: int = 3
) -> FloatArray:
    """Real rows with half their values replaced by whatever sits badly."""
    rng = np.random.default_rng(seed)
    at = model.threshold
    tiny = (1e-35, ZERO_BAND, float(np.nextafter(ZERO_BAND, 1.0)), 1e-36, 5e-324)
    codes = (-1.0, -0.5, 0.5, 2.7, 31, 32, 33, 63, 64, 69.9, 70, 500, 2.0**31 - 1, 2.0**31, 3e9)
    values = np.concatenate(
        [
            np.repeat(at, 2),
            np.nextafter(at, np.inf),
            np.nextafter(at, -np.inf),
            np.repeat([np.nan, np.inf, -np.inf, 0.0, -0.0], 20),
            np.repeat([*tiny, *(-value for value in tiny), 1e300, -1e300], 4),
            np.repeat([*codes, 2.0**32 + 3, 1e18], 4),
        ]
    )
    found = sample[rng.integers(0, len(sample), rows)].copy()
    is_bad = rng.random(found.shape) < 0.5
    found[is_bad] = rng.choice(values, int(is_bad.sum()))
    return found
