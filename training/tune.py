"""Choose parameters by held-out loss inside development, and be able to go on where it stopped.

Trial 0 is the specification as it stands, so a search never ends with worse folds than no search. A
trial that does worse than half of the others after a few folds is cut short. Every trial draws from
its own seed, so a search that was interrupted and goes on finds what one in a single run finds.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import optuna
from optuna.pruners import MedianPruner
from optuna.samplers import TPESampler
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, Trial, TrialState

from models.rating import Parameter, RatingSpec
from training.fit import FoldDone
from training.fitting import FittingRules, Span

#: Log loss of held-out rows under a specification; tells its folds, and may be stopped by them.
Judge = Callable[[RatingSpec, FoldDone], float]
Progress = Callable[[int, int], None]
_OVER = (TrialState.COMPLETE, TrialState.PRUNED)


@dataclass(frozen=True)
class Tuned:
    """What a search found.

    Attributes
    ----------
    spec : RatingSpec
        With the best parameters.
    trials, pruned : int
        In all, over every run of the same search.
    loss, loss_before : float
        Held-out log loss with the best parameters and with those of the specification.
    """

    spec: RatingSpec
    trials: int
    pruned: int
    loss: float
    loss_before: float


def tune(
    spec: RatingSpec,
    judge: Judge,
    rules: FittingRules,
    *,
    space: Mapping[str, Span],
    trials: int,
    seed: int,
    journal: Path,
    on_progress: Progress | None = None,
) -> Tuned:
    """Search until there have been so many trials, counting those of earlier runs.

    Parameters
    ----------
    space : mapping of str to Span
        By LightGBM parameter.
    trials : int
        At least 1.
    journal : Path
        File that remembers the trials. It must be another one for other data, features, rules or
        seed.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    journal.parent.mkdir(parents=True, exist_ok=True)
    _drop_cut_line(journal)
    study = optuna.create_study(
        storage=JournalStorage(JournalFileBackend(str(journal))),
        study_name=spec.name,
        direction="minimize",
        load_if_exists=True,
        pruner=MedianPruner(n_startup_trials=int(rules.startup_trials.value), n_warmup_steps=1),
    )
    base = replace(spec, rounds=int(rules.trees.value))
    while (done := len(_over(study))) < trials:
        if on_progress is not None:
            on_progress(done, trials)
        study.sampler = TPESampler(
            seed=seed + done, n_startup_trials=int(rules.startup_trials.value)
        )
        # The first trial has nothing to choose: it is the specification itself.
        chosen = space if done else {}
        study.optimize(lambda trial: judge(_tried(base, trial, chosen), _told(trial)), 1)  # noqa: B023
    if on_progress is not None:
        on_progress(trials, trials)
    best, over = study.best_trial, _over(study)
    return Tuned(
        spec=_with(base, best.params),
        trials=len(over),
        pruned=sum(trial.state == TrialState.PRUNED for trial in over),
        loss=float(study.best_value),
        loss_before=float(next(t.value for t in over if not t.params and t.value is not None)),
    )


def _drop_cut_line(journal: Path) -> None:
    """A kill may cut the last line short; with another one behind it the journal could not be read."""
    if journal.exists():
        content = journal.read_bytes()
        if not content.endswith(b"\n"):
            os.truncate(journal, content.rfind(b"\n") + 1)


def _over(study: optuna.Study) -> list[FrozenTrial]:
    return study.get_trials(deepcopy=False, states=_OVER)


def _tried(base: RatingSpec, trial: Trial, space: Mapping[str, Span]) -> RatingSpec:
    return _with(base, {name: _suggest(trial, name, span) for name, span in space.items()})


def _suggest(trial: Trial, name: str, span: Span) -> int | float:
    if isinstance(span.low, int) and isinstance(span.high, int):
        return trial.suggest_int(name, span.low, span.high, log=span.is_log)
    return trial.suggest_float(name, span.low, span.high, log=span.is_log)


def _with(base: RatingSpec, parameters: Mapping[str, Parameter]) -> RatingSpec:
    return replace(base, parameters={**base.parameters, **parameters})


def _told(trial: Trial) -> FoldDone:
    """Report a fold to the pruner and stop the trial if it says so."""

    def told(fold: int, loss: float) -> None:
        trial.report(loss, fold)
        if trial.should_prune():
            raise optuna.TrialPruned

    return told
