"""The best trials as one model: their mean margin, each with its own trees and encoding.

Held-out figures of a few hundred outcomes differ by luck, so the first of a search is often not the
best; a mean of the best few loses nothing in exactness, since it is again one sum of trees.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from training.table.bagging import grow_bag, join_models
from training.table.settings import SearchRules
from training.table.trees import Columns, Rows
from training.table.trials import Trial


@dataclass(frozen=True)
class Mix:
    """Trials whose mean margin is the model.

    Attributes
    ----------
    trials : tuple of Trial
    rules : SearchRules
    seed : int
        Of the first bag; each further bag has the next.
    """

    trials: tuple[Trial, ...]
    rules: SearchRules
    seed: int

    def grow(self, rows: Rows, columns: Columns, bags: int) -> str:
        """Model text; at least `bags` seeds in all, as many of each trial, while the trees are few enough."""
        each = -(-bags // len(self.trials))
        most = self.rules.most_trees.value // sum(trial.trees for trial in self.trials)
        seeds = [self.seed + bag for bag in range(max(1, min(each, most)))]
        return join_models([self._grow(trial, rows, columns, seeds) for trial in self.trials])

    def _grow(self, trial: Trial, rows: Rows, columns: Columns, seeds: Sequence[int]) -> str:
        parameters = self.rules.parameters(trial.candidate, seed=self.seed)
        seen = rows.hiding(columns.hidden(trial.candidate.encoding))
        return grow_bag(seen, columns, parameters, trial.trees, seeds)
