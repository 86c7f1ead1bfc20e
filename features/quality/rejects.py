"""The file a provider corrects from: every rejected row, what is wrong with it, and what to do."""

import csv
from collections.abc import Sequence
from pathlib import Path

import duckdb

from features.contracts import Dataset
from features.engine import connect, parquet
from features.errors import QualityError
from features.lake import Batch, LakeView
from features.quality.wording import explain

QUARANTINE_COLUMNS = {
    "file_name": "VARCHAR",
    "line": "BIGINT",
    "reasons": "VARCHAR[]",
    "delivered": "VARCHAR",
}
HEADER = (
    "文件 file",
    "行号 line",
    "列 column",
    "列名 column title",
    "原因",
    "reason",
    "处理办法",
    "what to do",
    "送达内容 delivered",
)
#: A spreadsheet runs a cell that begins with one of these; an apostrophe makes it text.
_RUNS = r"^[=+\-@\t\r]"
_CHUNK = 10_000


def write_rejects(
    view: LakeView,
    dataset: Dataset,
    out: Path,
    *,
    provider: str | None = None,
    batch_no: int | None = None,
) -> int:
    """Write one line per rejected row and reason; returns how many there are.

    The file is UTF-8 with a byte order mark, which spreadsheets need for Chinese. What was delivered is
    shown as the quarantine keeps it: by its shape only in datasets about persons.

    Raises
    ------
    QualityError
        If nothing was rejected, there is no such batch or provider, or the file cannot be written.
    """
    batches = _chosen(view, dataset, provider, batch_no)
    kept = set(view.quarantine_files(dataset.name))
    files = [view.root / b.quarantine for b in batches if b.quarantine]
    files = [path for path in files if path in kept]
    if not files:
        raise QualityError(
            en=f"No row of '{dataset.name}' was rejected there, so no file is written.",
            zh=f"“{dataset.name}”没有被拒收的行，未生成文件。",
        )
    with connect() as connection:
        _open_words(connection, files, dataset)
        cells = ", ".join(_harmless(name) for name in ("file_name", "column_name", "title"))
        query = (
            f"SELECT {cells}, reason_zh, reason_en, fix_zh, fix_en, {_harmless('delivered')}, line "
            f"FROM rejected JOIN words USING (reason) ORDER BY place, line, reason"
        )
        return _write(connection, query, out)


def _chosen(
    view: LakeView, dataset: Dataset, provider: str | None, batch_no: int | None
) -> list[Batch]:
    batches = [b for b in view.batches if b.dataset == dataset.name]
    if provider is not None:
        known = "、".join(sorted({b.provider for b in batches})) or "-"
        batches = [b for b in batches if b.provider == provider]
        if not batches:
            raise QualityError(
                en=f"'{provider}' has delivered nothing of '{dataset.name}'. Providers: {known}.",
                zh=f"“{provider}”没有提供过“{dataset.name}”。提供单位：{known}。",
            )
    if batch_no is not None:
        numbers = "、".join(str(b.batch_no) for b in batches) or "-"
        batches = [b for b in batches if b.batch_no == batch_no]
        if not batches:
            raise QualityError(
                en=f"There is no batch {batch_no} of '{dataset.name}' there. Batches: {numbers}.",
                zh=f"“{dataset.name}”没有第 {batch_no} 批。已有批次：{numbers}。",
            )
    return batches


def _open_words(
    connection: duckdb.DuckDBPyConnection, files: Sequence[Path], dataset: Dataset
) -> None:
    """Tables `rejected` (a row and reason a line, files in landing order) and `words`."""
    union = " UNION ALL ".join(
        f"SELECT {place} AS place, * FROM {parquet([path], QUARANTINE_COLUMNS)}"
        for place, path in enumerate(files)
    )
    connection.execute(
        "CREATE TABLE rejected AS SELECT place, file_name, line, unnest(reasons) AS reason, delivered "
        f"FROM ({union})"
    )
    found = connection.execute("SELECT DISTINCT reason FROM rejected ORDER BY reason").fetchall()
    words = [(reason, explain(reason, dataset)) for (reason,) in found]
    columns = {
        "reason": [reason for reason, _ in words],
        "column_name": [w.column for _, w in words],
        "title": [f"{w.title.zh} {w.title.en}" for _, w in words],
        "reason_zh": [w.reason.zh for _, w in words],
        "reason_en": [w.reason.en for _, w in words],
        "fix_zh": [w.fix.zh for _, w in words],
        "fix_en": [w.fix.en for _, w in words],
    }
    listed = ", ".join(f"unnest(${name}::VARCHAR[]) AS {name}" for name in columns)
    connection.execute(f"CREATE TABLE words AS SELECT {listed}", columns)


def _harmless(cell: str) -> str:
    """SQL: a cell that no spreadsheet takes for a formula."""
    return f"CASE WHEN regexp_matches({cell}, '{_RUNS}') THEN '''' || {cell} ELSE {cell} END"


def _write(connection: duckdb.DuckDBPyConnection, query: str, out: Path) -> int:
    rows = connection.execute(query)
    written = 0
    try:
        with out.open("w", encoding="utf-8-sig", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(HEADER)
            while chunk := rows.fetchmany(_CHUNK):
                writer.writerows((name, line, *rest) for name, *rest, line in chunk)
                written += len(chunk)
    except OSError as failed:
        raise QualityError(
            en=f"{out} cannot be written: {failed.strerror}. Choose another place.",
            zh=f"无法写入 {out}：{failed.strerror}。请换一个位置。",
        ) from failed
    return written
