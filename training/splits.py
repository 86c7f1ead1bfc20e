"""Who is held out: stratified folds, the same for every model that is compared, a firm never split."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold


@dataclass(frozen=True)
class Folds:
    """Repeated cross-validation folds.

    Attributes
    ----------
    fold_of : ndarray of int, shape (repeats, n)
        The fold in which a row is held out, repeat by repeat.
    """

    fold_of: npt.NDArray[np.int64]

    def __iter__(self) -> Iterator[tuple[int, int, npt.NDArray[np.int64], npt.NDArray[np.int64]]]:
        """Yield (repeat, fold, training rows, held-out rows)."""
        for repeat, row_folds in enumerate(self.fold_of):
            for fold in range(int(row_folds.max()) + 1):
                yield (
                    repeat,
                    fold,
                    np.flatnonzero(row_folds != fold),
                    np.flatnonzero(row_folds == fold),
                )

    def __len__(self) -> int:
        """Number of (repeat, fold) pairs."""
        return sum(int(row_folds.max()) + 1 for row_folds in self.fold_of)


def repeated_folds(
    is_default: npt.NDArray[np.bool_], *, repeats: int, folds: int, seed: int
) -> Folds:
    """Stratified folds; repeat r is shuffled with `seed + r`, so a repeat never depends on others.

    Parameters
    ----------
    is_default : ndarray of bool, shape (n,)
        The share of defaults is kept in every fold.
    """
    fold_of = np.empty((repeats, len(is_default)), dtype=np.int64)
    for repeat in range(repeats):
        splitter = StratifiedKFold(n_splits=folds, shuffle=True, random_state=seed + repeat)
        for fold, (_, held_out) in enumerate(splitter.split(is_default, is_default)):
            fold_of[repeat, held_out] = fold
    return Folds(fold_of)


def grouped_folds(
    is_default: npt.NDArray[np.bool_], firm: npt.NDArray[np.int64], *, folds: int, seed: int
) -> Folds:
    """One round of stratified folds in which all rows of a firm are held out together.

    Parameters
    ----------
    is_default, firm : ndarray of shape (n,)
    """
    fold_of = np.empty((1, len(is_default)), dtype=np.int64)
    splitter = StratifiedGroupKFold(n_splits=folds, shuffle=True, random_state=seed)
    for fold, (_, held_out) in enumerate(splitter.split(is_default, is_default, firm)):
        fold_of[0, held_out] = fold
    return Folds(fold_of)
