"""One cut through the lake for a report: every part read through one snapshot, nothing outside the scope."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

from features.contracts import Catalogue, Dataset, lake_column
from features.engine import identifier
from features.lake import LakeView
from features.scope import DataScope, Purpose
from features.snapshot import Snapshot, open_snapshot
from features.vault import Vault
from features.windows import months_before
from features.withheld import withheld_datasets
from serving.reading import Stop
from serving.reports.masks import Sealed
from serving.reports.sections import Figure, Part, Section
from serving.reports.values import plain

#: `not_shared` is never shown to an institution; `no_record` was looked for and is not there.
State = Literal["shown", "no_record", "need_authorisation", "not_shared"]


@dataclass(frozen=True)
class View:
    """Who looks.

    Attributes
    ----------
    is_owner : bool
        The firm itself sees all that is held about it.
    scopes : frozenset of str
        What consents open to an institution.
    """

    is_owner: bool
    scopes: frozenset[str] = frozenset()

    @property
    def kind(self) -> Literal["self", "grantee"]:
        """As ratings call it."""
        return "self" if self.is_owner else "grantee"

    def withheld(self, catalogue: Catalogue) -> frozenset[str]:
        """Datasets that stay closed, by the snapshot's own rule."""
        grantee = None if self.is_owner else "grantee"
        scope = DataScope(frozenset(catalogue.datasets), Purpose.APPLY, date.max, grantee)
        return withheld_datasets(catalogue, scope, self.scopes)

    def sees_rows(self, part: Part) -> bool:
        """Whether rows of an open part are shown, and not only figures."""
        return part.to == "all" or self.is_owner or (part.to == "raw" and "raw" in self.scopes)


@dataclass(frozen=True)
class Row:
    """One record: its values in the order of the part's columns, and its key as disputes name it."""

    row_id: int
    key: Mapping[str, str]
    values: tuple[object, ...]


@dataclass(frozen=True)
class Told:
    """One part as it may be told."""

    part: Part
    dataset: Dataset
    state: State
    total: int = 0
    rows: tuple[Row, ...] = ()
    figures: tuple[tuple[Figure, object], ...] = ()
    known_until: datetime | None = None
    batches: tuple[str, ...] = ()


@dataclass(frozen=True)
class Cut:
    """Everything a report shows of the lake."""

    name: str
    lake_version: int
    parts: Mapping[str, tuple[Told, ...]]

    @property
    def negative_rows(self) -> dict[str, list[int]]:
        """Rows shown that must not be shown any more once they are repaired or their publicity ends."""
        found: dict[str, list[int]] = {}
        for told in (one for parts in self.parts.values() for one in parts):
            if told.dataset.document.negative and told.rows:
                found[told.dataset.name] = [row.row_id for row in told.rows]
        return found


@dataclass(frozen=True)
class Reader:
    """What reading takes."""

    lake: LakeView
    catalogue: Catalogue
    vault: Vault
    uscc: str
    key: int


def cut_report(
    reader: Reader, sections: Collection[Section], view: View, now: datetime, stop: Stop
) -> Cut | None:
    """Read every part of the sections; None if the firm is on no register now.

    Takes a fraction of a second: not for the event loop.
    """
    withheld = view.withheld(reader.catalogue)
    names = {part.dataset for section in sections for part in section.parts}
    with _open(reader, names | {"reg_basic"}, withheld, now) as snapshot, stop.watch(snapshot):
        found = snapshot.connection.execute("SELECT count(*) FROM enterprise").fetchall()
        if not found[0][0]:
            return None
        name = snapshot.connection.execute("SELECT any_value(name) FROM visible_reg_basic")
        return Cut(
            name=str(name.fetchall()[0][0] or ""),
            lake_version=reader.lake.version,
            parts={
                section.code: tuple(
                    _tell(reader, snapshot, part, view, withheld) for part in section.parts
                )
                for section in sections
            },
        )


def still_shown(reader: Reader, rows: Mapping[str, list[int]], now: datetime, stop: Stop) -> bool:
    """Whether every one of these public rows may still be shown now."""
    if not rows:
        return True
    with _open(reader, set(rows), frozenset(), now) as snapshot, stop.watch(snapshot):
        for dataset, row_ids in rows.items():
            listed = ", ".join(str(int(row_id)) for row_id in row_ids)
            query = f"SELECT count(*) FROM visible_{dataset} WHERE row_id IN ({listed})"
            if snapshot.connection.execute(query).fetchall() != [(len(row_ids),)]:
                return False
    return True


def _open(
    reader: Reader, names: Collection[str], withheld: frozenset[str], now: datetime
) -> Snapshot:
    scope = DataScope(
        frozenset(reader.catalogue.datasets) - withheld, Purpose.SELF_REPORT, now.date()
    )
    return open_snapshot(
        reader.lake,
        reader.catalogue,
        now.date(),
        scope,
        now=now,
        enterprises=[reader.key],
        threads=1,
        datasets=names,
    )


def _tell(
    reader: Reader, snapshot: Snapshot, part: Part, view: View, withheld: frozenset[str]
) -> Told:
    dataset = reader.catalogue[part.dataset]
    if part.to == "owner" and not view.is_owner:
        return Told(part, dataset, "not_shared")
    if part.dataset in withheld:
        return Told(part, dataset, "need_authorisation")
    query = (
        f"SELECT count(*), max(available_at), list_sort(list(DISTINCT row_id >> 32)) "
        f"FROM visible_{dataset.name}"
    )
    [(total, known_until, numbers)] = snapshot.connection.execute(query).fetchall()
    if not total:
        return Told(part, dataset, "no_record")
    batches = tuple(reader.lake.batch_of(number << 32 | 1)[0].batch_id for number in numbers)
    is_whole = view.sees_rows(part)
    return Told(
        part=part,
        dataset=dataset,
        state="shown",
        total=int(total) if is_whole else 0,
        rows=_rows(reader, snapshot, part, dataset) if is_whole else (),
        figures=() if is_whole else _figures(snapshot, part, dataset),
        known_until=known_until,
        batches=batches,
    )


def _rows(reader: Reader, snapshot: Snapshot, part: Part, dataset: Dataset) -> tuple[Row, ...]:
    """The newest rows, each column by its treatment."""
    keys = [name for name in dataset.document.primary_key if name != "uscc"]
    selected = ["row_id"]
    selected += [f"CAST({_stored(dataset, name)} AS VARCHAR)" for name in keys]
    widths: list[Callable[[list[Any]], object]] = []
    for name in part.columns:
        columns, take = _selection(reader, dataset, name)
        selected += columns
        widths.append(take)
    query = (
        f"SELECT {', '.join(selected)} FROM visible_{dataset.name} "
        f"ORDER BY {_event(dataset)} DESC NULLS LAST, row_id DESC LIMIT {part.newest:d}"
    )
    rows: list[Row] = []
    for found in snapshot.connection.execute(query).fetchall():
        cells = list(found)
        row_id = int(cells.pop(0))
        key = {name: str(cells.pop(0)) for name in keys}
        rows.append(Row(row_id, key, tuple(take(cells) for take in widths)))
    return tuple(rows)


def _selection(
    reader: Reader, dataset: Dataset, name: str
) -> tuple[list[str], Callable[[list[Any]], object]]:
    """What to select for a column, and what takes it from the front of a row's cells."""
    column = dataset.columns[name]
    if column.personal is None:
        return [_stored(dataset, name)], lambda cells: plain(column, cells.pop(0))
    subject = dataset.columns.get(column.subject or "")
    is_owned = subject is not None and subject.personal == "id_number"
    owner = f"{column.subject}_token" if is_owned else "NULL"

    def take(cells: list[Any]) -> object:
        token, blob, owned_by = cells.pop(0), cells.pop(0), cells.pop(0)
        if token is None:
            return None
        return Sealed(column, token, owned_by, blob).masked(reader.vault, reader.uscc)

    return [f"{name}_token", f"{name}_sealed", owner], take


def _figures(snapshot: Snapshot, part: Part, dataset: Dataset) -> tuple[tuple[Figure, object], ...]:
    """Every measure over the part's months, still exact; it is banded before it is told."""
    event = dataset.document.event_date or ""
    start = months_before(snapshot.as_of_date, part.months) if part.months < 1200 else date.min  # noqa: PLR2004 - a century is always
    is_month = bool(event) and dataset.columns[event].type == "month"
    bound = f"{start:%Y%m}" if is_month else f"DATE '{start}'"
    chosen = f"{_event(dataset)} > {bound}" if event and start > date.min else "true"
    measures = [_measure(dataset, figure) for figure in part.figures]
    query = f"SELECT {', '.join(measures)} FROM visible_{dataset.name} WHERE {chosen}"
    values = snapshot.connection.execute(query).fetchall()[0] if measures else ()
    exact = (
        figure.band is not None and dataset.columns[figure.column].type == "money"
        for figure in part.figures
    )
    told = (
        value / 100 if is_money and value is not None else value
        for value, is_money in zip(values, exact, strict=True)
    )
    return tuple(zip(part.figures, told, strict=True))


def _measure(dataset: Dataset, figure: Figure) -> str:
    column = _stored(dataset, figure.column)
    match figure.measure:
        case "latest":
            return f"arg_max({column}, {_event(dataset)})"
        case "distinct":
            return f"count(DISTINCT {column})"
        case "true":
            return f"count_if({column})"
        case aggregate:
            return f"{aggregate}({column})"


def _stored(dataset: Dataset, name: str) -> str:
    return identifier(next(iter(lake_column(name, dataset.columns[name]))))


def _event(dataset: Dataset) -> str:
    name = dataset.document.event_date
    return _stored(dataset, name) if name else "available_at"
