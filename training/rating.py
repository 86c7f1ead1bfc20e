"""Train the rating: cohort, validation, final fit, bundle, run. One call, one record."""

from collections.abc import Callable, Mapping
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
from training.cohort import Cohort, build_cohort
from training.directions import fit_to_directions
from training.enrol import Enrolment, enrol
from training.evaluate import Estimate, Validation, recency_report, validate
from training.fit import fit_rating
from training.study import SEGMENTS, Sample, Study, write_study

#: Fixed before any outcome was looked at.
SEED = 20200229
INTERVAL_LEVEL = 0.90

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class TrainedRating:
    """The outcome of one training.

    Attributes
    ----------
    figures : dict of str to Estimate
        Validation figures by name, with their 95 % intervals.
    """

    bundle: Bundle
    cohort: Cohort
    validation: Validation
    figures: dict[str, Estimate]
    run_id: str


def train_rating(
    lake: LakeView,
    catalogue: Catalogue,
    registry: Registry,
    spec: RatingSpec,
    *,
    as_of_date: date,
    now: datetime,
    bundles: Path,
    mlruns: Path,
    studies: Path,
    seed: int = SEED,
    on_progress: Progress | None = None,
) -> TrainedRating:
    """Validate the specification by repeated folds, fit it on all rows, and register the bundle.

    Parameters
    ----------
    on_progress : callable, optional
        Told `(step, done, total)`; steps are `validate`, `recency`, `fit`.

    Raises
    ------
    CohortError, CalibrationError, BundleError
    """

    def told(step: str) -> Callable[[int, int], None]:
        return lambda done, total: on_progress(step, done, total) if on_progress else None

    features = spec.features(registry)
    cohort = build_cohort(lake, catalogue, features, as_of_date=as_of_date, now=now)
    validation = validate(cohort, spec, seed=seed, on_progress=told("validate"))
    recency = recency_report(cohort, spec, validation, seed=seed, on_progress=told("recency"))
    told("fit")(0, 1)
    fitted, spec = fit_to_directions(
        lambda chosen: fit_rating(cohort.matrix, cohort.is_default, chosen, features, seed=seed),
        spec,
        features,
        cohort.matrix,
    )
    scale = load_scale()
    figures = figures_of(validation) | recency
    metrics = metrics_of(cohort, validation, figures)
    version = f"{now:%Y%m%d.%H%M%S}"
    recipe = BundleRecipe(
        spec=spec,
        version=version,
        created_at=now.replace(tzinfo=SHANGHAI),
        as_of_date=as_of_date,
        features=features,
        model_text=fitted.booster.model_to_string(),
        line=fitted.line,
        scale_id=scale.id,
        metrics=metrics,
        grades=validation.grades(scale, INTERVAL_LEVEL),
        interval_level=INTERVAL_LEVEL,
    )
    entry = Enrolment(
        bundles=bundles,
        mlruns=mlruns,
        lake=lake,
        matrix=cohort.matrix,
        development=cohort.matrix,
        reference=cohort.reference,
        parameters=_parameters(spec, features, cohort, fitted.trees, seed),
        now=now,
        seed=seed,
    )
    bundle, run_id = enrol(recipe, fitted, entry)
    write_study(study_of(cohort, validation, bundle, figures, entry.parameters, now), studies)
    told("fit")(1, 1)
    return TrainedRating(bundle, cohort, validation, figures, run_id)


def study_of(
    cohort: Cohort,
    validation: Validation,
    bundle: Bundle,
    figures: dict[str, Estimate],
    parameters: Mapping[str, str],
    now: datetime,
) -> Study:
    """What the rating is judged by: held-out answers of its folds; an undated label has no later rows."""
    n = len(cohort.firm)
    development = Sample(
        firm=cohort.firm,
        as_of_date=np.full(n, cohort.as_of_date, dtype="datetime64[D]"),
        is_default=cohort.is_default,
        is_indeterminate=np.zeros(n, dtype=np.bool_),
        probability=validation.mean_probability,
        matrix=cohort.matrix,
        segments={name: np.full(n, "", dtype=np.str_) for name in SEGMENTS},
    )
    return Study(
        bundle_id=bundle.id,
        model=bundle.manifest.name,
        version=bundle.manifest.version,
        features=cohort.features.names,
        data_until=now.date(),
        figures=figures,
        scenarios=(),
        parameters=dict(parameters),
        development=development,
        out_of_time=development.rows(np.zeros(n, dtype=np.bool_)),
    )


def figures_of(validation: Validation) -> dict[str, Estimate]:
    """The figures every comparison shows."""
    return {
        "auc": validation.auc,
        "ks": validation.ks,
        "brier": validation.brier,
        "log_loss": validation.log_loss,
        "calibration_slope": validation.calibration_slope,
        "calibration_intercept": validation.calibration_intercept,
    }


def metrics_of(
    cohort: Cohort, validation: Validation, figures: Mapping[str, Estimate]
) -> dict[str, float]:
    """Figures as flat numbers for the manifest and the run; what has no finite value is left out."""
    return {
        "n": float(len(cohort.usccs)),
        "defaults": float(cohort.is_default.sum()),
        "without_consent": float(cohort.without_consent),
        "fold_auc_sd": validation.fold_auc_sd,
        **flat(figures),
    }


def flat(figures: Mapping[str, Estimate]) -> dict[str, float]:
    """Figures and the ends of their intervals by name; what is not finite is left out."""
    return {
        f"{name}{suffix}": value
        for name, estimate in figures.items()
        for suffix, value in (
            ("", estimate.value),
            ("_low", estimate.low),
            ("_high", estimate.high),
        )
        if np.isfinite(value)
    }


def _parameters(
    spec: RatingSpec, features: Registry, cohort: Cohort, trees: int, seed: int
) -> dict[str, str]:
    return {
        **{name: str(value) for name, value in spec.parameters.items()},
        "trees": str(trees),
        "seed": str(seed),
        "features": str(len(features)),
        "firms": str(len(cohort.usccs)),
        "as_of_date": cohort.as_of_date.isoformat(),
        "probability_kind": spec.probability_kind,
    }
