"""From checked rows to files of the lake: keys, sealing, what is new, what it supersedes, quarantine.

Nothing written here is visible before the run's commit.
"""

from datetime import date
from pathlib import Path

import duckdb

from features.checking import RAGGED, REASON_LIST
from features.contracts import lake_column
from features.engine import literal, readable
from features.lake import LINE_BITS
from features.quality_rules import load_rules
from features.run import Run
from features.sources import Source
from features.whole_rows import event_as_date

ROW_GROUP = 65_536


def open_parties(run: Run) -> None:
    """Table `party`: the dictionary of surrogate keys, to which the run adds."""
    run.connection.execute(f"CREATE TABLE party AS SELECT * FROM {run.writer.view.parties_sql()}")


def assign_parties(run: Run) -> None:
    """Give every new enterprise and counterparty the next int32 key, in the order of their ids."""
    others = [name for name, column in run.dataset.columns.items() if column.type == "party"]
    union = " UNION ALL ".join(
        ["SELECT DISTINCT uscc AS id, origin FROM checked WHERE reasons IS NULL"]
        + [
            f"SELECT DISTINCT {name}, NULL FROM checked WHERE reasons IS NULL AND {name} IS NOT NULL"
            for name in others
        ]
    )
    start = run.count("party")
    run.connection.execute(
        "INSERT INTO party "
        f"SELECT CAST({start} + row_number() OVER (ORDER BY id) AS INTEGER), id, origin FROM ("
        f"SELECT id, min(origin) AS origin FROM ({union}) GROUP BY id) "
        "WHERE id NOT IN (SELECT party_id FROM party)"
    )


def write_parties(run: Run) -> tuple[Path | None, int]:
    """The file of the keys this run added, and how many they are."""
    known = run.writer.view.party_count
    added = run.count("party") - known
    if not added:
        return None, 0
    path = run.writer.root / "parties" / f"{run.writer.view.version + 1:08d}.parquet"
    path.parent.mkdir(exist_ok=True)
    copy_to(
        run.connection, f"SELECT * FROM party WHERE party_key > {known} ORDER BY party_key", path
    )
    return path, added


def meet_landed(run: Run, batch_no: int) -> int:
    """Hold the rows against the lake; those it has already go, and their number is returned.

    Makes the view `arriving` (good rows as the lake stores them) and the table `meeting` (arriving
    rows whose key the lake knows, beside the row that holds it).
    """
    _open_arriving(run, batch_no)
    keys = " AND ".join(f"l.{key} {equals} a.{key}" for key, equals in _key_columns(run).items())
    run.connection.execute(
        "CREATE OR REPLACE TABLE meeting AS SELECT a.row_id, a.row_hash = l.row_hash AS is_equal, "
        "l.row_id AS landed_row_id, a.available_at, l.available_at AS landed_available_at "
        f"FROM arriving a JOIN {run.landed_rows(_days_of_keys(run))} l ON {keys} "
        f"WHERE l.row_id NOT IN (SELECT row_id FROM {run.retired_rows()})"
    )
    offset = batch_no << LINE_BITS
    run.connection.execute(
        f"DELETE FROM checked WHERE line IN (SELECT row_id - {offset} FROM meeting WHERE is_equal)"
    )
    _date_corrections(run, offset)
    return run.count("meeting WHERE is_equal")


def _date_corrections(run: Run, offset: int) -> None:
    """A correction counts from its delivery on, not from the assumed day of the row it corrects.

    An `after` rule says when a row would usually have come. New content for a row that landed in an
    earlier run did not come then: dating it back would rewrite what was known.
    """
    rule = run.mapping.available_at
    if rule is None or rule.after is None:
        return
    now = f"TIMESTAMP '{run.now.isoformat(sep=' ', timespec='seconds')}'"
    first_of_run = (len(run.writer.view.batches) + 1) << LINE_BITS
    corrects = f"NOT is_equal AND landed_row_id < {first_of_run}"
    run.connection.execute(
        f"UPDATE checked SET available_at = {now} "
        f"WHERE line IN (SELECT row_id - {offset} FROM meeting WHERE {corrects})"
    )
    run.connection.execute(f"UPDATE meeting SET available_at = {now} WHERE {corrects}")


def write_retired(run: Run, batch_id: str) -> tuple[int, str | None]:
    """Of two contents under one key the one available earlier ends where the other begins.

    Usually the landed row ends; where history is delivered out of order, the arriving one does.
    """
    superseded = run.count("meeting WHERE NOT is_equal")
    if not superseded:
        return 0, None
    path = run.writer.new_file("retired", run.dataset.name, batch_id)
    copy_to(
        run.connection,
        "SELECT CASE WHEN is_late THEN row_id ELSE landed_row_id END AS row_id, "
        "CASE WHEN is_late THEN landed_available_at ELSE available_at END AS valid_to FROM ("
        "SELECT *, available_at < landed_available_at AS is_late FROM meeting WHERE NOT is_equal) "
        "ORDER BY row_id",
        path,
    )
    return superseded, run.writer.relative(path)


def write_rows(run: Run, batch_no: int, batch_id: str) -> Path:
    """Seal and write; sorted by enterprise, so one firm's rows lie in few row groups of every file."""
    _seal(run)
    offset = batch_no << LINE_BITS
    joins = " ".join(
        f"LEFT JOIN sealed_{name} s_{name} ON s_{name}.line = a.row_id - {offset}"
        for name in run.personal
    )
    event = run.dataset.document.event_date
    order = ["enterprise_key", *([event] if event else []), "row_id"]
    columns = ", ".join(run.dataset.lake_columns())
    path = run.writer.new_file("data", run.dataset.name, batch_id)
    copy_to(
        run.connection,
        f"SELECT {columns} FROM arriving a {joins} ORDER BY {', '.join(order)}",
        path,
        ROW_GROUP,
    )
    return path


def summarise(run: Run, path: Path) -> tuple[int, int, str | None, str | None]:
    """Rows landed, rows with a warning, first and last event day of a written file."""
    event = run.dataset.document.event_date
    day = event_as_date(run, event) if event else "NULL"
    landed, warned, first, last = run.rows(
        "SELECT count(*), count(*) FILTER (WHERE dq_status = 'warn'), "
        f"CAST(min({day}) AS VARCHAR), CAST(max({day}) AS VARCHAR) FROM read_parquet({readable(path)})"
    )[0]
    return int(landed), int(warned), first, last


def write_quarantine(run: Run, source: Source, batch_id: str) -> str:
    """Rejected rows with file, line, reasons and what was delivered.

    In a dataset about persons a rejected row may have slipped by a column, so no cell can be trusted
    to hold no name: cells are shown by their shape (9 for a digit, x for a letter, 字 for a character).
    """
    shown = [name for name in source.columns if name not in run.mapping.personal_sources()]
    cells = {name: f"CAST(s.{source.columns[name].sql} AS VARCHAR)" for name in shown}
    if run.personal:
        cells = {name: _shape(cell) for name, cell in cells.items()}
    packed = ", ".join(f"{literal(name)}, {cell}" for name, cell in cells.items())
    run.make("ragged", {"line": ("BIGINT", sorted(source.ragged_lines))})
    path = run.writer.new_file("quarantine", run.dataset.name, batch_id)
    name = literal(source.path.name)
    copy_to(
        run.connection,
        f"SELECT {name} AS file_name, c.line, {REASON_LIST} AS reasons, "
        f"{f'CAST(json_object({packed}) AS VARCHAR)' if packed else 'NULL'} AS delivered "
        "FROM checked c JOIN staged s USING (line) WHERE c.reasons IS NOT NULL "
        f"UNION ALL SELECT {name}, line, [{literal(RAGGED)}], NULL FROM ragged ORDER BY line",
        path,
    )
    return run.writer.relative(path)


def _shape(cell: str) -> str:
    without_digits = f"regexp_replace({cell}, '[0-9]', '9', 'g')"
    without_letters = f"regexp_replace({without_digits}, '[A-Za-z]', 'x', 'g')"
    return f"regexp_replace({without_letters}, '[^\\x00-\\x7f]', '字', 'g')"


def _open_arriving(run: Run, batch_no: int) -> None:
    stored: list[str] = []
    joins: list[str] = []
    for name, column in run.dataset.columns.items():
        if name == "uscc" or not column.is_stored:
            continue
        if column.personal is not None:
            stored.append(f"c.{name}_token")
        elif column.type == "party":
            stored.append(f"p_{name}.party_key AS {name}_key")
            joins.append(f"LEFT JOIN party p_{name} ON p_{name}.party_id = c.{name}")
        else:
            stored.append(f"c.{name} AS {next(iter(lake_column(name, column)))}")
    run.connection.execute(
        "CREATE OR REPLACE VIEW arriving AS "
        f"SELECT {batch_no << LINE_BITS} + c.line AS row_id, e.party_key AS enterprise_key, c.available_at, "
        f"c.row_hash, {_status_sql()} AS dq_status, {', '.join(stored)} FROM checked c JOIN party e ON e.party_id = c.uscc {' '.join(joins)} "
        "WHERE c.reasons IS NULL"
    )


def _status_sql() -> str:
    """`warn` where anything but a mere note stands at the row."""
    notes = ", ".join(literal(code) for code in load_rules().notes)
    doubts = "c.warnings"
    if notes:
        doubts = f"list_filter({doubts}, lambda code: split_part(code, ':', 2) NOT IN ({notes}))"
    return f"CASE WHEN len({doubts}) > 0 THEN 'warn' ELSE 'ok' END"


def _key_columns(run: Run) -> dict[str, str]:
    """Stored key columns, each with the comparison it needs: what is never missing is found faster."""
    columns = run.dataset.columns
    required = [columns[name].required for name in run.dataset.document.primary_key]
    return {
        key: "=" if is_required else "IS NOT DISTINCT FROM"
        for key, is_required in zip(run.dataset.lake_key(), required, strict=True)
    }


def _days_of_keys(run: Run) -> tuple[date, date] | None:
    """First and last event day of the arriving rows, if rows of one key share their event day."""
    event = run.dataset.document.event_date
    if event not in run.dataset.document.primary_key or not run.dataset.columns[event].required:
        return None
    day = event_as_date(run, event)
    first, last = run.rows(f"SELECT min({day}), max({day}) FROM arriving")[0]
    # Nothing arrives: any days will do.
    return (first, last) if first else (date.min, date.min)


def _seal(run: Run) -> None:
    """Tables `sealed_<name>`: the encrypted personal value of each line that lands."""
    for name, column in run.personal.items():
        owner = column.subject or "NULL"
        rows = run.rows(
            f"SELECT line, {name}, {owner}, uscc FROM checked WHERE reasons IS NULL AND {name} IS NOT NULL"
        )
        kind = column.personal or ""
        blobs = run.vault.seal(
            (run.vault.subject(owner, uscc, kind, value), kind, value)
            for _, value, owner, uscc in rows
        )
        run.make(
            f"sealed_{name}",
            {
                "line": ("BIGINT", [row[0] for row in rows]),
                f"{name}_sealed": ("BLOB", blobs),
            },
        )


def copy_to(
    connection: duckdb.DuckDBPyConnection, query: str, path: Path, row_group: int | None = None
) -> None:
    """Write what a query selects as one Parquet file; the only way data gets into the lake's files."""
    size = f", ROW_GROUP_SIZE {row_group}" if row_group else ""
    connection.execute(
        f"COPY ({query}) TO {literal(str(path))} (FORMAT parquet, COMPRESSION zstd{size})"
    )
