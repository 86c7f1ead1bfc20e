"""Read a provider's file (CSV, Excel, Parquet) into one DuckDB relation with line numbers.

The relation has the file's columns and `line`: the line a row starts on in a CSV, the row in a
sheet, the row number in a Parquet file (from 1).
"""

import codecs
import csv as python_csv
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import fastexcel
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from features.engine import identifier, literal
from features.errors import SourceFileError
from features.mapping import FileFormat

LINE = "line"
_CHUNK = 1 << 20
_SUFFIXES = {
    ".csv": "csv",
    ".txt": "csv",
    ".xlsx": "excel",
    ".xls": "excel",
    ".xlsb": "excel",
    ".ods": "excel",
    ".parquet": "parquet",
}


@dataclass
class Source:
    """A readable file: its hash, the columns found, and lines that cannot be read as rows."""

    path: Path
    sha256: str
    columns: dict[str, str] = field(default_factory=dict)
    ragged_lines: list[int] = field(default_factory=list)


def hash_file(path: Path) -> str:
    """SHA-256 of a file [hex].

    Raises
    ------
    SourceFileError
        If the file is missing, unreadable or empty.
    """
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256")
        size = path.stat().st_size
    except OSError as failed:
        raise SourceFileError(
            en=f"{path} cannot be read: {failed.strerror}.",
            zh=f"无法读取 {path}：{failed.strerror}。",
        ) from failed
    if size == 0:
        raise SourceFileError(en=f"{path} is empty.", zh=f"{path} 是空文件。")
    return digest.hexdigest()


def stage(
    connection: duckdb.DuckDBPyConnection, path: Path, file: FileFormat, table: str, sha256: str
) -> Source:
    """Make `table` the file's rows with their lines.

    Raises
    ------
    SourceFileError
        If the file is not what its format and encoding say, or holds no row.
    """
    kind = file.format or _SUFFIXES.get(path.suffix.lower())
    if kind is None:
        raise SourceFileError(
            en=f"{path} has the suffix '{path.suffix}', which names no known format. "
            "Say `file: {format: csv|excel|parquet}` in the mapping.",
            zh=f"无法由后缀“{path.suffix}”判断 {path} 的格式，请在映射文件中写明 file.format。",
        )
    source = Source(path, sha256)
    if kind == "parquet":
        _stage_parquet(connection, path, table)
    elif kind == "excel":
        _stage_excel(connection, path, file, table)
    else:
        _stage_csv(connection, path, file, table, source)
    described = connection.execute(f"DESCRIBE {identifier(table)}").fetchall()
    source.columns = {str(row[0]): str(row[1]) for row in described if row[0] != LINE}
    first = connection.execute(f"SELECT 1 FROM {identifier(table)} LIMIT 1").fetchall()
    if not first and not source.ragged_lines:
        raise SourceFileError(
            en=f"{path} has a header but no row.", zh=f"{path} 只有表头，没有数据行。"
        )
    return source


def _stage_parquet(connection: duckdb.DuckDBPyConnection, path: Path, table: str) -> None:
    try:
        connection.execute(
            f"CREATE OR REPLACE VIEW {identifier(table)} AS "
            f"SELECT * EXCLUDE (file_row_number), file_row_number + 1 AS {LINE} "
            f"FROM read_parquet({literal(str(path))}, file_row_number = true)"
        )
        connection.execute(f"SELECT count(*) FROM {identifier(table)}").fetchall()
    except duckdb.Error as broken:
        raise SourceFileError(
            en=f"{path} is not a whole Parquet file (cut off, or another format). Deliver it again.",
            zh=f"{path} 不是完整的 Parquet 文件（可能被截断或格式不符），请重新提供。",
        ) from broken


def _stage_excel(
    connection: duckdb.DuckDBPyConnection, path: Path, file: FileFormat, table: str
) -> None:
    try:
        reader = fastexcel.read_excel(path)
        sheet = reader.load_sheet(file.sheet, dtypes="string")
        batch = sheet.to_arrow()
    except (fastexcel.FastExcelError, ValueError) as broken:
        raise SourceFileError(
            en=f"{path} cannot be read as a sheet ({_first_line(broken)}).",
            zh=f"{path} 无法作为工作表读取（{_first_line(broken)}）。",
        ) from broken
    lines = pa.array(np.arange(2, batch.num_rows + 2, dtype=np.int64))
    _load(connection, table, pa.Table.from_batches([batch]).append_column(LINE, lines))


def _stage_csv(
    connection: duckdb.DuckDBPyConnection, path: Path, file: FileFormat, table: str, source: Source
) -> None:
    check_encoding(path, file.encoding)
    try:
        reader = _CsvReader(path, file, source.ragged_lines)
        batches = pa.RecordBatchReader.from_batches(reader.schema, iter(reader))
        _load(connection, table, batches)
    except pa.ArrowInvalid as broken:
        raise SourceFileError(
            en=f"{path} cannot be read as CSV ({_first_line(broken)}).",
            zh=f"{path} 无法作为 CSV 读取（{_first_line(broken)}）。",
        ) from broken


def _load(
    connection: duckdb.DuckDBPyConnection, table: str, rows: pa.Table | pa.RecordBatchReader
) -> None:
    connection.register("arriving", rows)
    try:
        connection.execute(f"CREATE OR REPLACE TABLE {identifier(table)} AS SELECT * FROM arriving")
    finally:
        connection.unregister("arriving")


class _CsvReader:
    """Streams a CSV as text columns and keeps count of the physical lines rows start on."""

    def __init__(self, path: Path, file: FileFormat, ragged_lines: list[int]) -> None:
        #: Rows with the wrong number of fields, as (row number, newlines inside), blank ones too.
        self._skipped: list[tuple[int, int, bool]] = []
        self._ragged_lines = ragged_lines
        header = _csv_header(path, file)
        text = csv.ConvertOptions(
            column_types=dict.fromkeys(header, pa.string()), strings_can_be_null=False
        )
        self._reader = csv.open_csv(
            path,
            read_options=csv.ReadOptions(
                encoding=file.encoding, block_size=8 * _CHUNK, use_threads=False
            ),
            parse_options=csv.ParseOptions(
                delimiter=file.delimiter,
                newlines_in_values=True,
                ignore_empty_lines=False,
                invalid_row_handler=self._on_invalid,
            ),
            convert_options=text,
        )
        self.schema = pa.schema([*self._reader.schema, pa.field(LINE, pa.int64())])

    def _on_invalid(self, row: csv.InvalidRow) -> str:
        text = row.text or ""
        self._skipped.append((int(row.number), text.count("\n"), not text.strip()))
        return "skip"

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        """Yield batches with their lines; the header is row 1, so the first row is 2.

        A row's line is its row number plus the newlines inside the rows before it.
        """
        number, newlines = 2, 0
        for batch in self._reader:
            skipped, self._skipped = self._skipped, []
            numbers = np.arange(number, number + batch.num_rows + len(skipped), dtype=np.int64)
            numbers = numbers[~np.isin(numbers, [place for place, _, _ in skipped])]
            inner = np.zeros(batch.num_rows, dtype=np.int64)
            for column in batch.columns:
                found = pc.call_function(
                    "count_substring", [column], pc.MatchSubstringOptions("\n")
                )
                inner += found.to_numpy(zero_copy_only=False)
            before = newlines + np.concatenate(([0], np.cumsum(inner)))
            for place, own, is_blank in skipped:
                row = int(np.searchsorted(numbers, place))
                if not is_blank:
                    self._ragged_lines.append(place + int(before[row]))
                before[row:] += own
            newlines = int(before[-1])
            number += batch.num_rows + len(skipped)
            lines = pa.array(numbers + before[:-1])
            yield pa.RecordBatch.from_arrays([*batch.columns, lines], schema=self.schema)
        self._ragged_lines.extend(
            place + newlines for place, _, blank in self._skipped if not blank
        )


def _csv_header(path: Path, file: FileFormat) -> list[str]:
    encoding = "utf-8-sig" if file.encoding == "utf-8" else file.encoding
    with path.open(encoding=encoding, newline="") as text:
        header = next(python_csv.reader(text, delimiter=file.delimiter), [])
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise SourceFileError(
            en=f"{path} has the column(s) {', '.join(twice)} more than once.",
            zh=f"{path} 中列名重复：{'、'.join(twice)}。",
        )
    return header


def check_encoding(path: Path, encoding: str) -> None:
    """Refuse a file whose bytes are not text of the encoding the mapping states.

    Raises
    ------
    SourceFileError
        With the first bad byte's place and, where it fits, the encoding that would do.
    """
    place = _first_bad_byte(path, encoding)
    if place is not None:
        other = "gb18030" if encoding == "utf-8" else "utf-8"
        fits = _first_bad_byte(path, other) is None
        advice = (
            f" It reads as {other}: say `file: {{encoding: {other}}}` in the mapping."
            if fits
            else ""
        )
        advice_zh = (
            f"该文件可按 {other} 读取，请在映射文件中写明 file.encoding: {other}。" if fits else ""
        )
        raise SourceFileError(
            en=f"{path} is not {encoding} text: byte {place} cannot be decoded.{advice}",
            zh=f"{path} 不是 {encoding} 编码：第 {place} 个字节无法解码。{advice_zh}",
        )
    if encoding == "gb18030" and not _is_ascii(path) and _first_bad_byte(path, "utf-8") is None:
        raise SourceFileError(
            en=f"{path} is UTF-8, but the mapping says gb18030; read so, its Chinese would be garbled. "
            "Say `file: {encoding: utf-8}`.",
            zh=f"{path} 实为 UTF-8 编码，而映射文件写明 gb18030，读取会产生乱码；请改为 utf-8。",
        )


def _first_bad_byte(path: Path, encoding: str) -> int | None:
    decoder = codecs.getincrementaldecoder(encoding)()
    place = 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            pending = len(decoder.getstate()[0])
            try:
                decoder.decode(chunk)
            except UnicodeDecodeError as bad:
                return place - pending + bad.start
            place += len(chunk)
    try:
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return place
    return None


def _is_ascii(path: Path) -> bool:
    with path.open("rb") as file:
        return all(chunk.isascii() for chunk in iter(lambda: file.read(_CHUNK), b""))


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0].rstrip(".")
