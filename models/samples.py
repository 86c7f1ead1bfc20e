"""The columns a measure works on, checked once: outcomes, risks, probabilities, row weights."""

import numpy as np
from numpy.typing import ArrayLike

from features.errors import ModelInputError
from models.arrays import BoolArray, FloatArray


def outcomes(is_default: ArrayLike) -> BoolArray:
    """Outcomes as truth values; a missing outcome is refused, since NaN would read as a default.

    Raises
    ------
    ModelInputError
        If a value is neither 0 nor 1.
    """
    given = np.asarray(is_default)
    if given.dtype == np.bool_:
        return given
    values = np.asarray(given, dtype=np.float64)
    is_wrong = (values != 0) & (values != 1)
    if is_wrong.any():
        row = int(np.flatnonzero(is_wrong)[0])
        raise ModelInputError(
            en=f"An outcome must be 0 or 1, got {values.flat[row]} in row {row}. Leave rows without a "
            "known outcome out.",
            zh=f"结果须为 0 或 1，第 {row} 行为 {values.flat[row]}。请剔除结果未知的行。",
        )
    return values == 1


def ranked_sample(is_default: ArrayLike, risk: ArrayLike) -> tuple[BoolArray, FloatArray]:
    """Outcomes and risks of a sample that holds both outcomes.

    Raises
    ------
    ModelInputError
        If the columns differ in length, a risk is missing, or one outcome does not occur.
    """
    y, x = outcomes(is_default), np.asarray(risk, dtype=np.float64)
    if y.ndim != 1 or y.shape != x.shape or bool(np.isnan(x).any()):
        raise ModelInputError(
            en="Outcomes and risks must be columns of one length without missing values, got "
            f"shapes {y.shape} and {x.shape} with {int(np.isnan(x).sum())} missing.",
            zh=f"结果与风险值须为等长且无缺失的列，现形状为 {y.shape} 与 {x.shape}，"
            f"缺失 {int(np.isnan(x).sum())} 个。",
        )
    require_both(y)
    return y, x


def probability_sample(
    is_default: ArrayLike, probability: ArrayLike
) -> tuple[BoolArray, FloatArray]:
    """Outcomes and probabilities of at least one row.

    Raises
    ------
    ModelInputError
        If the columns are empty, differ in length, or a probability is no number in [0, 1].
    """
    y, p = outcomes(is_default), np.asarray(probability, dtype=np.float64)
    is_sound = y.ndim == 1 and y.shape == p.shape and y.size > 0
    is_wrong = ~((p >= 0) & (p <= 1))
    if not is_sound or bool(is_wrong.any()):
        found = (
            f"; {p.flat[np.flatnonzero(is_wrong)[0]]} is no probability" if is_wrong.any() else ""
        )
        raise ModelInputError(
            en="At least one row is needed, with outcomes and probabilities in [0, 1] of one length, "
            f"got shapes {y.shape} and {p.shape}{found}.",
            zh=f"至少需要一行，且结果与 [0, 1] 内的概率须等长，现形状为 {y.shape} 与 {p.shape}，"
            f"其中 {int(is_wrong.sum())} 个不是概率。",
        )
    return y, p


def row_weights(weight: ArrayLike | None, y: BoolArray) -> FloatArray:
    """Weights of the rows of `y`, 1 each where left out.

    Raises
    ------
    ModelInputError
        If a weight is negative or no finite number, or all are 0.
    """
    if weight is None:
        return np.ones(y.size)
    w = np.asarray(weight, dtype=np.float64)
    if w.shape != y.shape or not bool(np.all((w >= 0) & np.isfinite(w))) or not w.any():
        raise ModelInputError(
            en="Row weights must be finite numbers >= 0, one a row and not all 0, got shape "
            f"{w.shape} for {y.size} rows.",
            zh=f"行权重须为非负有限数、每行一个且不全为 0，现形状为 {w.shape}，样本 {y.size} 行。",
        )
    return w


def require_both(y: BoolArray) -> None:
    """Refuse a sample in which one outcome does not occur."""
    bad, good = int(y.sum()), int((~y).sum())
    if bad == 0 or good == 0:
        raise ModelInputError(
            en=f"Both outcomes are needed, got {bad} defaults and {good} others.",
            zh=f"需要违约与非违约两类样本，现有违约 {bad} 个、其他 {good} 个。",
        )


def require_counts(defaults: int, n: int) -> None:
    """Refuse counts that are no rate."""
    if not 0 <= defaults <= n or n < 1:
        raise ModelInputError(
            en=f"A default rate needs 0 <= defaults <= n and n >= 1, got {defaults} of {n}.",
            zh=f"违约率要求 0 ≤ 违约数 ≤ 户数且户数 ≥ 1，现为 {defaults}/{n}。",
        )
