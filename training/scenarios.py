"""How the rating does on later month ends when firms close part of what they could open.

The model stays as it is; rows lose the features of the scopes that are closed. A probability has to
mean the same whatever a bank may see, also where each firm closes what speaks most against it.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from features.errors import CalibrationError, ModelInputError
from models.arrays import BoolArray, FloatArray, IntArray
from models.metrics import auc, calibration_line, jeffreys_p_value
from models.scale import Scale
from training.consent import ConsentScopes, mask
from training.drawn import (
    Drawn,
    drawn_aucs,
    drawn_ratios,
    drawn_slopes,
    drawn_weights,
    estimate,
)
from training.evaluate import Estimate
from training.fitting import FittingRules
from training.study import Scenario

FULL, PUBLIC_ONLY, STRATEGIC = "full", "public_only", "strategic"
DRAWS = 200

Progress = Callable[[int, int], None]
Probability = Callable[[FloatArray], FloatArray]


@dataclass(frozen=True)
class LaterRows:
    """Rows that nothing was learned from; all arrays have n rows."""

    matrix: FloatArray
    is_default: BoolArray
    firm: IntArray
    as_of_date: "np.ndarray[tuple[int], np.dtype[np.datetime64]]"


def play_scenarios(
    rows: LaterRows,
    probability: Probability,
    scopes: ConsentScopes,
    scale: Scale,
    rules: FittingRules,
    *,
    seed: int,
    on_progress: Progress | None = None,
) -> tuple[Scenario, ...]:
    """Judge full scope, each scope closed, public data only, random scopes, and closing by advantage.

    Parameters
    ----------
    probability : callable
        Default probabilities of rows of shape (n, k).
    seed : int
        Decides which scopes the random scenarios close, and which firms are drawn.

    Returns
    -------
    tuple of Scenario
        Figures are `auc`, `calibration_slope`, `observed_expected`, `mean_probability`,
        `grades_red`, `grades_amber`; counts have no interval.
    """
    closings = _closings(scopes, int(rules.random_scopes.value), np.random.default_rng(seed))
    judge = _Judge(rows, drawn_weights(rows.firm, DRAWS, np.random.default_rng(seed)), scale, rules)
    found: list[Scenario] = []
    best = probability(rows.matrix)
    for done, (name, withheld) in enumerate(closings.items()):
        if on_progress is not None:
            on_progress(done, len(closings))
        seen = probability(mask(rows.matrix, scopes.columns(withheld)))
        if len(withheld) <= 1:
            best = np.minimum(best, seen)
        found.append(Scenario(name, withheld, judge.figures(seen)))
    if on_progress is not None:
        on_progress(len(closings), len(closings))
    return (*found, Scenario(STRATEGIC, (), judge.figures(best)))


def _closings(
    scopes: ConsentScopes, random: int, rng: np.random.Generator
) -> dict[str, tuple[str, ...]]:
    """Scopes closed by scenario; a random one closes at least one and leaves at least one open."""
    found: dict[str, tuple[str, ...]] = {FULL: tuple[str, ...]()}
    found |= {f"without_{name}": (name,) for name in scopes.names}
    found[PUBLIC_ONLY] = scopes.names
    for number in range(1, random + 1 if len(scopes.names) > 1 else 1):
        order: list[int] = rng.permutation(len(scopes.names)).tolist()
        closed = order[: int(rng.integers(1, len(scopes.names)))]
        found[f"random_{number:02d}"] = tuple(scopes.names[place] for place in sorted(closed))
    return found


@dataclass(frozen=True)
class _Judge:
    rows: LaterRows
    weights: Drawn
    scale: Scale
    rules: FittingRules

    def figures(self, probability: FloatArray) -> dict[str, Estimate]:
        is_default = self.rows.is_default
        red, amber = self._lights(probability)
        ratio = float(is_default.sum() / probability.sum())
        return {
            "auc": estimate(
                _or_nan(auc, is_default, probability),
                drawn_aucs(is_default, probability, self.weights),
            ),
            "calibration_slope": estimate(
                _or_nan(_slope, is_default, probability),
                drawn_slopes(is_default, probability, self.weights),
            ),
            "observed_expected": estimate(
                ratio, drawn_ratios(is_default, probability, self.weights)
            ),
            "mean_probability": estimate(
                float(probability.mean()),
                np.asarray(self.weights @ probability / self.weights.sum(axis=1), np.float64),
            ),
            "grades_red": Estimate(red, red, red),
            "grades_amber": Estimate(amber, amber, amber),
        }

    def _lights(self, probability: FloatArray) -> tuple[float, float]:
        """Grades in which more firms defaulted than their probabilities allow.

        A firm counts once, on its first date: its later rows tell of the same default again.
        """
        order = np.lexsort((self.rows.as_of_date, self.rows.firm))
        first = order[np.unique(self.rows.firm[order], return_index=True)[1]]
        p, y = probability[first], self.rows.is_default[first]
        grades = self.scale.grade_of(self.scale.score_of(p))
        values = np.array(
            [
                jeffreys_p_value(int(y[at].sum()), int(at.sum()), float(p[at].mean()))
                for at in (grades == code for code in np.unique(grades))
            ]
        )
        red = values <= self.rules.jeffreys_red.value
        amber = (values <= self.rules.jeffreys_amber.value) & ~red
        return float(red.sum()), float(amber.sum())


def _slope(is_default: BoolArray, probability: FloatArray) -> float:
    return calibration_line(is_default, probability)[1]


def _or_nan(
    metric: Callable[[BoolArray, FloatArray], float], is_default: BoolArray, risk: FloatArray
) -> float:
    """The figure, NaN where the rows have one outcome only or are separated."""
    try:
        return metric(is_default, risk)
    except (CalibrationError, ModelInputError):
        return float("nan")
