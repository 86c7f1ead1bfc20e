from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmarks import area_fit
from benchmarks.area_fit import OURS, PEERS, read_sides
from benchmarks.fit_sets import (
    SBA_TERM,
    SETS,
    TableSet,
    units_of,
    write_peer_table,
    write_splits,
)
from benchmarks.peers.marks import OUTCOME
from benchmarks.setting import Setting
from training.table.scoring import arrow_array

ROWS, FIRMS = 240, 60


def nothing(_: Setting, __: Path) -> None:
    raise AssertionError("the table of a test is written by the test")


@pytest.fixture
def panel(tmp_path: Path) -> TableSet:
    rng = np.random.default_rng(1)
    size = rng.normal(size=ROWS)
    columns = {
        "firm": arrow_array(np.repeat(np.arange(FIRMS), ROWS // FIRMS)),
        "size": arrow_array(size),
        "region": pa.array([("north", "south")[row % 2] for row in range(ROWS)], pa.string()),
        "blank": pa.nulls(ROWS, pa.float64()),
        "bad": arrow_array((size + rng.normal(size=ROWS) > 1).astype(np.int64)),
    }
    pq.write_table(pa.table(columns), tmp_path / "table.parquet")
    return TableSet("panel", "bad", "group:firm:3", nothing)


def splits_file(one: TableSet, folder: Path) -> Path:
    labelled, protocol = one.labelled(folder)
    path = folder / "splits-7.parquet"
    write_splits(labelled, protocol, protocol.splits(labelled, seed=7), path, seed=7)
    return path


def test_peers_get_what_is_learned_from_and_no_more(panel: TableSet, tmp_path: Path) -> None:
    labelled, _ = panel.labelled(tmp_path)
    write_peer_table(labelled, tmp_path / "learned.parquet")
    learned = pq.read_table(tmp_path / "learned.parquet")
    assert learned.column_names == ["size", "region", OUTCOME]
    assert (
        learned[OUTCOME].to_pylist() == pq.read_table(tmp_path / "table.parquet")["bad"].to_pylist()
    )


def test_no_group_stands_on_two_sides_of_any_fold(panel: TableSet, tmp_path: Path) -> None:
    labelled, protocol = panel.labelled(tmp_path)
    firm = units_of(labelled, protocol)
    assert firm is not None
    table = pq.read_table(splits_file(panel, tmp_path))
    split = np.array(table["split"].to_pylist())
    row, inner = np.asarray(table["row"]), np.asarray(table["inner"])
    assert set(split) == {"fold 1", "fold 2", "fold 3"}
    for name in set(split):
        here = split == name
        assert sorted(row[here]) == list(range(ROWS))
        pairs = np.unique(np.column_stack([firm[row[here]], inner[here]]), axis=0)
        assert len(pairs) == FIRMS  # one side, and one inner fold, a firm
        assert set(inner[here]) == {-1, 0, 1, 2}
    assert sorted(row[inner < 0]) == list(range(ROWS))


def write_sides(one: TableSet, folder: Path, shift: int = 0) -> None:
    """Held-out files of every side; ours knows the outcome, the peers know nothing."""
    labelled, protocol = one.labelled(folder)
    splits = protocol.splits(labelled, seed=7)
    name = pa.array([split.name for split in splits for _ in split.test], pa.string())
    row = np.concatenate([split.test for split in splits])
    (folder / f"{OURS}-7").mkdir(exist_ok=True)
    knowing = arrow_array(np.where(labelled.is_positive[row], 0.75, 0.25).astype(np.float64))
    ours = {"row": arrow_array(row + 1 + shift), "fold": name, "probability": knowing}
    pq.write_table(pa.table(ours), folder / f"{OURS}-7" / "held_out.parquet")
    level = arrow_array(np.full(ROWS, 0.5))
    theirs = pa.table({"split": name, "row": arrow_array(row), "probability": level})
    for peer in PEERS:
        pq.write_table(theirs.take(pa.array(range(ROWS - 1, -1, -1))), folder / f"{peer}-7.parquet")


def test_sides_are_read_whatever_their_order(panel: TableSet, tmp_path: Path) -> None:
    write_sides(panel, tmp_path)
    sides = read_sides(panel, tmp_path)
    assert sides.auc(OURS).value == 1.0
    assert {sides.auc(peer).value for peer in PEERS} == {0.5}
    assert sides.difference(OURS, "fit_woe").value == 0.5


def test_a_side_that_judged_other_rows_is_refused(panel: TableSet, tmp_path: Path) -> None:
    write_sides(panel, tmp_path, shift=1)
    with pytest.raises(ValueError, match=r"'fold 1' of ours holds other rows than the protocol's"):
        read_sides(panel, tmp_path)


def test_sets_differ_in_protocol_alone() -> None:
    found = {one.name: one.command(Path("in"), Path("out"), 7) for one in SETS}
    options = {
        str(word) for words in found.values() for word in words if str(word).startswith("--")
    }
    assert options == {"--target", "--protocol", "--seed", "--drop", "--test", "--out", "--json"}
    assert SBA_TERM in found["sba"]
    assert area_fit.TRIALS == 8  # what `fit` tries when it is not told
