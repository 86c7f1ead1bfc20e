"""Who defaults: our rating beside plain LightGBM and a WoE scorecard, on the same folds.

Nothing here is tuned: our side is the specification of `models.rating` as it stands. Every figure
of every side comes from `training.evaluate`, so no two are computed differently.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import lightgbm as lgb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.measure import of_command
from benchmarks.results import Entry, compared
from benchmarks.setting import Setting
from features.contracts import load_catalogue
from features.definitions import REGISTRY
from features.lake import Lake
from models.rating import INVOICE_RATING
from training.cohort import Cohort, build_cohort
from training.evaluate import (
    REPEATS,
    Estimate,
    Validation,
    auc_difference,
    judge,
    recency_report,
    validate,
)
from training.rating import SEED
from training.splits import Folds
from xinqiao.settings import load_settings
from xinqiao.tours import land_tour

AREA = "rating"
FloatArray = npt.NDArray[np.float64]


def compare(setting: Setting) -> Iterator[Entry]:
    """Judge our out-of-fold probabilities beside two peers', then what recency carries."""
    cohort = contest_cohort(setting)
    ours = validate(cohort, INVOICE_RATING, seed=SEED)
    folds = setting.work / "folds.parquet"
    names = [origin.partition(":")[2] for origin in cohort.origins]
    _write_folds(folds, names, ours.folds)
    table = setting.work / "features.parquet"
    as_of = setting.as_of_date.isoformat()
    pandas = ("pandas_features", setting.contest, "--as-of", as_of, "--out", table)
    of_command(setting.peer(*pandas))()
    out = setting.work / "peer.parquet"
    asked = ("--folds", folds, "--out", out)
    peers: dict[str, Sequence[str | Path]] = {
        "plain LightGBM": setting.peer("plain_lightgbm", setting.contest, *asked),
        "a WoE scorecard": setting.peer(
            "woe_logistic", setting.contest, "--features", table, *asked
        ),
    }
    for title, command in peers.items():
        of_command(command)()
        theirs = judge(cohort.is_default, _probabilities(out, names), ours.folds, seed=SEED)
        yield from _beside(title, ours, theirs, setting)
    free = judge(cohort.is_default, _free_shape(cohort, ours.folds), ours.folds, seed=SEED)
    yield from _beside("LightGBM's defaults on our features", ours, free, setting)
    yield from _recency(cohort, ours, setting)


def _free_shape(cohort: Cohort, folds: Folds) -> FloatArray:
    """Out-of-fold probabilities of LightGBM as it comes, on our features: what our shape costs."""
    probability = np.empty(folds.fold_of.shape)
    parameters = {"objective": "binary", "verbosity": -1, "num_threads": 1, "seed": SEED}
    for repeat, _, train, test in folds:
        rows = lgb.Dataset(cohort.matrix[train], label=cohort.is_default[train].astype(np.float64))
        found = lgb.train(parameters, rows).predict(cohort.matrix[test])
        probability[repeat, test] = np.asarray(found, dtype=np.float64)
    return probability


def contest_cohort(setting: Setting) -> Cohort:
    """The contest's firms of known outcome with the features of the invoice rating."""
    home = setting.work / "home"
    settings = replace(load_settings(), home=home, data=setting.data, language="en")
    land_tour(settings, "cumcm2020c")
    return build_cohort(
        Lake(settings.lake).view(),
        load_catalogue(),
        INVOICE_RATING.features(REGISTRY),
        as_of_date=setting.as_of_date,
        now=setting.now,
    )


def _beside(title: str, ours: Validation, theirs: Validation, setting: Setting) -> Iterator[Entry]:
    """AUC with its paired difference, Brier score and calibration slope of both sides."""
    difference = auc_difference(ours, theirs, seed=SEED)
    sample = (
        f"{len(ours.is_default)} firms, {int(ours.is_default.sum())} defaults, {REPEATS}×5-fold"
    )
    yield compared(
        AREA,
        f"AUC, against {title}",
        ours=ours.auc.value,
        peer=theirs.auc.value,
        better="higher",
        unit="",
        now=setting.now,
        note=f"{sample}, mean of test folds; 95 %: ours {_span(ours.auc)}, peer {_span(theirs.auc)}; "
        f"paired difference {difference.value:+.3f} {_span(difference)}",
    )
    yield compared(
        AREA,
        f"Brier score, against {title}",
        ours=ours.brier.value,
        peer=theirs.brier.value,
        better="lower",
        unit="",
        now=setting.now,
        note=f"{sample}; 95 %: ours {_span(ours.brier)}, peer {_span(theirs.brier)}",
    )
    yield compared(
        AREA,
        f"Calibration slope (best at 1), against {title}",
        ours=ours.calibration_slope.value,
        peer=theirs.calibration_slope.value,
        better="neither",
        unit="",
        now=setting.now,
        note=f"{sample}; 95 %: ours {_span(ours.calibration_slope)}, "
        f"peer {_span(theirs.calibration_slope)}",
    )


def _recency(cohort: Cohort, ours: Validation, setting: Setting) -> Iterator[Entry]:
    """What features that know how long ago the last invoice was carry of the AUC."""
    report = recency_report(cohort, INVOICE_RATING, ours, seed=SEED)
    names = {
        "without_recency": "AUC without recency features",
        "recency_only": "AUC of recency alone",
    }
    carried = report["carried_by_recency"]
    for key, name in names.items():
        yield compared(
            AREA,
            name,
            ours=report[key].value,
            peer=None,
            better="higher",
            unit="",
            now=setting.now,
            note=f"95 % {_span(report[key])}; recency carries {carried.value:+.3f} {_span(carried)}, "
            "paired on the same folds",
        )


def _span(estimate: Estimate) -> str:
    sign = "+" if estimate.low < 0 else ""
    return f"[{estimate.low:{sign}.3f}, {estimate.high:{sign}.3f}]"


def _write_folds(path: Path, names: list[str], folds: Folds) -> None:
    repeats, rows = folds.fold_of.shape
    table = {
        "enterprise_id": names * repeats,
        "repeat": np.repeat(np.arange(repeats), rows),
        "fold": folds.fold_of.ravel(),
    }
    pq.write_table(pa.table(table), path)


def _probabilities(path: Path, names: Sequence[str]) -> FloatArray:
    """Read out-of-fold probabilities as repeats × firms; every cell must be filled."""
    rows = pq.read_table(path, columns=["enterprise_id", "repeat", "probability"]).to_pydict()
    column = {name: place for place, name in enumerate(names)}
    matrix = np.full((REPEATS, len(names)), np.nan)
    for name, repeat, probability in zip(
        rows["enterprise_id"], rows["repeat"], rows["probability"], strict=True
    ):
        matrix[repeat, column[name]] = probability
    if np.isnan(matrix).any():
        missing = int(np.isnan(matrix).sum())
        raise ValueError(f"{path.name} misses {missing} of {matrix.size} out-of-fold values.")
    return matrix
