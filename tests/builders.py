"""Tiny lakes from Python rows: only what a test says, in the layout that production reads.

`features.ingest` is not involved, so a test can place any row at any moment of either clock.
"""

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from features.clock import end_of
from features.contracts import Catalogue, lake_column, load_catalogue
from features.definitions import REGISTRY
from features.lake import LINE_BITS, Batch, Lake, LakeView, LakeWriter
from features.pipeline import FeatureTable, build_features
from features.registry import Registry
from features.scope import DataScope, Purpose
from features.segments import contract_of
from features.snapshot import open_snapshot

type_of = {
    "VARCHAR": pa.string(),
    "BIGINT": pa.int64(),
    "INTEGER": pa.int32(),
    "DOUBLE": pa.float64(),
    "DATE": pa.date32(),
    "TIMESTAMP": pa.timestamp("us"),
    "BOOLEAN": pa.bool_(),
    "BLOB": pa.binary(),
    "VARCHAR[]": pa.list_(pa.string()),
    "STRUCT(month INTEGER, value DOUBLE)[]": pa.list_(
        pa.struct([("month", pa.int32()), ("value", pa.float64())])
    ),
}

#: One value of a lake row.
Cell = object
Row = Mapping[str, Cell]

#: The catalogue with one more dataset, whose records are negative and can be repaired.
CATALOGUE = Catalogue(
    {
        **load_catalogue().datasets,
        **load_catalogue(Path(__file__).parent / "catalogue").datasets,
    }
)


def at(text: str) -> datetime:
    """A wall-clock moment, `2020-02-29` or `2020-02-29 18:30`."""
    return datetime.fromisoformat(text)


def seeded(seed: int) -> random.Random:
    """A reproducible world."""
    return random.Random(seed)  # noqa: S311 - worlds are drawn, not secrets


NOW = at("2026-06-01 12:00")
LONG_AGO = at("2010-01-01")
FAR = date(2099, 12, 31)
#: Keys from here on are counterparties; below, enterprises.
FIRST_PARTY = 1000


@dataclass
class TinyLake:
    """A lake made row by row.

    Parameters
    ----------
    root : Path
        An empty folder.
    code : str
        How an enterprise's code is made of its key.
    """

    root: Path
    code: str | Callable[[int], str] = "F{:05d}"
    _view: LakeView | None = field(default=None, init=False)

    @property
    def view(self) -> LakeView:
        """The lake after the last landing."""
        if self._view is None:
            self._view = Lake(self.root).view()
        return self._view

    def land(
        self, dataset: str, rows: Sequence[Row], *, retire: Mapping[int, datetime] | None = None
    ) -> list[int]:
        """Land rows of one dataset as one file and one commit, in the order given.

        Parameters
        ----------
        rows : sequence of mapping
            Lake columns; what is left out is NULL.
        retire : mapping of row id to moment
            Earlier rows that these supersede, each from its moment on.

        Returns
        -------
        list of int
            Row ids.
        """
        with Lake(self.root).writing() as writer:
            number = writer.next_batch_no()
            row_ids = [(number << LINE_BITS) + line for line in range(1, len(rows) + 1)]
            envelope = {"row_hash": 0, "dq_status": "ok"}
            full = [{**envelope, **row, "row_id": i} for i, row in zip(row_ids, rows, strict=True)]
            columns = CATALOGUE[dataset].lake_columns()
            data = _write(writer, "data", dataset, f"{number}", full, columns)
            retired = None
            if retire:
                ended = [{"row_id": i, "valid_to": moment} for i, moment in retire.items()]
                shape = {"row_id": "BIGINT", "valid_to": "TIMESTAMP"}
                retired = _write(writer, "retired", dataset, f"{number}", ended, shape)
            parties, added = self._name_parties(writer, full)
            batch = _batch(number, dataset, len(rows), data, retired)
            writer.commit([batch], now=NOW, parties=parties, added_parties=added)
        self._view = None
        return row_ids

    def _name_parties(self, writer: LakeWriter, rows: Sequence[Row]) -> tuple[Path | None, int]:
        known = set(_known_parties(writer.view))
        keys = {int(str(row["enterprise_key"])) for row in rows} - known
        if not keys:
            return None, 0
        call = self.code.format if isinstance(self.code, str) else self.code
        named = [{"party_key": key, "party_id": call(key)} for key in sorted(keys)]
        path = writer.root / "parties" / f"{writer.view.version + 1:08d}.parquet"
        path.parent.mkdir(exist_ok=True)
        shape = {"party_key": "INTEGER", "party_id": "VARCHAR", "origin": "VARCHAR"}
        pq.write_table(table_of(named, shape), path)
        return path, len(keys)


def _known_parties(view: LakeView) -> Iterable[int]:
    for path in view.party_files():
        yield from pq.read_table(path)["party_key"].to_pylist()


def _write(
    writer: LakeWriter,
    kind: str,
    dataset: str,
    stem: str,
    rows: Sequence[Row],
    columns: Mapping[str, str],
) -> str:
    path = writer.new_file(kind, dataset, stem)
    pq.write_table(table_of(rows, columns), path)
    return writer.relative(path)


def table_of(rows: Sequence[Row], columns: Mapping[str, str]) -> pa.Table:
    """Rows as the lake stores them; an unknown column is a mistake of the test."""
    unknown = {name for row in rows for name in row} - set(columns)
    assert not unknown, f"no such column: {unknown}"
    schema = pa.schema([(name, type_of[kind]) for name, kind in columns.items()])
    return pa.Table.from_pylist([{name: row.get(name) for name in columns} for row in rows], schema)


def _batch(number: int, dataset: str, landed: int, data: str, retired: str | None) -> Batch:
    return Batch(
        batch_no=number,
        batch_id=f"{number}",
        dataset=dataset,
        file_name=f"{number}.csv",
        file_sha256="",
        mapping="",
        mapping_sha256="",
        provider="test",
        collected_at=NOW.isoformat(),
        delivered=landed,
        landed=landed,
        warned=0,
        duplicates=0,
        superseded=0,
        rejected=0,
        reasons={},
        first_event=None,
        last_event=None,
        data=data,
        retired=retired,
        contract=contract_of(CATALOGUE[dataset].lake_columns()),
    )


# --- rows ---------------------------------------------------------------------------------------


def invoice(
    key: int,
    issued_on: date,
    fen: int,
    *,
    direction: str = "sales",
    party: int = FIRST_PARTY,
    tax_fen: int | None = None,
    status: str = "valid",
    available_at: datetime | None = None,
) -> dict[str, Cell]:
    """One invoice, known at the end of its day unless said otherwise; 13 % tax by default."""
    tax = round(fen * 0.13) if tax_fen is None else tax_fen
    return {
        "enterprise_key": key,
        "available_at": available_at or end_of(issued_on),
        "consent_id": "c",
        "direction": direction,
        "invoice_no": "1",
        "issued_on": issued_on,
        "counterparty_key": party,
        "amount_fen": fen,
        "tax_fen": tax,
        "total_fen": fen + tax,
        "status": status,
    }


def invoice_month(
    key: int, month: int, out_fen: int, *, red_fen: int = 0, available_at: datetime | None = None
) -> dict[str, Cell]:
    """One month (YYYYMM) of the monthly table, known on the first day after it."""
    year, place = divmod(month, 100)
    known = at(f"{year + place // 12}-{place % 12 + 1:02d}-01")
    return {
        "enterprise_key": key,
        "available_at": available_at or known,
        "consent_id": "c",
        "month": month,
        "out_amount_fen": out_fen,
        "out_count": 1,
        "red_amount_fen": red_fen,
        "in_amount_fen": 0,
        "in_count": 0,
    }


def registered(key: int, available_at: datetime = LONG_AGO) -> dict[str, Cell]:
    """An enterprise on the register."""
    return {"enterprise_key": key, "available_at": available_at, "name": f"Firm {key}"}


def record(key: int, dataset: str, cells: Mapping[str, str]) -> dict[str, Cell]:
    """A row of any dataset from the words of a table, under the contract's column names.

    Money is yuan, a list `a;b`, `-` empty; `known` is the day at whose end the row became available,
    by default the end of its event day or month, or long ago where there is none.
    """
    contract = CATALOGUE[dataset]
    row: dict[str, Cell] = {"enterprise_key": key}
    for name, text in cells.items():
        if name != "known":
            column = contract.columns[name]
            stored = next(iter(lake_column(name, column)))
            row[stored] = None if text == "-" else _cell(column.type, text)
    event = row.get(contract.document.event_date or "")
    row["available_at"] = (
        end_of(date.fromisoformat(cells["known"])) if "known" in cells else _after(event)
    )
    return row


def _cell(kind: str, text: str) -> Cell:
    match kind:
        case "money":
            return int(Decimal(text) * 100)
        case "int" | "month" | "party":
            return int(text)
        case "decimal":
            return float(text)
        case "bool":
            return {"true": True, "false": False}[text]
        case "date":
            return date.fromisoformat(text)
        case "ts":
            return at(text)
        case "list":
            return text.split(";")
        case _:
            return text


def _after(event: Cell) -> datetime:
    """When a row was known that does not say so."""
    if isinstance(event, datetime):
        return event
    if isinstance(event, date):
        return end_of(event)
    if isinstance(event, int):
        year, place = divmod(event, 100)
        return at(f"{year + place // 12}-{place % 12 + 1:02d}-01")
    return LONG_AGO


def penalty(
    key: int,
    case_no: str,
    decided_on: date,
    *,
    available_at: datetime | None = None,
    repaired_at: datetime | None = None,
    publicity_end: date | None = None,
) -> dict[str, Cell]:
    """A fine of 100 yuan."""
    return {
        "enterprise_key": key,
        "available_at": available_at or end_of(decided_on),
        "repaired_at": repaired_at,
        "publicity_end": publicity_end,
        "case_no": case_no,
        "decided_on": decided_on,
        "fine_fen": 10_000,
    }


def consent(
    key: int,
    event: str,
    occurred_at: datetime,
    *,
    event_id: str = "e",
    consent_id: str = "c",
    scopes: Sequence[str] = ("invoice",),
    grantee: str = "bank",
    purpose: Purpose = Purpose.PRE_CREDIT,
    valid_from: date = date(2000, 1, 1),
    valid_to: date = FAR,
    available_at: datetime | None = None,
) -> dict[str, Cell]:
    """One consent event, known as it happens unless said otherwise."""
    return {
        "enterprise_key": key,
        "available_at": available_at or occurred_at,
        "event_id": event_id,
        "consent_id": consent_id,
        "event": event,
        "occurred_at": occurred_at,
        "grantee": grantee,
        "purpose": purpose.value,
        "scopes": list(scopes),
        "valid_from": valid_from,
        "valid_to": valid_to,
    }


# --- looks --------------------------------------------------------------------------------------


def whole_scope(purpose: Purpose = Purpose.SELF_REPORT) -> DataScope:
    """Everything, for the enterprise itself."""
    return DataScope(frozenset(CATALOGUE.datasets), purpose, FAR)


def features_of(
    lake: TinyLake,
    as_of_date: date,
    scope: DataScope | None = None,
    *,
    registry: Registry = REGISTRY,
    now: datetime = NOW,
    enterprises: Sequence[int] | None = None,
    threads: int | None = 1,
) -> FeatureTable:
    """The feature table of a tiny lake."""
    with open_snapshot(
        lake.view,
        CATALOGUE,
        as_of_date,
        scope or whole_scope(),
        now=now,
        enterprises=enterprises,
        threads=threads,
    ) as snapshot:
        return build_features(snapshot, registry)


def by_enterprise(table: FeatureTable) -> dict[int, dict[str, float | None]]:
    """`{enterprise key: {feature: value}}`."""
    return {int(str(row["enterprise_key"])): _values(row, table) for row in table.table.to_pylist()}


def _values(row: Row, table: FeatureTable) -> dict[str, float | None]:
    values = {name: row[name] for name in table.registry.names}
    return {k: float(str(v)) if v is not None else None for k, v in values.items()}


def day_after(day: date) -> datetime:
    """Noon of the next day."""
    return datetime.combine(day + timedelta(days=1), datetime.min.time()) + timedelta(hours=12)
