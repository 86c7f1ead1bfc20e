"""How well a probability of default ranks, and how far its level can be believed.

Every function takes outcomes first and treats a higher `risk` as riskier. Ties count half.
Intervals are closed forms, so the same sample always gives the same numbers; they take every row for
a firm of its own. A row weight counts a row as so many rows.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from features.errors import ModelInputError
from models.arrays import BoolArray, FloatArray
from models.calibration import logistic_line
from models.manifest import GradeRate
from models.samples import (
    outcomes,
    probability_sample,
    ranked_sample,
    require_both,
    require_counts,
    row_weights,
)
from models.scale import Scale


class Interval(NamedTuple):
    """Lower and upper end."""

    low: float
    high: float


class AucDifference(NamedTuple):
    """AUC of the first ranking less that of the second, on the same rows.

    `p_value` is two-sided, of no difference.
    """

    difference: float
    low: float
    high: float
    p_value: float


def auc(is_default: ArrayLike, risk: ArrayLike, weight: ArrayLike | None = None) -> float:
    """Area under the ROC curve: the chance that a default ranks above another firm.

    Parameters
    ----------
    is_default, risk : array_like of shape (n,)
    weight : array_like of shape (n,), optional
        Row weights >= 0; a pair counts the product of its two.

    Returns
    -------
    float
        0..1, 0.5 for a ranking without information; ties count half.

    Raises
    ------
    ModelInputError
        If one outcome is missing: an AUC of one class is nothing.

    Examples
    --------
    >>> auc([0, 0, 1, 1], [0.1, 0.4, 0.4, 0.8])
    0.875
    """
    bad, good = _by_value(is_default, risk, weight)
    return float(bad @ (np.cumsum(good) - good / 2) / (bad.sum() * good.sum()))


def gini(is_default: ArrayLike, risk: ArrayLike, weight: ArrayLike | None = None) -> float:
    """Gini coefficient (accuracy ratio), `2 * AUC - 1`; arguments and errors as for `auc`."""
    return 2 * auc(is_default, risk, weight) - 1


def ks(is_default: ArrayLike, risk: ArrayLike, weight: ArrayLike | None = None) -> float:
    """Largest distance between the score distributions of defaults and others [0..1].

    Read from the ROC curve, whose points stand between different values only: tied rows move
    together. Arguments and errors as for `auc`.

    Examples
    --------
    >>> ks([0, 0, 1, 1], [0.1, 0.4, 0.4, 0.8])
    0.5
    """
    bad, good = _by_value(is_default, risk, weight)
    return float(np.abs(np.cumsum(good) / good.sum() - np.cumsum(bad) / bad.sum()).max())


def pr_auc(is_default: ArrayLike, risk: ArrayLike, weight: ArrayLike | None = None) -> float:
    """Average precision: mean share of defaults among the firms ranked at or above a default.

    Returns
    -------
    float
        0..1, higher = better; the default rate for a ranking without information, so compare only
        within one sample. Tied rows enter together. Arguments and errors as for `auc`.

    Notes
    -----
    sum (R_k - R_k-1) P_k over the different values of the risk, riskiest first; no interpolation,
    which would flatter: Davis and Goadrich 2006.

    Examples
    --------
    >>> pr_auc([0, 0, 1, 1], [0.1, 0.4, 0.4, 0.8])  # 1/2 * 1/1 + 1/2 * 2/3
    0.8333333333333333
    """
    bad, good = (side[::-1] for side in _by_value(is_default, risk, weight))
    taken = np.cumsum(bad + good)
    precision = np.divide(np.cumsum(bad), taken, out=np.zeros_like(taken), where=taken > 0)
    return float(bad @ precision / bad.sum())


def brier(is_default: ArrayLike, probability: ArrayLike, weight: ArrayLike | None = None) -> float:
    """Mean squared distance of probability and outcome [0..1], lower = better."""
    y, p = probability_sample(is_default, probability)
    return float(np.average((p - y) ** 2, weights=row_weights(weight, y)))


def log_loss(
    is_default: ArrayLike, probability: ArrayLike, weight: ArrayLike | None = None
) -> float:
    """Mean negative log-likelihood [nats], lower = better; infinite if a certainty was wrong."""
    y, p = probability_sample(is_default, probability)
    w = row_weights(weight, y)
    counted = w > 0
    with np.errstate(divide="ignore"):
        loss = -np.log(np.where(y, p, 1 - p)[counted])
    return float(np.average(loss, weights=w[counted]))


def observed_expected(
    is_default: ArrayLike, probability: ArrayLike, weight: ArrayLike | None = None
) -> float:
    """Defaults that came of those expected; above 1 the probabilities were too low.

    Raises
    ------
    ModelInputError
        If no default was expected at all: then there is no ratio.

    Examples
    --------
    >>> observed_expected([0, 1, 0, 1], [0.2, 0.6, 0.2, 0.6])
    1.25
    """
    y, p = probability_sample(is_default, probability)
    w = row_weights(weight, y)
    expected = float(w @ p)
    if expected == 0:
        raise ModelInputError(
            en="Observed to expected needs expected defaults, got probabilities that are all 0.",
            zh="实际与预期之比要求预期违约数大于 0，现概率全部为 0。",
        )
    return float(w @ y) / expected


def calibration_line(is_default: ArrayLike, probability: ArrayLike) -> tuple[float, float]:
    """Intercept and slope of a logistic regression of the outcome on logit(probability).

    Returns
    -------
    tuple of float
        (0, 1) is perfect. A slope below 1 says the probabilities are too extreme.

    Raises
    ------
    ModelInputError
        If a probability is 0 or 1, or one outcome is missing.
    CalibrationError
        If the outcomes are perfectly separated.

    Notes
    -----
    Source: Cox 1958, Two further applications of a model for binary regression.
    """
    y, p = probability_sample(is_default, probability)
    if bool(np.any((p == 0) | (p == 1))):
        raise ModelInputError(
            en="A calibration line needs probabilities strictly between 0 and 1.",
            zh="校准直线要求概率严格介于 0 与 1 之间。",
        )
    require_both(y)
    return logistic_line(np.log(p) - np.log1p(-p), y.astype(np.float64), np.ones_like(p))


def expected_calibration_error(
    is_default: ArrayLike, probability: ArrayLike, *, bins: int = 10
) -> float:
    """Mean distance of default rate and mean probability over bins of equal width [0..1].

    Bins are weighted by their rows. Source: Naeini et al. 2015. Known to be biased upwards in small
    samples; read it beside the calibration line.
    """
    y, p = probability_sample(is_default, probability)
    place = np.minimum((p * bins).astype(np.int64), bins - 1)
    distance = np.bincount(place, weights=y - p, minlength=bins)
    return float(np.abs(distance).sum() / y.size)


def jeffreys_interval(defaults: int, n: int, level: float = 0.90) -> Interval:
    """Jeffreys interval of a default rate.

    Parameters
    ----------
    defaults, n : int
        Defaults among n firms, n >= 1.
    level : float
        Coverage, in (0, 1).

    Returns
    -------
    Interval
        Equal-tailed quantiles of Beta(d + 1/2, n - d + 1/2); the end is 0 where d = 0 and 1 where
        d = n. Source: Brown, Cai, DasGupta 2001, §4.1.2.

    Examples
    --------
    >>> [round(end, 4) for end in jeffreys_interval(2, 40)]
    [0.0145, 0.1316]
    """
    require_counts(defaults, n)
    tail = (1 - level) / 2
    low, high = stats.beta.ppf([tail, 1 - tail], defaults + 0.5, n - defaults + 0.5)
    return Interval(0.0 if defaults == 0 else float(low), 1.0 if defaults == n else float(high))


def jeffreys_p_value(defaults: int, n: int, probability: float) -> float:
    """Posterior chance that the true rate is at most `probability`; small = PD too low.

    Source: ECB, Instructions for reporting the validation results of internal models (2019), §2.5.
    """
    require_counts(defaults, n)
    return float(stats.beta.cdf(probability, defaults + 0.5, n - defaults + 0.5))


def binomial_p_value(defaults: int, n: int, probability: float) -> float:
    """Chance of at least so many defaults if the rate were `probability`; small = PD too low."""
    require_counts(defaults, n)
    return float(stats.binom.sf(defaults - 1, n, probability))


def auc_interval(is_default: ArrayLike, risk: ArrayLike, level: float = 0.90) -> Interval:
    """Interval of the AUC by DeLong's variance on the logit scale.

    Returns
    -------
    Interval
        Within (0, 1); both ends are NaN for an AUC of exactly 0 or 1, of which DeLong's variance is
        0 and says nothing.

    Notes
    -----
    Source: DeLong et al. 1988; logit transform: Pepe 2003, The Statistical Evaluation of Medical
    Tests, §5.2.
    """
    y, x = ranked_sample(is_default, risk)
    area = auc(y, x)
    if area in {0.0, 1.0}:
        return Interval(float("nan"), float("nan"))
    _, covariance = _delong(y, [x])
    spread = float(np.sqrt(covariance[0, 0])) / (area * (1 - area))
    reach = float(stats.norm.ppf((1 + level) / 2)) * spread
    centre = float(np.log(area / (1 - area)))
    ends = 1 / (1 + np.exp(-np.array([centre - reach, centre + reach])))
    return Interval(float(ends[0]), float(ends[1]))


def auc_difference(
    is_default: ArrayLike, risk: ArrayLike, other_risk: ArrayLike, level: float = 0.90
) -> AucDifference:
    """DeLong's paired comparison of two rankings of the same firms.

    Returns
    -------
    AucDifference
        `auc(risk) - auc(other_risk)` with its interval; where both rankings are equivalent the
        width is 0 and the p-value 1.

    Notes
    -----
    Source: DeLong, DeLong, Clarke-Pearson 1988; midranks: Sun and Xu 2014.
    """
    y, first = ranked_sample(is_default, risk)
    _, second = ranked_sample(is_default, other_risk)
    areas, covariance = _delong(y, [first, second])
    difference = float(areas[0] - areas[1])
    variance = float(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])
    spread = float(np.sqrt(max(variance, 0.0)))
    reach = float(stats.norm.ppf((1 + level) / 2)) * spread
    if spread > 0:
        p_value = 2 * float(stats.norm.sf(abs(difference) / spread))
    else:
        p_value = 1.0 if difference == 0 else 0.0
    return AucDifference(difference, difference - reach, difference + reach, p_value)


def grade_rates(
    scale: Scale, score: ArrayLike, is_default: ArrayLike, level: float = 0.90
) -> dict[str, GradeRate]:
    """Default rate of every grade in a validation sample, with its Jeffreys interval.

    Parameters
    ----------
    score : array_like of shape (n,)
        Integer scores of rows the model was not fitted on.
    is_default : array_like of shape (n,)
    level : float
        Coverage of the interval.

    Returns
    -------
    dict of str to GradeRate
        Every grade the model can give, best first; a grade without firms has no interval.
    """
    codes, y = scale.grade_of(score), outcomes(is_default)
    found: dict[str, GradeRate] = {}
    for grade in scale.version.grades:
        inside = codes == grade.code
        n, defaults = int(inside.sum()), int(y[inside].sum())
        ends = jeffreys_interval(defaults, n, level) if n else None
        found[grade.code] = GradeRate(
            n=n,
            defaults=defaults,
            low=ends.low if ends else None,
            high=ends.high if ends else None,
        )
    return found


def _delong(y: BoolArray, rankings: Sequence[FloatArray]) -> tuple[FloatArray, FloatArray]:
    """AUCs and their covariance from structural components, by midranks."""
    bad, good = int(y.sum()), int((~y).sum())
    of_bad = np.empty((len(rankings), bad))
    of_good = np.empty((len(rankings), good))
    for place, x in enumerate(rankings):
        overall = stats.rankdata(x)
        of_bad[place] = (overall[y] - stats.rankdata(x[y])) / good
        of_good[place] = 1 - (overall[~y] - stats.rankdata(x[~y])) / bad
    return of_bad.mean(axis=1), _covariance(of_bad) / bad + _covariance(of_good) / good


def _covariance(components: FloatArray) -> FloatArray:
    """Sample covariance of rows; a single case has no spread to show."""
    centred = components - components.mean(axis=1, keepdims=True)
    return centred @ centred.T / max(components.shape[1] - 1, 1)


def _by_value(
    is_default: ArrayLike, risk: ArrayLike, weight: ArrayLike | None
) -> tuple[FloatArray, FloatArray]:
    """Weight of defaults and of others at each different risk, safest first."""
    y, x = ranked_sample(is_default, risk)
    w = row_weights(weight, y)
    require_both(y[w > 0])
    values, place = np.unique(x, return_inverse=True)
    bad, good = (np.bincount(place, w * side, values.size).astype(np.float64) for side in (y, ~y))
    return bad, good
