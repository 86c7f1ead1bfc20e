"""Rows, what LightGBM is told about their columns, and trees grown on them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import lightgbm as lgb
import numpy as np

from models.arrays import BoolArray, FloatArray
from training.table.settings import ENCODINGS, Encoding


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows to learn from or to be judged on.

    Attributes
    ----------
    matrix : ndarray of float64, shape (n, k)
        NaN where missing.
    is_positive : ndarray of bool, shape (n,)
    weight : ndarray of float64, shape (n,)
        Positive; 1 where none were given.
    """

    matrix: FloatArray
    is_positive: BoolArray
    weight: FloatArray

    def hiding(self, places: Sequence[int]) -> "Rows":
        """The same rows without what these columns say; trees never split on a column that is empty."""
        if not places:
            return self
        matrix = self.matrix.copy()
        matrix[:, list(places)] = np.nan
        return replace(self, matrix=matrix)


@dataclass(frozen=True)
class Columns:
    """What LightGBM is told about the columns.

    Attributes
    ----------
    names : tuple of str
        As the trees call them: `c0`, `c1`, ….
    categorical : tuple of int
    directions : tuple of int
        -1, 0 or 1 for each column.
    levels, rates : tuple of int
        Columns that say the same two ways, between which a search may choose.
    """

    names: tuple[str, ...]
    categorical: tuple[int, ...]
    directions: tuple[int, ...]
    levels: tuple[int, ...] = ()
    rates: tuple[int, ...] = ()

    @property
    def encodings(self) -> tuple[Encoding, ...]:
        """What there is to choose from."""
        return ENCODINGS if self.levels else ENCODINGS[:1]

    def hidden(self, encoding: Encoding) -> tuple[int, ...]:
        """Columns an encoding does without."""
        return {"rates": self.levels, "levels": self.rates, "both": ()}[encoding]

    def parameters(self) -> dict[str, str | list[int]]:
        """Shape constraints; `advanced` breaks its own on missing values, `intermediate` does not."""
        if not any(self.directions):
            return {}
        return {
            "monotone_constraints": list(self.directions),
            # `intermediate` was seen to break a constraint; `basic` always held.
            "monotone_constraints_method": "basic",
        }


@dataclass(frozen=True, eq=False)
class InnerFold:
    """Rows that trees grow on and rows that judge them, encoded from the first alone."""

    train: Rows
    held_out: Rows
    columns: Columns


def grow(rows: Rows, columns: Columns, parameters: Mapping[str, object], trees: int) -> lgb.Booster:
    """Fit so many trees."""
    return lgb.train(
        {**parameters, **columns.parameters()}, dataset_of(rows, columns, parameters), trees
    )


def dataset_of(
    rows: Rows,
    columns: Columns,
    parameters: Mapping[str, object],
    reference: lgb.Dataset | None = None,
) -> lgb.Dataset:
    """Rows as LightGBM reads them; held-out rows are binned like those of `reference`."""
    return lgb.Dataset(
        rows.matrix,
        label=rows.is_positive.astype(np.float64),
        weight=rows.weight,
        reference=reference,
        feature_name=list(columns.names),
        categorical_feature=list(columns.categorical),  # pyright: ignore[reportArgumentType] - a list of places
        params=dict(parameters),
        free_raw_data=False,
    )
