"""Names columns and rows that tell the outcome when they should not, before anything is trained.

A model with a leak looks splendid until it is used. Each suspect carries what was measured and what
to do; the numbers and the sentences are `sentinel.yaml`. Columns that were dropped are not looked at.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path

import numpy as np
import pyarrow as pa

from features.datasets import Words
from features.documents import Document, load_document
from features.errors import TableError
from models.arrays import BoolArray, FloatArray, IntArray
from training.table.alone import Alone, by_filling, by_level, by_rank, by_value
from training.table.columns import LabelledTable, require_column
from training.table.kinds import (
    UNUSED,
    Column,
    Kind,
    Limit,
    as_days,
    as_numbers,
    column_of,
    pc,
)
from training.table.protocol import Split
from training.table.twins import find_twins, value_codes

RULES = Path(__file__).with_name("sentinel.yaml")
_YEARS = (1900, 2100)


@dataclass(frozen=True)
class Suspect:
    """One thing that looks like a leak.

    Attributes
    ----------
    column : str or None
        None where rows are suspected, not a column.
    kind : str
        A key of `kinds` in `sentinel.yaml`.
    figure : float
        What was measured, in the unit the words give it.
    words, advice : Words
        What was found and what to do, in two languages.
    """

    column: str | None
    kind: str
    figure: float
    words: Words
    advice: Words


class SuspectKind(Document):
    """Sentences of one kind of suspect, with places for column, figure and detail."""

    words: Words
    advice: Words


class Limits(Document):
    """Content of `sentinel.yaml`."""

    effective_from: date
    auc_over: Limit
    copy_auc_from: Limit
    evidence_from: Limit
    cases_from: Limit
    bins: Limit
    filled_other_to: Limit
    filled_one_from: Limit
    later_share_over: Limit
    order_values_from: Limit
    prefix_auc_over: Limit
    prefix_characters_to: Limit
    level_rows_from: Limit
    twin_times_chance: Limit
    rows_to: Limit
    kinds: dict[str, SuspectKind]

    def suspect(self, kind: str, column: str | None, figure: float, detail: object = "") -> Suspect:
        """A suspect with its sentences filled in."""
        said = self.kinds[kind]
        words, advice = (
            Words(
                zh=told.zh.format(column=column, figure=figure, detail=detail),
                en=told.en.format(column=column, figure=figure, detail=detail),
            )
            for told in (said.words, said.advice)
        )
        return Suspect(column, kind, figure, words, advice)


@cache
def load_limits(path: Path = RULES) -> Limits:
    """Read the limits and the sentences.

    Raises
    ------
    TableError
        With the file, the key and what was expected there.
    """
    return load_document(path, Limits, TableError)


def inspect(
    labelled: LabelledTable,
    splits: Sequence[Split],
    *,
    limits: Limits,
    time_column: str | None = None,
) -> list[Suspect]:
    """Look for leaks in what is about to be learned from.

    Parameters
    ----------
    splits : sequence of Split
        Outer splits; rates of levels are learned on one side and judged on the other.
    time_column : str, optional
        Column of the source that says when the decision was made, a date or a year; dates later
        than it are suspect.

    Returns
    -------
    list of Suspect
        Columns in the table's order, then rows; empty when nothing is suspected.

    Raises
    ------
    TableError
        If the table has no such time column.
    """
    looked = _thinned(labelled, splits, int(limits.rows_to.value))
    cases = int(min(looked.outcome.sum(), (~looked.outcome).sum()))
    found: list[Suspect] = []
    if cases >= limits.cases_from.value:
        for column in labelled.columns:
            found.extend(_of_column(column, looked, limits))
    for column in labelled.columns:
        found.extend(_of_identifier(column, labelled, splits, limits))
    if time_column is not None:
        found.extend(_of_dates(labelled, time_column, limits))
    order = {column.name: place for place, column in enumerate(labelled.columns)}
    found.sort(key=lambda suspect: order[suspect.column or ""])
    return [*found, *_of_rows(labelled, splits, limits)]


@dataclass(frozen=True)
class _Looked:
    """The rows that columns are judged on."""

    frame: pa.Table
    outcome: BoolArray
    splits: Sequence[Split]


def _of_column(column: Column, looked: _Looked, limits: Limits) -> Iterator[Suspect]:
    """At most one suspect: the plainest thing a column does."""
    if column.kind is Kind.TEXT_ID:
        yield from _of_prefix(column, looked, limits)
    if column.kind in UNUSED:
        return
    filling = _filling(column, looked)
    if filling is not None:
        is_filled = filling
        shares = sorted(float(is_filled[looked.outcome == side].mean()) for side in (True, False))
        found = by_filling(is_filled, looked.outcome)
        if found.evidence > limits.evidence_from.value:
            if found.auc > limits.auc_over.value:
                yield limits.suspect("missing_alone", column.name, found.auc)
                return
            if (
                shares[0] <= limits.filled_other_to.value
                and shares[1] >= limits.filled_one_from.value
            ):
                yield limits.suspect("filled_for_one_outcome", column.name, shares[1])
                return
    alone = _alone(column, looked, limits)
    if alone.evidence > limits.evidence_from.value and alone.auc > limits.auc_over.value:
        is_copy = alone.auc >= limits.copy_auc_from.value
        yield limits.suspect("copies_target" if is_copy else "ranks_alone", column.name, alone.auc)


def _filling(column: Column, looked: _Looked) -> BoolArray | None:
    """Whether cells are filled; nothing if all are."""
    values = looked.frame[column.name]
    if values.null_count == 0:
        return None
    return np.asarray(values.is_valid().cast(pa.int8()), dtype=np.bool_)


def _alone(column: Column, looked: _Looked, limits: Limits) -> Alone:
    values = looked.frame[column.name]
    if column.kind is Kind.CATEGORY:
        return by_level(value_codes(values, column.kind), looked.outcome, looked.splits)
    numbers = as_days(values) if column.kind is Kind.DATE else as_numbers(values)
    return max(by_rank(numbers, looked.outcome), _by_value(numbers, looked, limits))


def _by_value(numbers: FloatArray, looked: _Looked, limits: Limits) -> Alone:
    bins, rows = int(limits.bins.value), limits.level_rows_from.value
    return by_value(numbers, looked.outcome, looked.splits, bins=bins, rows=rows)


def _of_prefix(column: Column, looked: _Looked, limits: Limits) -> Iterator[Suspect]:
    """What an identifier says by how it begins or by its number."""
    text = looked.frame[column.name]
    number = pc.extract_regex(text, r"(?P<n>\d{1,15})$")
    counted = as_numbers(pc.struct_field(number, "n"))
    by_number = _by_value(counted, looked, limits)
    best, length = Alone(0.5, 0.0), 0
    if column.why != "counted":
        for taken in range(1, int(limits.prefix_characters_to.value) + 1):
            begins = pc.utf8_slice_codeunits(text, 0, taken)
            if len(begins.unique()) * limits.level_rows_from.value > len(begins):
                break
            found = by_level(value_codes(begins, Kind.CATEGORY), looked.outcome, looked.splits)
            best, length = (found, taken) if found > best else (best, length)
    needed = Alone(limits.prefix_auc_over.value, 0.0)
    if best > needed and best.evidence > limits.evidence_from.value:
        yield limits.suspect("id_prefix", column.name, best.auc, length)
    elif by_number > needed and by_number.evidence > limits.evidence_from.value:
        yield limits.suspect("id_number", column.name, by_number.auc)


def _of_identifier(
    column: Column, labelled: LabelledTable, splits: Sequence[Split], limits: Limits
) -> Iterator[Suspect]:
    values = labelled.frame[column.name]
    if column.kind is Kind.TEXT_ID:
        codes = value_codes(values.filter(values.is_valid()), column.kind)
        yield limits.suspect("id_like", column.name, len(np.unique(codes)) / len(codes))
        shared = _shared(values, splits)
        if shared:
            yield limits.suspect("entity_across_folds", column.name, shared)
    elif column.kind is Kind.NUMBER:
        count = _running_values(as_numbers(values))
        if count >= limits.order_values_from.value:
            yield limits.suspect("runs_with_rows", column.name, count)


def _shared(values: pa.ChunkedArray, splits: Sequence[Split]) -> int:
    """How many different values stand on both sides of some split."""
    codes = value_codes(values, Kind.TEXT_ID)
    codes = np.where(np.asarray(values.is_null().cast(pa.int8()), dtype=np.bool_), -1, codes)
    both = [np.intersect1d(codes[split.train], codes[split.test]) for split in splits]
    return int((np.unique(np.concatenate(both)) >= 0).sum())


def _running_values(numbers: FloatArray) -> int:
    """How many different whole numbers there are if they are dense and never fall; else 0."""
    if np.isnan(numbers).any() or (numbers != np.floor(numbers)).any():
        return 0
    steps = np.diff(numbers)
    count = 1 + int((steps > 0).sum())
    is_dense = float(numbers[-1] - numbers[0]) < 2 * count
    return count if bool((steps >= 0).all()) and is_dense else 0


def _of_dates(labelled: LabelledTable, time_column: str, limits: Limits) -> Iterator[Suspect]:
    """Dates later than the moment of decision."""
    require_column(time_column, labelled.source.column_names)
    decided = _moments(time_column, labelled.source[time_column])
    for column in labelled.columns:
        if column.kind is not Kind.DATE or column.name == time_column:
            continue
        days = as_days(labelled.frame[column.name])
        known = ~np.isnan(days) & ~np.isnan(decided)
        share = float((days[known] > decided[known]).mean()) if known.any() else 0.0
        if share > limits.later_share_over.value:
            yield limits.suspect("date_later", column.name, share, time_column)


def _moments(name: str, values: pa.ChunkedArray) -> FloatArray:
    """Days since 1970 of a date, or of the last day of a year; NaN where it is neither."""
    if column_of(name, values).kind is Kind.DATE:
        return as_days(values)
    years = as_numbers(values)
    is_year = (years >= _YEARS[0]) & (years <= _YEARS[1]) & (years == np.floor(years))
    after: IntArray = (
        (np.where(is_year, years, 1970) + 1 - 1970)
        .astype("datetime64[Y]")
        .astype("datetime64[D]")
        .astype(np.int64)
    )
    return np.where(is_year, after.astype(np.float64) - 1, np.nan)


def _of_rows(labelled: LabelledTable, splits: Sequence[Split], limits: Limits) -> Iterator[Suspect]:
    twins = find_twins(labelled.frame, labelled.columns, labelled.is_positive, splits)
    if twins.rows and twins.pairs > limits.twin_times_chance.value * twins.by_chance:
        yield limits.suspect("twins_across_folds", None, twins.rows, twins.differing)


def _thinned(labelled: LabelledTable, splits: Sequence[Split], limit: int) -> _Looked:
    """Every row, or every k-th of a long table."""
    step = -(-len(labelled.is_positive) // limit)
    if step == 1:
        return _Looked(labelled.frame, labelled.is_positive, splits)
    kept = range(0, len(labelled.is_positive), step)
    return _Looked(
        labelled.frame.take(pa.array(list(kept), pa.int64())),
        labelled.is_positive[::step],
        [
            Split(
                split.name,
                split.train[split.train % step == 0] // step,
                split.test[split.test % step == 0] // step,
            )
            for split in splits
        ],
    )
