"""A whole folder through the command: what lands, what is refused, what a second run does."""

import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from features.lake import Lake
from tests.factories import INVOICES, USCCS, invoice, write_csv, write_invoices
from xinqiao.app import main

FIRMS = [["uscc", "name"], [USCCS[0], "甲"], [USCCS[1], "乙"]]


@dataclass
class Town:
    """A folder of deliveries and the command that lands it."""

    folder: Path
    home: Path
    patch: pytest.MonkeyPatch
    capture: pytest.CaptureFixture[str]

    def ingest(self, *arguments: str) -> tuple[int, str, str]:
        self.patch.setenv("XINQIAO_HOME", str(self.home))
        self.patch.setenv("XINQIAO_LANG", "en")
        self.patch.setattr("sys.argv", ["xinqiao", "ingest", str(self.folder), *arguments])
        try:
            code = main()
        except SystemExit as left:
            code = int(left.code or 0)
        said = self.capture.readouterr()
        return code, said.out, said.err

    def batches(self) -> list[tuple[str, int]]:
        return [(batch.dataset, batch.landed) for batch in Lake(self.home / "lake").view().batches]


@pytest.fixture
def town(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Town:
    folder = tmp_path / "folder"
    (folder / "invoice_line").mkdir(parents=True)
    (folder / "invoice_line" / "mapping.yaml").write_text(INVOICES, encoding="utf-8")
    write_invoices(folder / "invoice_line" / "a.csv", [invoice(1), invoice(2)])
    write_invoices(folder / "invoice_line" / "b.csv", [invoice(3), invoice(4, amount="x")])
    write_csv(folder / "reg_basic.csv", FIRMS)
    return Town(folder, tmp_path / "home", monkeypatch, capsys)


def test_a_folder_lands_once_register_first_one_commit_a_dataset(town: Town) -> None:
    code, out, _ = town.ingest()
    assert code == 0
    assert town.batches() == [("reg_basic", 2), ("invoice_line", 2), ("invoice_line", 1)]
    assert [len(c.batches) for c in Lake(town.home / "lake").view().commits] == [1, 2]
    assert "1 rejected: 'amount' is no amount" in out
    table = [line.split("│")[1:-1] for line in out.splitlines() if "invoice_line │" in line]
    # Two files, four rows: three landed, none repeated, one rejected.
    assert [cell.strip() for cell in table[0]] == [
        "invoice_line",
        "2",
        "4",
        "3",
        "0",
        "1",
        "landed",
    ]
    before = town.batches()
    code, out, _ = town.ingest()
    assert (code, town.batches()) == (0, before)
    assert out.count("landed before") == 2


@pytest.mark.parametrize("is_strict", [False, True])
def test_a_refused_dataset_stops_the_others_only_if_strict(town: Town, is_strict: bool) -> None:  # noqa: FBT001 - a case
    write_csv(town.folder / "reg_basic.csv", [["uscc", "name"], ["1", "甲"], ["2", "乙"]])
    code, out, err = town.ingest(*(["--strict"] if is_strict else []))
    assert code == 1
    assert "2 of 2 rows are bad" in err
    assert "refused" in out
    landed = [dataset for dataset, _ in town.batches()]
    assert landed == ([] if is_strict else ["invoice_line", "invoice_line"])
    assert ("1 more not tried" in out) == is_strict


def test_a_limit_of_one_part_is_its_own(town: Town) -> None:
    write_invoices(
        town.folder / "invoice_line" / "b.csv",
        [invoice(n, amount="x") for n in range(9)] + [invoice(9)],
    )
    entries = "deliveries:\n- {files: 'invoice_line/*', dataset: invoice_line, mapping: invoice_line/mapping.yaml"
    document = town.folder / "delivery.yaml"
    document.write_text(entries + "}\n", encoding="utf-8")
    code, out, err = town.ingest()
    assert code == 1
    assert "b.csv: 9 of 10 rows are bad" in err
    assert "reg_basic.csv is not in delivery.yaml and was not read" in out
    document.write_text(entries + ", max_rejected: 0.9}\n", encoding="utf-8")
    assert town.ingest()[0] == 0
    assert town.batches() == [("invoice_line", 2), ("invoice_line", 1)]


def test_a_machine_reads_the_same(town: Town) -> None:
    code, out, _ = town.ingest("--json")
    assert code == 0
    parts = json.loads(out)
    assert [part["dataset"] for part in parts] == ["reg_basic", "invoice_line"]
    assert parts[1]["files"] == ["a.csv", "b.csv"]
    assert parts[1]["batches"][1]["reasons"] == {
        "amount:not_an_amount": 1,
        "total:not_an_amount": 1,
    }


@pytest.mark.parametrize("extra", [["--mapping", "x.yaml"], ["--max-rejected", "1"], ["b.csv"]])
def test_a_folder_takes_no_rules_of_single_files(town: Town, extra: list[str]) -> None:
    code, _, err = town.ingest(*extra)
    assert code == 2
    assert "Without --dataset, ingest takes one folder" in err


def test_a_folder_is_of_no_single_dataset(town: Town) -> None:
    code, _, err = town.ingest("--dataset", "reg_basic")
    assert code == 2
    assert "A folder says itself what it holds" in err
