"""How good a rating is on later month ends, with intervals from drawing firms.

A firm has several rows, so whole firms are drawn with replacement; drawing rows would call the same
default several pieces of evidence.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from features.errors import CalibrationError, ModelInputError
from models.manifest import GradeRate
from models.metrics import auc, brier, calibration_line, grade_rates, ks, log_loss
from models.scale import Scale
from training.evaluate import LEVEL, Estimate

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.int64]
Metric = Callable[[BoolArray, FloatArray], float]

DRAWS = 500


@dataclass(frozen=True)
class OutOfTime:
    """Rows of the later month ends, their probabilities, and what they say.

    Attributes
    ----------
    probability : ndarray of shape (n,)
    is_default : ndarray of bool, shape (n,)
        Firms 31 to 90 days late count as no default.
    firms, defaulted_firms : int
    figures : dict of str to Estimate
        `auc_new_firms` is of firms without a row in development, if both outcomes are among them.
    """

    probability: FloatArray
    is_default: BoolArray
    firms: int
    defaulted_firms: int
    figures: dict[str, Estimate]

    def grades(self, scale: Scale, level: float) -> dict[str, GradeRate]:
        """Defaults by grade."""
        return grade_rates(scale, scale.score_of(self.probability), self.is_default, level)


def judge_out_of_time(
    is_default: BoolArray, probability: FloatArray, firm: IntArray, is_new: BoolArray, *, seed: int
) -> OutOfTime:
    """Figures of later rows, arrays of shape (n,); `is_new` marks firms that nothing was learned from."""
    every = drawn_rows(firm, DRAWS, np.random.default_rng(seed))
    figures = {
        name: _estimate(metric, is_default, probability, every) for name, metric in METRICS.items()
    }
    if np.unique(is_default[is_new]).size == 2:  # noqa: PLR2004  both outcomes
        drawn = drawn_rows(firm[is_new], DRAWS, np.random.default_rng(seed))
        figures["auc_new_firms"] = _estimate(auc, is_default[is_new], probability[is_new], drawn)
    return OutOfTime(
        probability=probability,
        is_default=is_default,
        firms=np.unique(firm).size,
        defaulted_firms=np.unique(firm[is_default]).size,
        figures=figures,
    )


def drawn_rows(firm: IntArray, draws: int, rng: np.random.Generator) -> list[IntArray]:
    """Rows of firms drawn with replacement; a firm comes with all its rows, as often as it is drawn."""
    order = np.argsort(firm, kind="stable")
    starts = np.unique(firm[order], return_index=True)[1]
    rows = np.split(order, starts[1:])
    return [
        np.concatenate([rows[place] for place in rng.integers(0, len(rows), len(rows))])
        for _ in range(draws)
    ]


def _estimate(
    metric: Metric, is_default: BoolArray, probability: FloatArray, drawn: list[IntArray]
) -> Estimate:
    found = np.array([_or_nan(metric, is_default[rows], probability[rows]) for rows in drawn])
    found = found[np.isfinite(found)]
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(found, [tail, 1 - tail]) if found.size else (np.nan, np.nan)
    return Estimate(_or_nan(metric, is_default, probability), float(low), float(high))


def _or_nan(metric: Metric, is_default: BoolArray, probability: FloatArray) -> float:
    """The figure, NaN where the rows have one outcome only or are separated."""
    try:
        return metric(is_default, probability)
    except (CalibrationError, ModelInputError):
        return float("nan")


METRICS: Mapping[str, Metric] = {
    "auc": auc,
    "ks": ks,
    "brier": brier,
    "log_loss": log_loss,
    "calibration_slope": lambda y, p: calibration_line(y, p)[1],
    "calibration_intercept": lambda y, p: calibration_line(y, p)[0],
    "observed_expected": lambda y, p: float(y.sum() / p.sum()),
}
