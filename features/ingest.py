"""Files become checked batches: good rows land, bad rows go to quarantine with their reasons.

One run takes any number of files of one dataset and makes them visible with one commit, or not at
all. A file that has landed under the same mapping is skipped; a row that is already in the lake
lands once; a row with a known key and new content supersedes the old one from its own
`available_at` on.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from features import sources
from features.column_sql import REASONS, ColumnSql, compile_column, timestamp
from features.contracts import Dataset, lake_column
from features.engine import connect, identifier, literal, parquet
from features.errors import MappingError, RejectedBatchError
from features.identifiers import synthetic_uscc, uscc_is_valid
from features.lake import LINE_BITS, RETIRED_COLUMNS, Batch, Lake, LakeWriter
from features.mapping import Mapping as ProviderMapping
from features.vault import Vault

if TYPE_CHECKING:
    import duckdb

#: More rejected rows than this, and the delivery is taken for a wrong file or mapping.
MAX_REJECTED_SHARE = 0.5
ROW_GROUP = 65_536

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Delivery:
    """What became of one file: the batch it landed as, or the batch it had landed as before."""

    path: Path
    batch: Batch
    is_new: bool


@dataclass
class _Run:
    """Everything one ingest run carries from file to file until its commit."""

    connection: "duckdb.DuckDBPyConnection"
    writer: LakeWriter
    mapping: ProviderMapping
    vault: Vault
    now: datetime
    max_rejected_share: float
    batches: list[Batch] = field(default_factory=list)

    @property
    def dataset(self) -> Dataset:
        return self.mapping.dataset


def ingest_files(
    paths: Sequence[Path],
    mapping: ProviderMapping,
    lake: Lake,
    vault: Vault,
    *,
    now: datetime,
    max_rejected_share: float = MAX_REJECTED_SHARE,
    on_progress: Progress | None = None,
) -> list[Delivery]:
    """Check files against their contract and land the good rows with one commit.

    Parameters
    ----------
    paths : sequence of Path
        Files of one dataset in one provider format.
    now : datetime
        The moment of ingest, Asia/Shanghai wall time.
    max_rejected_share : float
        In [0, 1]; above it the whole run is refused.
    on_progress : callable
        Told `(file, files done, files in all)`.

    Returns
    -------
    list of Delivery
        One per file, in order.

    Raises
    ------
    SourceFileError, MappingError, RejectedBatchError
        With the file and the reason; then nothing of the run has landed.
    """
    deliveries: list[Delivery] = []
    with lake.writing() as writer, connect() as connection:
        run = _Run(connection, writer, mapping, vault, now, max_rejected_share)
        _open_parties(run)
        for done, path in enumerate(paths):
            if on_progress is not None:
                on_progress(path.name, done, len(paths))
            sha256 = sources.hash_file(path)
            batch_id = _batch_id(mapping, sha256)
            known = next(
                (b for b in (*run.batches, *writer.view.batches) if b.batch_id == batch_id), None
            )
            if known is not None:
                deliveries.append(Delivery(path, known, is_new=False))
                continue
            batch = _land(run, path, sha256, batch_id)
            run.batches.append(batch)
            deliveries.append(Delivery(path, batch, is_new=True))
        if on_progress is not None:
            on_progress("commit", len(paths), len(paths))
        if run.batches:
            parties, added = _write_parties(run)
            writer.commit(run.batches, now=now, parties=parties, added_parties=added)
    return deliveries


def _batch_id(mapping: ProviderMapping, sha256: str) -> str:
    text = f"{mapping.dataset.name}\x1f{sha256}\x1f{mapping.sha256}"
    return hashlib.sha256(text.encode()).hexdigest()


def _land(run: _Run, path: Path, sha256: str, batch_id: str) -> Batch:
    """Stage, check, de-duplicate and write one file; it stays invisible until the commit."""
    source = sources.stage(run.connection, path, run.mapping.file, "staged", sha256)
    _require_columns(run.mapping, source)
    columns = _compile(run.mapping, source)
    _check(run, columns)
    _check_identifiers(run)
    delivered = _count(run, "checked") + len(source.ragged_lines)
    duplicates = _drop_repeats(run)
    rejected, reasons = _rejections(run, source)
    _require_mostly_good(run, path, delivered, rejected, reasons)
    _assign_parties(run)
    _seal(run)
    number = run.writer.next_batch_no(len(run.batches))
    _shape_rows(run, number)
    duplicates += _drop_landed(run)
    superseded, retired = _retire(run, batch_id)
    landed, warned, first, last = _summary(run)
    data = run.writer.new_file("data", run.dataset.name, batch_id)
    _write_rows(run, data)
    return Batch(
        batch_no=number,
        batch_id=batch_id,
        dataset=run.dataset.name,
        file_name=path.name,
        file_sha256=sha256,
        mapping=run.mapping.name,
        mapping_sha256=run.mapping.sha256,
        provider=run.mapping.provider.name,
        collected_at=run.now.isoformat(timespec="seconds"),
        delivered=delivered,
        landed=landed,
        warned=warned,
        duplicates=duplicates,
        superseded=superseded,
        rejected=rejected,
        reasons=reasons,
        first_event=first,
        last_event=last,
        data=run.writer.relative(data),
        quarantine=_write_quarantine(run, source, batch_id) if rejected else None,
        retired=retired,
    )


# --- reading and checking -----------------------------------------------------------------------


def _require_columns(mapping: ProviderMapping, source: sources.Source) -> None:
    wanted = mapping.source_columns()
    if mapping.name == "identity":
        required = {name for name, column in mapping.dataset.columns.items() if column.required}
        wanted = [name for name in wanted if name in required]
    missing = [name for name in wanted if name not in source.columns]
    if missing:
        found = ", ".join(source.columns)
        raise MappingError(
            en=f"{source.path.name} has no column {', '.join(repr(name) for name in missing)}, which "
            f"the mapping '{mapping.name}' reads. It has: {found}. Mend the mapping or the file.",
            zh=f"{source.path.name} 缺少映射“{mapping.name}”所需的列：{'、'.join(missing)}。"
            f"文件中的列为：{found}。",
        )


def _compile(mapping: ProviderMapping, source: sources.Source) -> list[ColumnSql]:
    return [
        compile_column(
            name, mapping.dataset.columns[name], rule, source.columns, mapping.file.thousands
        )
        for name, rule in mapping.rules.items()
        if all(column in source.columns for column in rule.source_columns())
    ]


def _check(run: _Run, columns: list[ColumnSql]) -> None:
    """Table `checked`: line, typed values under the contract's names, reasons of what is wrong."""
    document = run.dataset.document
    raws = ", ".join(f"{column.raw} AS {column.raw_name}" for column in columns)
    values = ", ".join(f"{column.value} AS {column.value_name}" for column in columns)
    problems = [column.problem for column in columns]
    typed = ", ".join(f"{column.value_name} AS {identifier(column.name)}" for column in columns)
    event = next((column for column in columns if column.name == document.event_date), None)
    if event is not None:
        problems.append(
            f"CASE WHEN {_event_as_date(run, event.value_name)} > DATE '{run.now.date()}' "
            f"THEN {literal(event.name + ':in_the_future')} END"
        )
    given = " OR ".join(
        f"{column.raw_name} IS NOT NULL"
        for column in columns
        if run.mapping.rules[column.name].constant is None
    )
    reasons = f"list_filter([{', '.join(problems)}], lambda reason: reason IS NOT NULL)"
    run.connection.execute(
        f"CREATE OR REPLACE TABLE checked AS SELECT line, {reasons} AS reasons, {typed}, "
        f"{_available_at(run)} AS available_at "
        f"FROM (SELECT *, {values} FROM (SELECT *, {raws} FROM staged)) WHERE {given or 'true'}"
    )
    present = {column.name for column in columns}
    for name, column in run.dataset.columns.items():
        if name not in present:
            kind = (
                "VARCHAR"
                if column.type == "party"
                else next(iter(lake_column(name, column).values()))
            )
            kind = "VARCHAR" if column.personal is not None else kind
            run.connection.execute(f"ALTER TABLE checked ADD COLUMN {identifier(name)} {kind}")


def _event_as_date(run: _Run, value: str) -> str:
    """The event as a date; a month counts by its first day."""
    column = run.dataset.columns[run.dataset.document.event_date or ""]
    if column.type == "month":
        return f"make_date({value} // 100, {value} % 100, 1)"
    return f"CAST({value} AS DATE)"


def _available_at(run: _Run) -> str:
    """First moment the platform could use the row; never after the ingest itself."""
    now = f"TIMESTAMP '{run.now.isoformat(sep=' ', timespec='seconds')}'"
    rule = run.mapping.available_at
    if rule is None:
        return now
    if rule.constant is not None:
        moment = f"CAST({literal(rule.constant)} AS TIMESTAMP)"
    elif rule.source is not None:
        text = f"CAST({identifier(rule.source)} AS VARCHAR)"
        moment = timestamp(text)
    else:
        column = run.dataset.columns[rule.after or ""]
        value = identifier(f"value {rule.after}")
        day = (
            f"last_day(make_date({value} // 100, {value} % 100, 1))"
            if column.type == "month"
            else value
        )
        moment = f"CAST({day} AS DATE) + INTERVAL {rule.days + 1} DAY"
    return f"least(coalesce({moment}, {now}), {now})"


def _check_identifiers(run: _Run) -> None:
    """Enterprise codes, checked or made once per distinct value; adds `origin` to `checked`."""
    rule = run.mapping.rules["uscc"]
    connection = run.connection
    distinct = connection.execute(
        "SELECT DISTINCT uscc FROM checked WHERE uscc IS NOT NULL"
    ).fetchall()
    given = sorted(str(row[0]) for row in distinct)
    if rule.synthetic is not None:
        namespace = rule.namespace or ""
        codes = [synthetic_uscc(namespace, name, kind=rule.kind) for name in given]
        origins = [f"{namespace}:{name}" for name in given]
        is_good = [True] * len(given)
    else:
        codes, origins = given, [None for _ in given]
        is_good = uscc_is_valid(given).tolist()
    _register(
        connection,
        "enterprise_code",
        {"given": given, "code": codes, "origin": origins, "ok": is_good},
    )
    connection.execute(
        "CREATE OR REPLACE TABLE checked AS SELECT c.* REPLACE (e.code AS uscc, "
        "CASE WHEN NOT e.ok THEN list_append(c.reasons, 'uscc:invalid_uscc') "
        # One code for two origins, in this file or against the dictionary, would merge two firms.
        "WHEN o.origin IS DISTINCT FROM e.origin AND o.code IS NOT NULL "
        "THEN list_append(c.reasons, 'uscc:synthetic_collision') ELSE c.reasons END AS reasons), "
        "e.origin FROM checked c LEFT JOIN enterprise_code e ON e.given = c.uscc LEFT JOIN ("
        "SELECT code, min(origin) AS origin FROM (SELECT party_id AS code, origin FROM party "
        "WHERE origin IS NOT NULL UNION ALL SELECT code, origin FROM enterprise_code "
        "WHERE origin IS NOT NULL AND code NOT IN (SELECT party_id FROM party WHERE origin IS NOT NULL)) "
        "GROUP BY code) o ON o.code = e.code"
    )
    connection.unregister("enterprise_code")


def _drop_repeats(run: _Run) -> int:
    """Within one file: an equal row again is dropped, another content under the same key is refused."""
    hashed = ", ".join(
        f"coalesce(CAST({identifier(name)} AS VARCHAR), '')" for name in run.dataset.columns
    )
    keys = ", ".join(identifier(name) for name in run.dataset.document.primary_key)
    run.connection.execute(
        "CREATE OR REPLACE TABLE checked AS SELECT *, "
        f"CAST(md5_number_lower(concat_ws(chr(31), {hashed})) >> 1 AS BIGINT) AS row_hash FROM checked"
    )
    run.connection.execute(
        "CREATE OR REPLACE TABLE repeat AS SELECT line, row_hash = first_hash AS is_equal FROM ("
        f"SELECT line, row_hash, row_number() OVER spot AS place, first_value(row_hash) OVER spot AS first_hash "
        f"FROM checked WHERE len(reasons) = 0 WINDOW spot AS (PARTITION BY {keys} ORDER BY line)"
        ") WHERE place > 1"
    )
    run.connection.execute(
        "DELETE FROM checked WHERE line IN (SELECT line FROM repeat WHERE is_equal)"
    )
    run.connection.execute(
        "UPDATE checked SET reasons = ['row:conflicting_duplicate'] "
        "WHERE line IN (SELECT line FROM repeat WHERE NOT is_equal)"
    )
    return _count(run, "repeat WHERE is_equal")


def _rejections(run: _Run, source: sources.Source) -> tuple[int, dict[str, int]]:
    counted = run.connection.execute(
        "SELECT reason, count(*) FROM (SELECT unnest(reasons) AS reason FROM checked) "
        "GROUP BY reason ORDER BY count(*) DESC, reason"
    ).fetchall()
    reasons = {str(reason): int(count) for reason, count in counted}
    if source.ragged_lines:
        reasons["row:wrong_number_of_fields"] = len(source.ragged_lines)
    return _count(run, "checked WHERE len(reasons) > 0") + len(source.ragged_lines), reasons


def _require_mostly_good(
    run: _Run, path: Path, delivered: int, rejected: int, reasons: dict[str, int]
) -> None:
    if delivered and rejected <= delivered * run.max_rejected_share and rejected < delivered:
        return
    if not delivered:
        raise RejectedBatchError(
            en=f"{path.name} has no row with any mapped value; nothing landed.",
            zh=f"{path.name} 没有任何有效数据行，未入库。",
        )
    reason = max(reasons, key=lambda name: reasons[name])
    column, _, code = reason.partition(":")
    line = run.connection.execute(
        f"SELECT min(line) FROM checked WHERE list_contains(reasons, {literal(reason)})"
    ).fetchall()[0][0]
    place_en, place_zh = (f", first in line {line}", f"，首见于第 {line} 行") if line else ("", "")
    raise RejectedBatchError(
        en=f"{path.name}: {rejected} of {delivered} rows are bad, so nothing landed. Most often "
        f"'{column}' {REASONS[code].en} ({reasons[reason]} rows{place_en}). Check the file and its mapping.",
        zh=f"{path.name}：{delivered} 行中有 {rejected} 行不合格，整批未入库。最常见原因：“{column}”"
        f"{REASONS[code].zh}（{reasons[reason]} 行{place_zh}）。请检查文件与映射。",
    )


# --- surrogate keys and personal identifiers ----------------------------------------------------


def _open_parties(run: _Run) -> None:
    run.connection.execute(f"CREATE TABLE party AS SELECT * FROM {run.writer.view.parties_sql()}")


def _assign_parties(run: _Run) -> None:
    """Give every new enterprise and counterparty the next int32 key, in the order of their ids."""
    others = [name for name, column in run.dataset.columns.items() if column.type == "party"]
    union = " UNION ALL ".join(
        ["SELECT uscc AS id, origin FROM checked WHERE len(reasons) = 0"]
        + [
            f"SELECT {identifier(name)}, NULL FROM checked "
            f"WHERE len(reasons) = 0 AND {identifier(name)} IS NOT NULL"
            for name in others
        ]
    )
    start = _count(run, "party")
    run.connection.execute(
        "INSERT INTO party "
        f"SELECT CAST({start} + row_number() OVER (ORDER BY id) AS INTEGER), id, origin FROM ("
        f"SELECT id, min(origin) AS origin FROM ({union}) GROUP BY id) "
        "WHERE id NOT IN (SELECT party_id FROM party)"
    )


def _write_parties(run: _Run) -> tuple[Path | None, int]:
    known = run.writer.view.party_count
    added = _count(run, "party") - known
    if not added:
        return None, 0
    path = run.writer.root / "parties" / f"{run.writer.view.version + 1:08d}.parquet"
    path.parent.mkdir(exist_ok=True)
    run.connection.execute(
        f"COPY (SELECT * FROM party WHERE party_key > {known} ORDER BY party_key) "
        f"TO {literal(str(path))} (FORMAT parquet, COMPRESSION zstd)"
    )
    return path, added


def _seal(run: _Run) -> None:
    """Replace personal values by token and sealed blob; works on distinct values only."""
    personal = {n: c for n, c in run.dataset.columns.items() if c.personal is not None}
    for name, column in personal.items():
        subject = identifier(column.subject or name)
        rows = run.connection.execute(
            f"SELECT DISTINCT {identifier(name)}, coalesce({subject}, uscc || ' ' || {identifier(name)}), "
            f"{subject} IS NOT NULL FROM checked WHERE len(reasons) = 0 AND {identifier(name)} IS NOT NULL"
        ).fetchall()
        kind = column.personal or ""
        subjects = [
            run.vault.token("id_number" if is_identified else "unidentified", str(owner))
            for _, owner, is_identified in rows
        ]
        values = [str(row[0]) for row in rows]
        sealed = run.vault.seal(
            (subject_token, kind, value)
            for subject_token, value in zip(subjects, values, strict=True)
        )
        _register(
            run.connection,
            "sealed",
            {
                "plain": values,
                "owner": [str(row[1]) for row in rows],
                "token": [run.vault.token(kind, value) for value in values],
                "blob": sealed,
            },
            binary=("blob",),
        )
        run.connection.execute(
            f"CREATE TABLE sealed_{name} AS SELECT c.line, s.token, s.blob FROM checked c JOIN sealed s "
            f"ON s.plain = c.{identifier(name)} "
            f"AND s.owner = coalesce(c.{subject}, c.uscc || ' ' || c.{identifier(name)})"
        )
        run.connection.unregister("sealed")
    for name in personal:
        run.connection.execute(
            f"CREATE OR REPLACE TABLE checked AS SELECT c.* EXCLUDE ({identifier(name)}), "
            f"s.token AS {name}_token, s.blob AS {name}_sealed "
            f"FROM checked c LEFT JOIN sealed_{name} s USING (line)"
        )
        run.connection.execute(f"DROP TABLE sealed_{name}")


# --- landing ------------------------------------------------------------------------------------


def _shape_rows(run: _Run, batch_no: int) -> None:
    """Table `arriving`: good rows exactly as the lake stores them."""
    stored: list[str] = []
    joins: list[str] = []
    for name, column in run.dataset.columns.items():
        if name == "uscc":
            continue
        if column.personal is not None:
            stored += [f"c.{name}_token", f"c.{name}_sealed"]
        elif column.type == "party":
            stored.append(f"p_{name}.party_key AS {name}_key")
            joins.append(f"LEFT JOIN party p_{name} ON p_{name}.party_id = c.{identifier(name)}")
        else:
            stored.append(f"c.{identifier(name)} AS {next(iter(lake_column(name, column)))}")
    offset = batch_no << LINE_BITS
    checks = " AND ".join(f"({check.sql})" for check in run.dataset.document.checks.values())
    status = f"CASE WHEN {checks} THEN 'ok' ELSE 'warn' END" if checks else "'ok'"
    run.connection.execute(
        f"CREATE OR REPLACE TABLE arriving AS SELECT *, {status} AS dq_status FROM ("
        f"SELECT {offset} + c.line AS row_id, e.party_key AS enterprise_key, c.available_at, c.row_hash, "
        f"{', '.join(stored)} FROM checked c JOIN party e ON e.party_id = c.uscc {' '.join(joins)} "
        "WHERE len(c.reasons) = 0)"
    )


def _key_columns(run: _Run) -> list[str]:
    columns = run.dataset.columns
    return [
        "enterprise_key" if name == "uscc" else next(iter(lake_column(name, columns[name])))
        for name in run.dataset.document.primary_key
    ]


def _landed_rows(run: _Run) -> str:
    """FROM clause over rows of the dataset that are in the lake or staged earlier in this run."""
    files = [run.writer.root / batch.data for batch in run.batches if batch.landed]
    return parquet([*run.writer.view.files(run.dataset.name), *files], run.dataset.lake_columns())


def _drop_landed(run: _Run) -> int:
    """Rows whose key and content the lake holds already land no second time."""
    keys = _key_columns(run)
    same = " AND ".join(
        f"l.{identifier(key)} IS NOT DISTINCT FROM a.{identifier(key)}" for key in keys
    )
    retired = [run.writer.root / batch.retired for batch in run.batches if batch.retired]
    retired_rows = parquet(
        [*run.writer.view.retired_files(run.dataset.name), *retired], RETIRED_COLUMNS
    )
    run.connection.execute(
        "CREATE OR REPLACE TABLE meeting AS SELECT a.row_id, a.row_hash = l.row_hash AS is_equal, "
        f"l.row_id AS landed_row_id, a.available_at FROM arriving a JOIN {_landed_rows(run)} l ON {same} "
        f"WHERE l.row_id NOT IN (SELECT row_id FROM {retired_rows})"
    )
    run.connection.execute(
        "DELETE FROM arriving WHERE row_id IN (SELECT row_id FROM meeting WHERE is_equal)"
    )
    return _count(run, "meeting WHERE is_equal")


def _retire(run: _Run, batch_id: str) -> tuple[int, str | None]:
    """Rows that get new content end where the new row begins."""
    superseded = _count(run, "meeting WHERE NOT is_equal")
    if not superseded:
        return 0, None
    path = run.writer.new_file("retired", run.dataset.name, batch_id)
    run.connection.execute(
        "COPY (SELECT landed_row_id AS row_id, available_at AS valid_to FROM meeting WHERE NOT is_equal "
        f"ORDER BY row_id) TO {literal(str(path))} (FORMAT parquet, COMPRESSION zstd)"
    )
    return superseded, run.writer.relative(path)


def _summary(run: _Run) -> tuple[int, int, str | None, str | None]:
    event = run.dataset.document.event_date
    span = "NULL, NULL"
    if event is not None:
        day = _event_as_date(run, identifier(event))
        span = f"CAST(min({day}) AS VARCHAR), CAST(max({day}) AS VARCHAR)"
    row = run.connection.execute(
        f"SELECT count(*), count(*) FILTER (WHERE dq_status = 'warn'), {span} FROM arriving"
    ).fetchall()[0]
    return int(row[0]), int(row[1]), row[2], row[3]


def _write_rows(run: _Run, path: Path) -> None:
    """Sorted by enterprise, so that one firm's rows lie in few row groups of every file."""
    event = run.dataset.document.event_date
    order = ["enterprise_key", *([identifier(event)] if event else []), "row_id"]
    columns = ", ".join(identifier(name) for name in run.dataset.lake_columns())
    run.connection.execute(
        f"COPY (SELECT {columns} FROM arriving ORDER BY {', '.join(order)}) TO {literal(str(path))} "
        f"(FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {ROW_GROUP})"
    )


def _write_quarantine(run: _Run, source: sources.Source, batch_id: str) -> str:
    """Rejected rows with line, reasons and what was delivered, personal columns left out."""
    hidden = run.mapping.personal_sources()
    shown = [
        name
        for name in run.mapping.source_columns()
        if name in source.columns and name not in hidden
    ]
    delivered = ", ".join(f"{identifier(name)} := s.{identifier(name)}" for name in shown)
    _register(run.connection, "ragged", {"line": sorted(source.ragged_lines)}, integer=("line",))
    path = run.writer.new_file("quarantine", run.dataset.name, batch_id)
    packed = f"to_json(struct_pack({delivered}))" if shown else "NULL"
    run.connection.execute(
        f"COPY (SELECT {literal(source.path.name)} AS file_name, c.line, c.reasons, "
        f"CAST({packed} AS VARCHAR) AS delivered FROM checked c JOIN staged s USING (line) "
        f"WHERE len(c.reasons) > 0 UNION ALL SELECT {literal(source.path.name)}, line, "
        "['row:wrong_number_of_fields'], NULL FROM ragged ORDER BY line) "
        f"TO {literal(str(path))} (FORMAT parquet, COMPRESSION zstd)"
    )
    run.connection.unregister("ragged")
    return run.writer.relative(path)


def _count(run: _Run, relation: str) -> int:
    return int(run.connection.execute(f"SELECT count(*) FROM {relation}").fetchall()[0][0])


def _register(
    connection: "duckdb.DuckDBPyConnection",
    name: str,
    columns: Mapping[str, Sequence[str | bool | bytes | int | None]],
    *,
    binary: tuple[str, ...] = (),
    integer: tuple[str, ...] = (),
) -> None:
    """Offer Python columns to SQL under a name, with their types even when they are empty."""
    arrays: dict[str, pa.Array] = {}
    for column, values in columns.items():
        kind = pa.bool_() if column == "ok" else pa.string()
        kind = pa.binary() if column in binary else pa.int64() if column in integer else kind
        arrays[column] = pa.array(values, type=kind)
    connection.register(name, pa.table(arrays))
