"""Directions a model must keep, and the proof that it kept them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import ConfigDict

from features.documents import Document, load_document
from features.errors import RequestError, TableError
from models.arrays import FloatArray
from models.directions import ROUNDING, largest_turn, sweep_values, swept_rows
from models.tree_model import TreeEnsemble
from training.table.columns import require_column
from training.table.kinds import Column, Kind


class _Directions(Document):
    """A mapping of columns to -1, 0 or 1."""

    model_config = ConfigDict(extra="allow", frozen=True)
    __pydantic_extra__: dict[str, Literal[-1, 0, 1]]  # pyright: ignore[reportIncompatibleVariableOverride] - pydantic's own way to type them


@dataclass(frozen=True)
class Sweep:
    """What the sweep of one column showed.

    Attributes
    ----------
    column : str
    direction : int
        -1: the risk falls as the value rises; 1: it rises.
    rows, values : int
        Rows swept, and the values each was given: both sides of every threshold, or evenly many of them.
    worst : float
        Largest step against the direction [log-odds]; 0 if there was none.
    """

    column: str
    direction: int
    rows: int
    values: int
    worst: float

    @property
    def holds(self) -> bool:
        """No step against the direction but rounding."""
        return self.worst <= ROUNDING


def read_directions(path: Path, columns: Sequence[Column]) -> dict[str, int]:
    """Directions by column, from YAML or JSON; columns that are free are left out.

    Raises
    ------
    RequestError
        If the file is wrong, or a direction is given to a category.
    TableError
        If a column is unknown.
    """
    told = load_document(path, _Directions, RequestError).__pydantic_extra__
    kinds = {column.name: column.kind for column in columns}
    for name, direction in told.items():
        require_column(name, list(kinds))
        if direction and kinds[name] is Kind.CATEGORY:
            raise RequestError(
                en=f"{path} gives '{name}' a direction, but it is a category and its values have no order. "
                "Set it to 0, or deliver it as numbers.",
                zh=f"{path} 为“{name}”指定了方向，但该列为类别，取值没有大小。请设为 0，或改为数值列。",
            )
    return {name: int(direction) for name, direction in told.items() if direction}


def prove_directions(
    ensemble: TreeEnsemble,
    matrix: FloatArray,
    places: Mapping[str, int],
    directions: Mapping[str, int],
) -> list[Sweep]:
    """Move one column with the others fixed and see whether the margin ever turns.

    Parameters
    ----------
    matrix : ndarray of shape (n, k)
        Encoded training rows; the first ones of evenly spaced places are swept.
    places : mapping of str to int
        The matrix column of each constrained column.

    Raises
    ------
    TableError
        If a direction does not hold.
    """
    rows = swept_rows(matrix)
    found = [
        _sweep(ensemble, rows, column, places[column], direction)
        for column, direction in directions.items()
        if column in places
    ]
    broken = [sweep.column for sweep in found if not sweep.holds]
    if broken:
        raise TableError(
            en=f"The trees do not keep the direction of {', '.join(broken)}. Nothing was written; report this.",
            zh=f"模型未满足 {', '.join(broken)} 的方向约束，未写入任何结果，请反馈此问题。",
        )
    return found


def _sweep(
    ensemble: TreeEnsemble, rows: FloatArray, column: str, place: int, direction: int
) -> Sweep:
    values = len(sweep_values(ensemble, place))
    return Sweep(
        column, direction, len(rows), values, largest_turn(ensemble, rows, place, direction)
    )
