"""Train the 12-month rating: quarters, fit, out-of-time validation, scenarios of consent, study."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from features.clock import SHANGHAI
from features.contracts import Catalogue
from features.lake import LakeView
from features.registry import Registry
from models.bundle import Bundle, BundleRecipe
from models.portrait_tables import Peers
from models.rating import RatingSpec
from models.scale import load_scale
from training.consent import ConsentScopes
from training.development import data_hash, prepare_development
from training.directions import fit_to_directions
from training.dossier import keep_dossiers
from training.enrol import Enrolment, enrol
from training.fit import FittedRating
from training.fitting import load_fitting_rules
from training.later import base_metrics, later_rows, sample_of, validate_later
from training.out_of_time import OutOfTime
from training.plots import draw_plots
from training.quarters import QuarterCohort, build_quarters
from training.rating import INTERVAL_LEVEL
from training.registry import add_files
from training.scenarios import play_scenarios
from training.shape import shape_cost
from training.slices import slice_metrics
from training.study import Scenario, Study, write_study
from training.tune import Tuned

#: Fixed before any outcome was looked at.
SEED = 20260630

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Folders:
    """Where a training writes.

    Attributes
    ----------
    parts : Path
        Features of month ends, kept between trainings.
    tuning : Path
        Trials of searches, so that one can go on.
    studies : Path
        What each model is judged by.
    """

    bundles: Path
    mlruns: Path
    parts: Path
    tuning: Path
    studies: Path


@dataclass(frozen=True)
class TrainedBase:
    """The outcome of one training of the 12-month rating; `tuned` is None if nothing was searched."""

    bundle: Bundle
    cohort: QuarterCohort
    validation: OutOfTime
    scenarios: tuple[Scenario, ...]
    tuned: Tuned | None
    run_id: str


def train_base_rating(
    lake: LakeView,
    catalogue: Catalogue,
    registry: Registry,
    spec: RatingSpec,
    *,
    data_until: date,
    now: datetime,
    folders: Folders,
    trials: int = 0,
    measures_shape: bool = False,
    seed: int = SEED,
    on_progress: Progress | None = None,
) -> TrainedBase:
    """Fit on development, judge on the later dates, and register what was judged.

    Parameters
    ----------
    data_until : date
        Last day of the data; month ends are counted back from there.
    trials : int
        Parameters to try inside development; 0 takes those of the specification.
    measures_shape : bool
        Whether the same is fitted without the shape, and the figure `gini_lost_to_shape` told: the
        share of that model's Gini out of time that ours gives up.
    seed : int
        Decides every random choice.
    on_progress : callable, optional
        Told `(step, done, total)`; steps are `quarters`, `tune`, `fit`, `shape`, `scenarios`.

    Raises
    ------
    CohortError, CalibrationError, BundleError
    """

    def told(step: str) -> Callable[[int, int], None]:
        return lambda done, total: on_progress(step, done, total) if on_progress else None

    rules, scale = load_fitting_rules(), load_scale()
    features = spec.features(registry)
    cohort = build_quarters(
        lake,
        catalogue,
        features,
        data_until=data_until,
        now=now,
        parts=folders.parts,
        on_progress=told("quarters"),
    )
    scopes = ConsentScopes.of(features, catalogue)
    development = prepare_development(cohort, scopes, rules, seed=seed)
    tuned, asked = None, spec
    if trials:
        tuned = development.search(
            spec,
            rules,
            space=rules.search,
            trials=trials,
            tuning=folders.tuning,
            on_progress=told("tune"),
        )
        spec = tuned.spec
    told("fit")(0, 1)
    fitted, spec = fit_to_directions(
        development.fit, spec, features, cohort.matrix[cohort.is_development]
    )
    validation = validate_later(cohort, fitted, seed=seed)
    told("fit")(1, 1)
    later = later_rows(cohort)
    if measures_shape:
        told("shape")(0, 1)
        cost = shape_cost(
            development, asked, fitted, later, rules, trials=trials, tuning=folders.tuning
        )
        told("shape")(1, 1)
        figures = validation.figures | {"gini_lost_to_shape": cost.gini_lost}
        validation = replace(validation, figures=figures)
    scenarios = play_scenarios(
        later, fitted.probability, scopes, scale, rules, seed=seed, on_progress=told("scenarios")
    )
    out_of_time = sample_of(cohort, ~cohort.is_development, validation.probability)
    recipe = BundleRecipe(
        spec=spec,
        version=f"{now:%Y%m%d.%H%M%S}",
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
    parameters = _parameters(spec, cohort, fitted, data_until, seed)
    if tuned is not None:
        parameters |= {"trials": str(tuned.trials), "trials_cut_short": str(tuned.pruned)}
    entry = Enrolment(
        bundles=folders.bundles,
        mlruns=folders.mlruns,
        lake=lake,
        matrix=cohort.matrix,
        development=cohort.matrix[cohort.is_development],
        reference=cohort.reference,
        parameters=parameters,
        now=now,
        seed=seed,
        slices=slice_metrics(out_of_time, scale) | _scenario_metrics(scenarios),
        peers=_peers(cohort),
    )
    with TemporaryDirectory(prefix="xinqiao-plots-") as pictures:
        plots = draw_plots(
            validation.is_default, validation.probability, recipe.grades, scale, Path(pictures)
        )
        bundle, run_id = enrol(recipe, fitted, replace(entry, plots=plots))
    study = Study(
        bundle_id=bundle.id,
        model=spec.name,
        version=recipe.version,
        features=tuple(features.names),
        data_until=data_until,
        figures=validation.figures,
        scenarios=scenarios,
        parameters=parameters,
        development=sample_of(
            cohort, cohort.is_development, fitted.line.probability(fitted.held_out)
        ),
        out_of_time=out_of_time,
    )
    write_study(study, folders.studies)
    pages = keep_dossiers(study, bundle, folders.studies, registry=features)
    add_files(run_id, pages, folders.mlruns)
    return TrainedBase(bundle, cohort, validation, scenarios, tuned, run_id)


def _peers(cohort: QuarterCohort) -> Peers:
    """Firms of the last development date, by size and industry."""
    last = cohort.place == len(cohort.timeline.development) - 1
    sizes, sections = cohort.segments["size_class"], cohort.segments["industry_section"]
    return Peers(cohort.matrix[last], sizes[last], sections[last])


def _scenario_metrics(scenarios: tuple[Scenario, ...]) -> dict[str, float]:
    return {
        f"scenario/{scenario.name}/{name}": figure.value
        for scenario in scenarios
        for name, figure in scenario.figures.items()
        if np.isfinite(figure.value)
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
        "data_hash": data_hash(cohort),
        "development": " ".join(day.isoformat() for day in cohort.timeline.development),
        "out_of_time": " ".join(day.isoformat() for day in cohort.timeline.out_of_time),
        "probability_kind": spec.probability_kind,
    }
