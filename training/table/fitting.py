"""A model on any table: encoded, searched, grown and calibrated inside the training rows of each split."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import lightgbm as lgb
import numpy as np
import pyarrow as pa

from features.errors import CalibrationError, TableError
from models.arrays import FloatArray, IntArray
from models.calibration import LogitLine, fit_logit_line
from training.table.bagging import booster_of
from training.table.columns import LabelledTable
from training.table.encoding import FittedEncoder, fit_encoder
from training.table.mixing import Mix
from training.table.protocol import Protocol, Split, group_codes
from training.table.search import SearchTask, search
from training.table.settings import SearchRules
from training.table.trees import Columns, InnerFold, Rows
from training.table.trials import Trial, best_few, best_of

Progress = Callable[[int, int], None]
#: Name of the model in the bundle where no single split is the bundle.
WHOLE = "all"
#: Slope of the line where held-out margins rank nothing: a level, and next to no opinion beside it.
_FLAT = 1e-3


@dataclass(frozen=True)
class FitPlan:
    """How a table is learned from.

    Attributes
    ----------
    protocol : Protocol
    rules : SearchRules
    shapes : tuple of str
        Shapes that compete inside the folds.
    directions : mapping of str to int
        -1 or 1 by column; other columns are free.
    trials : int
    seed : int
    diary : Path or None
        File of finished trials.
    """

    protocol: Protocol
    rules: SearchRules
    shapes: tuple[str, ...]
    directions: Mapping[str, int]
    trials: int
    seed: int
    diary: Path | None = None


@dataclass(frozen=True, eq=False)
class TableModel:
    """One fitted model.

    Attributes
    ----------
    name : str
        Of its split.
    train : ndarray of int64
        Rows of the labelled table it learned from.
    encoder : FittedEncoder
    text : str
        LightGBM text.
    line : LogitLine
        From held-out margins inside the training rows.
    is_flat : bool
        The held-out margins ranked nothing, so the line gives the rate and little else.
    chosen : Trial
    trials : tuple of Trial
    """

    name: str
    train: IntArray
    encoder: FittedEncoder
    text: str
    line: LogitLine
    is_flat: bool
    chosen: Trial
    trials: tuple[Trial, ...]

    @cached_property
    def booster(self) -> lgb.Booster:
        """The trees as the library that grew them reads them."""
        return booster_of(self.text)

    def probability(self, labelled: LabelledTable, rows: IntArray) -> FloatArray:
        """Calibrated probability of rows of the labelled table, shape (len(rows),)."""
        matrix = self.encoder.transform(taken(labelled, rows))
        return self.line.probability(_margin(self.booster, matrix))


@dataclass(frozen=True, eq=False)
class FittedTable:
    """What was fitted and what it said of rows it had not seen.

    Attributes
    ----------
    models : tuple of TableModel
        One a split.
    final : TableModel
        For the bundle: the split's own model where there is one split, else one of all rows.
    splits : tuple of Split
    probability : tuple of ndarray
        Of each split's held-out rows.
    """

    models: tuple[TableModel, ...]
    final: TableModel
    splits: tuple[Split, ...]
    probability: tuple[FloatArray, ...]


def fit_table(
    labelled: LabelledTable,
    splits: Sequence[Split],
    plan: FitPlan,
    *,
    on_progress: Progress | None = None,
) -> FittedTable:
    """Fit every split, then the model of the bundle.

    Parameters
    ----------
    on_progress : callable, optional
        Told `(steps done, steps in all)`; a step is a trial or a final fit.

    Raises
    ------
    TableError
        If nothing can be learned from any column, or folds cannot be cut.
    """
    parts = [(split.name, split.train) for split in splits]
    if len(splits) > 1:
        every = np.arange(len(labelled.is_positive), dtype=np.int64)
        parts.append((WHOLE, every))
    steps = len(parts) * (max(1, plan.trials) + 1)
    done = 0

    def tick() -> None:
        nonlocal done
        done += 1
        if on_progress is not None:
            on_progress(done, steps)

    fitted: list[TableModel] = []
    for name, rows in parts:
        fitted.append(_fit(labelled, name, rows, plan, tick))
        tick()
    models = tuple(fitted[: len(splits)])
    return FittedTable(
        models,
        fitted[-1],
        tuple(splits),
        tuple(
            model.probability(labelled, split.test)
            for model, split in zip(models, splits, strict=True)
        ),
    )


def taken(labelled: LabelledTable, rows: IntArray) -> pa.Table:
    """Rows of the columns that may be learned from."""
    return labelled.frame.take(pa.array(rows))


def _fit(
    labelled: LabelledTable,
    name: str,
    rows: IntArray,
    plan: FitPlan,
    tick: Callable[[], None],
) -> TableModel:
    encoder = fit_encoder(labelled, rows, seed=plan.seed, protocol=plan.protocol, keeps_levels=True)
    if not encoder.names:
        raise TableError(
            en="No column is left to learn from: all are constant, empty, identifiers or dropped.",
            zh="没有可用于学习的列：其余均为常数、空列、标识列或已排除的列。",
        )
    weight = _weight(labelled, rows)
    folds = _inner_folds(labelled, rows, weight, plan)
    task = SearchTask(folds, plan.shapes, plan.trials, plan.seed, plan.diary)
    trials = search(task, plan.rules, on_trial=tick)
    chosen = best_of(trials)
    mix = Mix(best_few(trials, plan.rules.blend.value), plan.rules, plan.seed)
    line, is_flat = _line(folds, mix, plan.rules.calibration_seeds(len(rows)))
    whole = Rows(encoder.fit_transform_rows(), labelled.is_positive[rows], weight)
    text = mix.grow(whole, _columns(encoder, plan.directions), plan.rules.bags.value)
    return TableModel(name, rows, encoder, text, line, is_flat, chosen, trials)


def _columns(encoder: FittedEncoder, directions: Mapping[str, int]) -> Columns:
    """Columns by place, since a text of trees takes no spaces or foreign letters in names."""
    names = tuple(f"c{place}" for place in range(len(encoder.names)))
    constrained = {coding.outputs[0]: directions.get(coding.name, 0) for coding in encoder.codings}
    return Columns(
        names,
        tuple(encoder.categorical),
        tuple(constrained.get(name, 0) for name in encoder.names),
        **encoder.choices,
    )


def _inner_folds(
    labelled: LabelledTable, rows: IntArray, weight: FloatArray, plan: FitPlan
) -> list[InnerFold]:
    """Folds inside the training rows, each encoded from its own training part alone."""
    wanted, repeats = plan.rules.folds_of(len(rows))
    folds = _possible(labelled, rows, plan.protocol, wanted)
    of_row = np.zeros(len(labelled.is_positive))
    of_row[rows] = weight
    return [
        _inner_fold(labelled, split, of_row, plan, plan.seed + repeat)
        for repeat in range(repeats)
        for split in plan.protocol.inner(labelled, rows, folds=folds, seed=plan.seed + repeat)
    ]


def _inner_fold(
    labelled: LabelledTable, split: Split, weight: FloatArray, plan: FitPlan, seed: int
) -> InnerFold:
    encoder = fit_encoder(
        labelled, split.train, seed=seed, protocol=plan.protocol, keeps_levels=True
    )
    matrices = (encoder.fit_transform_rows(), encoder.transform(taken(labelled, split.test)))
    train, held_out = (
        Rows(matrix, labelled.is_positive[part], weight[part])
        for matrix, part in zip(matrices, (split.train, split.test), strict=True)
    )
    return InnerFold(train, held_out, _columns(encoder, plan.directions))


def _possible(labelled: LabelledTable, rows: IntArray, protocol: Protocol, wanted: int) -> int:
    """As many folds as are wanted, or as the rarer outcome or the groups allow."""
    outcome = labelled.is_positive[rows]
    counts = [wanted, int(outcome.sum()), int((~outcome).sum())]
    if protocol.kind == "group" and protocol.column is not None:
        groups = group_codes(labelled, protocol.column)[rows]
        counts += [len(np.unique(groups[outcome])), len(np.unique(groups))]
    return max(2, min(counts))


def _line(
    folds: Sequence[InnerFold],
    mix: Mix,
    bags: int,
) -> tuple[LogitLine, bool]:
    """The line through held-out margins of models grown as the final one is."""
    boosters = (booster_of(mix.grow(fold.train, fold.columns, bags)) for fold in folds)
    margin = np.concatenate(
        [
            _margin(booster, fold.held_out.matrix)
            for booster, fold in zip(boosters, folds, strict=True)
        ]
    )
    outcome = np.concatenate([fold.held_out.is_positive for fold in folds])
    weight = np.concatenate([fold.held_out.weight for fold in folds])
    try:
        return fit_logit_line(margin, outcome, weight), False
    except CalibrationError:
        rate = float(np.average(outcome, weights=weight))
        level = float(np.log(rate / (1 - rate)))
        return LogitLine(level - _FLAT * float(np.average(margin, weights=weight)), _FLAT), True


def _weight(labelled: LabelledTable, rows: IntArray) -> FloatArray:
    """Weights of mean 1, so that limits of leaves mean the same with and without them."""
    if labelled.weight is None:
        return np.ones(len(rows))
    weight = labelled.weight[rows]
    return weight / weight.mean()


def _margin(booster: lgb.Booster, matrix: FloatArray) -> FloatArray:
    return np.asarray(booster.predict(matrix, raw_score=True, num_threads=1), dtype=np.float64)
