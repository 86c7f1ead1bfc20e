"""Read a provider's file (CSV, Excel, Parquet) into one DuckDB relation with line numbers.

The relation has the file's columns and `line`: the line a row starts on in a CSV, the row in a
sheet, the row number in a Parquet file (from 1).
"""

import codecs
import csv as python_csv
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import fastexcel
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from features.engine import identifier, literal, readable
from features.errors import SourceFileError
from features.mapping import FileFormat

LINE = "line"
_CHUNK = 1 << 20
#: Text is parsed in blocks of this size [bytes]; a row may be as long as a block.
_BLOCK = 8 * _CHUNK
_AROUND = " \t\r\n\u3000\ufeff"
#: Which format a suffix stands for.
SUFFIXES = {
    ".csv": "csv",
    ".txt": "csv",
    ".xlsx": "excel",
    ".xls": "excel",
    ".xlsb": "excel",
    ".ods": "excel",
    ".parquet": "parquet",
}
#: A nested or binary value has no one way to be written as the text or number a contract asks for.
_UNREADABLE = ("STRUCT", "MAP", "UNION", "BLOB", "BIT", "INTERVAL", "VARIANT", "GEOMETRY")


@dataclass(frozen=True)
class SourceColumn:
    """A column of the file: how SQL names it in the staged table, and its DuckDB type.

    The staged table calls its columns by their place (`f0`, `f1`, …), so that no name a provider
    chooses can meet one of ours or another that differs in case only.
    """

    sql: str
    kind: str


@dataclass
class Source:
    """A readable file: its names, the columns that were staged, and lines that are no rows."""

    path: Path
    names: list[str] = field(default_factory=list)
    columns: dict[str, SourceColumn] = field(default_factory=dict)
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
    connection: duckdb.DuckDBPyConnection,
    path: Path,
    file: FileFormat,
    table: str,
    wanted: Sequence[str],
) -> Source:
    """Make `table` the wanted columns of the file's rows, text trimmed, with their lines.

    Raises
    ------
    SourceFileError
        If the file is not what its format and encoding say, or holds no row.
    """
    kind = file.format or SUFFIXES.get(path.suffix.lower())
    if kind is None:
        raise SourceFileError(
            en=f"{path} has the suffix '{path.suffix}', which names no known format. "
            "Say `file: {format: csv|excel|parquet}` in the mapping.",
            zh=f"无法由后缀“{path.suffix}”判断 {path} 的格式，请在映射文件中写明 file.format。",
        )
    source = Source(path)
    if kind == "parquet":
        _stage_parquet(connection, source, table, wanted)
    elif kind == "excel":
        _stage_excel(connection, source, file, table, wanted)
    else:
        _stage_csv(connection, source, file, table, wanted)
    first = connection.execute(f"SELECT 1 FROM {identifier(table)} LIMIT 1").fetchall()
    if not first and not source.ragged_lines:
        raise SourceFileError(
            en=f"{path} has a header but no row.", zh=f"{path} 只有表头，没有数据行。"
        )
    return source


def _stage_parquet(
    connection: duckdb.DuckDBPyConnection, source: Source, table: str, wanted: Sequence[str]
) -> None:
    path = source.path
    try:
        described = connection.execute(
            f"DESCRIBE SELECT * FROM read_parquet({readable(path)})"
        ).fetchall()
        source.names = [str(row[0]) for row in described]
        kinds = {str(row[0]): str(row[1]) for row in described}
        places = {name: place for place, name in enumerate(source.names) if name in wanted}
        source.columns = {
            name: SourceColumn(f"f{place}", kinds[name]) for name, place in places.items()
        }
        _require_flat(source)
        listed = "".join(
            f", {_trimmed(identifier(name)) if kinds[name] == 'VARCHAR' else identifier(name)} AS f{place}"
            for name, place in places.items()
        )
        # The reader's own row number is free; it gives way where a file has a column of that name.
        is_taken = "file_row_number" in {name.lower() for name in source.names}
        number, option = "file_row_number + 1", ", file_row_number = true"
        if is_taken:
            number, option = "row_number() OVER ()", ""
        connection.execute(
            f"CREATE OR REPLACE TABLE {identifier(table)} AS SELECT {number} AS {LINE}{listed} "
            f"FROM read_parquet({readable(path)}{option})"
        )
    except duckdb.OutOfMemoryException:
        raise
    except duckdb.Error as broken:
        raise SourceFileError(
            en=f"{path} is not a whole Parquet file (cut off, or another format). Deliver it again.",
            zh=f"{path} 不是完整的 Parquet 文件（可能被截断或格式不符），请重新提供。",
        ) from broken


def _require_flat(source: Source) -> None:
    for name, column in source.columns.items():
        nested = column.kind.removesuffix("[]")
        if nested.startswith(_UNREADABLE) or nested.endswith("]"):
            raise SourceFileError(
                en=f"{source.path}: column '{name}' is {column.kind.split('(')[0]}, which no contract column "
                "can take. Deliver one plain value, or a list of them, a row.",
                zh=f"{source.path}：列“{name}”的类型为 {column.kind.split('(')[0]}，合同列无法接收；请提供普通值或其列表。",
            )


def _stage_excel(
    connection: duckdb.DuckDBPyConnection,
    source: Source,
    file: FileFormat,
    table: str,
    wanted: Sequence[str],
) -> None:
    path = source.path
    try:
        # Without these two arguments the reader drops empty rows at the top, and lines would be wrong.
        sheet = fastexcel.read_excel(path).load_sheet(
            file.sheet, header_row=None, skip_rows=0, dtypes="string"
        )
        batch = sheet.to_arrow()
    except (fastexcel.FastExcelError, ValueError) as broken:
        raise SourceFileError(
            en=f"{path} cannot be read as a sheet ({_first_line(broken)}).",
            zh=f"{path} 无法作为工作表读取（{_first_line(broken)}）。",
        ) from broken
    top = file.header_line
    if batch.num_rows < top:
        raise SourceFileError(
            en=f"{path}: the sheet has {batch.num_rows} line(s), so there is no header on line {top}.",
            zh=f"{path}：工作表只有 {batch.num_rows} 行，第 {top} 行没有表头。",
        )
    header = [str(column[top - 1].as_py() or "") for column in batch.columns]
    places = _places(source, header, wanted)
    lines = pa.array(np.arange(top + 1, batch.num_rows + 1, dtype=np.int64))
    rows = {f"f{place}": batch.column(place).slice(top) for place in places.values()}
    _load(connection, table, pa.table({LINE: lines, **rows}))


def _stage_csv(
    connection: duckdb.DuckDBPyConnection,
    source: Source,
    file: FileFormat,
    table: str,
    wanted: Sequence[str],
) -> None:
    check_encoding(source.path, file.encoding)
    header = _csv_header(source.path, file)
    places = _places(source, header, wanted)
    try:
        reader = _CsvReader(source, file, len(header), places)
        _load(connection, table, pa.RecordBatchReader.from_batches(reader.schema, iter(reader)))
    except duckdb.OutOfMemoryException:
        raise
    except (pa.ArrowInvalid, duckdb.Error):
        # The parser's message may quote the row, and with it a person's data.
        raise SourceFileError(
            en=f"{source.path} cannot be read as CSV: a row is longer than {_BLOCK >> 20} MiB or a quote is "
            "never closed. Check the quotes and the delimiter.",
            zh=f"{source.path} 无法作为 CSV 读取：某一行超过 {_BLOCK >> 20} MiB，或引号未闭合。请检查引号与分隔符。",
        ) from None


def _places(source: Source, header: list[str], wanted: Sequence[str]) -> dict[str, int]:
    """Where the wanted columns stand; all are text."""
    source.names = [name for name in header if name]
    twice = sorted(place for place, name in enumerate(header, 1) if name and header.count(name) > 1)
    if twice:
        # Without a header the first line is a person's row, so places are named and not the words.
        listed = ", ".join(str(place) for place in twice)
        raise SourceFileError(
            en=f"{source.path} has the same name on its columns {listed}. Give each column its own name.",
            zh=f"{source.path} 第 {listed} 列的列名重复，请修改列名。",
        )
    places = {name: place for place, name in enumerate(header) if name and name in wanted}
    source.columns = {name: SourceColumn(f"f{place}", "VARCHAR") for name, place in places.items()}
    return places


def _load(
    connection: duckdb.DuckDBPyConnection, table: str, rows: pa.Table | pa.RecordBatchReader
) -> None:
    connection.register("arriving", rows)
    texts = "".join(f", {_trimmed(name)} AS {name}" for name in rows.schema.names if name != LINE)
    try:
        connection.execute(
            f"CREATE OR REPLACE TABLE {identifier(table)} AS SELECT {LINE}{texts} FROM arriving"
        )
    finally:
        connection.unregister("arriving")


def _trimmed(text: str) -> str:
    """Text without the spaces around it; done once here, because many rules may read one column."""
    return f"trim({text}, {literal(_AROUND)})"


@dataclass
class _Skipped:
    """Rows with the wrong number of fields, as (row number, newlines inside, is blank), in order.

    The parser reads ahead, so some lie beyond the batch at hand. It keeps whom it tells for good: were
    that the reader itself, neither would ever be let go.
    """

    rows: list[tuple[int, int, bool]] = field(default_factory=list[tuple[int, int, bool]])

    def tell(self, row: csv.InvalidRow) -> str:
        text = row.text or ""
        self.rows.append((int(row.number), text.count("\n"), not text.strip()))
        return "skip"


class _CsvReader:
    """Streams a CSV as text columns and keeps count of the physical lines rows start on."""

    def __init__(
        self, source: Source, file: FileFormat, width: int, places: Mapping[str, int]
    ) -> None:
        skipped = _Skipped()
        self._skipped = skipped.rows
        self._ragged_lines = source.ragged_lines
        self._places = list(places.values())
        names = [f"f{place}" for place in range(width)]
        # All columns are converted, because newlines inside any of them move the lines below.
        # The header is read as a row, so that a name of the provider's is never one of ours.
        self._reader = csv.open_csv(
            source.path,
            read_options=csv.ReadOptions(
                encoding=file.encoding,
                block_size=_BLOCK,
                use_threads=False,
                autogenerate_column_names=True,
            ),
            parse_options=csv.ParseOptions(
                delimiter=file.delimiter,
                newlines_in_values=True,
                ignore_empty_lines=False,
                invalid_row_handler=skipped.tell,
            ),
            convert_options=csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False
            ),
        )
        if len(self._reader.schema) != width:
            raise pa.ArrowInvalid
        kept = [pa.field(f"f{place}", pa.string()) for place in self._places]
        self.schema = pa.schema([pa.field(LINE, pa.int64()), *kept])

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        """Yield batches with their lines.

        A row's line is its row number plus the newlines inside the rows before it.
        """
        number, newlines = 1, 0
        for batch in self._reader:
            if not batch.num_rows:
                continue
            places = [place for place, _, _ in self._skipped]
            end = number + batch.num_rows + len(places)
            numbers = np.setdiff1d(np.arange(number, end, dtype=np.int64), places)[: batch.num_rows]
            inner = np.zeros(batch.num_rows, dtype=np.int64)
            for column in batch.columns:
                found = pc.call_function(
                    "count_substring", [column], pc.MatchSubstringOptions("\n")
                )
                inner += found.to_numpy(zero_copy_only=False)
            before = newlines + np.concatenate(([0], np.cumsum(inner)))
            while self._skipped and self._skipped[0][0] < numbers[-1]:
                place, own, is_blank = self._skipped.pop(0)
                row = int(np.searchsorted(numbers, place))
                if not is_blank:
                    self._ragged_lines.append(place + int(before[row]))
                before[row:] += own
            lines = pa.array(numbers + before[:-1])
            kept = pa.RecordBatch.from_arrays(
                [lines, *(batch.column(place) for place in self._places)], schema=self.schema
            )
            yield kept.slice(1) if number == 1 else kept
            number, newlines = int(numbers[-1]) + 1, int(before[-1])
        for place, own, is_blank in self._skipped:
            if not is_blank:
                self._ragged_lines.append(place + newlines)
            newlines += own


def _csv_header(path: Path, file: FileFormat) -> list[str]:
    encoding = "utf-8-sig" if file.encoding == "utf-8" else file.encoding
    try:
        with path.open(encoding=encoding, newline="") as text:
            header = next(python_csv.reader(text, delimiter=file.delimiter), [])
    except python_csv.Error as broken:
        raise SourceFileError(
            en=f"{path} cannot be read as CSV ({_first_line(broken)}).",
            zh=f"{path} 无法作为 CSV 读取（{_first_line(broken)}）。",
        ) from broken
    return [name.strip(_AROUND) for name in header] or [""]


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
    if encoding == "gb18030" and _looks_like_utf8(path):
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


def _looks_like_utf8(path: Path) -> bool:
    """Whether text is UTF-8 with characters of three bytes or more, as Chinese has.

    A few characters of GB18030 are by chance two-byte UTF-8; by chance three-byte they are not.
    """
    highest = ""
    try:
        with path.open(encoding="utf-8-sig") as text:
            while chunk := text.read(_CHUNK):
                highest = max(highest, "" if chunk.isascii() else max(chunk))
    except UnicodeDecodeError:
        return False
    return highest >= "\u0800"


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0].rstrip(".")
