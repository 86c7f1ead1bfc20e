"""Our side of `features`: every invoice feature of every firm of a lake; ends with a report."""

import sys
from datetime import date
from pathlib import Path

import pyarrow.parquet as pq

from benchmarks.peers.meter import Meter
from features.clock import now_in_shanghai
from features.contracts import load_catalogue
from features.definitions import REGISTRY
from features.lake import Lake
from features.pipeline import build_features
from features.snapshot import open_snapshot
from xinqiao.features import self_scope


def main(lake: Path, as_of_date: date, out: Path, threads: int) -> None:
    """Cut the lake, compute, write the table."""
    registry = REGISTRY.reading_only({"invoice_line"})
    now = now_in_shanghai()
    meter = Meter()
    with open_snapshot(
        Lake(lake).view(),
        load_catalogue(),
        as_of_date,
        self_scope(now.date()),
        now=now,
        threads=threads,
        datasets=registry.datasets,
    ) as snapshot:
        table = build_features(snapshot, registry).table
    pq.write_table(table, out)
    meter.report(features=len(registry), firms=table.num_rows)


if __name__ == "__main__":
    main(Path(sys.argv[1]), date.fromisoformat(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4]))
