import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features import sources
from features.engine import connect
from features.errors import SourceFileError
from features.mapping import FileFormat
from features.sources import Source, hash_file, stage
from tests.factories import write_csv, write_parquet, write_xlsx

if TYPE_CHECKING:
    from collections.abc import Iterator

    import duckdb

CSV = FileFormat()


@pytest.fixture
def connection() -> "Iterator[duckdb.DuckDBPyConnection]":
    with connect(threads=1) as opened:
        yield opened


def read(
    connection: "duckdb.DuckDBPyConnection",
    path: Path,
    wanted: list[str],
    file: FileFormat = CSV,
) -> tuple[Source, list[tuple[object, ...]]]:
    source = stage(connection, path, file, "staged", wanted)
    listed = ", ".join(["line", *(source.columns[name].sql for name in wanted)])
    return source, connection.execute(f"SELECT {listed} FROM staged ORDER BY line").fetchall()


ENCODINGS = [("utf-8", "utf-8"), ("utf-8-sig", "utf-8"), ("gb18030", "gb18030")]


@pytest.mark.parametrize(("written", "stated"), ENCODINGS)
def test_chinese_reads_in_every_encoding(
    connection: "duckdb.DuckDBPyConnection", tmp_path: Path, written: str, stated: str
) -> None:
    path = write_csv(tmp_path / "a.csv", [["企业", "金额"], ["一厂", "1"]], encoding=written)
    file = FileFormat.model_validate({"encoding": stated})
    assert read(connection, path, ["企业", "金额"], file)[1] == [(2, "一厂", "1")]


def test_a_wrong_encoding_is_refused_with_the_right_one(
    connection: "duckdb.DuckDBPyConnection", tmp_path: Path
) -> None:
    rows = [["企业"], ["第一机械厂有限公司"]]
    path = write_csv(tmp_path / "a.csv", rows, encoding="gb18030")
    with pytest.raises(SourceFileError, match=r"not utf-8 text: byte 0 .* reads as gb18030") as bad:
        read(connection, path, ["企业"])
    assert "gb18030" in bad.value.zh
    write_csv(path, [["a"], ["企业"]])
    with pytest.raises(SourceFileError, match=r"is UTF-8, but the mapping says"):
        read(connection, path, ["a"], FileFormat(encoding="gb18030"))
    path.write_bytes(b"a\n\xff\xff\n")
    with pytest.raises(SourceFileError, match=r"byte 2 cannot be decoded\.$"):
        read(connection, path, ["a"])
    path.write_bytes(b"a\n1\n\xe4\xb8")
    with pytest.raises(SourceFileError, match="not utf-8 text"):
        read(connection, path, ["a"])


def test_a_short_gb18030_file_that_is_by_chance_utf8_is_read(
    connection: "duckdb.DuckDBPyConnection", tmp_path: Path
) -> None:
    # 0xCFA2 is 息 in GB18030 and a Greek letter in UTF-8.
    path = tmp_path / "a.csv"
    path.write_bytes(b"a\n\xcf\xa2\n")
    file = FileFormat(encoding="gb18030")
    assert read(connection, path, ["a"], file)[1] == [(2, "息")]


def test_one_column_trailing_delimiter_and_padded_names(
    connection: "duckdb.DuckDBPyConnection", tmp_path: Path
) -> None:
    path = write_csv(tmp_path / "a.csv", [["a"], ["1"], ["2"]])
    assert read(connection, path, ["a"])[1] == [(2, "1"), (3, "2")]
    path.write_text(" a ,b,\n 1 ,2,\n", encoding="utf-8")
    source, rows = read(connection, path, ["a", "b"])
    assert rows == [(2, "1", "2")]
    assert source.names == ["a", "b"]


def test_names_that_are_ours_or_differ_in_case_only(
    connection: "duckdb.DuckDBPyConnection", tmp_path: Path
) -> None:
    names = ["line", "LINE", "reasons", "raw amount", 'a "b" c', "f0", "staged"]
    path = write_csv(tmp_path / "a.csv", [names, list("1234567")])
    assert read(connection, path, names)[1] == [(2, *"1234567")]
    columns = {name: [int(place)] for place, name in enumerate(names) if name != "LINE"}
    path = write_parquet(tmp_path / "a.parquet", {**columns, "file_row_number": [9]})
    wanted = [*columns, "file_row_number"]
    assert read(connection, path, wanted)[1] == [(1, 0, 2, 3, 4, 5, 6, 9)]


def test_file_names_that_are_patterns(
    connection: "duckdb.DuckDBPyConnection", tmp_path: Path
) -> None:
    for name in ("a[1]", "b*", "it's", "c?"):
        write_parquet(tmp_path / "b2.parquet", {"x": [2]})
        path = write_parquet(tmp_path / f"{name}.parquet", {"x": [1]})
        assert read(connection, path, ["x"])[1] == [(1, 1)]


def test_a_sheet_keeps_its_lines(connection: "duckdb.DuckDBPyConnection", tmp_path: Path) -> None:
    rows = [["发票表"], ["企业", "金额"], ["E1", 1.5], [], ["E2", 20250101]]
    path = write_xlsx(tmp_path / "a.xlsx", rows)
    _, found = read(connection, path, ["企业", "金额"], FileFormat(header_line=2))
    assert found == [(3, "E1", "1.5"), (4, None, None), (5, "E2", "20250101")]
    source, _ = read(connection, path, [])
    assert source.names == ["发票表"]


def test_sheets_that_cannot_be_read(
    connection: "duckdb.DuckDBPyConnection", tmp_path: Path
) -> None:
    path = write_xlsx(tmp_path / "a.xlsx", [])
    cases = [
        (CSV, "no header on line 1"),
        (FileFormat(sheet="x"), '"x" not found'),
        (FileFormat(sheet=7), "7"),
    ]
    for file, sentence in cases:
        with pytest.raises(SourceFileError, match=sentence) as error:
            read(connection, path, [], file)
        assert error.value.zh
    path.write_bytes(b"PK not a workbook")
    with pytest.raises(SourceFileError, match="cannot be read as a sheet"):
        read(connection, path, [])


def test_parquet_that_cannot_be_read(
    connection: "duckdb.DuckDBPyConnection", tmp_path: Path
) -> None:
    path = write_parquet(tmp_path / "a.parquet", {"x": list(range(9999))})
    whole = path.read_bytes()
    for broken in (whole[:-20], whole[: len(whole) // 2], b"text"):
        path.write_bytes(broken)
        with pytest.raises(SourceFileError, match="is not a whole Parquet file"):
            read(connection, path, ["x"])
    write_parquet(path, {"x": pa.array([], pa.int64())})
    with pytest.raises(SourceFileError, match="has a header but no row"):
        read(connection, path, ["x"])
    write_parquet(path, {"x": [{"a": 1}], "y": [[[1]]], "z": [b"1"], "w": [[1, 2]]})
    for name, kind in (("x", "STRUCT"), ("y", "BIGINT"), ("z", "BLOB")):
        with pytest.raises(
            SourceFileError, match=f"column '{name}' is {kind}.* no contract column"
        ):
            read(connection, path, [name])
    assert read(connection, path, ["w"])[1] == [(1, [1, 2])]


def test_files_that_are_none(connection: "duckdb.DuckDBPyConnection", tmp_path: Path) -> None:
    empty = tmp_path / "a.csv"
    empty.touch()
    with pytest.raises(SourceFileError, match="is empty"):
        hash_file(empty)
    with pytest.raises(SourceFileError, match="No such file"):
        hash_file(tmp_path / "none.csv")
    with pytest.raises(SourceFileError, match="Is a directory"):
        hash_file(tmp_path)
    with pytest.raises(SourceFileError, match=r"suffix '\.doc', which names no known format"):
        read(connection, tmp_path / "a.doc", [])
    write_csv(empty, [["a", "b"]])
    with pytest.raises(SourceFileError, match="has a header but no row"):
        read(connection, empty, ["a"])


def test_csv_that_cannot_be_read(connection: "duckdb.DuckDBPyConnection", tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv", [["张三", "a", "张三"], ["1", "2", "3"]])
    with pytest.raises(SourceFileError, match="same name on its columns 1, 3") as twice:
        read(connection, path, ["a"])
    assert "张三" not in twice.value.en + twice.value.zh
    path.write_text("a" * 140_000 + "\n1\n", encoding="utf-8")
    with pytest.raises(SourceFileError, match="cannot be read as CSV"):
        read(connection, path, ["a"])


def test_a_row_longer_than_a_block_is_said_without_its_words(
    connection: "duckdb.DuckDBPyConnection", tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "_BLOCK", 64)
    path = write_csv(tmp_path / "a.csv", [["a", "b"], ["1", "秘密" * 100], ["1", "2"]])
    with pytest.raises(SourceFileError, match="a row is longer than") as error:
        read(connection, path, ["a", "b"])
    assert "秘密" not in error.value.en + error.value.zh


CELL = st.text(alphabet='ab,"\n 中', max_size=4)
ROWS = st.lists(
    st.one_of(
        st.tuples(CELL, CELL, CELL).map(list),  # a row
        st.lists(CELL, min_size=1, max_size=5).map(lambda cells: ["r", *cells]),  # often ragged
        st.just([]),  # a blank line
    ),
    min_size=1,
    max_size=30,
)


@settings(max_examples=80, deadline=None)
@given(ROWS, st.sampled_from(["\n", "\r\n"]), st.sampled_from([32, 1 << 20]))
def test_lines_are_those_of_pythons_reader(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]], newline: str, block: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "lines.csv"
    write_csv(path, [["a", "b", "c"], *rows], newline=newline)
    expected: dict[int, list[str]] = {}
    ragged: list[int] = []
    reader = csv.reader(io.StringIO(path.read_bytes().decode(), newline=""))
    start = 1
    for cells in reader:
        if start > 1 and len(cells) == 3:
            expected[start] = [cell.strip() for cell in cells]  # empty rows are dropped later
        elif start > 1 and cells:
            ragged.append(start)
        start = reader.line_num + 1
    with pytest.MonkeyPatch.context() as patch, connect(threads=1) as connection:
        longest = max(len(",".join(row).encode()) * 2 for row in rows) + 16
        patch.setattr(sources, "_BLOCK", max(block, longest))
        source, found = read(connection, path, ["a", "b", "c"])
    assert source.ragged_lines == ragged
    assert {line: cells for line, *cells in found if any(cells)} == {
        line: cells for line, cells in expected.items() if any(cells)
    }
