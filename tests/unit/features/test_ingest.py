"""What lands, what is refused, and what a second delivery changes."""

from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features import linking
from features.errors import MappingError, RejectedBatchError, SourceFileError
from features.ingest import ingest_files
from tests.factories import (
    INVOICE_HEADER,
    INVOICES,
    NOW,
    USCCS,
    Desk,
    invoice,
    write_csv,
    write_invoices,
    write_parquet,
    write_xlsx,
)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def amounts(desk: Desk) -> dict[str, int]:
    return {str(row["invoice_no"]): int(str(row["amount_fen"])) for row in desk.rows()}


ROWS = [invoice(1), invoice(2, firm="E2", amount="2.50"), invoice(3, 状态="作废")]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_csv_lands_in_every_encoding(desk: Desk, encoding: str) -> None:
    path = write_invoices(desk.root / "a.csv", ROWS, encoding)
    stated = "gb18030" if encoding == "gb18030" else "utf-8"
    batch = desk.ingest(path, mapping=f"{INVOICES}file: {{encoding: {stated}}}\n")[0].batch
    assert (batch.delivered, batch.landed, batch.rejected) == (3, 3, 0)
    assert amounts(desk) == {"1": 10_000, "2": 250, "3": 10_000}
    assert [row["origin"] for row in desk.rows()] == ["test:E1", "test:E2", "test:E1"]


def test_csv_excel_and_parquet_land_the_same(tmp_path: Path) -> None:
    columns = {name: [row[i] for row in ROWS] for i, name in enumerate(INVOICE_HEADER)}
    found: list[set[tuple[object, ...]]] = []
    for path in (
        write_invoices(tmp_path / "a.csv", ROWS),
        write_xlsx(tmp_path / "a.xlsx", [INVOICE_HEADER, *ROWS]),
        write_parquet(tmp_path / "a.parquet", columns),
    ):
        desk = Desk(tmp_path / path.suffix[1:])
        desk.ingest(path)
        found.append(desk.content())
    assert found[0] == found[1] == found[2]


def test_every_type_lands(desk: Desk) -> None:
    header = [
        "uscc",
        "decision_no",
        "decided_on",
        "fine",
        "points",
        "rate",
        "laws",
        "is_public",
        "period",
    ]
    row = [USCCS[0], "文1", "2025/1/2", "12.30", "3", "0.5", "a；b", "是", "2025-01"]
    desk.ingest(write_csv(desk.root / "a.csv", [header, row]), mapping=desk.identity("penalty"))
    (stored,) = desk.rows("penalty")
    assert (stored["fine_fen"], stored["points"], stored["rate"]) == (1230, 3, 0.5)
    assert (stored["laws"], stored["is_public"], stored["period"]) == (["a", "b"], True, 202501)
    assert (stored["uscc"], stored["available_at"]) == (USCCS[0], NOW)


def test_bad_rows_go_to_quarantine_and_good_rows_land(desk: Desk) -> None:
    rows = [
        invoice(1),
        invoice(2, 金额="x"),
        invoice(3, 状态="未知", 开票日期="2026-01-16"),
        invoice(4)[:-1],
        invoice(5),
        invoice(6),
        invoice(7),
        invoice(8, 开票日期="2026-01-15"),
    ]
    batch = desk.ingest(write_invoices(desk.root / "a.csv", rows))[0].batch
    assert (batch.delivered, batch.landed, batch.rejected) == (8, 5, 3)
    assert dict(batch.reasons) == {
        "amount:not_an_amount": 1,
        "issued_on:in_the_future": 1,
        "status:unknown_code": 1,
        "row:wrong_number_of_fields": 1,
    }
    found = {row["line"]: (row["file_name"], row["reasons"]) for row in desk.quarantine()}
    assert found == {
        3: ("a.csv", ["amount:not_an_amount"]),
        4: ("a.csv", ["status:unknown_code", "issued_on:in_the_future"]),
        5: ("a.csv", ["row:wrong_number_of_fields"]),
    }
    assert '"金额":"x"' in str(desk.quarantine()[0]["delivered"])


def test_a_failed_check_is_a_warning(desk: Desk) -> None:
    # 100.00 + 0 against 100.01 is one fen off and well; against 100.02 it is two.
    rows = [invoice(1, 价税合计="100.01"), invoice(2, 价税合计="100.02")]
    batch = desk.ingest(write_invoices(desk.root / "a.csv", rows))[0].batch
    assert (batch.landed, batch.warned) == (2, 1)
    assert [row["dq_status"] for row in desk.rows()] == ["ok", "warn"]


def test_the_same_file_lands_once(desk: Desk) -> None:
    path = write_invoices(desk.root / "a.csv", ROWS)
    first, again = desk.ingest(path, path)
    (later,) = desk.ingest(path)
    assert [first.is_new, again.is_new, later.is_new] == [True, False, False]
    assert again.batch == first.batch
    assert later.batch.batch_id == first.batch.batch_id
    assert len(desk.rows(superseded=True)) == 3
    assert len(desk.lake.view().commits) == 1


def test_overlapping_files_land_each_row_once(desk: Desk) -> None:
    one = write_invoices(desk.root / "a.csv", [invoice(1), invoice(2)])
    two = write_invoices(desk.root / "b.csv", [invoice(2), invoice(3), invoice(3)])
    deliveries = desk.ingest(one, two)
    assert [d.batch.landed for d in deliveries] == [2, 1]
    assert [d.batch.duplicates for d in deliveries] == [0, 2]
    assert sorted(amounts(desk)) == ["1", "2", "3"]


def test_a_delivery_of_nothing_new_is_written_down(desk: Desk) -> None:
    desk.ingest(write_invoices(desk.root / "a.csv", ROWS))
    batch = desk.ingest(write_invoices(desk.root / "b.csv", ROWS[:2]))[0].batch
    assert (batch.landed, batch.duplicates) == (0, 2)
    assert len(desk.rows()) == 3


def days(number: int) -> datetime:
    return NOW + timedelta(days=number)


def test_a_correction_supersedes_from_its_own_availability(desk: Desk) -> None:
    for day, amount in enumerate(["1.00", "2.00", "3.00"]):
        path = write_invoices(desk.root / f"{day}.csv", [invoice(1, amount=amount)])
        batch = desk.ingest(path, now=days(day))[0].batch
        assert batch.superseded == (1 if day else 0)
    assert amounts(desk) == {"1": 300}
    assert len(desk.rows(superseded=True)) == 3


def test_back_to_the_original_content(desk: Desk) -> None:
    # The same bytes again are the same delivery; the original content in another file is news.
    one = write_invoices(desk.root / "a.csv", [invoice(1, amount="1.00")])
    two = write_invoices(desk.root / "b.csv", [invoice(1, amount="2.00")])
    three = write_invoices(desk.root / "c.csv", [invoice(1, amount="1.00"), invoice(2)])
    desk.ingest(one)
    desk.ingest(two, now=days(1))
    desk.ingest(one, now=days(2))
    assert amounts(desk) == {"1": 200}
    desk.ingest(three, now=days(3))
    assert amounts(desk) == {"1": 100, "2": 10_000}


def test_corrections_within_one_run(desk: Desk) -> None:
    paths = [
        write_invoices(desk.root / f"{i}.csv", [invoice(1, amount=amount), invoice(9 + i)])
        for i, amount in enumerate(["1.00", "2.00", "1.00"])
    ]
    assert [d.batch.superseded for d in desk.ingest(*paths)] == [0, 1, 1]
    assert amounts(desk)["1"] == 100
    assert len(desk.rows()) == 4


def test_history_delivered_out_of_order_ends_with_the_latest(desk: Desk) -> None:
    def deliver(day: str, amount: str) -> None:
        path = write_csv(
            desk.root / f"{day}.csv",
            [[*INVOICE_HEADER, "时间"], [*invoice(1, amount=amount), day]],
        )
        desk.ingest(path, mapping=f"{INVOICES}available_at: {{from: 时间}}\n")

    deliver("2025-07-01", "7.00")
    deliver("2025-06-01 08:00:00", "6.00")
    deliver("2025-08-01", "8.00")
    assert amounts(desk) == {"1": 800}


def test_availability_is_never_later_than_the_ingest(desk: Desk) -> None:
    rows = [[*invoice(n), text] for n, text in enumerate(["2030-01-01", "2025-04-01", "", "soon"])]
    path = write_csv(desk.root / "a.csv", [[*INVOICE_HEADER, "时间"], *rows])
    batch = desk.ingest(path, mapping=f"{INVOICES}available_at: {{from: 时间}}\n")[0].batch
    april = datetime.fromisoformat("2025-04-01")
    assert [row["available_at"] for row in desk.rows()] == [NOW, april, NOW]
    assert dict(batch.reasons) == {"available_at:not_a_time": 1}


def test_availability_counts_from_the_end_of_the_day(desk: Desk) -> None:
    path = write_invoices(desk.root / "a.csv", [invoice(1)])
    desk.ingest(path, mapping=f"{INVOICES}available_at: {{after: issued_on, days: 1}}\n")
    # Issued on 1 March, known one day after that day has ended: 3 March, 00:00.
    assert desk.rows()[0]["available_at"] == datetime.fromisoformat("2025-03-03")


@settings(max_examples=15, deadline=None)
@given(st.data())
def test_row_order_does_not_change_what_lands(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    row = st.tuples(
        st.integers(1, 4), st.sampled_from(["E1", "E2"]), st.sampled_from(["1.00", "2.00", "x"])
    )
    drawn = data.draw(st.lists(row, min_size=2, max_size=12))
    rows = [invoice(number, firm=firm, amount=amount) for number, firm, amount in drawn]
    found: list[set[tuple[object, ...]]] = []
    for order in (rows, data.draw(st.permutations(rows))):
        desk = Desk(tmp_path_factory.mktemp("order"))
        path = write_invoices(desk.root / "a.csv", [invoice(99), *order])
        desk.ingest(path, share=1)
        found.append(desk.content())
    assert found[0] == found[1]


def test_mostly_bad_files_are_refused_with_place_and_reason(desk: Desk) -> None:
    rows = [invoice(1), invoice(2, 金额="x"), invoice(3, 金额="y")]
    path = write_invoices(desk.root / "a.csv", rows)
    error = desk.refuse(path)
    assert isinstance(error, RejectedBatchError)
    assert "2 of 3 rows are bad, so nothing landed. Most often 'amount' is no amount" in error.en
    assert "(2 rows, first in line 3)" in error.en
    assert "首见于第 3 行" in error.zh
    # Half of the rows is at the limit and lands.
    batch = desk.ingest(write_invoices(desk.root / "b.csv", rows[:2]))[0].batch
    assert (batch.landed, batch.rejected) == (1, 1)


def test_ragged_files_and_empty_rows_are_refused(desk: Desk) -> None:
    path = write_invoices(desk.root / "a.csv", [invoice(1)[:-1]])
    assert (
        "'row' has not as many fields as the header (1 rows, first in line 2)"
        in desk.refuse(path).en
    )
    path = write_invoices(desk.root / "b.csv", [[""] * len(INVOICE_HEADER)])
    assert "no row with any mapped value" in desk.refuse(path).en


def test_a_refused_file_takes_the_whole_run_with_it(desk: Desk) -> None:
    good = write_invoices(desk.root / "a.csv", ROWS)
    for name in ("none.csv", "folder.csv", "empty.csv"):
        bad = desk.root / name
        if name == "folder.csv":
            bad.mkdir()
        if name == "empty.csv":
            bad.touch()
        assert isinstance(desk.refuse(good, bad), SourceFileError)
    assert desk.lake.view().batches == ()


def test_a_missing_column_is_named_beside_those_found(desk: Desk) -> None:
    path = write_csv(desk.root / "a.csv", [INVOICE_HEADER[:-1], invoice(1)[:-1]])
    error = desk.refuse(path)
    assert isinstance(error, MappingError)
    assert (
        "a.csv has no column '状态', which the mapping 'mapping.yaml' reads. It has: 企业"
        in error.en
    )


def test_a_file_without_header_is_not_quoted(desk: Desk) -> None:
    path = write_csv(desk.root / "a.csv", [["张三", "13800138000"], ["李四", "13900139000"]])
    error = desk.refuse(path)
    assert "Is its header missing" in error.en
    assert not any(word in error.en + error.zh for word in ("张三", "138", "李四"))


def test_nested_columns_are_refused(desk: Desk) -> None:
    columns = {name: [value] for name, value in zip(INVOICE_HEADER, invoice(1), strict=True)}
    path = write_parquet(desk.root / "a.parquet", {**columns, "金额": pa.array([{"a": 1}])})
    assert "'金额' is STRUCT" in desk.refuse(path).en


def test_columns_of_the_file_that_are_called_like_ours(desk: Desk) -> None:
    ours = ["line", "reasons", "available_at", "raw amount", "value uscc", "f0", 'a "b"', "checked"]
    path = write_csv(desk.root / "a.csv", [[*INVOICE_HEADER, *ours], [*invoice(1), *ours]])
    mapping = INVOICES.replace(
        "amount: 金额", 'amount: 金额\n  invoice_code: {template: "{line}-{f0}"}'
    )
    desk.ingest(path, mapping=mapping)
    assert desk.rows()[0]["invoice_code"] == "line-f0"


def test_a_file_that_changes_while_it_is_read_is_refused(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_invoices(desk.root / "a.csv", ROWS)
    hashes = iter(["one", "two"])

    def hash_file(_path: Path) -> str:
        return next(hashes)

    monkeypatch.setattr("features.sources.hash_file", hash_file)
    assert "was changed while it was read" in desk.refuse(path).en


def test_codes_must_be_valid_and_long_ids_may_be_synthetic(desk: Desk) -> None:
    header = ["uscc", "decision_no", "decided_on"]
    rows = [[code, "1", "2025-01-01"] for code in (*USCCS, "913702000000000000")]
    path = write_csv(desk.root / "a.csv", [header, *rows])
    batch = desk.ingest(path, mapping=desk.identity("penalty"))[0].batch
    assert dict(batch.reasons) == {"uscc:invalid_uscc": 1}
    desk.ingest(write_invoices(desk.root / "b.csv", [invoice(1, firm="F" * 40)]))
    assert desk.lake.view().find_enterprise("F" * 40).uscc.startswith("91371399MAX")


def test_two_ids_on_one_synthetic_code_are_not_merged(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:

    def one_for_all(*_ids: str, kind: str) -> str:
        assert kind == "91"
        return USCCS[0]

    monkeypatch.setattr(linking, "synthetic_uscc", one_for_all)
    rows = [invoice(1), invoice(2), invoice(3, firm="E2")]
    batch = desk.ingest(write_invoices(desk.root / "a.csv", rows))[0].batch
    assert dict(batch.reasons) == {"uscc:synthetic_collision": 1}
    # In a later run the one who is in the dictionary keeps the code.
    rows = [invoice(4, firm="E0"), invoice(5), invoice(6)]
    batch = desk.ingest(write_invoices(desk.root / "b.csv", rows))[0].batch
    assert dict(batch.reasons) == {"uscc:synthetic_collision": 1}
    assert {row["origin"] for row in desk.rows()} == {"test:E1"}


def test_a_firm_may_be_named_by_the_code_it_was_given(desk: Desk) -> None:
    desk.ingest(write_invoices(desk.root / "a.csv", [invoice(1)]))
    given_code = desk.lake.view().find_enterprise("E1").uscc
    rows = [["uscc", "decision_no", "decided_on"], [given_code, "1", "2025-01-01"]]
    desk.ingest(write_csv(desk.root / "b.csv", rows), mapping=desk.identity("penalty"))
    assert desk.rows("penalty")[0]["origin"] == "test:E1"


def test_progress_is_told(desk: Desk) -> None:
    said: list[tuple[str, int, int]] = []
    ingest_files(
        [write_invoices(desk.root / "a.csv", ROWS)],
        desk.mapping(INVOICES),
        desk.lake,
        desk.vault,
        now=NOW,
        on_progress=lambda name, done, total: said.append((name, done, total)),
    )
    assert said == [("a.csv", 0, 1), ("commit", 1, 1)]
