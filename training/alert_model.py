"""Train the early warning: borrowers, fit, calibration on a later slice, alerts on later months.

The base rating and what a lender would do without a model are judged on the same rows, each with a
cut-off of its own chosen the same way. Trees do not grow on borrowers that only closed; the level of
the probability is fitted and judged with them as the events they are.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import numpy as np

from features.clock import SHANGHAI
from features.contracts import Catalogue
from features.lake import LakeView
from features.registry import Registry
from models.arrays import BoolArray, FloatArray
from models.bundle import Bundle, BundleRecipe
from models.rating import RatingSpec
from models.scale import load_scale
from training.alert_evaluation import AlertReport, choose_cut_off, judge_alerts
from training.borrowers import Borrowers, build_borrowers
from training.development import later_slice
from training.directions import fit_to_directions
from training.enrol import Enrolment, enrol
from training.fit import FitPlan, FittedRating, fit_rating
from training.out_of_time import OutOfTime, judge_out_of_time
from training.rating import INTERVAL_LEVEL, flat
from training.splits import grouped_folds
from training.warning import load_warning_rules

#: Fixed before any outcome was looked at.
SEED = 20261130
_FOLDS = 5
#: Rows on which a bundle is held against the library that grew its trees; a sample of many is enough.
_CHECKED_ROWS = 5_000
#: What is known of a lender's own book without any model: days late in the last year.
PAST_LATE = "loan_days_past_due_max_12m_days"
MODEL, LATE_BEFORE, BASE_RATING = "model", "late_before", "base_rating"
#: The model beside the signals, all their alerts counted together.
WITH_SIGNALS = "with_signals"

Progress = Callable[[str, int, int], None]
#: Ranks rows of shape (n, k), higher = riskier; a row that cannot be ranked is lowest.
Ranking = Callable[[FloatArray], FloatArray]
#: Which rows of borrowers are alerted without the model, shape (n,).
Named = Callable[[Borrowers], BoolArray]


@dataclass(frozen=True)
class TrainedAlert:
    """The outcome of one training of the early warning.

    Attributes
    ----------
    validation : OutOfTime
        Of the probability, on the later months.
    reports : dict of str to AlertReport
        Of the alerts of `model`, and on the same rows of `late_before` and, if given, `base_rating` and
        `with_signals`, whose cut-off is the one to serve.
    held_out : ndarray of float64, shape (d,)
        Probability of each development row by models that had not seen the firm.
    """

    bundle: Bundle
    borrowers: Borrowers
    validation: OutOfTime
    reports: dict[str, AlertReport]
    run_id: str
    held_out: FloatArray


def train_alert(
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
    base_rating: Bundle | None = None,
    named: Named | None = None,
    seed: int = SEED,
    on_progress: Progress | None = None,
) -> TrainedAlert:
    """Fit on development, judge alerts on the later months, and register what was judged.

    Parameters
    ----------
    data_until : date
        Last day of the data; month ends are counted back from there.
    parts : Path
        Folder in which features of month ends are kept.
    base_rating : Bundle, optional
        A rating to hold the warning against.
    named : callable, optional
        Asked which borrowers the signals name; what they leave of the budget of alerts is the model's.
        Without it the model has the whole budget.
    on_progress : callable, optional
        Told `(step, done, total)`; steps are `borrowers`, `fit`.

    Raises
    ------
    CohortError, CalibrationError, BundleError
    """

    def told(step: str) -> Callable[[int, int], None]:
        return lambda done, total: on_progress(step, done, total) if on_progress else None

    features = spec.features(registry)
    borrowers = build_borrowers(
        lake,
        catalogue,
        features,
        data_until=data_until,
        now=now,
        parts=parts,
        on_progress=told("borrowers"),
    )
    told("fit")(0, 1)
    fitted, spec = fit_to_directions(
        lambda chosen: fit_warning(borrowers, chosen, seed=seed),
        spec,
        features,
        borrowers.matrix[borrowers.is_development],
    )
    validation = _validate(borrowers, fitted, seed)
    reports = judge_ways(borrowers, fitted, base_rating, seed=seed)
    if named is not None:
        reports[WITH_SIGNALS] = judge_beside(borrowers, fitted, named(borrowers), seed=seed)
    scale = load_scale()
    recipe = BundleRecipe(
        spec=spec,
        version=f"{now:%Y%m%d.%H%M%S}",
        created_at=now.replace(tzinfo=SHANGHAI),
        as_of_date=borrowers.timeline.development[-1],
        features=features,
        model_text=fitted.booster.model_to_string(),
        line=fitted.line,
        scale_id=scale.id,
        metrics=alert_metrics(borrowers, validation, reports, seed=seed),
        grades=validation.grades(scale, INTERVAL_LEVEL),
        interval_level=INTERVAL_LEVEL,
    )
    entry = Enrolment(
        bundles=bundles,
        mlruns=mlruns,
        lake=lake,
        matrix=borrowers.matrix[:: max(1, -(-len(borrowers.matrix) // _CHECKED_ROWS))],
        development=borrowers.matrix[borrowers.is_development],
        reference=borrowers.reference,
        parameters=_parameters(spec, borrowers, fitted, data_until, seed),
        now=now,
        seed=seed,
    )
    bundle, run_id = enrol(recipe, fitted, entry)
    told("fit")(1, 1)
    held_out = fitted.line.probability(fitted.held_out)
    return TrainedAlert(bundle, borrowers, validation, reports, run_id, held_out)


def fit_warning(borrowers: Borrowers, spec: RatingSpec, *, seed: int) -> FittedRating:
    """Trees from all of development, their number from held-out firms, the line from later dates."""
    rows = borrowers.is_development
    is_event, outcomes = borrowers.is_event[rows], borrowers.outcomes.take(rows)
    plan = FitPlan(
        folds=grouped_folds(is_event, outcomes.firm, folds=_FOLDS, seed=seed),
        learns=~outcomes.only_closes,
        calibrates=later_slice(outcomes.place, is_event),
    )
    matrix = borrowers.matrix[rows]
    return fit_rating(matrix, is_event, spec, borrowers.features, seed=seed, plan=plan)


def judge_ways(
    borrowers: Borrowers, fitted: FittedRating, base_rating: Bundle | None, *, seed: int
) -> dict[str, AlertReport]:
    """Reports of the model's alerts and of the others', on the same later rows and draws."""
    early, rules = borrowers.is_development, load_warning_rules()
    development, later = borrowers.outcomes.take(early), borrowers.outcomes.take(~early)
    matrix = borrowers.matrix
    scores = {MODEL: (fitted.line.probability(fitted.held_out), fitted.probability(matrix[~early]))}
    for name, ranking in _others(borrowers.features, base_rating).items():
        scores[name] = (ranking(matrix[early]), ranking(matrix[~early]))
    share = rules.alerted_share_up_to.value
    return {
        name: judge_alerts(
            later, score, choose_cut_off(before, development.place, share), rules, seed=seed
        )
        for name, (before, score) in scores.items()
    }


def judge_beside(
    borrowers: Borrowers, fitted: FittedRating, is_named: BoolArray, *, seed: int
) -> AlertReport:
    """Report of the model and the signals together, within the budget of alerts.

    Parameters
    ----------
    is_named : ndarray of bool, shape (n,)
        Rows of the borrowers that the signals name.
    """
    early, rules = borrowers.is_development, load_warning_rules()
    development, later = borrowers.outcomes.take(early), borrowers.outcomes.take(~early)
    held_out = fitted.line.probability(fitted.held_out)
    share = rules.alerted_share_up_to.value
    cut_off = choose_cut_off(held_out, development.place, share, is_named[early])
    probability = fitted.probability(borrowers.matrix[~early])
    # Whom the signals name is alerted at any cut-off.
    score = np.where(is_named[~early], 1.0, probability)
    return judge_alerts(later, score, cut_off, rules, seed=seed)


def _others(features: Registry, base_rating: Bundle | None) -> Mapping[str, Ranking]:
    """Other ways of ranking that these features allow."""
    names, found = list(features.names), dict[str, Ranking]()
    if PAST_LATE in names:
        column = names.index(PAST_LATE)
        found[LATE_BEFORE] = lambda matrix: np.nan_to_num(matrix[:, column], nan=-1.0)
    if base_rating is not None:
        asked = [feature.name for feature in base_rating.manifest.features]
        if set(asked) <= set(names):
            columns = [names.index(name) for name in asked]
            found[BASE_RATING] = lambda matrix: base_rating.model.margin(matrix[:, columns])
    return found


def _validate(borrowers: Borrowers, fitted: FittedRating, seed: int) -> OutOfTime:
    early, firm = borrowers.is_development, borrowers.outcomes.firm
    is_new = ~np.isin(firm[~early], firm[early])
    probability = fitted.probability(borrowers.matrix[~early])
    return judge_out_of_time(
        borrowers.is_event[~early], probability, firm[~early], is_new, seed=seed
    )


def alert_metrics(
    borrowers: Borrowers,
    validation: OutOfTime,
    reports: Mapping[str, AlertReport],
    *,
    seed: int,
) -> dict[str, float]:
    """Figures and counts as flat numbers for the manifest and the run; `cut_off` raises the alert."""
    early, report = borrowers.is_development, reports[MODEL]
    served = reports.get(WITH_SIGNALS, report)
    later = borrowers.outcomes.take(~early)
    soon = load_warning_rules().report_months.value
    within = later.months_to_event <= soon
    nobody = np.zeros_like(within)
    judged = judge_out_of_time(within, validation.probability, later.firm, nobody, seed=seed)
    return {
        "n": float(len(validation.is_default)),
        "events": float(validation.is_default.sum()),
        f"events_{soon:.0f}m": float(within.sum()),
        "firms": float(validation.firms),
        "development_n": float(early.sum()),
        "development_events": float(borrowers.is_event[early].sum()),
        "without_consent": float(borrowers.without_consent),
        "cut_off": served.cut_off,
        "alerted_share_highest": float(served.share_by_month.max()),
        "alerted_firms": float(report.alerted),
        "late_firms": float(report.late),
        **{f"excluded_{reason}": float(count) for reason, count in borrowers.excluded.items()},
        **flat(validation.figures),
        **flat(report.figures),
        **flat({f"auc_{soon:.0f}m": judged.figures["auc"]}),
        **{
            f"{way}_{name}": value
            for way, other in reports.items()
            if way != MODEL
            for name, value in flat(other.figures).items()
        },
    }


def _parameters(
    spec: RatingSpec, borrowers: Borrowers, fitted: FittedRating, data_until: date, seed: int
) -> dict[str, str]:
    return {
        **{name: str(value) for name, value in spec.parameters.items()},
        "trees": str(fitted.trees),
        "seed": str(seed),
        "features": str(len(borrowers.features)),
        "data_until": data_until.isoformat(),
        "development": " ".join(day.isoformat() for day in borrowers.timeline.development),
        "out_of_time": " ".join(day.isoformat() for day in borrowers.timeline.out_of_time),
        "probability_kind": spec.probability_kind,
    }
