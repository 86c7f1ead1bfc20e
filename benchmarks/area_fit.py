"""`xinqiao fit` on public tables beside the models a bank's analyst would try.

Every side learns from the same columns and is judged on the same held-out rows; whatever is chosen
is chosen on folds inside the training rows. No setting of ours or a peer's differs between tables.

`python -m benchmarks.area_fit polish` measures some of the tables and leaves the figures of the others.
"""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from benchmarks.fit_paired import HeldOut, Sides, draw_rows
from benchmarks.fit_sets import (
    SBA_TERM,
    SETS,
    TableSet,
    units_of,
    write_peer_table,
    write_splits,
)
from benchmarks.measure import of_command
from benchmarks.results import Entry, compared, record
from benchmarks.setting import ROOT, Setting, cities_folder, data_folder
from features.clock import now_in_shanghai
from models.arrays import FloatArray
from training.evaluate import Estimate
from training.table.columns import label_table
from training.table.protocol import Split, parse_protocol
from training.table.reading import read_table
from training.table.sentinel import inspect, load_limits

AREA = "fit"
OURS = "ours"
#: Trials of a search, ours (its default) and CatBoost's.
TRIALS = 8
PEERS = {
    "fit_catboost": "tuned CatBoost",
    "fit_lightgbm": "default LightGBM",
    "fit_woe": "a WoE scorecard",
}
#: How far behind tuned CatBoost still meets the aim; other peers are to be reached.
ALLOWED = {"fit_catboost": 0.002}
AIMED = ("fit_catboost", "fit_lightgbm")


def compare(setting: Setting) -> Iterator[Entry]:
    """AUC of every side on every set, then what the sentinel says when `Term` is left in."""
    for one in SETS:
        yield from measure_set(one, setting)
    yield tell_sentinel(setting)


def measure_set(one: TableSet, setting: Setting) -> Iterator[Entry]:
    """Fit every side on one set and compare."""
    folder = setting.work / one.name
    prepare(one, setting, folder)
    for seed in one.seeds:
        fit_ours(one, folder, seed)
        for peer in PEERS:
            fit_peer(setting, folder, peer, seed)
    yield from tell(one, setting)


def tell(one: TableSet, setting: Setting) -> Iterator[Entry]:
    """Put what was fitted on one set into entries."""
    sides = read_sides(one, setting.work / one.name)
    for peer, title in PEERS.items():
        yield _beside(one, sides, peer, title, setting)


def prepare(one: TableSet, setting: Setting, folder: Path) -> None:
    """Write the table, and for the peers its learnable columns and every split."""
    folder.mkdir(parents=True, exist_ok=True)
    one.write(setting, folder)
    labelled, protocol = one.labelled(folder)
    write_peer_table(labelled, folder / "learned.parquet")
    for seed in one.seeds:
        splits = protocol.splits(labelled, seed=seed)
        write_splits(labelled, protocol, splits, folder / f"splits-{seed}.parquet", seed=seed)


def fit_ours(one: TableSet, folder: Path, seed: int) -> None:
    """Run `xinqiao fit` as anybody would."""
    out = folder / f"{OURS}-{seed}"
    subprocess.run(
        [sys.executable, "-m", "xinqiao", *one.command(folder, out, seed)],
        cwd=ROOT,
        check=True,
        stdout=subprocess.DEVNULL,
    )


def fit_peer(setting: Setting, folder: Path, peer: str, seed: int) -> None:
    """Run a peer in its environment on the same splits."""
    splits, out = folder / f"splits-{seed}.parquet", folder / f"{peer}-{seed}.parquet"
    asked = ("--splits", splits, "--out", out, "--trials", str(TRIALS), "--seed", str(seed))
    of_command(setting.peer(peer, folder / "learned.parquet", *asked))()


def read_sides(one: TableSet, folder: Path) -> Sides:
    """Held-out probabilities of every side, on the folds of every seed."""
    labelled, protocol = one.labelled(folder)
    folds = [
        HeldOut(split.test, _probabilities(folder, seed, split))
        for seed in one.seeds
        for split in protocol.splits(labelled, seed=seed)
    ]
    drawn = draw_rows(labelled.is_positive, units_of(labelled, protocol), seed=one.seeds[0])
    return Sides(labelled.is_positive, folds, drawn)


def _probabilities(folder: Path, seed: int, split: Split) -> dict[str, FloatArray]:
    """What each side said of the rows of one test fold; refuses a side that judged other rows."""
    files = {OURS: folder / f"{OURS}-{seed}" / "held_out.parquet"}
    files |= {peer: folder / f"{peer}-{seed}.parquet" for peer in PEERS}
    found: dict[str, FloatArray] = {}
    for side, file in files.items():
        fold = "fold" if side == OURS else "split"
        table = pq.read_table(file, filters=[(fold, "==", split.name)])
        # Ours counts rows from 1, as a person does.
        rows = np.asarray(table["row"], dtype=np.int64) - (side == OURS)
        order = np.argsort(rows)
        if not np.array_equal(rows[order], split.test):
            raise ValueError(
                f"{file.name}: '{split.name}' of {side} holds other rows than the protocol's."
            )
        found[side] = np.asarray(table["probability"], dtype=np.float64)[order]
    return found


def _beside(one: TableSet, sides: Sides, peer: str, title: str, setting: Setting) -> Entry:
    ours, theirs = sides.auc(OURS), sides.auc(peer)
    difference = sides.difference(OURS, peer)
    behind = -difference.value - ALLOWED.get(peer, 0.0)
    missed = f"; misses the aim by {behind:.3f}" if behind > 0 and peer in AIMED else ""
    return compared(
        AREA,
        f"{one.name}, AUC against {title}",
        ours=ours.value,
        peer=theirs.value,
        better="higher",
        unit="",
        now=setting.now,
        note=f"{_sample(one, sides)}; 95 %: ours {_span(ours)}, peer {_span(theirs)}; "
        f"paired difference {difference.value:+.4f} {_span(difference)}{missed}",
    )


def _sample(one: TableSet, sides: Sides) -> str:
    """How many rows were judged under which protocol."""
    rows = np.unique(np.concatenate([fold.rows for fold in sides.folds]))
    how = "trained on train, judged on valid" if one.has_test else one.protocol
    times = f", {len(one.seeds)} divisions" if len(one.seeds) > 1 else ""
    return f"{len(rows):,} rows, {int(sides.is_positive[rows].sum()):,} positive, {how}{times}"


def tell_sentinel(setting: Setting) -> Entry:
    """What is said of a loan table in which the term, shortened by failing, was left."""
    sba = next(one for one in SETS if SBA_TERM in one.drop)
    protocol = parse_protocol(sba.protocol)
    drop = [name for name in (*sba.drop, *protocol.outside) if name != SBA_TERM]
    folder = setting.work / sba.name
    labelled = label_table(read_table(folder / "table.parquet"), target=sba.target, drop=drop)
    splits = protocol.splits(labelled, seed=sba.seeds[0])
    found = inspect(labelled, splits, limits=load_limits(), time_column=protocol.column)
    term = next(one.figure for one in found if one.column == SBA_TERM)
    others = sorted({str(one.column) for one in found} - {SBA_TERM})
    return compared(
        AREA,
        f"{sba.name}, AUC of `{SBA_TERM}` alone, named by the leak sentinel",
        ours=term,
        peer=None,
        better="neither",
        unit="",
        now=setting.now,
        note="left in on purpose; suspected before training, refused under `--strict`; "
        f"also suspected: {', '.join(others) or 'nothing'}",
    )


def _span(estimate: Estimate) -> str:
    sign = "+" if estimate.low < 0 else ""
    return f"[{estimate.low:{sign}.4f}, {estimate.high:{sign}.4f}]"


def main(names: list[str]) -> None:
    """Measure the sets named."""
    with tempfile.TemporaryDirectory(prefix="xinqiao-bench-") as work:
        setting = Setting(data_folder(), Path(work), now_in_shanghai(), cities_folder())
        chosen = [one for one in SETS if one.name in names]
        for one in chosen:
            record(list(measure_set(one, setting)), is_whole=False)


if __name__ == "__main__":
    main(sys.argv[1:])
