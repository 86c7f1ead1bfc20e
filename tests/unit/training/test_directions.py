"""A turn against a direction is found, and a fit that turns is made again by the strict method."""

from dataclasses import dataclass, replace

import lightgbm as lgb
import numpy as np
import pytest

from features.contracts import Words
from features.errors import BundleError
from features.registry import Direction, Feature, Registry
from models.calibration import LogitLine
from models.directions import largest_turn, sweep_values, swept_rows, turned_columns
from models.rating import INVOICE_RATING, RatingSpec
from models.tree_model import TreeEnsemble, read_ensemble
from training.directions import METHOD, fit_to_directions
from training.fit import FittedRating

RNG = np.random.default_rng(3)
MATRIX = np.round(RNG.normal(size=(400, 2)), 3)
#: Risk is highest in the middle of column 0, and rises with column 1.
OUTCOME = (np.abs(MATRIX[:, 0]) < 0.5) | (MATRIX[:, 1] > 1)


def grown(*, first: int, second: int) -> lgb.Booster:
    parameters = {
        "objective": "binary",
        "verbosity": -1,
        "num_leaves": 8,
        "monotone_constraints": [first, second],
        "num_threads": 1,
        "seed": 1,
    }
    rows = lgb.Dataset(MATRIX, label=OUTCOME.astype(float), feature_name=["hump", "rise"])
    return lgb.train(parameters, rows, num_boost_round=10)


def ensemble(booster: lgb.Booster) -> TreeEnsemble:
    return read_ensemble(booster.model_to_string())


def column(name: str, direction: Direction) -> Feature:
    words = Words(zh=name, en=name)
    return Feature(name, "1", {}, "ratio", direction, "unknown", "R01", words)


FEATURES = Registry((column("hump", 1), column("rise", 1)))


def test_a_hump_turns_in_both_directions_and_a_held_column_in_none() -> None:
    free, held = ensemble(grown(first=0, second=0)), ensemble(grown(first=1, second=1))
    rows = swept_rows(MATRIX)
    assert largest_turn(free, rows, 0, 1) > 0.1
    assert largest_turn(free, rows, 0, -1) > 0.1
    assert turned_columns(held, MATRIX, {0: 1, 1: 1}) == []
    assert turned_columns(free, MATRIX, {0: 1, 1: 0}) == [0]
    # Rising all the way is a turn for whoever wants it to fall.
    assert turned_columns(held, MATRIX, {1: -1}) == [1]


def test_a_sweep_stands_on_both_sides_of_every_threshold() -> None:
    free = ensemble(grown(first=0, second=0))
    thresholds = np.unique(free.threshold[free.feature == 0])
    values = sweep_values(free, 0)
    assert set(thresholds) <= set(values)
    assert set(np.nextafter(thresholds, np.inf)) <= set(values)
    assert values[0] < thresholds[0]
    assert values[-1] > thresholds[-1]


@dataclass
class Bench:
    """Fits that turn until the strict method is asked for, or for ever."""

    mends: bool
    asked: list[str]

    def fit(self, spec: RatingSpec) -> FittedRating:
        self.asked.append(str(spec.parameters[METHOD]))
        is_sound = self.mends and self.asked[-1] == "basic"
        booster = grown(first=int(is_sound), second=1)
        return FittedRating(booster, LogitLine(0.0, 1.0), 10, np.zeros(400), 0.5)


def test_a_fit_that_turns_is_made_again_by_the_strict_method() -> None:
    bench = Bench(mends=True, asked=[])
    _, spec = fit_to_directions(bench.fit, INVOICE_RATING, FEATURES, MATRIX)
    assert bench.asked == ["intermediate", "basic"]
    assert spec == replace(
        INVOICE_RATING, parameters={**INVOICE_RATING.parameters, METHOD: "basic"}
    )


def test_a_fit_that_turns_even_so_is_refused() -> None:
    bench = Bench(mends=False, asked=[])
    with pytest.raises(BundleError, match="turn against the direction of hump"):
        fit_to_directions(bench.fit, INVOICE_RATING, FEATURES, MATRIX)
