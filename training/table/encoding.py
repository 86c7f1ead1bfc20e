"""Columns become numbers: learned on training rows, kept as data, the same for a row wherever it stands.

A category of few levels becomes its place among them, for trees that sort levels themselves. One of
many levels becomes the outcome's rate among the training rows of its level, drawn towards the
overall rate, and how many rows that were; or both, for a search that chooses. In training the rate of a row comes from rows of other
folds; else a level of one row would tell the outcome.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from features.errors import TableError
from models.arrays import BoolArray, FloatArray, IntArray
from training.table.columns import LabelledTable, require_column
from training.table.kinds import UNUSED, Column, Kind, as_days, conform, load_column_rules, pc
from training.table.protocol import Protocol, Split
from training.table.settings import Encoding

FORM = 1
How = Literal["number", "date", "levels", "rates", "both"]


@dataclass(frozen=True)
class Coding:
    """How one column becomes numbers.

    Attributes
    ----------
    name : str
    kind : Kind
    how : str
        `number`, `date` (days since 1970 and month), `levels` (place), `rates` (rate and rows) or `both`
        (place, rate and rows).
    outputs : tuple of str
        Columns of the matrix.
    levels : tuple of str
        Known levels in order; none of a number or date.
    rates, rows : tuple of float
        Drawn rate and training rows of each level.
    prior : float
        Rate of a level never seen.
    """

    name: str
    kind: Kind
    how: How
    outputs: tuple[str, ...]
    levels: tuple[str, ...] = ()
    rates: tuple[float, ...] = ()
    rows: tuple[float, ...] = ()
    prior: float = 0.0

    def encode(self, values: pa.ChunkedArray) -> FloatArray:
        """Cells typed by their kind as float64 of shape (n, outputs); NaN where missing."""
        if self.how == "date":
            days = as_days(values)
            return np.column_stack([days, _month(days)])
        if self.how == "number":
            numbers = pc.fill_null(values.cast(pa.float64()), float("nan"))
            return np.asarray(numbers, dtype=np.float64)[:, None]
        place, is_missing = places(values, self.levels)
        level = np.where(place < 0, np.nan, place.astype(np.float64))[:, None]
        if self.how == "levels":
            return level
        rates, rows = np.append(self.rates, self.prior), np.append(self.rows, 0.0)
        known = np.column_stack([rates[place], rows[place]])
        known[is_missing] = np.nan
        return np.column_stack([level, known]) if self.how == "both" else known


@dataclass(frozen=True)
class FittedEncoder:
    """A table's columns as numbers, as they were learned.

    Attributes
    ----------
    codings : tuple of Coding
    dropped : mapping of str to str
        Columns that are not used and the reason (of `columns.yaml`).
    """

    codings: tuple[Coding, ...]
    dropped: Mapping[str, str]
    _training: FloatArray | None = field(default=None, repr=False, compare=False)

    @property
    def names(self) -> list[str]:
        """Columns of the matrix, k of them."""
        return [name for coding in self.codings for name in coding.outputs]

    @property
    def categorical(self) -> list[int]:
        """Places of columns that hold a level's place, for trees that sort levels themselves."""
        return [self.names.index(c.outputs[0]) for c in self.codings if c.how in {"levels", "both"}]

    @property
    def choices(self) -> dict[Encoding, tuple[int, ...]]:
        """Places of columns that say the same two ways: as `levels` and as `rates`."""
        both = [coding.outputs for coding in self.codings if coding.how == "both"]
        return {
            "levels": tuple(self.names.index(level) for level, *_ in both),
            "rates": tuple(self.names.index(name) for _, *rates in both for name in rates),
        }

    @property
    def sources(self) -> dict[str, str]:
        """The table's column behind each column of the matrix."""
        return {name: coding.name for coding in self.codings for name in coding.outputs}

    def transform(self, frame: pa.Table) -> FloatArray:
        """Encode any rows.

        Parameters
        ----------
        frame : pyarrow.Table of n rows
            With the columns learned from, in any order and of any type that says the same.

        Returns
        -------
        ndarray of float64, shape (n, k)
            NaN where missing; a level never seen has the overall rate and no rows.

        Raises
        ------
        TableError
            If a column is missing.
        """
        for coding in self.codings:
            require_column(coding.name, frame.column_names)
        typed = conform(frame, [Column(c.name, c.kind, "levels") for c in self.codings])
        parts = [coding.encode(typed[coding.name]) for coding in self.codings]
        return np.column_stack(parts) if parts else np.empty((frame.num_rows, 0))

    def fit_transform_rows(self) -> FloatArray:
        """The matrix of the rows it was fitted on, shape (rows, k), rates from other folds.

        Raises
        ------
        ValueError
            After reading back from JSON: the training rows are not kept.
        """
        if self._training is None:
            raise ValueError("An encoder that was read back has no training rows.")
        return self._training

    def to_json(self) -> str:
        """All that was learned, as text; no row of the table is in it."""
        told = [asdict(coding) for coding in self.codings]
        return json.dumps(
            {"form": FORM, "codings": told, "dropped": dict(self.dropped)}, ensure_ascii=False
        )

    @classmethod
    def from_json(cls, text: str) -> "FittedEncoder":
        """Read back what `to_json` wrote.

        Raises
        ------
        TableError
            If it is not that.
        """
        try:
            told = json.loads(text)
            forms = {FORM: told["codings"]}
            codings = tuple(_coding(one) for one in forms[told["form"]])
            return cls(codings, told["dropped"])
        except (ValueError, KeyError, TypeError) as damaged:
            raise TableError(
                en=f"The encoding of the columns cannot be read: {damaged}. Fit the table again.",
                zh=f"无法读取列编码：{damaged}。请重新训练。",
            ) from damaged


def fit_encoder(
    labelled: LabelledTable,
    rows: IntArray,
    *,
    seed: int,
    protocol: Protocol | None = None,
    native_levels: int | None = None,
    keeps_levels: bool = False,
) -> FittedEncoder:
    """Learn from the rows given how columns become numbers.

    Parameters
    ----------
    rows : ndarray of int64
        Training rows; no other row is looked at.
    seed : int
        Of the folds between which rates are crossed.
    protocol : Protocol, optional
        Whose inner folds are used, so that groups stay together; stratified folds without it.
    native_levels : int, optional
        Up to so many levels a category stays one column; 0 turns every category into rates.
    keeps_levels : bool
        A category of more levels has its place beside its rate and rows.
    """
    rules = load_column_rules()
    limit = int(rules.native_levels_to.value) if native_levels is None else native_levels
    frame, outcome = labelled.frame.take(_indices(rows)), labelled.is_positive[rows]
    weight = np.ones(len(rows)) if labelled.weight is None else labelled.weight[rows]
    used = [column for column in labelled.columns if column.kind not in UNUSED]
    taken = set(labelled.frame.column_names)
    learn = _Learner(outcome, weight / weight.mean())
    many: How = "both" if keeps_levels else "rates"
    codings = [_fit(column, frame[column.name], learn, (limit, many), taken) for column in used]
    parts = [coding.encode(frame[coding.name]) for coding in codings]
    crossed = [place for place, coding in enumerate(codings) if coding.how in {"rates", "both"}]
    if crossed:
        folds = _crossing(labelled, rows, protocol, seed)
        for place in crossed:
            coding = codings[place]
            parts[place][:, -2] = _crossed(frame[coding.name], coding, learn, folds)
    matrix = np.column_stack(parts) if parts else np.empty((len(rows), 0))
    dropped = {c.name: c.why for c in labelled.columns if c.kind in UNUSED}
    return FittedEncoder(tuple(codings), dropped, matrix)


def places(values: pa.ChunkedArray | pa.Array, levels: Sequence[str]) -> tuple[IntArray, BoolArray]:
    """Place of every cell among the levels (-1 where not among them) and whether it is missing."""
    index = pc.index_in(values, pa.array(levels, pa.string()))
    place = np.asarray(pc.fill_null(index, -1), dtype=np.int64)
    is_missing = np.asarray(values.is_null().cast(pa.int8()), dtype=np.bool_)
    return np.where(is_missing, -1, place), is_missing


def level_rates(
    place: IntArray, levels: int, outcome: BoolArray, weight: FloatArray, prior: float
) -> FloatArray:
    """Rate of every level drawn towards the overall rate, shape (levels,).

    Parameters
    ----------
    place : ndarray of int64, shape (n,)
        -1 where the cell is missing.
    weight : ndarray of float64, shape (n,)
        A row of mean weight counts 1.

    Notes
    -----
    (sum of w*y + m*prior) / (sum of w + m), m from `columns.yaml`.
    Source: Micci-Barreca 2001, A preprocessing scheme for high-cardinality categorical attributes.
    """
    strength = load_column_rules().level_prior_rows.value
    seen = place >= 0
    count = np.bincount(place[seen], weights=weight[seen], minlength=levels)
    hits = np.bincount(place[seen], weights=(weight * outcome)[seen], minlength=levels)
    return (hits + strength * prior) / (count + strength)


@dataclass(frozen=True)
class _Learner:
    """Outcome and weight (of mean 1) of the training rows."""

    outcome: BoolArray
    weight: FloatArray

    @property
    def prior(self) -> float:
        return float(np.average(self.outcome, weights=self.weight))


def _fit(
    column: Column,
    values: pa.ChunkedArray,
    learn: _Learner,
    wide: tuple[int, How],
    taken: set[str],
) -> Coding:
    """How a column becomes numbers; a category of more levels than `wide` says, as it says."""
    name, (limit, many) = column.name, wide
    if column.kind is Kind.DATE:
        return Coding(name, column.kind, "date", _outputs(name, ("days", "month"), taken))
    if column.kind is not Kind.CATEGORY:
        return Coding(name, column.kind, "number", (name,))
    levels = tuple(sorted(str(level) for level in pc.unique(values.drop_null()).to_pylist()))
    if len(levels) <= limit:
        return Coding(name, column.kind, "levels", (name,), levels)
    place, is_missing = places(values, levels)
    rates = level_rates(place, len(levels), learn.outcome, learn.weight, learn.prior)
    rows = np.bincount(place[~is_missing], minlength=len(levels))
    outputs = _outputs(name, ("rate", "rows"), taken)
    return Coding(
        name,
        column.kind,
        many,
        (name, *outputs) if many == "both" else outputs,
        levels,
        tuple(rates.tolist()),
        tuple(rows.astype(np.float64).tolist()),
        learn.prior,
    )


def _crossed(
    values: pa.ChunkedArray, coding: Coding, learn: _Learner, folds: Sequence[Split]
) -> FloatArray:
    """Rate of each row's level among rows of other folds.

    All are drawn towards one prior: a prior of the other folds would tell how bad its own fold is.
    """
    place, is_missing = places(values, coding.levels)
    found = np.full(len(place), coding.prior)
    for fold in folds:
        rates = level_rates(
            place[fold.train],
            len(coding.levels),
            learn.outcome[fold.train],
            learn.weight[fold.train],
            coding.prior,
        )
        found[fold.test] = rates[place[fold.test]]
    found[is_missing] = np.nan
    return found


def _crossing(
    labelled: LabelledTable, rows: IntArray, protocol: Protocol | None, seed: int
) -> list[Split]:
    """Folds of the training rows, in places among them."""
    wanted = int(load_column_rules().cross_fit_folds.value)
    chosen = protocol or Protocol("kfold", folds=wanted)
    cases = int(min(labelled.is_positive[rows].sum(), (~labelled.is_positive[rows]).sum()))
    found = chosen.inner(labelled, rows, folds=min(wanted, cases), seed=seed)
    order = np.argsort(rows, kind="stable")

    def place(part: IntArray) -> IntArray:
        return order[np.searchsorted(rows[order], part)]

    return [Split(one.name, place(one.train), place(one.test)) for one in found]


def _outputs(name: str, endings: Sequence[str], taken: set[str]) -> tuple[str, ...]:
    """Names of the columns a column becomes; never the name of another."""
    mark = "."
    while any(f"{name}{mark}{ending}" in taken for ending in endings):
        mark += "."
    return tuple(f"{name}{mark}{ending}" for ending in endings)


def _month(days: FloatArray) -> FloatArray:
    """Calendar month 1..12 of days since 1970; NaN where missing."""
    whole: npt.NDArray[np.datetime64] = np.nan_to_num(days).astype("datetime64[D]")
    month = whole.astype("datetime64[M]").astype(np.int64) % 12 + 1
    return np.where(np.isnan(days), np.nan, month.astype(np.float64))


def _indices(rows: IntArray) -> pa.Array:
    return pa.Array.from_buffers(
        pa.int64(), len(rows), [None, pa.py_buffer(np.ascontiguousarray(rows, dtype=np.int64))]
    )


def _coding(told: Mapping[str, object]) -> Coding:
    lists = {key: tuple(value) if isinstance(value, list) else value for key, value in told.items()}
    return Coding(**{**lists, "kind": Kind(str(told["kind"]))})  # pyright: ignore[reportArgumentType] - checked by from_json
