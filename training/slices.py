"""Figures of parts of a sample, as flat numbers for a run: by segment, by year, by grade."""

from collections.abc import Iterator

import numpy as np

from models.arrays import BoolArray, TextArray
from models.metrics import auc
from models.scale import Scale
from training.cohort import MIN_DEFAULTS
from training.study import Sample


def slice_metrics(sample: Sample, scale: Scale) -> dict[str, float]:
    """Rows, defaults, observed by expected and AUC of every slice, named `<kind>/<slice>/<figure>`.

    Parameters
    ----------
    sample : Sample
        Rows with the probabilities to be judged.
    scale : Scale
        Of the grades.

    Returns
    -------
    dict of str to float
        No AUC where a slice has fewer defaults than can be ranked, or no good firm, or is a grade.
    """
    found: dict[str, float] = {}
    for kind, values in _kinds(sample, scale):
        for value in np.unique(values).tolist():
            if value:
                told = _figures(sample, values == value, is_ranked=kind != "grade")
                found |= {f"{kind}/{value}/{name}": figure for name, figure in told.items()}
    return found


def _kinds(sample: Sample, scale: Scale) -> Iterator[tuple[str, TextArray]]:
    yield from sample.segments.items()
    yield "year", sample.as_of_date.astype("datetime64[Y]").astype(np.str_)
    yield "grade", scale.grade_of(scale.score_of(sample.probability))


def _figures(sample: Sample, rows: BoolArray, *, is_ranked: bool) -> dict[str, float]:
    is_default, probability = sample.is_default[rows], sample.probability[rows]
    defaults = int(is_default.sum())
    found = {
        "n": float(len(is_default)),
        "defaults": float(defaults),
        "observed_expected": float(defaults / probability.sum()),
    }
    if is_ranked and MIN_DEFAULTS <= defaults < len(is_default):
        found["auc"] = auc(is_default, probability)
    return found
