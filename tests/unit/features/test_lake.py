"""What a commit promises: all or nothing, once, whatever breaks and whenever."""

import random
import shutil
import subprocess
import sys
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from features.errors import LakeError, UnknownEnterpriseError
from features.lake import Lake
from tests.factories import INVOICES, NOW, Desk, invoice, write_invoices
from tests.faults import breaking

ROOT = Path(__file__).parents[3]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_an_empty_lake_has_nothing(tmp_path: Path) -> None:
    view = Lake(tmp_path / "none").view()
    assert (view.version, view.party_count, view.batches) == (0, 0, ())
    assert not (tmp_path / "none").exists()
    with pytest.raises(UnknownEnterpriseError, match="There is no enterprise 'E1'") as unknown:
        view.find_enterprise("E1")
    assert "E1" in unknown.value.zh


def test_a_view_does_not_change(desk: Desk) -> None:
    desk.ingest(write_invoices(desk.root / "a.csv", [invoice(1)]))
    view = desk.lake.view()
    desk.ingest(write_invoices(desk.root / "b.csv", [invoice(2)]))
    assert len(view.batches) == 1
    assert len(desk.lake.view().batches) == 2


def test_enterprises_are_found_by_every_name_they_have(desk: Desk) -> None:
    desk.ingest(write_invoices(desk.root / "a.csv", [invoice(1)]))
    view = desk.lake.view()
    firm = view.find_enterprise("E1")
    assert view.find_enterprise("test:E1") == firm == view.find_enterprise(firm.uscc)
    other = INVOICES.replace("namespace: test", "namespace: other")
    desk.ingest(desk.root / "a.csv", mapping=other)
    with pytest.raises(
        UnknownEnterpriseError, match="'E1' names several enterprises: test:E1, other:E1"
    ):
        desk.lake.view().find_enterprise("E1")


def test_a_row_id_says_batch_and_line(desk: Desk) -> None:
    desk.ingest(write_invoices(desk.root / "a.csv", [invoice(1), invoice(2)]))
    view = desk.lake.view()
    batch, line = view.batch_of(int(str(desk.rows()[1]["row_id"])))
    assert (batch.file_name, line) == ("a.csv", 3)
    with pytest.raises(LakeError, match="No batch of the lake holds row 7"):
        view.batch_of(7)


def test_a_second_writer_gets_the_busy_sentence(desk: Desk) -> None:
    impatient = Lake(desk.lake.root, patience=0)
    with (
        desk.lake.writing(),
        pytest.raises(LakeError, match="Another run is writing to the lake") as busy,
        impatient.writing(),
    ):
        pass
    assert "正在写入" in busy.value.zh
    with impatient.writing() as writer:
        assert writer.next_batch_no() == 1


def test_a_second_writer_waits(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    held = desk.lake.writing()
    held.__enter__()

    def let_go(_seconds: float) -> None:
        held.__exit__(None, None, None)

    monkeypatch.setattr("features.lake.time.sleep", let_go)
    with Lake(desk.lake.root).writing() as writer:
        assert writer.view.version == 0


def test_damage_is_said(desk: Desk) -> None:
    for number in (1, 2):
        desk.ingest(write_invoices(desk.root / f"{number}.csv", [invoice(number)]))
    first = desk.lake.root / "commits" / "00000001.json"
    text = first.read_text(encoding="utf-8")
    for broken in ("", "[]", "{}", text[:-9], text.replace('"batch_no"', '"batch"')):
        first.write_text(broken, encoding="utf-8")
        with pytest.raises(LakeError, match="cannot be read") as damaged:
            desk.lake.view()
        assert damaged.value.zh
    first.unlink()
    with pytest.raises(LakeError, match=r"Commit 1 of the lake .* is missing"):
        desk.lake.view()


def test_damaged_rows_are_one_sentence(desk: Desk) -> None:
    desk.ingest(write_invoices(desk.root / "a.csv", [invoice(1)]))
    (file,) = desk.lake.view().files("invoice_line")
    file.write_bytes(b"damaged")
    error = desk.refuse(write_invoices(desk.root / "b.csv", [invoice(2)]))
    assert isinstance(error, LakeError)
    assert "b.csv could not be landed" in error.en


def test_a_lake_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "lake").touch()
    with pytest.raises(LakeError, match="cannot be written: File exists"):
        Desk(tmp_path).ingest(write_invoices(tmp_path / "a.csv", [invoice(1)]))


# --- faults at every step -----------------------------------------------------------------------


def _run_of_two(desk: Desk) -> None:
    """Corrects one landed row, adds two, refuses one, in two files."""
    one = write_invoices(
        desk.root / "one.csv", [invoice(1, amount="9.00"), invoice(2), invoice(3, 金额="x")]
    )
    two = write_invoices(desk.root / "two.csv", [invoice(4, firm="E2")])
    desk.ingest(one, two, now=NOW + timedelta(days=1))


def _break(desk: Desk, step: int, error: BaseException) -> bool:
    with breaking(step, error) as fault, suppress(LakeError, KeyboardInterrupt):
        _run_of_two(desk)
    return fault.has_struck


@pytest.mark.parametrize(
    ("error", "stride"), [(OSError(28, "No space left on device"), 1), (KeyboardInterrupt(), 6)]
)
def test_a_fault_at_any_step_leaves_all_or_nothing(
    tmp_path: Path, error: BaseException, stride: int
) -> None:
    first = Desk(tmp_path / "first")
    first.ingest(write_invoices(first.root / "zero.csv", [invoice(1)]))
    before = first.files()
    steps = 0
    while True:
        desk = Desk(shutil.copytree(first.root, tmp_path / str(steps)))
        has_struck = _break(desk, steps, error)
        batches = len(desk.lake.view().batches)
        assert batches in {1, 3}
        if batches == 1:
            assert desk.files() == before, "leftovers of a broken run"
            assert [row["amount_fen"] for row in desk.rows()] == [10_000]
        _run_of_two(desk)
        found = {row["invoice_no"]: row["amount_fen"] for row in desk.rows()}
        assert found == {"1": 900, "2": 10_000, "4": 10_000}
        assert len(desk.rows(superseded=True)) == 4
        assert len(desk.quarantine()) == 1
        if not has_struck:
            break
        steps += stride
    assert steps >= 25, "the run has fewer steps than it should: faults are not injected"


def test_leftovers_of_a_killed_run_are_swept(desk: Desk) -> None:
    desk.ingest(write_invoices(desk.root / "a.csv", [invoice(1)]))
    before = desk.files()
    for name in (
        "data/invoice_line/x.parquet",
        "quarantine/q/x.parquet",
        "commits/00000002.tmp",
        "staging/s",
    ):
        path = desk.lake.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    with desk.lake.writing():
        assert desk.files() == before


# --- killed for real ----------------------------------------------------------------------------

FILES, ROWS_A_FILE = 8, 25


def _kill_history(root: Path, kills: int, seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311 - moments of a test, no secret
    folder = root / "deliveries"
    folder.mkdir(parents=True)
    for kill in range(kills):
        # Fresh files for every life, so that each is killed at work and not while skipping.
        for number in range(FILES):
            first = (kill * FILES + number) * ROWS_A_FILE
            rows = [invoice(first + row, firm=f"E{row % 7}") for row in range(ROWS_A_FILE)]
            write_invoices(folder / f"{kill:04d}-{number:03d}.csv", rows)
        worker = subprocess.Popen(
            [sys.executable, "-m", "tests.ingest_worker", str(root)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
        )
        assert worker.stdout is not None
        assert worker.stdout.readline() == b"ready\n"
        try:
            worker.wait(timeout=rng.uniform(0.02, 0.7))
        except subprocess.TimeoutExpired:
            worker.kill()
        worker.wait()
        worker.stdout.close()
        _assert_whole(root)
        for path in folder.glob("*.csv"):
            if kill < kills - 1 and path.name in {
                b.file_name for b in Lake(root / "lake").view().batches
            }:
                path.unlink()
    desk = Desk(root)
    desk.ingest(*sorted(folder.glob("*.csv")))
    numbers = sorted(int(str(row["invoice_no"])) for row in desk.rows(superseded=True))
    assert numbers == list(range(kills * FILES * ROWS_A_FILE))


def _assert_whole(root: Path) -> None:
    view = Lake(root / "lake").view()
    for batch in view.batches:
        assert batch.landed == ROWS_A_FILE
        assert pq.read_metadata(view.root / batch.data).num_rows == ROWS_A_FILE
    parties = sum(pq.read_metadata(path).num_rows for path in view.party_files())
    assert parties == view.party_count


def test_five_kills_lose_nothing_and_double_nothing(tmp_path: Path) -> None:
    _kill_history(tmp_path, kills=5, seed=20260115)


@pytest.mark.soak
@pytest.mark.parametrize("history", range(10))
def test_two_hundred_kills_lose_nothing_and_double_nothing(tmp_path: Path, history: int) -> None:
    # Ten lakes of twenty kills: in one lake of two hundred the lives become too short to land anything.
    _kill_history(tmp_path, kills=20, seed=history)
