"""A labelled table on given splits, the same way for every peer of `fit`."""

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from marks import OUTCOME
from meter import Meter


@dataclass(frozen=True)
class Part:
    """The training rows of one outer split.

    `inner` is the fold each row is held out in when something is to be chosen; groups of the outer
    protocol stay together in it.
    """

    table: pd.DataFrame
    outcome: np.ndarray
    inner: np.ndarray

    def folds(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Places of training and held-out rows of every inner fold."""
        for fold in np.unique(self.inner):
            yield np.flatnonzero(self.inner != fold), np.flatnonzero(self.inner == fold)


#: (training part, rows to score) -> probability.
FitPredict = Callable[[Part, pd.DataFrame], np.ndarray]


def read_table(path: Path) -> tuple[pd.DataFrame, np.ndarray]:
    """Numbers as float64, dates as days and month, text as it is with "" where missing."""
    frame = pd.read_parquet(path)
    outcome = frame.pop(OUTCOME).to_numpy()
    columns = {}
    for name in frame:
        values = frame[name]
        if pd.api.types.is_string_dtype(values) and not pd.api.types.is_bool_dtype(values):
            columns[name] = values.astype(object).where(values.notna(), "")
        elif pd.api.types.is_object_dtype(values) or pd.api.types.is_datetime64_any_dtype(values):
            moment = pd.to_datetime(values)
            days = (moment - pd.Timestamp(0)) / pd.Timedelta(days=1)
            columns[f"{name}.days"], columns[f"{name}.month"] = days, moment.dt.month.astype(float)
        else:
            columns[name] = values.astype(float)
    return pd.DataFrame(columns), outcome


def texts(table: pd.DataFrame) -> list[str]:
    """Columns that hold text."""
    return [name for name in table if table[name].dtype == object]


def held_out(
    table: pd.DataFrame, outcome: np.ndarray, splits: pd.DataFrame, fit_predict: FitPredict
) -> pd.DataFrame:
    """Score the test rows (`inner` of -1) of every split by a model of its other rows."""
    parts = []
    for name, rows in splits.groupby("split", sort=False):
        train, test = rows[rows["inner"] >= 0], rows[rows["inner"] < 0]
        part = Part(
            table.iloc[train["row"]].reset_index(drop=True),
            outcome[train["row"]],
            train["inner"].to_numpy(),
        )
        risk = fit_predict(part, table.iloc[test["row"]].reset_index(drop=True))
        parts.append(test.assign(split=name, probability=risk))
    return pd.concat(parts, ignore_index=True)


def run(description: str | None, fit_predict: Callable[..., np.ndarray]) -> None:
    """Read, fit on every split, write, report."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("table", type=Path)
    parser.add_argument("--splits", type=Path, required=True, help="split, row, inner")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--trials", type=int, default=0)
    parser.add_argument("--seed", type=int, default=7)
    asked = parser.parse_args()
    meter = Meter()
    table, outcome = read_table(asked.table)
    found = held_out(
        table,
        outcome,
        pd.read_parquet(asked.splits),
        lambda part, unseen: fit_predict(part, unseen, trials=asked.trials, seed=asked.seed),
    )
    found[["split", "row", "probability"]].to_parquet(asked.out, index=False)
    meter.report(columns=table.shape[1], texts=len(texts(table)))
