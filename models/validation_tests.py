"""Tests of the level of a probability of default: overall, by group, and by grade with a light.

All of them take rows as independent. Where a firm has several rows its defaults come together, so
the p-values are too small; give one row a firm, or read them as a warning rather than as a chance.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from features.errors import ModelInputError
from models.arrays import IntArray, TextArray
from models.limits import Light, Limits
from models.metrics import Interval, binomial_p_value, jeffreys_interval, jeffreys_p_value
from models.samples import probability_sample
from models.scale import Scale


class TestResult(NamedTuple):
    """A test statistic, its degrees of freedom (None for a normal one), and how rare it is.

    A small `p_value` speaks against the probabilities.
    """

    __test__ = False  # a result, not a class of tests to collect

    statistic: float
    degrees: int | None
    p_value: float


class GradeTest(NamedTuple):
    """One grade's probabilities against its defaults.

    `p_value` is Jeffreys's and gives the light; both p-values ask only whether the probability is
    too low. Without firms the figures and the light are None: nothing was tested.
    """

    code: str
    n: int
    defaults: int
    mean_probability: float | None
    observed_rate: float | None
    interval: Interval | None
    p_value: float | None
    binomial_p_value: float | None
    light: Light | None


def hosmer_lemeshow(
    is_default: ArrayLike, probability: ArrayLike, group: ArrayLike, *, in_sample: bool
) -> TestResult:
    """Whether defaults by group are as many as the mean probabilities say.

    Parameters
    ----------
    is_default, probability : array_like of shape (n,)
    group : array_like of shape (n,)
        Label of each row's group, for instance its grade.
    in_sample : bool
        Whether the model or its calibration was fitted on these rows, which costs two degrees of
        freedom.

    Returns
    -------
    TestResult
        Statistic >= 0, chi-square with as many degrees as groups (less 2 in sample).

    Raises
    ------
    ModelInputError
        If a group's mean probability is 0 or 1, or no degree of freedom is left.

    Notes
    -----
    sum (D - N p)^2 / (N p (1 - p)) over the groups. The chi-square law needs about five expected
    defaults a group; a grade of which less is expected rejects too easily. Source: Hosmer, Lemeshow,
    Sturdivant, Applied Logistic Regression, 3rd ed., §5.2.2.
    """
    y, p = probability_sample(is_default, probability)
    codes, place = _groups(group, y.shape)
    n, defaults, expected = (np.bincount(place, of, codes.size) for of in (np.ones(y.size), y, p))
    variance = expected * (1 - expected / n)
    if not bool(np.all(variance > 0)):
        code = codes[np.flatnonzero(~(variance > 0))[0]]
        raise ModelInputError(
            en=f"Group '{code}' has a mean probability of 0 or 1, which leaves nothing to test. Give "
            "probabilities strictly between.",
            zh=f"组 '{code}' 的平均概率为 0 或 1，无法检验。请提供严格介于两者之间的概率。",
        )
    degrees = codes.size - 2 * in_sample
    if degrees < 1:
        raise ModelInputError(
            en=f"Hosmer and Lemeshow in sample needs at least 3 groups, got {codes.size}.",
            zh=f"样本内的 Hosmer–Lemeshow 检验至少需要 3 组，现有 {codes.size} 组。",
        )
    statistic = float(((defaults - expected) ** 2 / variance).sum())
    return TestResult(statistic, degrees, float(stats.chi2.sf(statistic, degrees)))


def spiegelhalter(is_default: ArrayLike, probability: ArrayLike) -> TestResult:
    """Whether the Brier score is as large as the probabilities themselves lead to expect.

    Returns
    -------
    TestResult
        A standard normal statistic with its two-sided p-value. With probabilities below 1/2, above
        0 says that more defaults came than expected.

    Raises
    ------
    ModelInputError
        If every probability is 0, 1/2 or 1: then the Brier score cannot vary.

    Notes
    -----
    sum (y - p)(1 - 2 p) / sqrt(sum (1 - 2 p)^2 p (1 - p)). Source: Spiegelhalter 1986, Probabilistic
    prediction in patient management and clinical trials.
    """
    y, p = probability_sample(is_default, probability)
    spread = float(np.sqrt(((1 - 2 * p) ** 2 * p * (1 - p)).sum()))
    if spread == 0:
        raise ModelInputError(
            en="Spiegelhalter's test needs a probability other than 0, 1/2 and 1, got none.",
            zh="Spiegelhalter 检验要求至少有一个概率不等于 0、1/2 或 1，现没有。",
        )
    z = float(((y - p) * (1 - 2 * p)).sum()) / spread
    return TestResult(z, None, 2 * float(stats.norm.sf(abs(z))))


def level_test(
    code: str, n: int, defaults: int, mean_probability: float, *, limits: Limits, level: float
) -> GradeTest:
    """Test one group of firms, a grade or the whole sample, against its mean probability.

    Parameters
    ----------
    code : str
        Name of the group.
    level : float
        Coverage of the Jeffreys interval, in (0, 1).

    Examples
    --------
    >>> from datetime import date
    >>> from models.limits import load_limits
    >>> found = level_test(
    ...     "all", 1000, 30, 0.02, limits=load_limits(date(2026, 11, 1)), level=0.90
    ... )
    >>> round(found.p_value, 6), found.light
    (0.016238, 'amber')
    """
    p_value = jeffreys_p_value(defaults, n, mean_probability)
    return GradeTest(
        code=code,
        n=n,
        defaults=defaults,
        mean_probability=mean_probability,
        observed_rate=defaults / n,
        interval=jeffreys_interval(defaults, n, level),
        p_value=p_value,
        binomial_p_value=binomial_p_value(defaults, n, mean_probability),
        light=limits.jeffreys.light(p_value),
    )


def grade_tests(
    scale: Scale,
    is_default: ArrayLike,
    probability: ArrayLike,
    *,
    limits: Limits,
    level: float,
) -> list[GradeTest]:
    """Calibration by grade: every grade the model can give, best first.

    Of nine grades that are all right, about one sample in three shows an amber; read the lights
    beside the test of the whole sample (`level_test`).

    Parameters
    ----------
    is_default, probability : array_like of shape (n,)
        Rows the model was not fitted on; the grade is read from the printed score.
    level : float
        Coverage of the Jeffreys intervals, in (0, 1).
    """
    y, p = probability_sample(is_default, probability)
    grade_of_row = scale.grade_of(scale.score_of(p))
    found: list[GradeTest] = []
    for grade in scale.version.grades:
        inside = grade_of_row == grade.code
        n, defaults = int(inside.sum()), int(y[inside].sum())
        if n == 0:
            found.append(GradeTest(grade.code, 0, 0, None, None, None, None, None, None))
            continue
        mean = float(p[inside].mean())
        found.append(level_test(grade.code, n, defaults, mean, limits=limits, level=level))
    return found


def _groups(group: ArrayLike, shape: tuple[int, ...]) -> tuple[TextArray, IntArray]:
    """Different labels and each row's place among them."""
    labels = np.asarray(group, dtype=np.str_)
    if labels.shape != shape:
        raise ModelInputError(
            en=f"Each row needs its group, got shape {labels.shape} for {shape}.",
            zh=f"每行须有所属组，现形状为 {labels.shape}，应为 {shape}。",
        )
    codes, place = np.unique(labels, return_inverse=True)
    return codes, place
