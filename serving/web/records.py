"""A firm's records as it may see them itself: which datasets hold some, and the rows of one in words."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache

from features.contracts import Catalogue, Column, Dataset, Sensitivity, lake_column
from features.engine import identifier
from features.lake import LakeView
from features.scope import DataScope, Purpose
from features.snapshot import open_snapshot
from serving.reports.sections import load_layout

_TEXTS = frozenset({"str", "list"})
#: Rows of one dataset on a page; months of figures are many, and the newest are asked about.
MOST_ROWS = 60


@dataclass(frozen=True)
class Held:
    """How much of one dataset is held about a firm."""

    dataset: Dataset
    rows: int


@dataclass(frozen=True)
class Cell:
    """One value of a record."""

    column: Column
    value: object


@dataclass(frozen=True)
class FirmRecord:
    """One record: the key it is named by, and what it says.

    Attributes
    ----------
    key : mapping of str to str
        As a dispute names it.
    """

    key: Mapping[str, str]
    cells: Sequence[Cell]


def held_by(lake: LakeView, catalogue: Catalogue, uscc: str, now: datetime) -> list[Held]:
    """Datasets that hold something about a firm, bad records first."""
    shown = [d for d in catalogue if d.document.sensitivity is not Sensitivity.INTERNAL]
    firm = lake.find_enterprise(uscc).key
    names = [dataset.name for dataset in shown]
    with open_snapshot(
        lake,
        catalogue,
        now.date(),
        _scope(names, now),
        now=now,
        enterprises=[firm],
        threads=1,
        datasets=names,
    ) as snapshot:
        counts = " UNION ALL ".join(
            f"SELECT {place:d}, count(*) FROM {identifier(f'visible_{name}')}"
            for place, name in enumerate(names)
        )
        found = dict(snapshot.connection.execute(counts).fetchall())
    held = [Held(shown[place], rows) for place, rows in found.items() if rows]
    return sorted(held, key=lambda one: (not one.dataset.document.negative, one.dataset.name))


def records_in(
    lake: LakeView, catalogue: Catalogue, uscc: str, dataset: Dataset, now: datetime
) -> list[FirmRecord]:
    """Records of one dataset about a firm, the newest first; personal columns are left out."""
    keys = {name: name in dataset.document.primary_key for name in _shown(dataset)}
    stored = {name: next(iter(lake_column(name, dataset.columns[name]))) for name in keys}
    columns = [identifier(column) for column in stored.values()]
    texts = [
        f"CAST({identifier(stored[name])} AS VARCHAR)" for name, is_key in keys.items() if is_key
    ]
    order = dataset.document.event_date
    by = f"ORDER BY {identifier(stored[order])} DESC" if order in stored else ""
    firm = lake.find_enterprise(uscc).key
    with open_snapshot(
        lake,
        catalogue,
        now.date(),
        _scope([dataset.name], now),
        now=now,
        enterprises=[firm],
        threads=1,
        datasets=[dataset.name],
    ) as snapshot:
        query = (
            f"SELECT {', '.join([*columns, *texts]) or 'NULL'} FROM "
            f"{identifier(f'visible_{dataset.name}')} {by} LIMIT {MOST_ROWS:d}"
        )
        rows = snapshot.connection.execute(query).fetchall()
    named = [name for name, is_key in keys.items() if is_key]
    return [_record(dataset, list(keys), named, row) for row in rows]


def _record(
    dataset: Dataset, names: Sequence[str], key: Sequence[str], row: Sequence[object]
) -> FirmRecord:
    values, texts = row[: len(names)], row[len(names) :]
    cells = [
        Cell(dataset.columns[name], _said(dataset.columns[name], value))
        for name, value in zip(names, values, strict=False)
        if value is not None
    ]
    named = {name: str(text) for name, text in zip(key, texts, strict=True) if text is not None}
    return FirmRecord(named, cells)


def _shown(dataset: Dataset) -> Iterator[str]:
    """Columns in the contract's order: keys, values that are no text, and texts that a report prints.

    Other texts may name persons or other firms in passing; who a person is stays sealed anyway.
    """
    for name, column in dataset.columns.items():
        is_told = column.personal is None and column.type != "party"
        is_plain = column.type not in _TEXTS or name in _printed().get(dataset.name, ())
        is_shown = is_told and (is_plain or name in dataset.document.primary_key)
        if column.is_stored and name != "uscc" and is_shown:
            yield name


@cache
def _printed() -> Mapping[str, frozenset[str]]:
    """Columns that the standard report prints as they are, by dataset."""
    printed: dict[str, frozenset[str]] = {}
    for section in load_layout().sections:
        for part in section.parts:
            plain = {name for name, treatment in part.columns.items() if treatment == "plain"}
            printed[part.dataset] = printed.get(part.dataset, frozenset()) | plain
    return printed


def _said(column: Column, value: object) -> object:
    """As people write it: whole fen as yuan, a month with its dash, a code by its words."""
    if column.type == "money" and isinstance(value, int):
        return f"{value / 100:,.2f}"
    if column.type == "month" and isinstance(value, int):
        return f"{value // 100:04d}-{value % 100:02d}"
    if column.type == "month_list" and isinstance(value, list):
        return f"{len(value)} × …"
    if column.type == "list" and isinstance(value, list):
        return "；".join(map(str, value))
    if isinstance(value, (date, bool)):
        return value
    return column.values.get(str(value), str(value))


def _scope(names: Sequence[str], now: datetime) -> DataScope:
    return DataScope(frozenset(names), Purpose.SELF_REPORT, now.date())
