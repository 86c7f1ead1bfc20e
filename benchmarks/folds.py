"""Repeated stratified folds as a file, so that every model is judged on the same splits."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from sklearn.model_selection import StratifiedKFold


def write_folds(
    path: Path,
    enterprises: list[str],
    labels: list[int],
    *,
    repeats: int,
    folds: int,
    seed: int,
) -> None:
    """Write `enterprise_id, repeat, fold`: the fold in which a firm is held out.

    Parameters
    ----------
    path : Path
        Parquet file to write.
    enterprises, labels : list of shape (n_firms,)
        Ids, and 1 for default; the share of defaults is kept in every fold.
    repeats, folds : int
    seed : int
        Repeat r shuffles with seed + r.
    """
    target = np.asarray(labels)
    ids: list[str] = []
    repeat_of: list[int] = []
    fold_of: list[int] = []
    for repeat in range(repeats):
        splitter = StratifiedKFold(n_splits=folds, shuffle=True, random_state=seed + repeat)
        for fold, (_, held_out) in enumerate(splitter.split(np.zeros(len(target)), target)):
            ids.extend(enterprises[int(row)] for row in held_out)
            repeat_of += [repeat] * len(held_out)
            fold_of += [fold] * len(held_out)
    table = pa.table({"enterprise_id": ids, "repeat": repeat_of, "fold": fold_of})
    pq.write_table(table, path)
