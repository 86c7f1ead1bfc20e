"""Fit the 12-month rating on development alone: which rows do what, the search, the trees, the line.

Firms that were 31 to 90 days late are no lesson, so trees do not grow on them; the level of the
probability is fitted with them as the non-defaults they are.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from models.arrays import BoolArray, FloatArray, IntArray
from models.rating import RatingSpec
from training.consent import ConsentScopes
from training.fit import FitPlan, FittedRating, FoldDone, fit_rating, held_out_loss
from training.fitting import FittingRules, Span
from training.quarters import Progress, QuarterCohort
from training.splits import grouped_folds
from training.thinning import thinned_weights
from training.tune import Tuned, tune

#: Models of nine tenths of the firms rank nearly as the final one does; of fewer, the line gets too
#: flat. With many defaults fewer folds say the same for less.
_FOLDS, _FEWER_FOLDS, _MANY_DEFAULTS = 10, 5, 2_000
#: Candidates only have to be told apart.
_SEARCH_FOLDS, _SEARCH_ROWS = 5, 40_000
#: The line is fitted to the latest third of development, and to earlier dates until it holds so many.
_LATER_SHARE, _CALIBRATION_DEFAULTS = 1 / 3, 30


@dataclass(frozen=True)
class Development:
    """Rows that may be learned from, and how.

    Attributes
    ----------
    matrix : ndarray of float64, shape (n, k)
    is_default : ndarray of bool, shape (n,)
    plan : FitPlan
    cohort : QuarterCohort
    seed : int
        Decides every random choice.
    """

    matrix: FloatArray
    is_default: BoolArray
    plan: FitPlan
    cohort: QuarterCohort
    seed: int

    def fit(self, spec: RatingSpec) -> FittedRating:
        """Trees from all of development, their number from held-out firms, the line from later dates."""
        return fit_rating(
            self.matrix,
            self.is_default,
            spec,
            self.cohort.features,
            seed=self.seed,
            plan=self.plan,
        )

    def search(
        self,
        spec: RatingSpec,
        rules: FittingRules,
        *,
        space: Mapping[str, Span],
        trials: int,
        tuning: Path,
        on_progress: Progress | None = None,
    ) -> Tuned:
        """The best of so many trials; the same search goes on where an earlier run of it stopped."""
        rows = self._searched()
        matrix, is_default = self.matrix[rows], self.is_default[rows]
        firm = self.cohort.firm[self.cohort.is_development][rows]
        folds = grouped_folds(is_default, firm, folds=_SEARCH_FOLDS, seed=self.seed)
        plan = replace(self.plan.of(rows), folds=folds)

        def judge(tried: RatingSpec, on_fold: FoldDone) -> float:
            return held_out_loss(
                matrix,
                is_default,
                tried,
                self.cohort.features,
                seed=self.seed,
                plan=plan,
                on_fold=on_fold,
            )

        key = search_key(spec, rules, data=data_hash(self.cohort), seed=self.seed)
        return tune(
            spec,
            judge,
            rules,
            space=space,
            trials=trials,
            seed=self.seed,
            journal=tuning / f"{spec.name}-{key}.log",
            on_progress=on_progress,
        )

    def _searched(self) -> IntArray:
        """Rows a search looks at: of so many firms that they are about enough, all rows of each."""
        every = np.arange(len(self.is_default))
        firm = self.cohort.firm[self.cohort.is_development]
        if len(every) <= _SEARCH_ROWS:
            return every
        names = np.unique(firm)
        wanted = round(len(names) * _SEARCH_ROWS / len(every))
        drawn = np.random.default_rng(self.seed).choice(names, wanted, replace=False)
        return np.flatnonzero(np.isin(firm, drawn))


def prepare_development(
    cohort: QuarterCohort, scopes: ConsentScopes | None, rules: FittingRules, *, seed: int
) -> Development:
    """Decide what every row of development is used for.

    Parameters
    ----------
    scopes : ConsentScopes, optional
        Closed at random in a second copy of each row; without them a row comes once, as it is.
    """
    rows = cohort.is_development
    is_default, learns = cohort.is_default[rows], ~cohort.is_indeterminate[rows]
    folds = _FOLDS if is_default.sum() < _MANY_DEFAULTS else _FEWER_FOLDS
    rng = np.random.default_rng(seed)
    plan = FitPlan(
        folds=grouped_folds(is_default, cohort.firm[rows], folds=folds, seed=seed),
        learns=learns,
        calibrates=later_slice(cohort.place[rows], is_default),
        weight=thinned_weights(
            is_default, learns, goods_per_default=rules.goods_per_default.value, rng=rng
        ),
        withheld=scopes.draw(len(is_default), rng) if scopes is not None else None,
    )
    return Development(cohort.matrix[rows], is_default, plan, cohort, seed)


def later_slice(place: IntArray, is_default: BoolArray) -> BoolArray:
    """The latest dates: a third of them, and more while they hold too few defaults; shape (n,).

    Examples
    --------
    >>> later_slice(np.arange(6), np.ones(6, dtype=bool)).tolist()
    [True, True, True, True, True, True]
    """
    dates = int(place.max()) + 1
    first = dates - max(1, round(dates * _LATER_SHARE))
    while first > 0 and is_default[place >= first].sum() < _CALIBRATION_DEFAULTS:
        first -= 1
    return np.asarray(place >= first)


def search_key(spec: RatingSpec, rules: FittingRules, *, data: str, seed: int) -> str:
    """What decides the result of a trial; the same in every process, whatever the order of sets.

    Parameters
    ----------
    data : str
        Hash of rows, outcomes and definitions.
    """
    parts = (
        spec.name,
        str(sorted((name, str(value)) for name, value in spec.parameters.items())),
        str(spec.is_shaped),
        rules.model_dump_json(),
        data,
        str(seed),
    )
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:16]


def data_hash(cohort: QuarterCohort) -> str:
    """SHA-256 over rows, outcomes, values and definitions of a cohort."""
    found = hashlib.sha256()
    for column in (cohort.firm, cohort.place, cohort.is_default, cohort.is_indeterminate):
        found.update(np.ascontiguousarray(column).tobytes())
    for feature in cohort.features:
        found.update(feature.definition_hash.encode())
    # A missing value has more than one bit pattern; only that it is missing counts.
    for start in range(0, len(cohort.matrix), 4096):
        rows = cohort.matrix[start : start + 4096]
        found.update(np.where(np.isnan(rows), np.nan, rows).tobytes())
    return found.hexdigest()
