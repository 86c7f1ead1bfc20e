"""`xinqiao lake compact | retain | log` over a small lake."""

import json
import sys
from pathlib import Path

import pytest

from tests.factories import Desk
from tests.rewrites import open_desk
from xinqiao.app import main


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    desk = open_desk(tmp_path / "home")
    monkeypatch.setenv("XINQIAO_HOME", str(desk.root))
    monkeypatch.setattr("xinqiao.lake.load_catalogue", lambda: desk.catalogue)
    return desk


def run(patch: pytest.MonkeyPatch, *arguments: str) -> int:
    patch.setattr(sys, "argv", ["xinqiao", "lake", *arguments])
    try:
        return main()
    except SystemExit as left:
        return int(left.code or 0)


def test_merge_then_delete_then_read_the_log(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "compact", "--json") == 0
    (merged,) = json.loads(capsys.readouterr().out)
    assert (merged["batches"], merged["rows"]) == ([1, 2, 3], 7)
    assert run(monkeypatch, "retain", "--dry-run", "--as-of", "2026-01-20") == 0
    assert "invoice_line：到期 3 行（自 issued_on 起满 5 年）" in capsys.readouterr().out
    assert len(desk.rows(superseded=True)) == 7
    assert run(monkeypatch, "retain", "--as-of", "2026-01-20", "--json") == 0
    (deleted,) = json.loads(capsys.readouterr().out)
    assert deleted["rows"] == {"years:5:issued_on": 3}
    assert run(monkeypatch, "retain", "--as-of", "2026-01-20") == 0
    assert "没有到期数据" in capsys.readouterr().out
    assert run(monkeypatch, "log") == 0
    printed = capsys.readouterr().out
    assert "合并 invoice_line：3 个批次，现有 7 行，删除 0 行" in printed
    assert "到期删除 invoice_line：3 个批次，现有 4 行，删除 3 行" in printed


def test_nothing_is_deleted_before_its_day(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "retain", "--as-of", "2999-01-01") != 0
    assert "晚于今天" in capsys.readouterr().err
    assert len(desk.rows(superseded=True)) == 7
