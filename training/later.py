"""Rows out of time and what a fit says of them, in the shapes that validation and the study ask for."""

import numpy as np

from models.arrays import BoolArray, FloatArray
from training.fit import FittedRating
from training.out_of_time import OutOfTime, judge_out_of_time
from training.quarters import QuarterCohort
from training.rating import flat
from training.scenarios import LaterRows
from training.study import Sample


def later_rows(cohort: QuarterCohort) -> LaterRows:
    """Rows out of time."""
    later = ~cohort.is_development
    return LaterRows(
        matrix=cohort.matrix[later],
        is_default=cohort.is_default[later],
        firm=cohort.firm[later],
        as_of_date=dates_of(cohort)[later],
    )


def dates_of(cohort: QuarterCohort) -> "np.ndarray[tuple[int], np.dtype[np.datetime64]]":
    """Month end of every row."""
    return np.array(cohort.timeline.dates, dtype="datetime64[D]")[cohort.place]


def sample_of(cohort: QuarterCohort, rows: BoolArray, probability: FloatArray) -> Sample:
    """Some rows of the cohort as a study keeps them."""
    return Sample(
        firm=cohort.firm[rows],
        as_of_date=dates_of(cohort)[rows],
        is_default=cohort.is_default[rows],
        is_indeterminate=cohort.is_indeterminate[rows],
        probability=probability,
        matrix=cohort.matrix[rows],
        segments={name: values[rows] for name, values in cohort.segments.items()},
    )


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
