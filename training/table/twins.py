"""Rows that cannot be told apart but for their outcome, and how many there would be by chance."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from models.arrays import BoolArray, FloatArray, IntArray
from training.table.kinds import UNUSED, Column, Kind, pc
from training.table.protocol import Split

_MIX = np.uint64(0x9E3779B97F4A7C15)
_SHIFT = np.uint64(29)


class Twins(NamedTuple):
    """Equal rows on both sides of a split.

    Attributes
    ----------
    rows : int
        Test rows with an equal training row.
    differing : int
        Of these, rows whose training twin has the other outcome.
    pairs : int
        Equal pairs in the whole table.
    by_chance : float
        Pairs expected if columns were unrelated.
    """

    rows: int
    differing: int
    pairs: int
    by_chance: float


def find_twins(
    frame: pa.Table, columns: Sequence[Column], outcome: BoolArray, splits: Sequence[Split]
) -> Twins:
    """Compare rows by every column that is learned from.

    Parameters
    ----------
    frame : pyarrow.Table of n rows
        Typed by kind.
    outcome : ndarray of bool, shape (n,)
    """
    used = [column for column in columns if column.kind not in UNUSED]
    count = len(outcome)
    if not used:
        return Twins(0, 0, 0, 0.0)
    mark = np.zeros(count, dtype=np.uint64)
    chance = 0.0
    for column in used:
        codes = value_codes(frame[column.name], column.kind)
        mark = _mixed(mark, codes)
        shares = np.bincount(codes) / count
        chance += float(np.log(np.square(shares).sum()))
    _, row, sizes = np.unique(mark, return_inverse=True, return_counts=True)
    rows, differing = _across(row.astype(np.int64), outcome, splits)
    pairs = int((sizes * (sizes - 1) // 2).sum())
    return Twins(rows, differing, pairs, count * (count - 1) / 2 * float(np.exp(chance)))


def value_codes(values: pa.ChunkedArray, kind: Kind) -> IntArray:
    """A number for each different value of a column, shape (n,); missing is a value."""
    if kind in {Kind.NUMBER, Kind.FLAG}:
        numbers: FloatArray = np.asarray(pc.fill_null(values, float("nan")), dtype=np.float64)
        return np.unique(numbers, return_inverse=True)[1].astype(np.int64)
    text = pc.fill_null(values.cast(pa.string()), "")
    return np.asarray(pc.index_in(text, pc.unique(text)), dtype=np.int64)


def _across(row: IntArray, outcome: BoolArray, splits: Sequence[Split]) -> tuple[int, int]:
    """Test rows with a training twin, and of these those with a twin of the other outcome."""
    told = row * 2 + outcome
    twin = np.zeros(len(row), dtype=np.bool_)
    other = np.zeros(len(row), dtype=np.bool_)
    for split in splits:
        twin[split.test] |= np.isin(row[split.test], row[split.train])
        other[split.test] |= np.isin(told[split.test] ^ 1, told[split.train])
    return int(twin.sum()), int(other.sum())


def _mixed(mark: npt.NDArray[np.uint64], codes: IntArray) -> npt.NDArray[np.uint64]:
    """Fold one column's codes into a 64-bit mark a row (multiplicative hashing, wraps on purpose)."""
    mixed = (mark ^ (codes.astype(np.uint64) + np.uint64(1))) * _MIX
    return mixed ^ (mixed >> _SHIFT)
