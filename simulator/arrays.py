"""Columns of the city: arrays that know how they are written, and Arrow built from their buffers.

Arrow's own converters load pandas for a second; buffers need no conversion.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.floating[Any]]
Bools = npt.NDArray[np.bool_]
#: Dates are datetime64[D], instants datetime64[s]; NaT is missing.
Days = npt.NDArray[np.datetime64]
Codes = npt.NDArray[np.bytes_]


@dataclass(frozen=True)
class Text:
    """Text as places in a list of values; -1 is missing."""

    codes: Ints
    values: Sequence[str]

    def take(self, rows: Ints) -> "Text":
        """The same column for some rows."""
        return Text(self.codes[rows], self.values)


@dataclass(frozen=True)
class Money:
    """Amounts in whole fen; NaN is missing."""

    fen: Floats

    def take(self, rows: Ints) -> "Money":
        """The same column for some rows."""
        return Money(self.fen[rows])


@dataclass(frozen=True)
class Whole:
    """Whole numbers that may be missing (NaN)."""

    numbers: Floats

    def take(self, rows: Ints) -> "Whole":
        """The same column for some rows."""
        return Whole(self.numbers[rows])


Column = Text | Money | Whole | npt.NDArray[np.generic]


def yuan(amount: Floats) -> Money:
    """Amounts in yuan, rounded to the fen."""
    return Money(np.round(np.asarray(amount, dtype=np.float64) * 100))


def always(value: str, size: int) -> Text:
    """One text in every row."""
    return Text(np.zeros(size, dtype=np.int64), [value])


def picked(rng: np.random.Generator, values: Sequence[str], size: int) -> Text:
    """A text drawn evenly for every row."""
    return Text(rng.integers(0, len(values), size), list(values))


def serials(rng: np.random.Generator, prefix: str, size: int) -> Codes:
    """Fixed-width ids: a prefix and 16 random digits, which say nothing and practically never meet."""
    number = rng.integers(10**15, 10**16, size)
    digits = (number[:, None] // 10 ** np.arange(15, -1, -1)) % 10 + ord("0")
    start = np.broadcast_to(np.frombuffer(prefix.encode(), np.uint8), (size, len(prefix)))
    return fixed(np.hstack([start, digits.astype(np.uint8)]))


def fixed(characters: npt.NDArray[np.uint8]) -> Codes:
    """Rows of ASCII characters as fixed-width byte strings."""
    width = characters.shape[1]
    return np.ascontiguousarray(characters).view(f"S{width}").reshape(-1)


def take(column: Column, rows: Ints) -> Column:
    """Some rows of a column."""
    return column.take(rows) if isinstance(column, Text | Money | Whole) else column[rows]


def arrow(column: Column, *, is_text: bool) -> pa.Array:
    """A column as Arrow; `is_text` writes money as decimals, for files that people read."""
    if isinstance(column, Text):
        known = column.codes >= 0
        return pa.DictionaryArray.from_arrays(
            _buffered(column.codes.astype(np.int32), pa.int32(), known), _texts(column.values)
        ).cast(pa.string())
    if isinstance(column, Money):
        amounts = _buffered(column.fen / 100, pa.float64(), ~np.isnan(column.fen))
        return amounts.cast(pa.decimal128(18, 2)) if is_text else amounts
    if isinstance(column, Whole):
        known = ~np.isnan(column.numbers)
        return _buffered(np.where(known, column.numbers, 0).astype(np.int64), pa.int64(), known)
    return _plain(column)


def _plain(column: npt.NDArray[np.generic]) -> pa.Array:
    kind = column.dtype.kind
    if kind == "S":
        return _fixed_texts(column)
    if kind == "M":
        known = ~np.isnat(column)
        if column.dtype == np.dtype("datetime64[D]"):
            days = np.where(known, column.astype(np.int64), 0).astype(np.int32)
            return _buffered(days, pa.date32(), known)
        seconds = column.astype("datetime64[s]").astype(np.int64)
        return _buffered(np.where(known, seconds, 0), pa.timestamp("s"), known)
    if kind == "b":
        return _buffered(column.astype(np.uint8), pa.uint8(), None).cast(pa.bool_())
    if kind == "f":
        return _buffered(column.astype(np.float64), pa.float64(), ~np.isnan(column))
    return _buffered(column.astype(np.int64), pa.int64(), None)


def _buffered(values: npt.NDArray[Any], kind: pa.DataType, known: Bools | None) -> pa.Array:
    mask = None
    if known is not None and not known.all():
        mask = pa.py_buffer(np.packbits(known, bitorder="little").tobytes())
    return pa.Array.from_buffers(kind, len(values), [mask, pa.py_buffer(values.tobytes())])


def _texts(values: Sequence[str]) -> pa.Array:
    encoded = [value.encode() for value in values]
    ends = np.cumsum([0, *map(len, encoded)]).astype(np.int32)
    buffers = [None, pa.py_buffer(ends.tobytes()), pa.py_buffer(b"".join(encoded))]
    return pa.Array.from_buffers(pa.string(), len(values), buffers)


def _fixed_texts(column: npt.NDArray[np.generic]) -> pa.Array:
    """Byte strings of one width; an empty one is missing."""
    width = column.dtype.itemsize
    known = column != b""
    ends = np.arange(0, (len(column) + 1) * width, width, dtype=np.int32)
    mask = None
    if not known.all():
        mask = pa.py_buffer(np.packbits(known, bitorder="little").tobytes())
    buffers = [mask, pa.py_buffer(ends.tobytes()), pa.py_buffer(column.tobytes())]
    return pa.Array.from_buffers(pa.string(), len(column), buffers)
