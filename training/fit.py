"""Fit one rating model: trees, how many of them, and the calibration line, from its rows alone.

Nothing is chosen outside: the number of trees and the line come from inner folds of the rows
given, so the same call inside an outer fold never sees what is held out there.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import lightgbm as lgb
import numpy as np
import numpy.typing as npt

from features.registry import Registry
from models.calibration import LogitLine, fit_logit_line
from models.rating import Parameter, RatingSpec
from training.splits import Folds, repeated_folds

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

INNER_FOLDS = 5
#: Numbers of trees that compete, by log loss on the inner held-out rows.
TREE_STEP = 20


@dataclass(frozen=True)
class FitPlan:
    """Which rows are used for what; without a plan all rows are used for everything.

    Attributes
    ----------
    folds : Folds
        One repeat; rows of one firm are held out together.
    learns : ndarray of bool, shape (n,)
        Rows that trees grow on and compete on.
    calibrates : ndarray of bool, shape (n,)
        Rows whose held-out margins the line is fitted to.
    """

    folds: Folds
    learns: BoolArray
    calibrates: BoolArray


@dataclass(frozen=True)
class FittedRating:
    """Trees and line of one fit.

    Attributes
    ----------
    booster : lightgbm.Booster
        Truncated to `trees`.
    line : LogitLine
        From inner held-out margins.
    trees : int
    held_out : ndarray of float64, shape (n,)
        Margin of every row from trees that had not seen its firm.
    """

    booster: lgb.Booster
    line: LogitLine
    trees: int
    held_out: FloatArray

    def probability(self, matrix: FloatArray) -> FloatArray:
        """Calibrated probability of default of rows of shape (n, k), shape (n,)."""
        margin = self.booster.predict(matrix, raw_score=True)
        return self.line.probability(np.asarray(margin, dtype=np.float64))


def fit_rating(
    matrix: FloatArray,
    is_default: BoolArray,
    spec: RatingSpec,
    features: Registry,
    *,
    seed: int,
    plan: FitPlan | None = None,
) -> FittedRating:
    """Fit the specification to rows of shape (n, k) and their outcomes of shape (n,)."""
    plan = plan or _every_row(is_default, seed)
    parameters = spec.training_parameters(features, seed=seed)
    names = list(features.names)
    counts = list(range(TREE_STEP, spec.rounds + 1, TREE_STEP))
    held_out = np.empty((len(counts), len(is_default)))
    for _, _, fold, test in plan.folds:
        train = fold[plan.learns[fold]]
        booster = _grow(matrix[train], is_default[train], names, parameters, spec.rounds)
        for place, count in enumerate(counts):
            margin = booster.predict(matrix[test], raw_score=True, num_iteration=count)
            held_out[place, test] = np.asarray(margin, dtype=np.float64)
    losses = np.logaddexp(0.0, np.where(is_default, -held_out, held_out))
    best = int(np.argmin(losses[:, plan.learns].mean(axis=1)))
    line = fit_logit_line(held_out[best, plan.calibrates], is_default[plan.calibrates])
    trees = counts[best]
    rows = plan.learns
    booster = _grow(matrix[rows], is_default[rows], names, parameters, trees)
    return FittedRating(booster, line, trees, held_out[best])


def _every_row(is_default: BoolArray, seed: int) -> FitPlan:
    folds = repeated_folds(is_default, repeats=1, folds=INNER_FOLDS, seed=seed)
    every = np.ones(len(is_default), dtype=np.bool_)
    return FitPlan(folds, every, every)


def _grow(
    matrix: FloatArray,
    is_default: BoolArray,
    names: list[str],
    parameters: Mapping[str, Parameter],
    rounds: int,
) -> lgb.Booster:
    rows = lgb.Dataset(matrix, label=is_default.astype(np.float64), feature_name=names)
    return lgb.train(dict(parameters), rows, num_boost_round=rounds)
