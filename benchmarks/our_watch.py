"""Features and facts that the watch reads, of a lake's borrowers or of all its firms; ends with a report.

`python -m benchmarks.our_watch LAKE 2026-06-30 borrowers`. Signals asked of these columns, and what models say
of them, are measured elsewhere (`benchmarks.our_signals`).
"""

import sys
from datetime import date, datetime
from pathlib import Path

import numpy as np

from benchmarks.peers.meter import Meter
from features.clock import now_in_shanghai
from features.contracts import Catalogue, load_catalogue
from features.definitions import REGISTRY
from features.facts import FACTS
from features.lake import Lake, LakeView
from features.pipeline import build_features
from features.portfolio import open_portfolio, read_portfolio
from features.registry import Registry
from features.scope import DataScope, Purpose
from features.snapshot import open_snapshot

BORROWERS, FIRMS = "borrowers", "firms"


def borrowers(lake: LakeView, catalogue: Catalogue, as_of_date: date, now: datetime) -> list[int]:
    """Firms with a running loan."""
    with open_portfolio(lake, catalogue, as_of_date, now=now) as snapshot:
        return np.unique(read_portfolio(snapshot).firm).tolist()


def main(folder: Path, as_of_date: date, whose: str) -> None:
    """Find the firms, build their columns, report."""
    registry = Registry((*REGISTRY, *FACTS))
    lake, catalogue, now = Lake(folder).view(), load_catalogue(), now_in_shanghai()
    scope = DataScope(frozenset(catalogue.datasets), Purpose.POSTLOAN, now.date())
    meter = Meter()
    keys = borrowers(lake, catalogue, as_of_date, now) if whose == BORROWERS else None
    with open_snapshot(
        lake,
        catalogue,
        as_of_date,
        scope,
        now=now,
        enterprises=keys,
        datasets=registry.datasets,
    ) as snapshot:
        table = build_features(snapshot, registry).table
    meter.report(columns=len(registry), facts=len(FACTS), firms=table.num_rows)


if __name__ == "__main__":
    main(Path(sys.argv[1]), date.fromisoformat(sys.argv[2]), sys.argv[3])
