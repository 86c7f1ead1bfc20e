"""Files replaced by others: what stays, what goes, and what a fault or a kill may leave."""

import random
import shutil
import sqlite3
import subprocess
import sys
from contextlib import suppress
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from features.compaction import compact
from features.contracts import Column, Dataset, Retention, Words
from features.engine import connect
from features.errors import LakeError
from features.lake import Lake, LakeView
from features.lineage import trace, trace_row
from features.retention import apply, due
from tests.builders import CATALOGUE, TinyLake, consent, registered
from tests.builders import invoice as invoice_row
from tests.factories import NOW, USCCS, Desk, invoice, write_csv, write_invoices
from tests.faults import breaking
from tests.rewrites import LAST_DAY, LATER, OLD, open_desk, retained

ROOT = Path(__file__).parents[3]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return open_desk(tmp_path / "desk")


def with_columns(dataset: Dataset, **columns: Column | None) -> Dataset:
    merged = {**dataset.columns, **columns}
    return replace(dataset, columns={name: c for name, c in merged.items() if c is not None})


def read(view: LakeView, dataset: Dataset) -> list[dict[str, object]]:
    with connect(threads=1) as connection:
        query = f"SELECT * FROM {view.rows(dataset)} ORDER BY row_id"
        return connection.sql(query).to_arrow_table().to_pylist()


# --- another catalogue --------------------------------------------------------------------------


def test_a_column_that_has_come_is_null_and_one_that_has_gone_is_left_alone(desk: Desk) -> None:
    before = read(desk.lake.view(), desk.dataset("invoice_line"))
    note = Column(type="money", zh="备注", en="Note")
    changed = with_columns(desk.dataset("invoice_line"), note=note, status=None)
    desk.catalogue.datasets["invoice_line"] = changed  # pyright: ignore[reportIndexIssue]
    header = ["uscc", "consent_id", "direction", "invoice_no", "issued_on", "counterparty"]
    values = [USCCS[0], "c", "sales", "7", "2025-03-02", USCCS[1]]
    amounts = {"amount": "1", "tax": "0", "total": "1", "note": "2.50"}
    path = write_csv(desk.root / "n.csv", [[*header, *amounts], [*values, *amounts.values()]])
    desk.ingest(path, mapping=desk.identity("invoice_line"))
    found = read(desk.lake.view(), changed)
    assert [row["note_fen"] for row in found] == [None] * len(before) + [250]
    for old, new in zip(before, found, strict=False):
        assert {**old, "note_fen": None} == {**new, "status": old["status"]}
    # Files of two contracts are never merged, so a column that has gone is not lost.
    assert [r.batches for r in compact(desk.lake, desk.catalogue, now=LATER)] == [(1, 2, 3)]
    assert read(desk.lake.view(), changed) == found


def test_a_column_of_another_type_is_said(desk: Desk) -> None:
    other = Column(type="int", zh="状态", en="Status")
    changed = with_columns(desk.dataset("invoice_line"), status=other)
    with pytest.raises(LakeError, match="Column 'status' of dataset 'invoice_line' is BIGINT"):
        desk.lake.view().rows(changed)


# --- compact ------------------------------------------------------------------------------------


def test_merging_changes_no_row(desk: Desk) -> None:
    before, view = desk.rows(superseded=True), desk.lake.view()
    origins = trace(view, desk.dataset("invoice_line"), {})
    retired = pq.read_table(view.retired_files("invoice_line")).to_pylist()
    assert len(compact(desk.lake, desk.catalogue, now=LATER)) == 1
    merged = desk.lake.view()
    assert desk.rows(superseded=True) == before
    assert trace(merged, desk.dataset("invoice_line"), {}) == origins
    assert pq.read_table(merged.retired_files("invoice_line")).to_pylist() == retired
    (file,) = merged.files("invoice_line")
    keys = [
        (row["enterprise_key"], row["issued_on"], row["row_id"])
        for row in pq.read_table(file).to_pylist()
    ]
    assert keys == sorted(keys)
    assert compact(desk.lake, desk.catalogue, now=LATER) == []
    # What has landed is still known.
    again = write_invoices(desk.root / "d.csv", [invoice(4, firm="E2"), invoice(6)])
    (delivery,) = desk.ingest(again, now=LATER)
    assert (delivery.batch.landed, delivery.batch.duplicates) == (1, 1)


def test_an_old_view_reads_on_until_the_next_writer(desk: Desk) -> None:
    view = desk.lake.view()
    rows = read(view, desk.dataset("invoice_line"))
    compact(desk.lake, desk.catalogue, now=LATER)
    assert read(view, desk.dataset("invoice_line")) == rows
    with desk.lake.writing():
        pass
    with pytest.raises(LakeError, match="Open the lake anew") as gone:
        trace(view, desk.dataset("invoice_line"), {})
    assert "请重新打开数据湖" in gone.value.zh


# --- retain -------------------------------------------------------------------------------------


def test_rows_leave_the_day_after_their_last(desk: Desk) -> None:
    assert due(desk.lake.view(), desk.catalogue, LAST_DAY) == []
    (found,) = due(desk.lake.view(), desk.catalogue, LAST_DAY + timedelta(days=1))
    assert (found.dataset, found.rows) == ("invoice_line", {"years:5:issued_on": 3})


@pytest.mark.parametrize("is_merged", [False, True])
def test_what_is_due_is_nowhere_but_by_its_number(desk: Desk, *, is_merged: bool) -> None:
    if is_merged:
        compact(desk.lake, desk.catalogue, now=LATER)
    old_view, before = desk.lake.view(), desk.rows(superseded=True)
    gone = [row for row in before if str(row["issued_on"]) == OLD]
    (found,) = apply(desk.lake, desk.catalogue, desk.vault, now=LATER)
    assert found.rows == {"years:5:issued_on": len(gone)} == {"years:5:issued_on": 3}
    assert desk.rows(superseded=True) == [row for row in before if row not in gone]
    assert [row["amount_fen"] for row in desk.rows()] == [800, 10_000, 10_000]
    with pytest.raises(LakeError, match="Open the lake anew"):
        old_view.require_files()
    view = desk.lake.view()
    assert set(desk.lake.root.rglob("*.parquet")) == view.all_files()
    deleted = trace_row(view, desk.dataset("invoice_line"), int(str(gone[0]["row_id"])))
    assert (deleted.file_name, deleted.line) == ("a.csv", 2)
    assert (deleted.deleted_at, deleted.deletion_reason) == (LATER, "years:5:issued_on")
    assert deleted.row_hash is None
    assert apply(desk.lake, desk.catalogue, desk.vault, now=LATER) == []
    assert desk.lake.view() == view


def test_quarantine_goes_as_a_whole_after_its_time(desk: Desk) -> None:
    none = Retention(basis=Words(zh="无", en="none"))
    catalogue = retained(desk.catalogue, "invoice_line", none)
    # Delivered on 2026-01-15 and kept 365 days: 2027-01-15 is the last day.
    assert due(desk.lake.view(), catalogue, date(2027, 1, 15)) == []
    now = datetime(2027, 1, 16, 3)
    (found,) = apply(desk.lake, catalogue, desk.vault, now=now)
    assert (found.rows, len(found.quarantine), found.rejected) == ({}, 1, 1)
    assert desk.quarantine() == []
    assert not list((desk.lake.root / "quarantine").rglob("*.parquet"))
    assert apply(desk.lake, catalogue, desk.vault, now=now) == []


@pytest.mark.parametrize(
    ("events", "ended_on"),
    [
        ([("granted", "2026-01-01", date(2026, 3, 31))], date(2026, 3, 31)),
        ([("granted", "2026-01-01", date(2099, 1, 1))], None),
        ([("granted", "2026-01-01", date(2099, 1, 1)), ("revoked", "2026-02-10", date(2099, 1, 1))], date(2026, 2, 10)),
        ([("granted", "2026-01-01", date(2026, 3, 31)), ("expired", "2026-04-02", date(2026, 3, 31))], date(2026, 3, 31)),
        ([("granted", "2026-01-01", date(2099, 1, 1)), ("narrowed", "2026-02-10", date(2099, 1, 1))], None),
        ([], None),
    ],
)  # fmt: skip
def test_rows_leave_thirty_days_after_their_consent(
    events: list[tuple[str, str, date]], ended_on: date | None, tmp_path: Path
) -> None:
    lake = TinyLake(tmp_path)
    thirty = Retention(days_after_consent=30, basis=Words(zh="测试", en="test"))
    catalogue = retained(CATALOGUE, "invoice_line", thirty)
    catalogue = retained(catalogue, "consent_event", thirty)
    lake.land("reg_basic", [registered(1), registered(2)])
    lake.land("invoice_line", [invoice_row(1, date(2026, 1, 5), 500)])
    for place, (event, day, valid_to) in enumerate(events):
        happened = datetime.fromisoformat(day)
        row = consent(1, event, happened, event_id=f"e{place}", valid_to=valid_to)
        lake.land("consent_event", [row])
    lake.land("consent_event", [consent(2, "revoked", datetime(2020, 1, 1))])
    if ended_on is None:
        assert due(lake.view, catalogue, date(2040, 1, 1)) == []
        return
    last = ended_on + timedelta(days=30)
    assert due(lake.view, catalogue, last) == []
    (found,) = due(lake.view, catalogue, last + timedelta(days=1))
    assert (found.dataset, found.rows) == ("invoice_line", {"consent:30": 1})


def test_a_person_is_forgotten_with_the_last_row(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    rule = Retention(years=5, counts_from="approved_on", basis=Words(zh="测试", en="test"))
    catalogue = retained(desk.catalogue, "reg_basic", rule)
    ids = ["11010519491231002X", "440524188001010014"]
    rows = [
        [USCCS[0], "一厂", "欧阳娜娜甲", ids[0], "13800138000", "2019-01-01"],
        [USCCS[1], "二厂", "欧阳娜娜甲", ids[0], "13800138000", "2025-01-01"],
        [USCCS[2], "三厂", "司马相如乙", ids[1], "13912345678", "2019-01-01"],
        [USCCS[3], "四厂", "", "", "15098765432", "2019-01-01"],
    ]
    names = ["legal_rep_name", "legal_rep_id_no", "contact_phone", "approved_on"]
    path = write_csv(tmp_path / "r.csv", [["uscc", "name", *names], *rows])
    desk.ingest(path, mapping=desk.identity("reg_basic"))
    before = {str(row["name"]): row for row in desk.rows("reg_basic")}
    assert len(before) == 4
    apply(desk.lake, catalogue, desk.vault, now=NOW)
    assert [row["name"] for row in desk.rows("reg_basic")] == ["二厂"]

    def name_of(firm: str) -> str:
        row = before[firm]
        blob = row["legal_rep_name_sealed"]
        assert isinstance(blob, bytes)
        return desk.vault.unseal(str(row["legal_rep_id_no_token"]), "person_name", blob)

    assert name_of("二厂") == "欧阳娜娜甲"
    with pytest.raises(LakeError, match="was deleted; this value is gone"):
        name_of("三厂")
    phone = desk.vault.subject(None, USCCS[3], "phone", "15098765432")
    with sqlite3.connect(desk.vault.folder / "subjects.sqlite") as keys:
        left = {str(row[0]) for row in keys.execute("SELECT subject FROM subject_key")}
    keys.close()
    assert phone not in left
    assert str(before["二厂"]["legal_rep_id_no_token"]) in left


# --- faults -------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
@pytest.mark.parametrize("kind", ["compact", "retain"])
def test_a_fault_at_any_step_of_a_rewrite_leaves_all_or_nothing(
    tmp_path: Path, kind: str, error: BaseException
) -> None:
    first = open_desk(tmp_path / "first")
    before, files = first.rows(superseded=True), first.files()
    left = [row for row in before if kind == "compact" or str(row["issued_on"]) != OLD]

    def change(desk: Desk) -> None:
        catalogue = first.catalogue
        if kind == "compact":
            compact(desk.lake, catalogue, now=LATER)
        else:
            apply(desk.lake, catalogue, desk.vault, now=LATER)

    step, has_struck = 0, True
    while has_struck:
        desk = Desk(shutil.copytree(first.root, tmp_path / str(step)))
        with breaking(step, error) as fault, suppress(LakeError, KeyboardInterrupt):
            change(desk)
        has_struck = fault.has_struck
        view = desk.lake.view()
        view.require_files()
        assert view.version in {3, 4}
        assert desk.rows(superseded=True) == (before if view.version == 3 else left)
        if view.version == 3:
            assert desk.files() == files, "leftovers of a broken run"
        change(desk)
        assert desk.rows(superseded=True) == left
        assert desk.lake.view().version == 4
        step += 1
    assert step >= 8, "the run has fewer steps than it should: faults are not injected"


# --- killed for real ----------------------------------------------------------------------------

FILES, ROWS_A_FILE = 4, 20


def _kill_history(root: Path, kills: int, seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311 - moments of a test, no secret
    folder = root / "deliveries"
    folder.mkdir(parents=True)
    for kill in range(kills):
        for number in range(FILES):
            first = (kill * FILES + number) * ROWS_A_FILE
            rows = [
                invoice(row, firm=f"E{row % 7}", 开票日期=OLD if row % 2 else "2025-03-01")
                for row in range(first, first + ROWS_A_FILE)
            ]
            write_invoices(folder / f"{kill:04d}-{number:03d}.csv", rows)
        _live(root, rng.uniform(0.02, 1.2))
        _assert_whole(root)
        for path in folder.glob("*.csv"):
            landed = {batch.file_name for batch in Lake(root / "lake").view().batches}
            if kill < kills - 1 and path.name in landed:
                path.unlink()
    _live(root, None)
    desk = Desk(root)
    compact(desk.lake, desk.catalogue, now=LATER)
    numbers = [int(str(row["invoice_no"])) for row in desk.rows(superseded=True)]
    assert sorted(numbers) == list(range(0, kills * FILES * ROWS_A_FILE, 2))


def _live(root: Path, seconds: float | None) -> None:
    worker = subprocess.Popen(
        [sys.executable, "-m", "tests.rewrite_worker", str(root)], cwd=ROOT, stdout=subprocess.PIPE
    )
    assert worker.stdout is not None
    assert worker.stdout.readline() == b"ready\n"
    try:
        worker.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        worker.kill()
    worker.wait()
    worker.stdout.close()
    assert seconds is not None or worker.returncode == 0


def _assert_whole(root: Path) -> None:
    view = Lake(root / "lake").view()
    view.require_files()
    landed = sum(batch.landed for batch in view.batches)
    deleted = sum(rewrite.deleted for rewrite in view.rewrites)
    rows = sum(pq.read_metadata(path).num_rows for path in view.files("invoice_line"))
    assert rows == landed - deleted == sum(segment.rows for segment in view.segments)
    gone = view.deletion_files("invoice_line")
    assert sum(pq.read_metadata(path).num_rows for path in gone) == deleted


def test_four_kills_while_merging_and_deleting_lose_nothing_else(tmp_path: Path) -> None:
    _kill_history(tmp_path, kills=4, seed=20260115)


@pytest.mark.soak
@pytest.mark.parametrize("history", range(10))
def test_two_hundred_kills_while_merging_and_deleting(tmp_path: Path, history: int) -> None:
    _kill_history(tmp_path, kills=20, seed=history)
