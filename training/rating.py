"""Train the rating: cohort, validation, final fit, bundle, run. One call, one record."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path

import numpy as np

from features.clock import SHANGHAI
from features.contracts import Catalogue
from features.errors import BundleError
from features.lake import LakeView
from features.registry import Registry
from models.arrays import FloatArray
from models.bundle import Bundle, BundleRecipe, write_bundle
from models.rating import RatingSpec
from models.scale import load_scale
from training.cohort import Cohort, build_cohort
from training.evaluate import Estimate, Validation, recency_report, validate
from training.fit import FittedRating, fit_rating
from training.registry import RunRecord, alias_now, log_run, set_alias

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
    fitted = fit_rating(cohort.matrix, cohort.is_default, spec, features, seed=seed)
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
    bundle = _store(recipe, bundles, cohort, seed)
    _require_same_margin(bundle, fitted, cohort)
    run_id = log_run(
        RunRecord(
            experiment=spec.name,
            name=f"{spec.name}@{version}",
            parameters=_parameters(spec, features, cohort, fitted.trees, seed),
            metrics=metrics,
            data=_data(lake, bundle),
        ),
        bundle.path,
        mlruns,
    )
    set_alias(bundles, alias_now(bundle.id, now=now, reason=f"trained in run {run_id}"))
    told("fit")(1, 1)
    return TrainedRating(bundle, cohort, validation, figures, run_id)


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
    flat = {
        f"{name}{suffix}": value
        for name, estimate in figures.items()
        for suffix, value in (
            ("", estimate.value),
            ("_low", estimate.low),
            ("_high", estimate.high),
        )
        if np.isfinite(value)
    }
    return {
        "n": float(len(cohort.usccs)),
        "defaults": float(cohort.is_default.sum()),
        "without_consent": float(cohort.without_consent),
        "fold_auc_sd": validation.fold_auc_sd,
        **flat,
    }


def _store(recipe: BundleRecipe, bundles: Path, cohort: Cohort, seed: int) -> Bundle:
    """Write the bundle, then move it to the folder its id names."""
    bundles.mkdir(parents=True, exist_ok=True)
    draft = bundles / f".draft-{recipe.version}"
    written = write_bundle(recipe, draft, sample=cohort.reference, rng=np.random.default_rng(seed))
    home = bundles / written.id
    draft.rename(home)
    return replace(written, path=home)


def _require_same_margin(bundle: Bundle, fitted: FittedRating, cohort: Cohort) -> None:
    """The bundle's own reader of trees must answer as the library that grew them, bit for bit."""
    rows = np.vstack([cohort.matrix, hostile_rows(cohort.matrix)])
    expected = np.asarray(fitted.booster.predict(rows, raw_score=True), dtype=np.float64)
    differs = int((bundle.model.margin(rows) != expected).sum())
    if differs:
        raise BundleError(
            en=f"The bundle answers {differs} of {len(rows)} rows differently than LightGBM; it is not "
            "registered. Keep the model text and report it.",
            zh=f"模型包对 {len(rows)} 行中的 {differs} 行与 LightGBM 结果不同，未予登记；请保留模型文本并报告。",
        )


def hostile_rows(matrix: FloatArray) -> FloatArray:
    """Rows on which readers of trees are known to differ, made of the columns' own values.

    Missing, infinite, zero and just off it, and values one step beside those of the sample; shape
    (6 n, k).
    """
    return np.vstack(
        [
            np.where(np.arange(matrix.shape[1]) % 2 == 0, np.nan, matrix),
            np.full_like(matrix, np.inf),
            np.full_like(matrix, -np.inf),
            np.where(np.isnan(matrix), 1e-36, -0.0),
            np.nextafter(matrix, np.inf),
            np.nextafter(matrix, -np.inf),
        ]
    )


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


def _data(lake: LakeView, bundle: Bundle) -> dict[str, str]:
    batches = {batch.file_name: batch.file_sha256 for batch in lake.batches}
    return {
        "bundle_id": bundle.id,
        "lake_commit": str(lake.version),
        **{f"data.{name}": sha256 for name, sha256 in sorted(batches.items())},
    }
