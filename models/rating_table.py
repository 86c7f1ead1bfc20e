"""Ratings as an Arrow table whose types never depend on what happens to be unknown."""

import pyarrow as pa

from models.record import Columns

_WHOLE = frozenset({"score", "base_points", "base_points_full_scope"})
_LISTS = frozenset({"withheld", "capped_by", "unknown_knockouts", "portrait_absent"})
_DATES = frozenset({"as_of_date", "valid_until"})


def rating_table(columns: Columns, probability_kind: str) -> pa.Table:
    """Columns of `models.record.rating_columns` as a table.

    Parameters
    ----------
    probability_kind : str
        What the model's probability is called; its columns begin with it.
    """
    types = {name: _type_of(name, probability_kind) for name in columns}
    return pa.table({name: pa.array(values, types[name]) for name, values in columns.items()})


def _type_of(name: str, probability_kind: str) -> pa.DataType:
    if name in _WHOLE or name.startswith(("points_", "portrait_f")):
        return pa.int32()
    if name in _LISTS:
        return pa.list_(pa.string())
    if name in _DATES:
        return pa.date32()
    is_number = name == "coverage" or name.startswith(probability_kind)
    return pa.float64() if is_number else pa.string()
