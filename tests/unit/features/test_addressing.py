"""Rows that belong to another dataset, and ids made from what a record says."""

import hashlib
from pathlib import Path

import pytest

from tests.factories import USCCS, Desk, write_csv, write_parquet

MIXED = """
dataset: penalty
provider: {name: 平台}
rows: {类别: 处罚}
columns:
  uscc: 代码
  decision_no: {digest: [类别, 日期, 金额]}
  decided_on: 日期
"""
HEADER = ["代码", "类别", "日期", "金额"]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


@pytest.mark.parametrize(
    ("condition", "taken"),
    [
        ("{类别: 处罚}", ["2025-01-01"]),
        ("{类别: [处罚, 许可]}", ["2025-01-01", "2025-01-02"]),
        ("{类别: present}", ["2025-01-01", "2025-01-02", "2025-01-03"]),
        ("{类别: {starts_with: [许, 处]}}", ["2025-01-01", "2025-01-02"]),
        ("{类别: 许可, 代码: present}", ["2025-01-02"]),
    ],
)
def test_rows_of_another_dataset_are_neither_delivered_nor_rejected(
    desk: Desk, condition: str, taken: list[str]
) -> None:
    path = write_csv(
        desk.root / "mixed.csv",
        [
            HEADER,
            [USCCS[0], "处罚", "2025-01-01", "1"],
            [USCCS[0], "许可", "2025-01-02", "1"],
            [USCCS[0], "荣誉", "2025-01-03", "1"],
            ["", "", "not a date", "1"],
            ["", "无", "not a date", "1"],
        ],
    )
    mapping = desk.mapping(MIXED.replace("{类别: 处罚}", condition), "penalty")
    batch = desk.ingest(path, mapping=mapping)[0].batch
    assert sorted(str(row["decided_on"]) for row in desk.rows("penalty")) == taken
    assert (batch.delivered, batch.rejected, batch.skipped) == (len(taken), 0, 5 - len(taken))


def test_a_file_without_a_row_of_the_dataset_is_refused(desk: Desk) -> None:
    path = write_csv(desk.root / "none.csv", [HEADER, [USCCS[0], "许可", "2025-01-02", "1"]])
    error = desk.refuse(path, mapping=desk.mapping(MIXED, "penalty"))
    assert "None of the 1 rows of none.csv is for 'penalty'" in error.en


def test_a_condition_on_a_missing_column_is_one_sentence(desk: Desk) -> None:
    path = write_csv(desk.root / "a.csv", [["代码", "日期", "金额"], [USCCS[0], "2025-01-01", "1"]])
    error = desk.refuse(path, mapping=desk.mapping(MIXED, "penalty"))
    assert "has no column '类别'" in error.en


def test_a_digest_is_of_the_cleaned_text_and_the_same_in_every_format(desk: Desk) -> None:
    mapping = desk.mapping(MIXED, "penalty")
    text = write_csv(desk.root / "a.csv", [HEADER, [USCCS[0], " 处罚 ", "2025-01-01", "无"]])
    desk.ingest(text, mapping=mapping)
    # "无" is missing; fields are joined by the unit separator, so that a|bc is not ab|c.
    expected = hashlib.md5("处罚\x1f2025-01-01\x1f".encode(), usedforsecurity=False).hexdigest()
    assert [row["decision_no"] for row in desk.rows("penalty")] == [expected]
    table = {"代码": [USCCS[0]], "类别": ["处罚"], "日期": ["2025-01-01"], "金额": [None]}
    native = write_parquet(desk.root / "a.parquet", table)
    batch = desk.ingest(native, mapping=mapping)[0].batch
    assert (batch.landed, batch.duplicates) == (0, 1)


def test_a_digest_of_nothing_is_missing(desk: Desk) -> None:
    mapping = desk.mapping(MIXED.replace("[类别, 日期, 金额]", "[金额]"), "penalty")
    rows = [[USCCS[0], "处罚", "2025-01-01", "无"], [USCCS[0], "处罚", "2025-01-01", "5"]]
    path = write_csv(desk.root / "a.csv", [HEADER, *rows])
    batch = desk.ingest(path, mapping=mapping)[0].batch
    assert dict(batch.reasons) == {"decision_no:missing": 1}


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2)])
def test_of_two_contents_of_one_key_the_commoner_stays(desk: Desk, order: tuple[int, ...]) -> None:
    rows = [[USCCS[0], "甲"], [USCCS[0], "甲有限公司"], [USCCS[0], "甲有限公司"]]
    path = write_csv(desk.root / "r.csv", [["uscc", "name"], *(rows[place] for place in order)])
    batch = desk.ingest(path, mapping=desk.identity("reg_basic"))[0].batch
    assert [row["name"] for row in desk.rows("reg_basic")] == ["甲有限公司"]
    assert (batch.duplicates, dict(batch.reasons)) == (1, {"row:conflicting_duplicate": 1})
