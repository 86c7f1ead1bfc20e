"""Finished trials, one line of JSON each, so that a search can go on where it was ended."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from training.table.settings import Candidate


@dataclass(frozen=True)
class Trial:
    """One finished trial.

    Attributes
    ----------
    candidate : Candidate
    losses : tuple of float
        1 − mean AUC after each fold; as many as were fitted.
    trees : int
    is_pruned : bool
        Ended before its last fold.
    """

    candidate: Candidate
    losses: tuple[float, ...]
    trees: int
    is_pruned: bool

    @property
    def loss(self) -> float:
        """1 − mean held-out AUC, over all folds unless it was pruned."""
        return self.losses[-1]


def best_of(trials: Sequence[Trial]) -> Trial:
    """The trial with the smallest loss over all folds; of equals the earlier."""
    return best_few(trials, 1)[0]


def best_few(trials: Sequence[Trial], count: int) -> tuple[Trial, ...]:
    """So many trials with the smallest loss over all folds, the best first; fewer if fewer were finished."""
    finished = [trial for trial in trials if not trial.is_pruned]
    return tuple(sorted(finished, key=lambda trial: trial.loss)[:count])


def kept_trials(diary: Path | None, key: str) -> list[Trial]:
    """Trials of this search that were finished before."""
    if diary is None or not diary.exists():
        return []
    found: list[Trial] = []
    for line in diary.read_text(encoding="utf-8").splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            continue  # the line a kill cut short
        if entry["search"] == key:
            candidate = Candidate.model_validate(entry["candidate"])
            found.append(
                Trial(candidate, tuple(entry["losses"]), entry["trees"], entry["is_pruned"])
            )
    return found


def keep_trial(diary: Path | None, key: str, trial: Trial) -> None:
    """Write one finished trial down; nothing where there is no diary."""
    if diary is None:
        return
    content = {
        "search": key,
        "candidate": trial.candidate.model_dump(),
        "losses": list(trial.losses),
        "trees": trial.trees,
        "is_pruned": trial.is_pruned,
    }
    diary.parent.mkdir(parents=True, exist_ok=True)
    # A line that was cut short is closed first, so that it spoils no line but its own.
    is_open = diary.exists() and not diary.read_bytes().endswith(b"\n") and diary.stat().st_size > 0
    with diary.open("a", encoding="utf-8") as file:
        file.write(("\n" if is_open else "") + json.dumps(content) + "\n")
