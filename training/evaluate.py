"""How good a rating is on firms it has not seen, with intervals that say how sure we are.

Every figure comes from repeated stratified folds; every interval from drawing firms with
replacement, because which firms happened to be in the sample is what we are unsure about. It does
not hold the spread from retraining on other firms, and with a hundred firms it is wide.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from features.errors import CalibrationError
from models.manifest import GradeRate
from models.metrics import auc, brier, calibration_line, grade_rates, ks, log_loss
from models.rating import RatingSpec
from models.scale import Scale
from training.cohort import Cohort
from training.fit import fit_rating
from training.splits import Folds, repeated_folds

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

REPEATS, FOLDS = 10, 5
DRAWS = 2_000
LEVEL = 0.95

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Estimate:
    """A figure with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Validation:
    """What repeated cross-validation says about one way of fitting.

    Attributes
    ----------
    probability : ndarray of shape (repeats, n)
        Out-of-fold probabilities of default.
    folds : Folds
    fold_auc_sd : float
        Standard deviation of the AUC over test folds.
    """

    probability: FloatArray
    folds: Folds
    is_default: BoolArray
    auc: Estimate
    fold_auc_sd: float
    ks: Estimate
    brier: Estimate
    log_loss: Estimate
    calibration_slope: Estimate
    calibration_intercept: Estimate
    trees: tuple[int, ...]

    @property
    def mean_probability(self) -> FloatArray:
        """One probability a firm: the mean of its log-odds over the repeats, shape (n,)."""
        log_odds = np.log(self.probability / (1 - self.probability)).mean(axis=0)
        return 1 / (1 + np.exp(-log_odds))

    def grades(self, scale: Scale, level: float) -> dict[str, GradeRate]:
        """Defaults by grade, each firm graded by models that had not seen it."""
        scores = scale.score_of(self.mean_probability)
        return grade_rates(scale, scores, self.is_default, level)


def validate(
    cohort: Cohort, spec: RatingSpec, *, seed: int, on_progress: Progress | None = None
) -> Validation:
    """Fit and predict through every fold of the cohort.

    Parameters
    ----------
    on_progress : callable, optional
        Told `(folds done, folds in all)`.
    """
    folds = repeated_folds(cohort.is_default, repeats=REPEATS, folds=FOLDS, seed=seed)
    probability = np.empty(folds.fold_of.shape)
    trees: list[int] = []
    for done, (repeat, fold, train, test) in enumerate(folds):
        if on_progress is not None:
            on_progress(done, len(folds))
        fitted = fit_rating(
            cohort.matrix[train],
            cohort.is_default[train],
            spec,
            cohort.features,
            seed=seed + repeat * FOLDS + fold,
        )
        probability[repeat, test] = fitted.probability(cohort.matrix[test])
        trees.append(fitted.trees)
    if on_progress is not None:
        on_progress(len(folds), len(folds))
    return judge(cohort.is_default, probability, folds, seed=seed, trees=tuple(trees))


def judge(
    is_default: BoolArray,
    probability: FloatArray,
    folds: Folds,
    *,
    seed: int,
    trees: tuple[int, ...] = (),
) -> Validation:
    """Turn out-of-fold probabilities into figures; the same for our model and for any peer."""
    rng = np.random.default_rng(seed)
    draws = draw_firms(is_default, DRAWS, rng)
    aucs = fold_aucs(is_default, probability, folds)

    def over_repeats(metric: Callable[[BoolArray, FloatArray], float]) -> Estimate:
        value = float(np.mean([metric(is_default, row) for row in probability]))
        mean = probability.mean(axis=0)
        drawn = np.array([metric(is_default[rows], mean[rows]) for rows in draws[: DRAWS // 4]])
        # The draws see the repeats' mean probability; their spread is moved to the figure itself.
        shifted = drawn[np.isfinite(drawn)] + (value - metric(is_default, mean))
        low, high = np.quantile(shifted, _ends()) if len(shifted) else (np.nan, np.nan)
        return Estimate(value, float(low), float(high))

    return Validation(
        probability=probability,
        folds=folds,
        is_default=is_default,
        auc=auc_estimate(is_default, probability, folds, draws),
        fold_auc_sd=float(aucs.std(ddof=1)),
        ks=over_repeats(ks),
        brier=over_repeats(brier),
        log_loss=over_repeats(log_loss),
        calibration_slope=over_repeats(_slope),
        calibration_intercept=over_repeats(_intercept),
        trees=trees,
    )


def fold_aucs(is_default: BoolArray, probability: FloatArray, folds: Folds) -> FloatArray:
    """AUC of every test fold, shape (folds,); firms of different folds are never compared."""
    return np.array(
        [auc(is_default[test], probability[repeat, test]) for repeat, _, _, test in folds]
    )


def draw_firms(
    is_default: BoolArray, draws: int, rng: np.random.Generator
) -> npt.NDArray[np.int64]:
    """Rows drawn with replacement within each outcome, shape (draws, n)."""
    bad, good = np.flatnonzero(is_default), np.flatnonzero(~is_default)
    return np.concatenate(
        [rng.choice(bad, (draws, len(bad))), rng.choice(good, (draws, len(good)))], axis=1
    )


def auc_estimate(
    is_default: BoolArray, probability: FloatArray, folds: Folds, draws: npt.NDArray[np.int64]
) -> Estimate:
    """Mean AUC over test folds, with the interval from drawing firms."""
    drawn = drawn_aucs(is_default, probability, folds, draws)
    low, high = np.quantile(drawn, _ends())
    value = float(fold_aucs(is_default, probability, folds).mean())
    return Estimate(value, float(low), float(high))


def auc_difference(ours: Validation, theirs: Validation, *, seed: int) -> Estimate:
    """Mean AUC difference over the same test folds, firms drawn for both sides at once.

    Raises
    ------
    ValueError
        If the two were not judged on the same folds.
    """
    if not np.array_equal(ours.folds.fold_of, theirs.folds.fold_of):
        raise ValueError("A paired difference needs both models on the same folds.")
    draws = draw_firms(ours.is_default, DRAWS, np.random.default_rng(seed))
    mine = drawn_aucs(ours.is_default, ours.probability, ours.folds, draws)
    other = drawn_aucs(theirs.is_default, theirs.probability, theirs.folds, draws)
    low, high = np.quantile(mine - other, _ends())
    return Estimate(ours.auc.value - theirs.auc.value, float(low), float(high))


def drawn_aucs(
    is_default: BoolArray, probability: FloatArray, folds: Folds, draws: npt.NDArray[np.int64]
) -> FloatArray:
    """Mean fold AUC of every draw of firms, shape (draws,).

    A draw gives each firm a weight, the number of times it was drawn; a fold's AUC is then a
    weighted share of its pairs, so nothing is sorted again.
    """
    count = draws.shape[0]
    weights = np.zeros((count, len(is_default)))
    np.add.at(weights, (np.arange(count)[:, None], draws), 1.0)
    total, used = np.zeros(count), np.zeros(count)
    for repeat, _, _, test in folds:
        bad, good = test[is_default[test]], test[~is_default[test]]
        p = probability[repeat]
        wins = np.sign(p[bad][:, None] - p[good][None, :]) / 2 + 0.5
        wb, wg = weights[:, bad], weights[:, good]
        pairs = wb.sum(axis=1) * wg.sum(axis=1)
        won = np.einsum("db,bg,dg->d", wb, wins, wg, optimize=True)
        has_both = pairs > 0
        total[has_both] += won[has_both] / pairs[has_both]
        used += has_both
    return total / used


def recency_report(
    cohort: Cohort,
    spec: RatingSpec,
    full: Validation,
    *,
    seed: int,
    on_progress: Progress | None = None,
) -> dict[str, Estimate]:
    """What features that know how long ago the last record was carry of the AUC.

    Where a label has no date, a firm may have stopped invoicing because it had defaulted already;
    such features would then describe the default, not foresee it.

    Returns
    -------
    dict of str to Estimate
        `without_recency` and `recency_only` (AUC), `carried_by_recency` (paired difference).
    """
    recent = [feature.name for feature in cohort.features if feature.is_recency]
    others = [feature.name for feature in cohort.features if not feature.is_recency]
    without = validate(cohort.select(others), spec, seed=seed, on_progress=on_progress)
    alone = validate(cohort.select(recent), spec, seed=seed, on_progress=on_progress)
    return {
        "without_recency": without.auc,
        "recency_only": alone.auc,
        "carried_by_recency": auc_difference(full, without, seed=seed),
    }


def _slope(is_default: BoolArray, probability: FloatArray) -> float:
    return _line(is_default, probability)[1]


def _intercept(is_default: BoolArray, probability: FloatArray) -> float:
    return _line(is_default, probability)[0]


def _line(is_default: BoolArray, probability: FloatArray) -> tuple[float, float]:
    """Calibration line of a sample; NaN where the outcomes are separated and there is none."""
    try:
        return calibration_line(is_default, probability)
    except CalibrationError:
        return float("nan"), float("nan")


def _ends() -> list[float]:
    return [(1 - LEVEL) / 2, (1 + LEVEL) / 2]
