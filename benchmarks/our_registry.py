"""Our side of `registry`: features of a bench city's firms; ends with a report.

`build` makes one feature table, `panel` one a month back from the as-of date, `one` whole vectors
of single firms, `touched` the families that a landed row of a dataset touches.
"""

import argparse
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from pathlib import Path
from statistics import median
from time import process_time

import numpy as np
import pyarrow.parquet as pq

from benchmarks.peers.meter import Meter
from features.clock import now_in_shanghai
from features.contracts import REGISTER, Catalogue, load_catalogue
from features.definitions import REGISTRY
from features.lake import Lake, LakeView
from features.panel import write_panel
from features.pipeline import build_features
from features.registry import Registry
from features.scope import DataScope
from features.snapshot import open_snapshot
from features.windows import months_before
from xinqiao.features import self_scope

#: Firms that are looked at one by one, spread over the keys.
SINGLE = 15


@dataclass(frozen=True)
class Look:
    """What every job is given."""

    lake: LakeView
    catalogue: Catalogue
    registry: Registry
    as_of_date: date
    now: datetime
    scope: DataScope
    out: Path
    months: int

    @cached_property
    def firms(self) -> list[int]:
        """Keys of some registered firms, spread evenly; one more than are counted."""
        files = [str(path) for path in self.lake.files(REGISTER)]
        keys = np.unique(
            pq.read_table(files, columns=["enterprise_key"])["enterprise_key"].to_numpy()
        )
        return keys[np.linspace(0, len(keys) - 1, SINGLE + 1).astype(int)].tolist()

    def table(self, registry: Registry, enterprises: list[int] | None = None) -> object:
        """Features of all firms, or of some."""
        with open_snapshot(
            self.lake,
            self.catalogue,
            self.as_of_date,
            self.scope,
            now=self.now,
            threads=1,
            enterprises=enterprises,
            datasets=registry.datasets,
        ) as snapshot:
            return build_features(snapshot, registry).table


def build(look: Look, meter: Meter) -> None:
    """One feature table of every firm."""
    table = look.table(look.registry)
    pq.write_table(table, look.out)
    meter.report(features=len(look.registry), firms=pq.read_metadata(look.out).num_rows)


def panel(look: Look, meter: Meter) -> None:
    """A part a month, the last at the as-of date."""
    dates = [months_before(look.as_of_date, back) for back in range(look.months)][::-1]
    shutil.rmtree(look.out, ignore_errors=True)
    parts = list(
        write_panel(
            look.lake,
            look.catalogue,
            look.registry,
            look.scope,
            dates,
            look.out,
            now=look.now,
            workers=1,
        )
    )
    meter.report(features=len(look.registry), rows=sum(part.rows for part in parts))


def one(look: Look, meter: Meter) -> None:
    """Whole vectors, firm by firm."""
    spent = _spent(look, lambda key: look.table(look.registry, [key]))
    meter.report(median_ms=round(1000 * median(spent), 2), worst_ms=round(1000 * max(spent), 2))


def touched(look: Look, meter: Meter) -> None:
    """The features that read a dataset, firm by firm; the slowest dataset is reported."""
    medians: dict[str, float] = {}
    for dataset in sorted(look.registry.datasets):
        reading = Registry(tuple(f for f in look.registry if dataset in f.datasets))
        spent = _spent(look, lambda key, own=reading: look.table(own, [key]))
        medians[dataset] = 1000 * median(spent)
    slowest = max(medians, key=lambda name: medians[name])
    meter.report(
        median_ms=round(median(medians.values()), 2),
        slowest_ms=round(medians[slowest], 2),
        slowest=slowest,
        datasets=len(medians),
    )


def _spent(look: Look, work: Callable[[int], object]) -> list[float]:
    """CPU seconds a firm; the first look of a process warms it and does not count."""
    spent: list[float] = []
    for key in look.firms:
        before = process_time()
        work(key)
        spent.append(process_time() - before)
    return spent[1:]


JOBS = {"build": build, "panel": panel, "one": one, "touched": touched}


def main() -> None:
    """Do one job and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("job", choices=sorted(JOBS))
    parser.add_argument("lake", type=Path)
    parser.add_argument("--as-of", type=date.fromisoformat, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--only", help="features that read this dataset alone")
    parser.add_argument("--months", type=int, default=24)
    asked = parser.parse_args()
    now = now_in_shanghai()
    registry = REGISTRY.reading_only({asked.only}) if asked.only else REGISTRY
    meter = Meter()
    look = Look(
        lake=Lake(asked.lake).view(),
        catalogue=load_catalogue(),
        registry=registry,
        as_of_date=asked.as_of,
        now=now,
        scope=self_scope(now.date()),
        out=asked.out,
        months=asked.months,
    )
    JOBS[asked.job](look, meter)


if __name__ == "__main__":
    main()
