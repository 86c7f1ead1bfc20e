"""A table with its outcome: which column is told, which rows count, which columns may be learned from."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from features.documents import suggestion
from features.errors import TableError
from models.arrays import BoolArray, FloatArray, IntArray
from training.table.kinds import Column, Kind, as_flags, as_numbers, as_text, column_of, conform, pc

__all__ = ["Column", "Kind", "LabelledTable", "label_table", "require_column"]

#: So many values are named in a sentence before it says "and more".
_NAMED = 8


@dataclass(frozen=True)
class LabelledTable:
    """Rows whose outcome is known.

    Attributes
    ----------
    frame : pyarrow.Table of n rows
        Columns that may be learned from, each typed by its kind.
    columns : tuple of Column
        Those of `frame`, in its order; some kinds cannot be used and say why.
    is_positive : ndarray of bool, shape (n,)
    weight : ndarray of float64, shape (n,), or None
    source : pyarrow.Table of n rows
        Every column as it was read.
    row : ndarray of int64, shape (n,)
        Place in the table as it was read, from 0.
    target, positive : str
        Column and value that count as the outcome.
    without_outcome : int
        Rows left out because the target is missing.
    """

    frame: pa.Table
    columns: tuple[Column, ...]
    is_positive: BoolArray
    weight: FloatArray | None
    source: pa.Table
    row: IntArray
    target: str
    positive: str
    without_outcome: int

    def column(self, name: str) -> Column:
        """The column of that name."""
        return next(column for column in self.columns if column.name == name)


def label_table(
    table: pa.Table,
    *,
    target: str,
    positive: str | None = None,
    drop: Sequence[str] = (),
    weight: str | None = None,
) -> LabelledTable:
    """Set the outcome apart from what may be learned from.

    Parameters
    ----------
    positive : str, optional
        The target's value that is the outcome; needed unless the target says yes and no.
    drop : sequence of str
        Columns not to be learned from.
    weight : str, optional
        Column of positive weights; never learned from.

    Raises
    ------
    TableError
        If a column is unknown, the target is no pair of outcomes, the positive value never occurs,
        or a weight is not a positive number.
    """
    for name in (target, *drop, *([weight] if weight else [])):
        require_column(name, table.column_names)
    text = as_text(table[target])
    row = np.flatnonzero(_mask(pc.is_valid(text))).astype(np.int64)
    known = table.take(pa.array(row.tolist(), pa.int64())) if len(row) < len(text) else table
    is_positive, value = _outcome(known[target], target, positive)
    outside = {target, weight, *drop}
    names = [name for name in table.column_names if name not in outside]
    columns = tuple(column_of(name, known[name]) for name in names)
    return LabelledTable(
        frame=conform(known, columns),
        columns=columns,
        is_positive=is_positive,
        weight=_weight(known, weight) if weight else None,
        source=known,
        row=row,
        target=target,
        positive=value,
        without_outcome=len(text) - len(row),
    )


def require_column(name: str, known: Sequence[str]) -> None:
    """Refuse a column the table does not have.

    Raises
    ------
    TableError
        With near names, or all of them where they are few.
    """
    if name in known:
        return
    named = ", ".join(known[:_NAMED]) + (" …" if len(known) > _NAMED else "")
    near = suggestion(name, list(known)) or f" It has {named}."
    raise TableError(
        en=f"The table has no column '{name}'.{near}",
        zh=f"表中没有“{name}”列。现有列：{named}。",
    )


def _outcome(values: pa.ChunkedArray, target: str, positive: str | None) -> tuple[BoolArray, str]:
    text = as_text(values)
    found = sorted(str(value) for value in pc.unique(text).to_pylist())
    if len(found) < 2:  # noqa: PLR2004 - two outcomes
        only = found[0] if found else ""
        raise TableError(
            en=f"The target '{target}' has {'one value only, ' + repr(only) if found else 'no value'}: there is nothing to "
            "tell apart. Name another target, or add rows of the other outcome.",
            zh=f"目标列“{target}”{'只有一个取值 ' + repr(only) if found else '没有取值'}，无从区分。请指定其他目标列，或补充另一类样本。",
        )
    named = ", ".join(found[:_NAMED]) + (" …" if len(found) > _NAMED else "")
    if positive is None:
        flags = as_flags(values)
        if np.isnan(flags).any():
            raise TableError(
                en=f"The target '{target}' has the values {named}. Say which one is the outcome: "
                f"`--positive {found[0]}`.",
                zh=f"目标列“{target}”的取值为 {named}。请用 `--positive {found[0]}` 说明哪一个是违约。",
            )
        is_positive = flags == 1
        return is_positive, str(text.filter(pa.array(is_positive.tolist()))[0].as_py())
    wanted = str(as_text(pa.array([positive]))[0].as_py())
    is_positive = _mask(pc.equal(text, wanted))
    if not is_positive.any():
        raise TableError(
            en=f"No row has '{positive}' in the target '{target}'; its values are {named}.",
            zh=f"目标列“{target}”中没有取值“{positive}”，现有取值：{named}。",
        )
    return is_positive, wanted


def _weight(table: pa.Table, name: str) -> FloatArray:
    weights = as_numbers(table[name])
    bad = int((~(weights > 0)).sum())
    if bad:
        raise TableError(
            en=f"The weight '{name}' is missing or not above 0 in {bad} of {len(weights)} rows. Every row "
            "needs a positive weight; leave the row out if it should not count.",
            zh=f"权重列“{name}”有 {bad}/{len(weights)} 行缺失或不大于 0。每行都需要正权重；不计入的行请先剔除。",
        )
    return weights


def _mask(values: pa.ChunkedArray | pa.Array) -> BoolArray:
    return np.asarray(pc.fill_null(values, False).cast(pa.int8()), dtype=np.bool_)  # noqa: FBT003 - pyarrow's signature
