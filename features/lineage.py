"""Which file, which line, when, under which hash: the origin of any row, from the row and the log."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal, InvalidOperation

import duckdb

from features.contracts import Column, Dataset, lake_column
from features.documents import suggestion
from features.engine import connect, parquet
from features.errors import LakeError
from features.lake import DELETION_COLUMNS, RETIRED_COLUMNS, LakeView

#: The word for the firm of a row in conditions; its USCC, or the id its provider uses.
ENTERPRISE = "enterprise"


@dataclass(frozen=True)
class Origin:
    """Where one stored row came from.

    Attributes
    ----------
    line : int
        Physical line of a CSV, row of a sheet, row number of a Parquet file (from 1).
    collected_at : str
        When the platform took the file, ISO, Asia/Shanghai.
    available_at : datetime
        From when features may see the row.
    superseded_at : datetime or None
        From when another content holds the row's key; None while the row is valid.
    deleted_at : datetime or None
        When the row was deleted, by the rule in `deletion_reason`; then nothing of its content is
        known, neither its hash nor its clocks.
    """

    row_id: int
    dataset: str
    file_name: str
    line: int
    file_sha256: str
    collected_at: str
    provider: str
    mapping: str
    mapping_sha256: str
    batch_id: str
    row_hash: int | None
    available_at: datetime | None
    superseded_at: datetime | None
    deleted_at: datetime | None = None
    deletion_reason: str | None = None


def trace_row(lake: LakeView, dataset: Dataset, row_id: int) -> Origin:
    """The origin of one row by its id, also of a deleted one.

    Raises
    ------
    LakeError
        If the dataset holds no such row.
    """
    found = _select(lake, dataset, "row_id = $row_id", {"row_id": row_id})
    found = found or _deleted(lake, dataset, row_id)
    if not found:
        raise LakeError(
            en=f"Dataset '{dataset.name}' holds no row {row_id}.",
            zh=f"数据集“{dataset.name}”中没有编号为 {row_id} 的行。",
        )
    return found[0]


def origins_of(lake: LakeView, dataset: Dataset, row_ids: Sequence[int]) -> list[Origin]:
    """The origins of the rows with these ids, in the order of the ids."""
    listed = ", ".join(str(int(row_id)) for row_id in row_ids)
    return _select(lake, dataset, f"row_id IN ({listed})", {}) if listed else []


def trace(lake: LakeView, dataset: Dataset, conditions: Mapping[str, str]) -> list[Origin]:
    """The origins of all rows that meet the conditions, superseded ones too, oldest first.

    Parameters
    ----------
    conditions : mapping of str to str
        Column of the contract to the value as a file writes it, e.g. `{"enterprise": "E1",
        "invoice_no": "3390939"}`. `enterprise` is a USCC or the provider's id.

    Raises
    ------
    UnknownEnterpriseError
        If there is no such enterprise.
    LakeError
        If a column is unknown, holds personal identifiers or cannot have the value, or if nothing
        matches.
    """
    clauses: list[str] = []
    values: dict[str, object] = {}
    for place, (name, value) in enumerate(conditions.items()):
        parameter = f"v{place}"
        if name in {ENTERPRISE, "uscc"}:
            clauses.append(f"enterprise_key = ${parameter}")
            values[parameter] = lake.find_enterprise(value).key
            continue
        column = _column(dataset, name)
        clauses.append(_clause(lake, name, column, parameter))
        values[parameter] = _fen(name, value) if column.type == "money" else value
    found = _select(lake, dataset, " AND ".join(clauses) or "true", values)
    if not found:
        asked = ", ".join(conditions) or "no condition"
        raise LakeError(
            en=f"No row of '{dataset.name}' meets the conditions on {asked}. Check the values, or leave one out.",
            zh=f"数据集“{dataset.name}”中没有满足条件（{asked}）的行。请检查取值或减少条件。",
        )
    return found


def _column(dataset: Dataset, name: str) -> Column:
    column = dataset.columns.get(name)
    if column is None:
        known = [ENTERPRISE, *(known for known in dataset.columns if known not in dataset.personal)]
        raise LakeError(
            en=f"Dataset '{dataset.name}' has no column '{name}'.{suggestion(name, known)} "
            f"It has: {', '.join(known)}.",
            zh=f"数据集“{dataset.name}”没有列“{name}”。已有列：{'、'.join(known)}。",
        )
    if column.personal is not None:
        raise LakeError(
            en=f"'{name}' holds personal identifiers, which are stored sealed. Ask by another column.",
            zh=f"列“{name}”为个人信息，已加密保存，请改用其他列查询。",
        )
    return column


def _clause(lake: LakeView, name: str, column: Column, parameter: str) -> str:
    stored = next(iter(lake_column(name, column)))
    if column.type == "party":
        return (
            f"{stored} IN (SELECT party_key FROM {lake.parties_sql()} "
            f"WHERE party_id = ${parameter} OR ends_with(party_id, ':' || ${parameter}))"
        )
    if column.type == "money":
        return f"{stored} = ${parameter}"
    return f"CAST({stored} AS VARCHAR) = ${parameter}"


def _fen(name: str, value: str) -> int:
    try:
        fen = Decimal(value) * 100
    except InvalidOperation:
        fen = Decimal("NaN")
    if not fen.is_finite() or fen != fen.to_integral_value():
        raise LakeError(
            en=f"'{name}' is an amount in yuan with at most two decimals; '{value}' is none.",
            zh=f"“{name}”应为最多两位小数的金额（元），“{value}”不是。",
        )
    return int(fen)


def _select(
    lake: LakeView, dataset: Dataset, condition: str, values: Mapping[str, object]
) -> list[Origin]:
    rows = lake.rows(dataset)
    retired = parquet(lake.retired_files(dataset.name), RETIRED_COLUMNS)
    query = (
        "SELECT r.row_id, r.row_hash, r.available_at, min(e.valid_to) FROM "
        f"(SELECT row_id, row_hash, available_at FROM {rows} WHERE {condition}) r "
        f"LEFT JOIN {retired} e USING (row_id) GROUP BY ALL ORDER BY r.row_id"
    )
    return [_origin(lake, *row) for row in _read(lake, dataset, query, values)]


def _deleted(lake: LakeView, dataset: Dataset, row_id: int) -> list[Origin]:
    deletions = parquet(lake.deletion_files(dataset.name), DELETION_COLUMNS)
    query = f"SELECT deleted_at, rule FROM {deletions} WHERE row_id = $row_id"
    found = _read(lake, dataset, query, {"row_id": row_id})
    return [
        replace(_origin(lake, row_id, None, None, None), deleted_at=at, deletion_reason=rule)
        for at, rule in found
    ]


def _read(
    lake: LakeView, dataset: Dataset, query: str, values: Mapping[str, object]
) -> list[tuple]:  # type: ignore[type-arg]  # a row is whatever the query selects
    try:
        with connect() as connection:
            return connection.execute(query, dict(values)).fetchall()
    except duckdb.Error as failed:
        lake.require_files()
        raise LakeError(
            en=f"The files of '{dataset.name}' in the lake {lake.root} cannot be read. Restore them from a backup.",
            zh=f"数据湖 {lake.root} 中“{dataset.name}”的文件无法读取，请从备份恢复。",
        ) from failed


def _origin(
    lake: LakeView,
    row_id: int,
    row_hash: int | None,
    available_at: datetime | None,
    superseded_at: datetime | None,
) -> Origin:
    batch, line = lake.batch_of(row_id)
    return Origin(
        row_id=row_id,
        dataset=batch.dataset,
        file_name=batch.file_name,
        line=line,
        file_sha256=batch.file_sha256,
        collected_at=batch.collected_at,
        provider=batch.provider,
        mapping=batch.mapping,
        mapping_sha256=batch.mapping_sha256,
        batch_id=batch.batch_id,
        row_hash=row_hash,
        available_at=available_at,
        superseded_at=superseded_at,
    )
