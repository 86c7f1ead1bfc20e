"""Read a Parquet or CSV file as it is, or say what is wrong with it.

A CSV column stays text: what a cell means is decided by its kind (`kinds.py`), so that it never
depends on which rows happen to be in the file.
"""

import codecs
import csv as python_csv
import re
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import csv

from features.errors import TableError

ENCODINGS = ("utf-8-sig", "gb18030")
DELIMITERS = (",", ";", "\t", "|")
_BLOCK = 1 << 20
_PARQUET_MAGIC = b"PAR1"
#: Cells that say nothing is there.
_MISSING = ["", "NA", "N/A", "n/a", "#N/A", "NaN", "nan", "NULL", "null", "None", "-", "--"]


def read_table(path: Path) -> pa.Table:
    """Read a table; the content decides what it is, not the name.

    Parameters
    ----------
    path : Path
        Parquet, or CSV in UTF-8 (with or without BOM) or GB18030 with `,`, `;`, tab or `|`.

    Returns
    -------
    pyarrow.Table
        At least one row; columns of a CSV are text.

    Raises
    ------
    TableError
        If the file is missing, cannot be read, has no header or no row, or names a column twice.
    """
    if not path.is_file():
        raise TableError(
            en=f"There is no file {path}. Check the path.", zh=f"文件 {path} 不存在，请检查路径。"
        )
    try:
        with path.open("rb") as start:
            magic = start.read(4)
        table = pq.read_table(path) if magic == _PARQUET_MAGIC else _read_csv(path)
    except (OSError, pa.ArrowException) as broken:
        # What follows the count is the row itself.
        where = re.sub(r"(got \d+):.*", r"\1", " ".join(str(broken).split()))[:200]
        raise TableError(
            en=f"{path} cannot be read as Parquet or CSV: {where}",
            zh=f"无法将 {path} 读作 Parquet 或 CSV：{where}",
        ) from broken
    _require_names(path, table.column_names)
    _require_cells(path, table.schema)
    if table.num_rows == 0:
        raise TableError(
            en=f"{path} has a header and no row. A model needs rows.",
            zh=f"{path} 只有表头，没有数据行。",
        )
    return table


def _read_csv(path: Path) -> pa.Table:
    encoding = _encoding(path)
    with path.open(encoding=encoding, newline="") as text:
        first = text.readline()
    if not first.strip():
        raise TableError(
            en=f"{path} is empty or begins with an empty line. The first line must name the columns.",
            zh=f"{path} 为空或首行为空。首行须为列名。",
        )
    delimiter = max(DELIMITERS, key=first.count)
    names = [name.strip() for name in next(python_csv.reader([first], delimiter=delimiter))]
    _require_names(path, names)
    return csv.read_csv(
        path,
        read_options=csv.ReadOptions(
            encoding="utf-8" if encoding == "utf-8-sig" else encoding,
            column_names=names,
            skip_rows=1,
            use_threads=False,  # so that an error can say which row
        ),
        parse_options=csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
        convert_options=csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()),
            null_values=_MISSING,
            strings_can_be_null=True,
        ),
    )


def _encoding(path: Path) -> str:
    """The first of the encodings in which every byte of the file is text."""
    for encoding in ENCODINGS:
        decoder = codecs.getincrementaldecoder(encoding)()
        try:
            with path.open("rb") as file:
                while block := file.read(_BLOCK):
                    if b"\0" in block:
                        break
                    decoder.decode(block)
                else:
                    decoder.decode(b"", final=True)
                    return encoding
        except UnicodeDecodeError:
            continue
    raise TableError(
        en=f"{path} is neither Parquet nor text in UTF-8 or GB18030. Save it as one of these.",
        zh=f"{path} 既不是 Parquet，也不是 UTF-8 或 GB18030 编码的文本，请另存为其中一种。",
    )


def _require_names(path: Path, names: list[str]) -> None:
    """A header in which every column has one name of its own."""
    twice = [name for name, count in Counter(names).items() if count > 1 and name]
    if twice:
        raise TableError(
            en=f"{path} names the column {', '.join(map(repr, twice))} more than once. Every column needs "
            "a name of its own.",
            zh=f"{path} 中列名 {'、'.join(twice)} 重复。每列须有唯一列名。",
        )
    nameless = [place for place, name in enumerate(names, 1) if not name]
    is_header = any(not _reads_as_number(name) for name in names)
    if nameless or not is_header:
        what = f"column {nameless[0]} has no name" if nameless else "it holds numbers only"
        what_zh = f"第 {nameless[0]} 列没有列名" if nameless else "全部为数字"
        raise TableError(
            en=f"The first line of {path} is no header: {what}. The first line must name the columns.",
            zh=f"{path} 的首行不是表头：{what_zh}。首行须为列名。",
        )


def _require_cells(path: Path, schema: pa.Schema) -> None:
    """Columns that hold one number, word, flag or date a cell."""
    refused = (pa.types.is_nested, pa.types.is_time, pa.types.is_duration, pa.types.is_large_binary)
    for field in schema:
        if pa.types.is_binary(field.type) or any(is_so(field.type) for is_so in refused):
            raise TableError(
                en=f"The column '{field.name}' of {path} is of type {field.type}. A cell must be a number, a "
                "word, a flag or a date; take the column out.",
                zh=f"{path} 的“{field.name}”列类型为 {field.type}。单元格须为数值、文本、是否或日期，请去掉该列。",
            )


def _reads_as_number(name: str) -> bool:
    try:
        float(name)
    except ValueError:
        return False
    return True
