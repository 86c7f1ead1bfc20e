"""Fit one rating model: trees, how many of them, and the calibration line, from its rows alone.

Nothing is chosen outside: the number of trees and the line come from inner folds of the rows
given, so the same call inside an outer fold never sees what is held out there.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import lightgbm as lgb
import numpy as np
import numpy.typing as npt

from features.registry import Registry
from models.calibration import LogitLine, fit_logit_line
from models.rating import Parameter, RatingSpec
from training.consent import mask
from training.splits import Folds, repeated_folds

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.int64]
FoldDone = Callable[[int, float], None]

INNER_FOLDS = 5
#: Numbers of trees that compete, by log loss on the inner held-out rows.
TREE_STEP = 20
_LEAF = "min_data_in_leaf"


@dataclass(frozen=True)
class FitPlan:
    """Which rows are used for what; without a plan all rows are used for everything.

    Attributes
    ----------
    folds : Folds
        One repeat; rows of one firm are held out together.
    learns : ndarray of bool, shape (n,)
        Rows on which numbers of trees compete.
    calibrates : ndarray of bool, shape (n,)
        Rows whose held-out margins the line is fitted to.
    weight : ndarray of float64, shape (n,), optional
        Of rows when trees grow; 0 leaves a row out. By default 1 where `learns`.
    withheld : ndarray of bool, shape (n, k), optional
        Features that a second copy of each row goes without. Both copies count half, wherever rows
        count: in the trees, in their number and in the line.
    """

    folds: Folds
    learns: BoolArray
    calibrates: BoolArray
    weight: FloatArray | None = None
    withheld: BoolArray | None = None

    def lesson(self, matrix: FloatArray, is_default: BoolArray, rows: IntArray) -> "Lesson":
        """What trees grow on, of these rows; shape (m,)."""
        weight = (self.learns.astype(np.float64) if self.weight is None else self.weight)[rows]
        rows, weight = rows[weight > 0], weight[weight > 0]
        if self.withheld is None:
            return Lesson(matrix[rows], is_default[rows], weight)
        both = np.vstack([matrix[rows], mask(matrix[rows], self.withheld[rows])])
        return Lesson(both, np.tile(is_default[rows], 2), np.tile(weight / 2, 2))

    def of(self, rows: IntArray) -> "FitPlan":
        """The same plan for some of the rows."""
        return FitPlan(
            folds=Folds(self.folds.fold_of[:, rows]),
            learns=self.learns[rows],
            calibrates=self.calibrates[rows],
            weight=None if self.weight is None else self.weight[rows],
            withheld=None if self.withheld is None else self.withheld[rows],
        )

    @property
    def copies(self) -> int:
        """How often a row comes into a lesson."""
        return 1 if self.withheld is None else 2


@dataclass(frozen=True)
class Lesson:
    """Rows that trees grow on, their outcomes and weights."""

    matrix: FloatArray
    is_default: BoolArray
    weight: FloatArray


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
    loss : float
        Log loss of those, before the line; lower is better.
    """

    booster: lgb.Booster
    line: LogitLine
    trees: int
    held_out: FloatArray
    loss: float

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
    held_out = held_out_margins(matrix, is_default, spec, features, seed=seed, plan=plan)
    losses = _losses(held_out, is_default, plan.learns)
    best = int(np.argmin(losses))
    rows, outcome = plan.calibrates, is_default[plan.calibrates]
    seen = held_out[:, best, rows]
    weight = np.full(seen.size, 1 / plan.copies)
    line = fit_logit_line(seen.ravel(), np.tile(outcome, plan.copies), weight)
    trees = TREE_STEP * (best + 1)
    lesson = plan.lesson(matrix, is_default, np.arange(len(is_default)))
    parameters = _parameters(spec, features, seed, plan)
    booster = _grow(lesson, list(features.names), parameters, trees)
    return FittedRating(booster, line, trees, held_out[0, best], float(losses[best]))


def held_out_loss(
    matrix: FloatArray,
    is_default: BoolArray,
    spec: RatingSpec,
    features: Registry,
    *,
    seed: int,
    plan: FitPlan,
    on_fold: FoldDone | None = None,
) -> float:
    """Log loss of held-out rows with the best number of trees, without the last fit."""
    held_out = held_out_margins(
        matrix, is_default, spec, features, seed=seed, plan=plan, on_fold=on_fold
    )
    return float(_losses(held_out, is_default, plan.learns).min())


def held_out_margins(
    matrix: FloatArray,
    is_default: BoolArray,
    spec: RatingSpec,
    features: Registry,
    *,
    seed: int,
    plan: FitPlan,
    on_fold: FoldDone | None = None,
) -> FloatArray:
    """Margins of held-out rows by copy and number of trees, shape (copies, rounds / TREE_STEP, n).

    Parameters
    ----------
    on_fold : callable, optional
        Told `(folds done, log loss so far)`; what it raises ends the work.
    """
    parameters, names = _parameters(spec, features, seed, plan), list(features.names)
    starts = range(0, spec.rounds - TREE_STEP + 1, TREE_STEP)
    held_out = np.full((plan.copies, len(starts), len(is_default)), np.nan)
    for _, fold, train, test in plan.folds:
        lesson = plan.lesson(matrix, is_default, train)
        booster = _grow(lesson, names, parameters, spec.rounds)
        copies = [matrix[test]]
        if plan.withheld is not None:
            copies.append(mask(matrix[test], plan.withheld[test]))
        for copy, rows in enumerate(copies):
            margin = np.zeros(len(test))
            for place, start in enumerate(starts):
                margin += _margin(booster, rows, start)
                held_out[copy, place, test] = margin
        if on_fold is not None:
            on_fold(fold + 1, float(_losses(held_out, is_default, plan.learns).min()))
    return held_out


def _losses(held_out: FloatArray, is_default: BoolArray, learns: BoolArray) -> FloatArray:
    """Mean log loss of the rows that have a margin yet, by number of trees."""
    rows = learns & ~np.isnan(held_out[0, 0])
    margin = held_out[:, :, rows]
    found: FloatArray = np.logaddexp(0.0, np.where(is_default[rows], -margin, margin)).mean(
        axis=(0, 2)
    )
    return found


def _parameters(
    spec: RatingSpec, features: Registry, seed: int, plan: FitPlan
) -> dict[str, Parameter]:
    """A leaf needs so many rows, however often each comes."""
    found = spec.training_parameters(features, seed=seed)
    return {**found, _LEAF: int(str(found[_LEAF])) * plan.copies} if _LEAF in found else found


def _every_row(is_default: BoolArray, seed: int) -> FitPlan:
    folds = repeated_folds(is_default, repeats=1, folds=INNER_FOLDS, seed=seed)
    every = np.ones(len(is_default), dtype=np.bool_)
    return FitPlan(folds, every, every)


def _margin(booster: lgb.Booster, rows: FloatArray, start: int) -> FloatArray:
    """What the next trees add."""
    added = booster.predict(rows, raw_score=True, start_iteration=start, num_iteration=TREE_STEP)
    return np.asarray(added, dtype=np.float64)


def _grow(
    lesson: Lesson, names: list[str], parameters: Mapping[str, Parameter], rounds: int
) -> lgb.Booster:
    rows = lgb.Dataset(
        lesson.matrix,
        label=lesson.is_default.astype(np.float64),
        weight=None if bool((lesson.weight == 1).all()) else lesson.weight,
        feature_name=names,
    )
    return lgb.train(dict(parameters), rows, num_boost_round=rounds)
