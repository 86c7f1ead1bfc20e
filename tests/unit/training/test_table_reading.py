from datetime import time, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from features.errors import TableError
from training.table.reading import read_table


def written(folder: Path, content: bytes) -> Path:
    path = folder / "table.dat"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_a_csv_says_the_same_in_every_encoding(
    tmp_path: Path, encoding: str, delimiter: str
) -> None:
    rows = [["企业", "金额", "违约"], ["甲", "007", "是"], ["", "1.50", "否"]]
    text = "\n".join(delimiter.join(row) for row in rows)
    table = read_table(written(tmp_path, text.encode(encoding)))
    assert table.to_pydict() == {
        "企业": ["甲", None],
        "金额": ["007", "1.50"],
        "违约": ["是", "否"],
    }


def test_quoted_cells_keep_delimiters_and_line_ends(tmp_path: Path) -> None:
    table = read_table(written(tmp_path, b'a,b\n"1,5","x\ny"\n'))
    assert table.to_pydict() == {"a": ["1,5"], "b": ["x\ny"]}


def test_parquet_is_known_by_its_content(tmp_path: Path) -> None:
    table = pa.table({"a": [1, 2]})
    pq.write_table(table, tmp_path / "table.dat")
    assert read_table(tmp_path / "table.dat").equals(table)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is empty or begins with an empty line"),
        (b"a,b\n", "has a header and no row"),
        (b"a,b,a\n1,2,3\n", "names the column 'a' more than once"),
        (b"a,,c\n1,2,3\n", "column 2 has no name"),
        (b"1,2.5,3\n1,2,3\n", "it holds numbers only"),
        (b"a,b\n1,2\n1,2,3\n", r"Row #3: Expected 2 columns, got 3$"),
        (b"\xff\xfea\x00,\x00", "neither Parquet nor text in UTF-8 or GB18030"),
        (b"PAR1 and nothing more", "cannot be read as Parquet or CSV"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(tmp_path: Path, content: bytes, sentence: str) -> None:
    with pytest.raises(TableError, match=sentence):
        read_table(written(tmp_path, content))


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(TableError, match=r"There is no file .*none\.csv"):
        read_table(tmp_path / "none.csv")


@pytest.mark.parametrize("cell", [[1, 2], {"a": 1}, b"bytes", timedelta(days=1), time(12)])
def test_a_cell_holds_one_thing(tmp_path: Path, cell: object) -> None:
    pq.write_table(pa.table({"a": [1], "odd": [cell]}), tmp_path / "table.parquet")
    with pytest.raises(TableError, match=r"The column 'odd' of .* is of type "):
        read_table(tmp_path / "table.parquet")
