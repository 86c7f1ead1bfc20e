import hashlib
from datetime import timedelta
from pathlib import Path

import pytest

from features.errors import LakeError, UnknownEnterpriseError
from features.lineage import trace, trace_row
from tests.factories import INVOICES, NOW, USCCS, Desk, invoice, write_csv, write_invoices


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    desk = Desk(tmp_path)
    rows = [invoice(3390938), invoice(3390939, amount="1.00"), invoice(7, firm="E2", 购方="B9")]
    desk.ingest(write_invoices(tmp_path / "a.csv", rows))
    corrected = write_invoices(tmp_path / "b.csv", [invoice(3390939, amount="2.00")])
    desk.ingest(corrected, now=NOW + timedelta(days=1))
    return desk


def ask(desk: Desk, **conditions: str) -> list[tuple[str, int]]:
    found = trace(desk.lake.view(), desk.dataset("invoice_line"), conditions)
    return [(origin.file_name, origin.line) for origin in found]


def test_a_row_says_which_file_when_and_which_hash(desk: Desk) -> None:
    view, dataset = desk.lake.view(), desk.dataset("invoice_line")
    old, new = trace(view, dataset, {"enterprise": "E1", "invoice_no": "3390939"})
    assert (old.file_name, old.line, new.file_name, new.line) == ("a.csv", 3, "b.csv", 2)
    assert old.file_sha256 == hashlib.sha256((desk.root / "a.csv").read_bytes()).hexdigest()
    assert old.mapping_sha256 == hashlib.sha256(INVOICES.encode()).hexdigest()
    assert (old.mapping, old.provider, old.dataset) == ("mapping.yaml", "税务局", "invoice_line")
    assert old.collected_at == "2026-01-15T12:00:00"
    assert (old.available_at, old.superseded_at) == (NOW, NOW + timedelta(days=1))
    assert (new.available_at, new.superseded_at) == (NOW + timedelta(days=1), None)
    assert old.row_hash != new.row_hash
    assert [old.batch_id, new.batch_id] == [batch.batch_id for batch in view.batches]
    assert trace_row(view, dataset, new.row_id) == new


def test_conditions_are_written_as_in_a_file(desk: Desk) -> None:
    assert ask(desk, enterprise="test:E2") == [("a.csv", 4)]
    assert ask(desk, amount="1") == [("a.csv", 3)]
    assert ask(desk, amount="100.00", issued_on="2025-03-01") == [("a.csv", 2), ("a.csv", 4)]
    assert ask(desk, counterparty="B9") == ask(desk, counterparty="test:B9") == [("a.csv", 4)]
    assert len(ask(desk)) == 4


def test_mistakes_are_one_sentence(desk: Desk) -> None:
    cases = [
        ({"invoice_nr": "1"}, "has no column 'invoice_nr'. Did you mean 'invoice_no'"),
        ({"invoice_no": "0"}, "No row of 'invoice_line' meets the conditions on invoice_no"),
        ({"amount": "1.005"}, "'amount' is an amount in yuan with at most two decimals"),
        ({"amount": "viel"}, "'amount' is an amount in yuan with at most two decimals"),
    ]
    for conditions, sentence in cases:
        with pytest.raises(LakeError) as error:
            ask(desk, **conditions)
        assert sentence in error.value.en
        assert error.value.zh
    with pytest.raises(UnknownEnterpriseError, match="no enterprise 'E3'"):
        ask(desk, enterprise="E3")
    with pytest.raises(LakeError, match="holds no row 5"):
        trace_row(desk.lake.view(), desk.dataset("invoice_line"), 5)


def test_personal_columns_are_not_asked_by(desk: Desk) -> None:
    path = write_csv(desk.root / "r.csv", [["uscc", "name"], [USCCS[0], "一厂"]])
    desk.ingest(path, mapping=desk.identity("reg_basic"))
    with pytest.raises(LakeError, match="holds personal identifiers") as error:
        trace(desk.lake.view(), desk.dataset("reg_basic"), {"contact_phone": "13800138000"})
    assert "13800138000" not in error.value.en
    assert trace(desk.lake.view(), desk.dataset("reg_basic"), {"name": "一厂"})[0].line == 2


def test_damaged_files_are_said(desk: Desk) -> None:
    desk.lake.view().files("invoice_line")[0].write_bytes(b"")
    with pytest.raises(LakeError, match="cannot be read"):
        ask(desk, invoice_no="7")
