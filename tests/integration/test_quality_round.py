"""The way back to a provider: rejected rows, corrected lines, a higher rate; and the command itself."""

import csv
import json
import sys
from datetime import date, datetime
from pathlib import Path

import pytest

from features.quality.rejects import write_rejects
from features.quality.report import SourceQuality, make_report
from tests.factories import Desk, with_penalties, write_csv
from xinqiao.app import main

USCC = "91350100M000100Y43"
HEADER = [
    "uscc",
    "consent_id",
    "month",
    "out_amount",
    "out_count",
    "red_amount",
    "in_amount",
    "in_count",
]


def rows_of(february: str) -> list[list[str]]:
    tail = ["1", "0", "50", "1"]
    amounts = (("202601", "100"), ("202602", february), ("202603", "300"))
    return [HEADER, *([USCC, "C-1", month, amount, *tail] for month, amount in amounts)]


def source_of(desk: Desk) -> SourceQuality:
    report = make_report(
        desk.lake.view(),
        with_penalties(),
        date(2026, 4, 30),
        now=datetime.fromisoformat("2026-05-10T12:00"),
        dataset="invoice_month",
    )
    return report.sources[0]


def test_a_provider_corrects_the_lines_and_the_rate_goes_up(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "desk")
    mapping = desk.identity("invoice_month")
    first = write_csv(desk.root / "first.csv", rows_of("2OO"))
    desk.ingest(first, mapping=mapping, now=datetime.fromisoformat("2026-04-02T12:00"))
    before = source_of(desk)
    # January, February and March are due by 30 April; February's only row is rejected.
    assert before.calendar is not None
    assert (before.calendar.delivered, before.calendar.required) == (2, 3)
    assert before.calendar.missing == ("2026-02",)

    out = tmp_path / "rejects.csv"
    write_rejects(desk.lake.view(), desk.dataset("invoice_month"), out)
    lines = first.read_text(encoding="utf-8").splitlines()
    for reject in csv.DictReader(out.read_text(encoding="utf-8-sig").splitlines()):
        place = int(reject["行号 line"]) - 1
        assert reject["列 column"] == "out_amount"
        lines[place] = lines[place].replace("2OO", "200")
    second = desk.root / "second.csv"
    second.write_text("\n".join(lines) + "\n", encoding="utf-8")
    desk.ingest(second, mapping=mapping, now=datetime.fromisoformat("2026-04-20T12:00"))

    after = source_of(desk)
    assert after.calendar is not None
    assert (after.calendar.delivered, after.calendar.required, after.calendar.missing) == (3, 3, ())
    # The second file brings January and March again; only February is new.
    assert (after.landed, after.duplicates, after.rejected) == (3, 2, 1)


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["xinqiao", *arguments])
    try:
        return main()
    except SystemExit as ended:
        return int(ended.code or 0)


def test_the_command_reports_and_hands_out_rejects(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XINQIAO_HOME", str(tmp_path))
    monkeypatch.setenv("XINQIAO_LANG", "zh")
    assert run(monkeypatch, "quality") == 1
    assert "为空" in capsys.readouterr().err
    path = write_csv(tmp_path / "first.csv", rows_of("2OO"))
    assert run(monkeypatch, "ingest", str(path), "--dataset", "invoice_month") == 0
    capsys.readouterr()

    page = tmp_path / "quality.html"
    assert run(monkeypatch, "quality", "--json", "--html", str(page)) == 0
    content = json.loads(capsys.readouterr().out)
    assert [source["rejected"] for source in content["sources"]] == [1]
    assert {found["name"] for found in content["conflicts"]} >= {"paid_in_above_registered"}
    assert "归集率" in page.read_text(encoding="utf-8")

    assert run(monkeypatch, "quality") == 0
    assert "拒收 1 行：销项金额 不是两位小数以内的金额" in capsys.readouterr().out
    out = tmp_path / "rejects.csv"
    arguments = ("quality", "rejects", "--dataset", "invoice_month", "--out", str(out))
    assert run(monkeypatch, *arguments) == 0
    assert out.exists()
    assert run(monkeypatch, "quality", "--as-of", "soon") == 2
