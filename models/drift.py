"""How far the firms of a month have moved from those a model was made on, from its histograms."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from features.errors import DriftError
from models.arrays import FloatArray
from models.bundle import Bundle
from models.histograms import StabilityLimits, load_limits
from models.stability import Concentration, Migration, concentration, migration, shift_of_counts

Level = Literal["stable", "watch", "act"]

LEVELS: tuple[Level, ...] = ("stable", "watch", "act")


@dataclass(frozen=True)
class FeatureShift:
    """One feature then and now.

    Attributes
    ----------
    stability : float
        Its stability index (CSI), >= 0.
    missing, missing_before : float
        Share of firms without a value [0..1].
    gain : float
        Its share of the model's gain [0..1].
    """

    name: str
    stability: float
    missing: float
    missing_before: float
    gain: float


@dataclass(frozen=True)
class Drift:
    """One month against the development sample.

    Attributes
    ----------
    firms : int
    score_stability : float
        Population stability index of the score, >= 0.
    mean_probability, mean_probability_before : float
    features : tuple of FeatureShift
        Largest shift first.
    shifted_gain : float
        Share of the model's gain in features whose index says act.
    grades : Concentration
        Of the month's grades.
    moves : Migration or None
        From an earlier month, if one was given.
    level : {"stable", "watch", "act"}
    reasons : tuple of str
        Which figures made the level: `score`, `features`, `concentration`, `migration`.
    """

    firms: int
    score_stability: float
    mean_probability: float
    mean_probability_before: float
    features: tuple[FeatureShift, ...]
    shifted_gain: float
    grades: Concentration
    moves: Migration | None
    level: Level
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Month:
    """Firms at a month end: keys of shape (n,), features of shape (n, k) in the bundle's order."""

    firm: npt.NDArray[np.int64]
    matrix: FloatArray


def measure_drift(
    bundle: Bundle,
    month: Month,
    earlier: Month | None = None,
    limits: StabilityLimits | None = None,
) -> Drift:
    """Count a month into the cells frozen with the model and say whether a person must look.

    Parameters
    ----------
    earlier : Month, optional
        Whose grades are compared firm by firm.

    Raises
    ------
    DriftError
        If the month has too few firms to be judged.
    """
    limits = limits or load_limits()
    if len(month.firm) < limits.judged_from.value:
        raise DriftError(
            en=f"Only {len(month.firm)} firms can be looked at, and a shift among fewer than "
            f"{limits.judged_from.value:.0f} is mostly chance. Choose a later month, or bring more firms.",
            zh=f"可监测企业仅 {len(month.firm)} 家，少于 {limits.judged_from.value:.0f} 家时指标主要反映偶然波动；"
            "请选择更晚的月份或增加企业。",
        )
    probability, score, grade = _rated(bundle, month.matrix)
    frozen = bundle.histograms
    shifts = _feature_shifts(bundle, month.matrix)
    codes = [letter.code for letter in bundle.scale.version.grades]
    counts = [int((grade == code).sum()) for code in codes]
    score_stability = shift_of_counts(frozen.score.counts, frozen.score.bins.count(score))
    shifted = sum(s.gain for s in shifts if s.stability > limits.act_above.value)
    grades = concentration(counts)
    moves = _moves(bundle, (month, grade), earlier, codes) if earlier is not None else None
    level, reasons = _judged(score_stability, shifted, grades, moves, limits)
    return Drift(
        firms=len(month.firm),
        score_stability=score_stability,
        mean_probability=float(probability.mean()),
        mean_probability_before=frozen.mean_probability,
        features=tuple(sorted(shifts, key=lambda s: (-s.stability, s.name))),
        shifted_gain=shifted,
        grades=grades,
        moves=moves,
        level=level,
        reasons=reasons,
    )


def _rated(
    bundle: Bundle, matrix: FloatArray
) -> tuple[FloatArray, npt.NDArray[np.int64], npt.NDArray[np.str_]]:
    probability = bundle.line.probability(bundle.model.margin(matrix))
    score = bundle.scale.score_of(probability)
    return probability, score, bundle.scale.grade_of(score)


def _feature_shifts(bundle: Bundle, matrix: FloatArray) -> list[FeatureShift]:
    features = bundle.manifest.features
    gain = sum(feature.gain for feature in features) or 1.0
    found: list[FeatureShift] = []
    for feature, frozen, column in zip(features, bundle.histograms.features, matrix.T, strict=True):
        counts = frozen.bins.count(column)
        found.append(
            FeatureShift(
                name=feature.name,
                stability=shift_of_counts(frozen.counts, counts),
                missing=float(counts[-1] / counts.sum()),
                missing_before=frozen.counts[-1] / sum(frozen.counts),
                gain=feature.gain / gain,
            )
        )
    return found


def _moves(
    bundle: Bundle, now: tuple[Month, npt.NDArray[np.str_]], earlier: Month, codes: list[str]
) -> Migration:
    month, grade = now
    _, place, place_before = np.intersect1d(month.firm, earlier.firm, return_indices=True)
    before = _rated(bundle, earlier.matrix[place_before])[2]
    return migration(before, grade[place], codes)


def _judged(
    score: float,
    shifted: float,
    grades: Concentration,
    moves: Migration | None,
    limits: StabilityLimits,
) -> tuple[Level, tuple[str, ...]]:
    """The worst of the figures; the score and the features can call for action, the rest for a look."""
    judged = {
        "score": (score >= limits.watch_from.value) + (score > limits.act_above.value),
        "features": (shifted >= limits.shifted_gain_watch_from.value)
        + (shifted >= limits.shifted_gain_act_from.value),
        "concentration": int(grades.largest_share > limits.largest_grade_to.value),
        "migration": int(
            moves is not None and moves.within_one_notch < limits.one_notch_from.value
        ),
    }
    return LEVELS[max(judged.values())], tuple(name for name, bad in judged.items() if bad)
