"""From a model's margin to a probability: one rising line in log-odds."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from features.errors import CalibrationError, ModelInputError
from models.arrays import FloatArray
from models.scale import sigmoid

_STEPS = 100
_TOLERANCE = 1e-10
_ROUNDING = 1e-13


@dataclass(frozen=True)
class LogitLine:
    """`logit(probability) = intercept + slope * margin`.

    Parameters
    ----------
    intercept : float
        Log-odds at margin 0.
    slope : float
        Positive, so a riskier margin is never a smaller probability.

    Examples
    --------
    >>> LogitLine(0.0, 1.0).probability([0.0]).tolist()
    [0.5]
    """

    intercept: float
    slope: float

    def __post_init__(self) -> None:
        """Refuse a falling or flat line: it would turn the ranking round."""
        if not (np.isfinite(self.intercept) and np.isfinite(self.slope) and self.slope > 0):
            raise CalibrationError(
                en="The calibration line needs a positive slope, got intercept "
                f"{self.intercept:.4g} and slope {self.slope:.4g}: the margin does not rank "
                "defaults in this sample. "
                "Train on more data or check the label.",
                zh=f"校准直线的斜率必须为正，现截距 {self.intercept:.4g}、斜率 {self.slope:.4g}："
                "该样本中模型得分不能区分违约。请增加数据或检查标签。",
            )

    def log_odds(self, margin: ArrayLike) -> FloatArray:
        """Calibrated log-odds of default, shape (n,)."""
        return self.intercept + self.slope * np.asarray(margin, dtype=np.float64)

    def probability(self, margin: ArrayLike) -> FloatArray:
        """Calibrated probability of default [0..1], shape (n,); before the ends of the scale."""
        return sigmoid(self.log_odds(margin))


def fit_logit_line(
    margin: ArrayLike, is_default: ArrayLike, weight: ArrayLike | None = None
) -> LogitLine:
    """Fit the line by maximum likelihood with Platt's smoothed targets.

    Parameters
    ----------
    margin : array_like of shape (n,)
        Raw margins of rows the model was not fitted on, higher = riskier [log-odds].
    is_default : array_like of shape (n,)
        1 or True for a default.
    weight : array_like of shape (n,), optional
        Positive case weights; 1 where left out.

    Returns
    -------
    LogitLine
        With a positive slope.

    Raises
    ------
    CalibrationError
        If one outcome is missing, the margins are all equal, or the slope is not positive.

    Notes
    -----
    Targets (d + 1) / (d + 2) and 1 / (g + 2), for d defaults and g good firms, are the mean of the
    posterior under a uniform prior and keep the line finite on separable samples. Source: Platt
    1999, Probabilistic outputs for support vector machines, §2.2.
    """
    x, y, w = _columns(margin, is_default, weight)
    bad, good = float(w[y].sum()), float(w[~y].sum())
    if bad == 0 or good == 0:
        raise CalibrationError(
            en=f"Calibration needs both outcomes, got {y.sum()} defaults and {(~y).sum()} others.",
            zh=f"校准需要违约与非违约两类样本，现有违约 {y.sum()} 个、其他 {(~y).sum()} 个。",
        )
    target = np.where(y, (bad + 1) / (bad + 2), 1 / (good + 2))
    return LogitLine(*logistic_line(x, target, w))


def logistic_line(x: FloatArray, target: FloatArray, weight: FloatArray) -> tuple[float, float]:
    """Intercept and slope of a logistic regression in one variable, by damped Newton steps.

    Parameters
    ----------
    x, target, weight : ndarray of shape (n,)
        Variable, target in [0, 1] and positive case weight.

    Returns
    -------
    tuple of float
        Intercept and slope, of either sign.

    Raises
    ------
    CalibrationError
        If `x` does not vary, or the outcomes are separable, which leaves no finite optimum.
    """
    centre, spread = float(np.average(x, weights=weight)), float(x.std())
    if spread <= _TOLERANCE * max(1.0, abs(centre)):
        raise CalibrationError(
            en="All margins are equal, so no calibration line can be fitted.",
            zh="所有模型得分相同，无法拟合校准直线。",
        )
    could_be, could_not = x[target > 0], x[target < 1]
    if could_be.min() >= could_not.max() or could_be.max() <= could_not.min():
        raise CalibrationError(
            en="The outcomes are perfectly separated, so no finite line fits them best.",
            zh="样本被完全分离，不存在有限的最优直线。",
        )
    design = np.column_stack([np.ones_like(x), (x - centre) / spread])
    share = float(np.average(target, weights=weight))
    line = np.array([np.log(share / (1 - share)) if 0 < share < 1 else 0.0, 0.0])
    loss = _loss(design @ line, target, weight)
    for _ in range(_STEPS):
        fitted = sigmoid(design @ line)
        gradient = design.T @ (weight * (fitted - target))
        if float(np.abs(gradient).max()) <= _TOLERANCE * float(weight.sum()):
            slope = float(line[1]) / spread
            return float(line[0]) - slope * centre, slope
        curvature = (design * (weight * fitted * (1 - fitted))[:, None]).T @ design
        # The ridge is far below any curvature of a sample that has an optimum.
        damped = curvature + 1e-14 * np.eye(2) * float(weight.sum())
        step = np.asarray(np.linalg.solve(damped, gradient), dtype=np.float64)
        line, loss = _descend(line, step, loss, (design, target, weight))
    raise CalibrationError(
        en=f"The calibration line did not converge in {_STEPS} steps. Check the margins.",
        zh=f"校准直线在 {_STEPS} 步内未收敛，请检查模型得分。",
    )


def _descend(
    line: FloatArray,
    step: FloatArray,
    loss: float,
    sample: tuple[FloatArray, FloatArray, FloatArray],
) -> tuple[FloatArray, float]:
    """Take the Newton step, halved until the loss does not rise."""
    design, target, weight = sample
    for halvings in range(40):
        tried = line - step * 0.5**halvings
        found = _loss(design @ tried, target, weight)
        # At the optimum the loss is flat to the last bit; a rise by rounding is no rise.
        if found <= loss + _ROUNDING * abs(loss):
            return tried, found
    return line, loss


def _loss(log_odds: FloatArray, target: FloatArray, weight: FloatArray) -> float:
    return float((weight * (np.logaddexp(0.0, log_odds) - target * log_odds)).sum())


def _columns(
    margin: ArrayLike, is_default: ArrayLike, weight: ArrayLike | None
) -> tuple[FloatArray, np.ndarray[tuple[int], np.dtype[np.bool_]], FloatArray]:
    x = np.asarray(margin, dtype=np.float64)
    y = np.asarray(is_default, dtype=np.bool_)
    w = np.ones_like(x) if weight is None else np.asarray(weight, dtype=np.float64)
    is_sound = x.ndim == 1 and x.shape == y.shape == w.shape and x.size > 0
    if not is_sound or not bool(
        np.all(np.isfinite(x)) and np.all(w > 0) and np.all(np.isfinite(w))
    ):
        raise ModelInputError(
            en="Calibration needs finite margins, outcomes and positive weights of one length, "
            f"got shapes {x.shape}, {y.shape} and {w.shape}.",
            zh=f"校准需要等长的有限得分、结果与正权重，现形状为 {x.shape}、{y.shape}、{w.shape}。",
        )
    return x, y, w
