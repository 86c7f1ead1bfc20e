"""The search for trees inside the training rows: same seed, same answer, also after a break.

Every trial is fitted fold by fold and stopped when the held-out rows are ranked no better (AUC; the line that
gives probabilities is fitted afterwards); one that is behind the median of the trials
before it is ended early. Finished trials are written down one line each and told to the sampler again when
a search goes on; each trial is drawn with a seed of its own. So a search that was killed gives what it would
have given undisturbed, and a line cut short by the kill is only a trial to repeat.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import lightgbm as lgb
import numpy as np
import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import TrialState

from models.arrays import FloatArray
from training.table.settings import Candidate, Encoding, Range, SearchRules
from training.table.trees import InnerFold, dataset_of
from training.table.trials import Trial, keep_trial, kept_trials

_FIGURE = "auc"


@dataclass(frozen=True)
class SearchTask:
    """What is searched.

    Attributes
    ----------
    folds : sequence of InnerFold
    shapes : tuple of str
        Shapes that compete.
    trials : int
        0 takes the first candidate and only finds its number of trees.
    seed : int
    diary : Path or None
        File of finished trials; nothing is kept if None.
    """

    folds: Sequence[InnerFold]
    shapes: tuple[str, ...]
    trials: int
    seed: int
    diary: Path | None = None

    def key(self, rules: SearchRules) -> str:
        """Hash of everything a trial depends on but their number [hex]."""
        digest = hashlib.sha256(rules.model_dump_json().encode())
        digest.update(repr((self.shapes, self.seed, lgb.__version__)).encode())
        for fold in self.folds:
            digest.update(repr(fold.columns).encode())
            for rows in (fold.train, fold.held_out):
                for array in (rows.matrix, rows.is_positive, rows.weight):
                    digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()[:32]


def search(
    task: SearchTask, rules: SearchRules, *, on_trial: Callable[[], None] | None = None
) -> tuple[Trial, ...]:
    """Try candidates on the inner folds.

    Parameters
    ----------
    on_trial : callable, optional
        Called after every trial, kept or new.

    Returns
    -------
    tuple of Trial
        In order; `best_of` names the one to grow.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    key, starts = task.key(rules), _starts(task, rules)
    distributions = _distributions(task, rules)
    study = optuna.create_study(pruner=optuna.pruners.MedianPruner(n_startup_trials=len(starts)))
    kept = kept_trials(task.diary, key)
    data = [_FoldData(fold, rules) for fold in task.folds]
    found: list[Trial] = []
    for number in range(max(1, task.trials)):
        if number < len(kept):
            trial = kept[number]
            study.add_trial(_told(trial, distributions))
        else:
            study.sampler = optuna.samplers.TPESampler(
                seed=task.seed + number, n_startup_trials=rules.startup.value
            )
            if number < len(starts):
                study.enqueue_trial(starts[number].model_dump())
            trial = _tried(study, study.ask(distributions), data, task, rules)
            keep_trial(task.diary, key, trial)
        found.append(trial)
        if on_trial is not None:
            on_trial()
    return tuple(found)


class _FoldData:
    """A fold as LightGBM reads it, binned once an encoding for all trials."""

    def __init__(self, fold: InnerFold, rules: SearchRules) -> None:
        self.fold, self.rules = fold, rules
        self.binned: dict[Encoding, tuple[lgb.Dataset, lgb.Dataset]] = {}

    def _data(self, encoding: Encoding) -> tuple[lgb.Dataset, lgb.Dataset]:
        if encoding not in self.binned:
            columns, parameters = self.fold.columns, self.rules.dataset_parameters()
            hidden = columns.hidden(encoding)
            train = dataset_of(self.fold.train.hiding(hidden), columns, parameters)
            held_out = dataset_of(self.fold.held_out.hiding(hidden), columns, parameters, train)
            self.binned[encoding] = train, held_out
        return self.binned[encoding]

    def losses(self, parameters: Mapping[str, object], encoding: Encoding) -> FloatArray:
        """1 − AUC of the held-out rows after each tree, until it stopped falling."""
        train, held_out = self._data(encoding)
        record: dict[str, dict[str, list[float]]] = {}
        lgb.train(
            {**parameters, **self.fold.columns.parameters()},
            train,
            self.rules.rounds.value,
            valid_sets=[held_out],
            valid_names=["held_out"],
            callbacks=[
                lgb.early_stopping(self.rules.patience.value, verbose=False),
                lgb.record_evaluation(record),
            ],
        )
        return 1 - np.array(record["held_out"][_FIGURE])


def _tried(
    study: optuna.Study,
    asked: optuna.Trial,
    data: Sequence[_FoldData],
    task: SearchTask,
    rules: SearchRules,
) -> Trial:
    candidate = Candidate.model_validate(asked.params)
    parameters = rules.parameters(candidate, seed=task.seed)
    curves: list[FloatArray] = []
    losses: list[float] = []
    trees = 0
    for step, fold in enumerate(data):
        curves.append(fold.losses(parameters, candidate.encoding))
        mean = _mean_curve(curves)
        trees = int(np.argmin(mean)) + 1
        losses.append(float(mean[trees - 1]))
        asked.report(losses[-1], step)
        if step + 1 < len(data) and asked.should_prune():
            study.tell(asked, state=TrialState.PRUNED)
            return Trial(candidate, tuple(losses), trees, is_pruned=True)
    study.tell(asked, losses[-1])
    return Trial(candidate, tuple(losses), trees, is_pruned=False)


def _mean_curve(curves: Sequence[FloatArray]) -> FloatArray:
    """Mean loss after each tree; a fold that stopped early stays where it stopped."""
    longest = max(len(curve) for curve in curves)
    return np.mean(
        [np.pad(curve, (0, longest - len(curve)), mode="edge") for curve in curves], axis=0
    )


def _starts(task: SearchTask, rules: SearchRules) -> list[Candidate]:
    """The candidates that compete, moved into the ranges of this task."""
    found: list[Candidate] = []
    for candidate in rules.starts(task.shapes):
        values = candidate.model_dump()
        for name, kind in _distributions(task, rules).items():
            if isinstance(kind, IntDistribution | FloatDistribution):
                values[name] = min(max(values[name], kind.low), kind.high)
        if values["encoding"] not in task.folds[0].columns.encodings:
            values["encoding"] = task.folds[0].columns.encodings[0]
        found.append(Candidate.model_validate(values))
    return found


def _distributions(task: SearchTask, rules: SearchRules) -> dict[str, BaseDistribution]:
    ranges = rules.ranges
    rows = min(len(fold.train.is_positive) for fold in task.folds)
    most = max(ranges.min_rows.low + 1, min(ranges.min_rows.high, rows / 8))

    def real(found: Range) -> FloatDistribution:
        return FloatDistribution(found.low, found.high, log=found.log)

    def whole(found: Range, high: float) -> IntDistribution:
        return IntDistribution(int(found.low), int(high), log=found.log)

    return {
        "shape": CategoricalDistribution(task.shapes),
        "learning_rate": real(ranges.learning_rate),
        "leaves": whole(ranges.leaves, ranges.leaves.high),
        "min_rows": whole(ranges.min_rows, most),
        "feature_fraction": real(ranges.feature_fraction),
        "row_fraction": real(ranges.row_fraction),
        "l2": real(ranges.l2),
        "path_smooth": real(ranges.path_smooth),
        "level_smooth": real(ranges.level_smooth),
        "encoding": CategoricalDistribution(task.folds[0].columns.encodings),
        "extra_trees": CategoricalDistribution((False, True)),
    }


def _told(trial: Trial, distributions: dict[str, BaseDistribution]) -> optuna.trial.FrozenTrial:
    return optuna.create_trial(
        state=TrialState.PRUNED if trial.is_pruned else TrialState.COMPLETE,
        value=None if trial.is_pruned else trial.loss,
        params=trial.candidate.model_dump(),
        distributions=distributions,
        intermediate_values=dict(enumerate(trial.losses)),
    )
