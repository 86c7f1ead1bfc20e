"""What the shape costs: the same data and the same search without directions and with free depth."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from models.rating import RatingSpec
from training.development import Development
from training.drawn import gini_lost
from training.evaluate import Estimate
from training.fit import FittedRating
from training.fitting import FittingRules
from training.scenarios import LaterRows

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class ShapeCost:
    """A free model beside ours.

    Attributes
    ----------
    free : FittedRating
    gini_lost : Estimate
        Share of the free model's Gini out of time that the shape gives up, firms drawn for both.
    """

    free: FittedRating
    gini_lost: Estimate


def shape_cost(
    development: Development,
    spec: RatingSpec,
    ours: FittedRating,
    later: LaterRows,
    rules: FittingRules,
    *,
    trials: int,
    tuning: Path,
    on_progress: Progress | None = None,
) -> ShapeCost:
    """Fit the free model and hold ours against it on rows neither has seen.

    Parameters
    ----------
    spec : RatingSpec
        As it stood before any search.
    trials : int
        As many as ours had; 0 compares without a search.
    """
    free = replace(
        spec,
        name=f"{spec.name}-free",
        is_shaped=False,
        parameters={**spec.parameters, "max_depth": -1, "num_leaves": 31},
    )
    if trials:
        found = development.search(
            free,
            rules,
            space=rules.free_search,
            trials=trials,
            tuning=tuning,
            on_progress=on_progress,
        )
        free = found.spec
    fitted = development.fit(free)
    lost = gini_lost(
        later.is_default,
        ours.probability(later.matrix),
        fitted.probability(later.matrix),
        later.firm,
        seed=development.seed,
    )
    return ShapeCost(fitted, lost)
