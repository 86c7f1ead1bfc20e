"""What kind of column it is, and every cell read by its kind alone.

A cell is read without looking at its neighbours once the kind is known, so a row has the same value
in a batch, alone, and in a file of another type. What cannot be read as its kind is missing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute
from pydantic import Field

from features.datasets import Words
from features.documents import Document, load_document
from features.errors import TableError
from models.arrays import FloatArray

#: Arrow registers these functions at run time, where no type checker sees them.
pc: Any = pyarrow.compute
RULES = Path(__file__).with_name("columns.yaml")
_NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
_DATE = r"^(?:19|20)\d{2}(?:[-/.年]\d{1,2}[-/.月]\d{1,2}日?|\d{4})(?:[T ]\d{1,2}:\d{2}.*)?$"
_PARTS = r"^(?P<y>\d{4})[-/.年]?(?P<m>\d{1,2})[-/.月]?(?P<d>\d{1,2})"


class Kind(StrEnum):
    """What a column holds."""

    NUMBER = "number"
    CATEGORY = "category"
    DATE = "date"
    FLAG = "flag"
    TEXT_ID = "text_id"
    CONSTANT = "constant"
    EMPTY = "empty"


#: Kinds from which nothing can be learned.
UNUSED = frozenset({Kind.TEXT_ID, Kind.CONSTANT, Kind.EMPTY})


@dataclass(frozen=True)
class Column:
    """One column and why it is of its kind.

    Attributes
    ----------
    name : str
    kind : Kind
    why : str
        A reason of `columns.yaml`; `reason` has its words.
    """

    name: str
    kind: Kind
    why: str

    @property
    def reason(self) -> Words:
        """Why, in two languages."""
        return load_column_rules().reasons[self.why]


class Limit(Document):
    """One number with its unit and where it comes from."""

    value: float = Field(ge=0)
    unit: str
    source: str


class Flags(Document):
    """Words that mean yes and no, in lower case."""

    set: list[str]
    unset: list[str]


class ColumnRules(Document):
    """Content of `columns.yaml`."""

    effective_from: date
    readable_share_from: Limit
    id_rows_from: Limit
    id_unique_share_from: Limit
    id_number_unique_share_from: Limit
    id_digits_from: Limit
    id_range_times: Limit
    native_levels_to: Limit
    level_prior_rows: Limit
    cross_fit_folds: Limit
    flags: Flags
    reasons: dict[str, Words]


@cache
def load_column_rules(path: Path = RULES) -> ColumnRules:
    """Read the rules.

    Raises
    ------
    TableError
        With the file, the key and what was expected there.
    """
    return load_document(path, ColumnRules, TableError)


def column_of(name: str, values: pa.ChunkedArray) -> Column:
    """Tell what kind of column the values are.

    Parameters
    ----------
    values : pyarrow.ChunkedArray of length n
        Of any type; text is read as flags, dates or numbers where nearly all of it can be.
    """
    if _is_number(values.type):
        return _of_numbers(name, as_numbers(values), is_text=False)
    text = as_text(values)
    filled = len(text) - text.null_count
    if filled == 0:
        return Column(name, Kind.EMPTY, "empty")
    distinct = pc.unique(text.drop_null())
    if len(distinct) == 1 and text.null_count == 0:
        return Column(name, Kind.CONSTANT, "one_value")
    if not np.isnan(as_flags(distinct)).any():
        return Column(name, Kind.FLAG, "yes_or_no")
    need = load_column_rules().readable_share_from.value * filled
    if pa.types.is_temporal(values.type) or np.isfinite(as_days(text)).sum() >= need:
        return Column(name, Kind.DATE, "dates")
    has_codes = bool(pc.any(pc.match_substring_regex(distinct, r"^0\d")).as_py())
    numbers = as_numbers(text)
    if np.isfinite(numbers).sum() >= need and not has_codes:
        return _of_numbers(name, numbers, is_text=True)
    rules = load_column_rules()
    is_id = len(distinct) >= rules.id_unique_share_from.value * filled
    if is_id and filled >= rules.id_rows_from.value:
        return Column(name, Kind.TEXT_ID, "unique_text")
    return Column(name, Kind.CATEGORY, "levels")


def conform(table: pa.Table, columns: Sequence[Column]) -> pa.Table:
    """The columns asked for, each typed by its kind.

    Returns
    -------
    pyarrow.Table
        Numbers and flags as float64, dates as date32, everything else as text; missing is null.
    """
    return pa.table({c.name: _typed(table[c.name], c.kind) for c in columns})


def as_text(values: pa.ChunkedArray | pa.Array) -> pa.ChunkedArray | pa.Array:
    """Cells as trimmed text; a whole number is written without a point, an empty cell is missing."""
    if isinstance(values.type, pa.DictionaryType):
        values = values.cast(values.type.value_type)
    if pa.types.is_floating(values.type):
        values = pc.if_else(pc.is_finite(values), values, None)
    text = pc.utf8_trim_whitespace(values.cast(pa.string()))
    text = pc.replace_substring_regex(text, r"^([+-]?\d+)\.0+$", r"\1")
    return pc.if_else(pc.equal(text, ""), None, text)


def as_numbers(values: pa.ChunkedArray | pa.Array) -> FloatArray:
    """Cells as float64 of shape (n,); NaN where missing, infinite, or no number."""
    if _is_number(values.type):
        numbers = _to_numpy(values.cast(pa.float64(), safe=False))
        return np.where(np.isfinite(numbers), numbers, np.nan)
    if pa.types.is_temporal(values.type):
        return np.full(len(values), np.nan)
    text = pc.replace_substring_regex(as_text(values), r"[¥￥$ ]", "")
    text = pc.replace_substring_regex(text, r"[,，](\d{3})", r"\1")
    text = pc.replace_substring_regex(text, r"^\+", "")
    fits = pc.match_substring_regex(text, _NUMBER)
    numbers = _to_numpy(pc.if_else(fits, text, None).cast(pa.float64()))
    return np.where(np.isfinite(numbers), numbers, np.nan)


def as_flags(values: pa.ChunkedArray | pa.Array) -> FloatArray:
    """Cells as 1 for yes and 0 for no, shape (n,); NaN for anything else."""
    flags = load_column_rules().flags
    text = pc.utf8_lower(as_text(values))
    is_yes = _to_numpy(pc.is_in(text, pa.array(flags.set, pa.string())))
    is_no = _to_numpy(pc.is_in(text, pa.array(flags.unset, pa.string())))
    return np.where(is_yes == 1, 1.0, np.where(is_no == 1, 0.0, np.nan))


def as_days(values: pa.ChunkedArray | pa.Array) -> FloatArray:
    """Cells as whole days since 1970-01-01, shape (n,); NaN where missing or no date.

    Text is read as year, month, day: `2020-02-09`, `2020/2/9`, `20200209`, `2020年2月9日`, with or
    without a time of day, which is not used.
    """
    if pa.types.is_timestamp(values.type):
        values = pc.local_timestamp(values) if values.type.tz else values
    if pa.types.is_temporal(values.type):
        return _to_numpy(values.cast(pa.date32(), safe=False).cast(pa.int32()).cast(pa.float64()))
    text = as_text(values)
    text = pc.if_else(pc.match_substring_regex(text, _DATE), text, None)
    found = pc.extract_regex(text, _PARTS)
    year, month, day = (
        np.nan_to_num(_to_numpy(pc.struct_field(found, part).cast(pa.float64())))
        for part in ("y", "m", "d")
    )
    months = ((year - 1970) * 12 + month - 1).astype("datetime64[M]")
    days = months.astype("datetime64[D]") + (day - 1).astype("timedelta64[D]")
    is_day = (year > 0) & (month <= 12) & (day > 0) & (days.astype("datetime64[M]") == months)  # noqa: PLR2004 - months of a year
    return np.where(is_day, days.astype(np.int64).astype(np.float64), np.nan)


def _of_numbers(name: str, cells: FloatArray, *, is_text: bool) -> Column:
    numbers = cells[np.isfinite(cells)]
    if len(numbers) == 0:
        return Column(name, Kind.EMPTY, "empty")
    distinct = np.unique(numbers)
    if len(distinct) == 1 and len(numbers) == len(cells):
        return Column(name, Kind.CONSTANT, "one_value")
    if np.isin(distinct, [0.0, 1.0]).all():
        return Column(name, Kind.FLAG, "yes_or_no")
    why = _identifier(distinct, len(numbers))
    if why:
        return Column(name, Kind.TEXT_ID, why)
    return Column(name, Kind.NUMBER, "numbers_as_text" if is_text else "numbers")


def _identifier(distinct: FloatArray, filled: int) -> str:
    """Why whole numbers, ascending, look given out rather than measured; empty if they do not."""
    rules = load_column_rules()
    if filled < rules.id_rows_from.value or (distinct != np.floor(distinct)).any():
        return ""
    low, high, share = float(distinct[0]), float(distinct[-1]), len(distinct) / filled
    is_dense = high - low < rules.id_range_times.value * filled
    if is_dense and share >= rules.id_unique_share_from.value:
        return "counted"
    is_long = low >= 10 ** (rules.id_digits_from.value - 1)
    one_length = is_long and len(str(int(low))) == len(str(int(high)))
    if one_length and share >= rules.id_number_unique_share_from.value:
        return "long_number"
    return ""


def _typed(values: pa.ChunkedArray, kind: Kind) -> pa.Array | pa.ChunkedArray:
    if kind is Kind.NUMBER:
        return _floats(as_numbers(values))
    if kind is Kind.FLAG:
        return _floats(as_flags(values))
    if kind is Kind.DATE:
        return _floats(as_days(values)).cast(pa.int32()).cast(pa.date32())
    return as_text(values)


def _floats(numbers: FloatArray) -> pa.Array:
    raw = pa.Array.from_buffers(
        pa.float64(), len(numbers), [None, pa.py_buffer(np.ascontiguousarray(numbers))]
    )
    return pc.if_else(pc.is_nan(raw), None, raw)


def _is_number(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    )


def _to_numpy(values: pa.ChunkedArray | pa.Array) -> FloatArray:
    """Float64 with NaN for missing; booleans become 0 and 1."""
    numbers = values.cast(pa.float64())
    return np.asarray(pc.fill_null(numbers, float("nan")), dtype=np.float64)
