"""What held-out rows say about a way of fitting, as figures with intervals.

Rows (all rows of a group together, where groups were held out) are drawn again with replacement, within each
fold and outcome. Figures are given over all held-out rows pooled, and as the mean of the folds': different
folds' models rank on scales of their own, which pooling mixes and the mean does not.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from models.arrays import BoolArray, FloatArray, IntArray
from training.evaluate import Estimate
from training.table.columns import LabelledTable
from training.table.figures import FIGURES, Judged
from training.table.fitting import FitPlan, FittedTable
from training.table.protocol import group_codes
from training.table.scoring import arrow_array

LEVEL = 0.95
DRAWS = 400


@dataclass(frozen=True)
class FoldReport:
    """One split as it was judged."""

    name: str
    train_rows: int
    n: int
    positives: int
    shape: str
    trees: int
    is_calibrated: bool
    figures: Mapping[str, Estimate]


@dataclass(frozen=True)
class Report:
    """What a fit says about itself.

    Attributes
    ----------
    n, positives : int
        Held-out rows and those with the outcome.
    rate : float
        Share of positives, weighted where weights were given.
    drawn : str
        What was drawn again for the intervals: `rows`, or `groups of COL`.
    shape : str
        Of the trees in the bundle, chosen on inner folds.
    pooled, mean_of_folds : mapping of str to Estimate
    folds : tuple of FoldReport
    """

    n: int
    positives: int
    rate: float
    protocol: str
    drawn: str
    weighted: bool
    seed: int
    trials: int
    shape: str
    trees: int
    pooled: Mapping[str, Estimate]
    mean_of_folds: Mapping[str, Estimate]
    folds: tuple[FoldReport, ...]

    def to_json(self) -> dict[str, object]:
        """Plain data; a figure that is not defined is null."""
        return _plain(
            {
                "n": self.n,
                "positives": self.positives,
                "rate": self.rate,
                "protocol": self.protocol,
                "weighted": self.weighted,
                "seed": self.seed,
                "trials": self.trials,
                "shape": self.shape,
                "trees": self.trees,
                "intervals": {
                    "level": LEVEL,
                    "draws": DRAWS,
                    "drawn": f"{self.drawn}, with replacement within fold and outcome",
                },
                "figures": {name: asdict(found) for name, found in self.pooled.items()},
                "mean_of_folds": {
                    name: asdict(found) for name, found in self.mean_of_folds.items()
                },
                "folds": [asdict(fold) for fold in self.folds],
            }
        )


def judge(labelled: LabelledTable, fitted: FittedTable, plan: FitPlan) -> Report:
    """Judge the held-out probabilities of every split."""
    rows = np.concatenate([split.test for split in fitted.splits])
    fold = np.repeat(np.arange(len(fitted.splits)), [len(split.test) for split in fitted.splits])
    probability = np.concatenate(fitted.probability)
    is_positive = labelled.is_positive[rows]
    weight = np.ones(len(rows)) if labelled.weight is None else labelled.weight[rows]
    column = plan.protocol.column if plan.protocol.kind == "group" else None
    unit = np.arange(len(rows)) if column is None else group_codes(labelled, column)[rows]
    # The first row of weights is the sample itself.
    drawn = np.vstack([np.ones(len(rows)), _draws(fold, unit, is_positive, plan.seed)]) * weight
    pooled = Judged.of(is_positive, probability).figures(drawn)
    of_fold = [
        Judged.of(is_positive[fold == place], probability[fold == place]).figures(
            drawn[:, fold == place]
        )
        for place in range(len(fitted.splits))
    ]
    with np.errstate(invalid="ignore"):
        means = {name: _mean([found[name] for found in of_fold]) for name in FIGURES}
    return Report(
        n=len(rows),
        positives=int(is_positive.sum()),
        rate=float(np.average(is_positive, weights=weight)),
        protocol=str(plan.protocol),
        drawn="rows" if column is None else f"groups of {column}",
        weighted=labelled.weight is not None,
        seed=plan.seed,
        trials=plan.trials,
        shape=fitted.final.chosen.candidate.shape,
        trees=fitted.final.text.count("\nTree="),
        pooled=_estimates(pooled),
        mean_of_folds=_estimates(means),
        folds=tuple(
            FoldReport(
                model.name,
                len(split.train),
                len(split.test),
                int(labelled.is_positive[split.test].sum()),
                model.chosen.candidate.shape,
                model.text.count("\nTree="),
                not model.is_flat,
                _estimates(found),
            )
            for model, split, found in zip(fitted.models, fitted.splits, of_fold, strict=True)
        ),
    )


def held_out_table(labelled: LabelledTable, fitted: FittedTable) -> pa.Table:
    """Every held-out row with its probability.

    Returns
    -------
    pyarrow.Table
        `row` (from 1, in the table as it was read; rows of a test table count on), `fold`, `is_positive`,
        `probability`.
    """
    rows = np.concatenate([split.test for split in fitted.splits])
    names = [split.name for split in fitted.splits for _ in split.test]
    return pa.table(
        {
            "row": arrow_array(labelled.row[rows] + 1),
            "fold": pa.array(names, pa.string()),
            "is_positive": arrow_array(labelled.is_positive[rows].astype(np.int64)),
            "probability": arrow_array(np.concatenate(fitted.probability)),
        }
    )


def _draws(fold: IntArray, unit: IntArray, is_positive: BoolArray, seed: int) -> FloatArray:
    """How often each row is drawn, shape (draws, n)."""
    rng = np.random.default_rng(seed)
    _, unit_of_row = np.unique(np.column_stack([fold, unit]), axis=0, return_inverse=True)
    units = int(unit_of_row.max()) + 1
    has_positive = np.zeros(units, dtype=np.int64)
    np.maximum.at(has_positive, unit_of_row, is_positive.astype(np.int64))
    stratum = np.zeros(units, dtype=np.int64)
    stratum[unit_of_row] = fold * 2
    stratum += has_positive
    counts = np.zeros((DRAWS, units))
    for one in np.unique(stratum):
        members = np.flatnonzero(stratum == one)
        picks = rng.integers(0, len(members), (DRAWS, len(members)))
        np.add.at(counts, (np.arange(DRAWS)[:, None], members[picks]), 1.0)
    return counts[:, unit_of_row]


def _estimates(found: Mapping[str, FloatArray]) -> dict[str, Estimate]:
    """The figure of the sample itself, and the ends of its draws."""
    ends = [(1 - LEVEL) / 2, (1 + LEVEL) / 2]
    estimates: dict[str, Estimate] = {}
    for name, values in found.items():
        drawn = values[1:][np.isfinite(values[1:])]
        low, high = np.quantile(drawn, ends) if len(drawn) else (np.nan, np.nan)
        estimates[name] = Estimate(float(values[0]), float(low), float(high))
    return estimates


def _mean(values: Sequence[FloatArray]) -> FloatArray:
    """Mean over folds in which the figure is defined."""
    stacked = np.vstack(values)
    is_known = np.isfinite(stacked)
    total = np.where(is_known, stacked, 0.0).sum(axis=0)
    return np.divide(
        total, is_known.sum(axis=0), out=np.full(len(total), np.nan), where=is_known.any(axis=0)
    )


def _plain(value: object) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
