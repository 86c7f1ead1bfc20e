"""`xinqiao features trace` over a small lake."""

import json
import sys
from datetime import date
from pathlib import Path

import pytest

from tests.builders import TinyLake, invoice, record, registered
from xinqiao.app import main
from xinqiao.lake import SHOWN

AS_OF = "2024-05-31"


@pytest.fixture(autouse=True)
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TinyLake:
    monkeypatch.setenv("XINQIAO_HOME", str(tmp_path))
    lake = TinyLake(tmp_path / "lake")
    lake.land("reg_basic", [registered(1), registered(2)])
    lake.land("invoice_line", [invoice(1, date(2024, 5, 1), 500)] * (SHOWN + 1))
    patents = [(1, "2021-05-31"), (2, "2024-01-01"), (1, "2024-01-01")]
    lake.land(
        "patent",
        [
            record(firm, "patent", {"patent_no": f"{place}", "granted_on": day, "status": "valid"})
            for place, (firm, day) in enumerate(patents)
        ],
    )
    return lake


def run(patch: pytest.MonkeyPatch, *arguments: str) -> int:
    options = ["--enterprise", "F00001", "--as-of", AS_OF]
    patch.setattr(sys, "argv", ["xinqiao", "features", "trace", *arguments, *options])
    try:
        return main()
    except SystemExit as left:
        return int(left.code or 0)


def test_a_machine_reads_file_line_hash_and_clock(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "patents_count_36m", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["value"], told["unit"], told["neighbours"]) == (1.0, "count", [])
    (source,) = told["sources"]
    (row,) = source["records"]
    # The third line of the third file; the first patent is a day too old, the second another firm's.
    assert (source["dataset"], source["reach"]) == ("patent", "counted")
    assert (row["file_name"], row["line"], row["provider"]) == ("3.csv", 3, "test")
    assert (row["batch_id"], row["available_at"]) == ("3", "2024-01-02 00:00:00")
    assert {"row_hash", "file_sha256"} <= set(row)


def test_a_person_reads_the_value_and_the_first_records(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "sales_amount_sum_12m_cny") == 0
    printed = capsys.readouterr().out
    assert "105（cny，截至 2024-05-31）" in printed
    assert "invoice_line：21 条，计入该值的全部记录" in printed
    assert printed.count("2.csv 第 ") == SHOWN
    assert "仅显示前 20 条" in printed
    assert run(monkeypatch, "carbon_grade_level") == 0
    printed = capsys.readouterr().out
    assert "—（level" in printed
    assert "carbon_account：没有记录" in printed


def test_an_unknown_feature_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "patent_count_36m") != 0
    assert "没有名为“patent_count_36m”的特征" in capsys.readouterr().err
