"""Train the 12-month rating: quarters, fit, calibration on a later slice, out-of-time validation.

Firms that were 31 to 90 days late are no lesson, so trees do not grow on them; the level of the
probability is fitted and judged with them as the non-defaults they are.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import numpy as np

from features.clock import SHANGHAI
from features.contracts import Catalogue
from features.lake import LakeView
from features.registry import Registry
from models.bundle import Bundle, BundleRecipe
from models.rating import RatingSpec
from models.scale import load_scale
from training.enrol import Enrolment, enrol
from training.fit import FitPlan, FittedRating, fit_rating
from training.out_of_time import OutOfTime, judge_out_of_time
from training.quarters import BoolArray, QuarterCohort, build_quarters
from training.rating import INTERVAL_LEVEL, flat
from training.splits import grouped_folds

#: Fixed before any outcome was looked at.
SEED = 20260630
#: Models of nine tenths of the firms rank nearly as the final one does; of fewer, the line gets too flat.
_FOLDS = 10
#: The line is fitted to the latest third of development, and to earlier dates until it holds so many.
_LATER_SHARE, _CALIBRATION_DEFAULTS = 1 / 3, 30

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class TrainedBase:
    """The outcome of one training of the 12-month rating."""

    bundle: Bundle
    cohort: QuarterCohort
    validation: OutOfTime
    run_id: str


def train_base_rating(
    lake: LakeView,
    catalogue: Catalogue,
    registry: Registry,
    spec: RatingSpec,
    *,
    data_until: date,
    now: datetime,
    bundles: Path,
    mlruns: Path,
    parts: Path,
    seed: int = SEED,
    on_progress: Progress | None = None,
) -> TrainedBase:
    """Fit on development, judge on the later dates, and register what was judged.

    Parameters
    ----------
    data_until : date
        Last day of the data; month ends are counted back from there.
    parts : Path
        Folder in which features of month ends are kept.
    on_progress : callable, optional
        Told `(step, done, total)`; steps are `quarters`, `fit`.

    Raises
    ------
    CohortError, CalibrationError, BundleError
    """

    def told(step: str) -> Callable[[int, int], None]:
        return lambda done, total: on_progress(step, done, total) if on_progress else None

    features = spec.features(registry)
    cohort = build_quarters(
        lake,
        catalogue,
        features,
        data_until=data_until,
        now=now,
        parts=parts,
        on_progress=told("quarters"),
    )
    told("fit")(0, 1)
    fitted = fit_development(cohort, spec, seed=seed)
    validation = validate_later(cohort, fitted, seed=seed)
    version = f"{now:%Y%m%d.%H%M%S}"
    scale = load_scale()
    recipe = BundleRecipe(
        spec=spec,
        version=version,
        created_at=now.replace(tzinfo=SHANGHAI),
        as_of_date=cohort.timeline.development[-1],
        features=features,
        model_text=fitted.booster.model_to_string(),
        line=fitted.line,
        scale_id=scale.id,
        metrics=base_metrics(cohort, validation),
        grades=validation.grades(scale, INTERVAL_LEVEL),
        interval_level=INTERVAL_LEVEL,
    )
    entry = Enrolment(
        bundles=bundles,
        mlruns=mlruns,
        lake=lake,
        matrix=cohort.matrix,
        development=cohort.matrix[cohort.is_development],
        reference=cohort.reference,
        parameters=_parameters(spec, cohort, fitted, data_until, seed),
        now=now,
        seed=seed,
    )
    bundle, run_id = enrol(recipe, fitted, entry)
    told("fit")(1, 1)
    return TrainedBase(bundle, cohort, validation, run_id)


def fit_development(cohort: QuarterCohort, spec: RatingSpec, *, seed: int) -> FittedRating:
    """Trees from all of development, their number from held-out firms, the line from later dates."""
    rows = cohort.is_development
    is_default, place = cohort.is_default[rows], cohort.place[rows]
    plan = FitPlan(
        folds=grouped_folds(is_default, cohort.firm[rows], folds=_FOLDS, seed=seed),
        learns=~cohort.is_indeterminate[rows],
        calibrates=later_slice(place, is_default),
    )
    return fit_rating(cohort.matrix[rows], is_default, spec, cohort.features, seed=seed, plan=plan)


def later_slice(
    place: np.ndarray[tuple[int], np.dtype[np.int64]], is_default: BoolArray
) -> BoolArray:
    """The latest dates: a third of them, and more while they hold too few defaults; shape (n,).

    Examples
    --------
    >>> later_slice(np.arange(6), np.ones(6, dtype=bool)).tolist()
    [True, True, True, True, True, True]
    """
    dates = int(place.max()) + 1
    first = dates - max(1, round(dates * _LATER_SHARE))
    while first > 0 and is_default[place >= first].sum() < _CALIBRATION_DEFAULTS:
        first -= 1
    return np.asarray(place >= first)


def validate_later(cohort: QuarterCohort, fitted: FittedRating, *, seed: int) -> OutOfTime:
    """Judge the model on the dates it has not seen."""
    early = cohort.is_development
    later, firm = ~early, cohort.firm
    is_new = ~np.isin(firm[later], firm[early])
    probability = fitted.probability(cohort.matrix[later])
    return judge_out_of_time(cohort.is_default[later], probability, firm[later], is_new, seed=seed)


def base_metrics(cohort: QuarterCohort, validation: OutOfTime) -> dict[str, float]:
    """Validation figures and counts as flat numbers for the manifest and the run."""
    early = cohort.is_development
    return {
        "n": float(len(validation.is_default)),
        "defaults": float(validation.is_default.sum()),
        "firms": float(validation.firms),
        "defaulted_firms": float(validation.defaulted_firms),
        "development_n": float(early.sum()),
        "development_defaults": float(cohort.is_default[early].sum()),
        "without_consent": float(cohort.without_consent),
        **{f"excluded_{reason}": float(count) for reason, count in cohort.excluded.items()},
        **flat(validation.figures),
    }


def _parameters(
    spec: RatingSpec, cohort: QuarterCohort, fitted: FittedRating, data_until: date, seed: int
) -> dict[str, str]:
    return {
        **{name: str(value) for name, value in spec.parameters.items()},
        "trees": str(fitted.trees),
        "seed": str(seed),
        "features": str(len(cohort.features)),
        "data_until": data_until.isoformat(),
        "development": " ".join(day.isoformat() for day in cohort.timeline.development),
        "out_of_time": " ".join(day.isoformat() for day in cohort.timeline.out_of_time),
        "probability_kind": spec.probability_kind,
    }
