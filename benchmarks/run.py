"""Measure against the peers: `python -m benchmarks.run [--only AREA]`.

An area is a function from a `Setting` to entries.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from benchmarks import (
    area_alerts,
    area_audit,
    area_beijing,
    area_city,
    area_features,
    area_fit,
    area_ingest,
    area_ledger,
    area_matching,
    area_nightly,
    area_notices,
    area_rating,
    area_registry,
    area_scoring,
    area_service,
    area_shap,
    area_spark,
    area_wayup,
)
from benchmarks.results import Entry, record
from benchmarks.setting import Setting, cities_folder, data_folder
from features.clock import now_in_shanghai

Area = Callable[[Setting], Iterable[Entry]]

#: Areas by name, in the order they run.
AREAS: Mapping[str, Area] = {
    area_ingest.AREA: area_ingest.compare,
    area_beijing.AREA: area_beijing.compare,
    area_features.AREA: area_features.compare,
    area_registry.AREA: area_registry.compare,
    area_rating.AREA: area_rating.compare,
    area_fit.AREA: area_fit.compare,
    area_city.AREA: area_city.compare,
    area_alerts.AREA: area_alerts.compare,
    area_audit.AREA: area_audit.compare,
    area_service.AREA: area_service.compare,
    area_ledger.AREA: area_ledger.compare,
    area_notices.AREA: area_notices.compare,
    area_matching.AREA: area_matching.compare,
    area_nightly.AREA: area_nightly.compare,
    area_spark.AREA: area_spark.compare,
    area_shap.AREA: area_shap.compare,
    area_scoring.AREA: area_scoring.compare,
    area_wayup.AREA: area_wayup.compare,
}


def main(arguments: list[str] | None = None, areas: Mapping[str, Area] = AREAS) -> int:
    """Run the areas asked for and store what they measured; 2 if there is no such area."""
    parser = argparse.ArgumentParser(prog="benchmarks.run", description=__doc__)
    parser.add_argument("--only", metavar="AREA", help="one area instead of all")
    parser.add_argument("--turns", type=int, default=5, help="runs of each side")
    asked = parser.parse_args(arguments)
    if asked.only is not None and asked.only not in areas:
        known = ", ".join(areas) or "none yet"
        print(f"There is no benchmark area '{asked.only}'. Known areas: {known}.", file=sys.stderr)
        return 2
    for name in [asked.only] if asked.only else areas:
        with tempfile.TemporaryDirectory(prefix="xinqiao-bench-") as work:
            setting = Setting(
                data_folder(), Path(work), now_in_shanghai(), cities_folder(), turns=asked.turns
            )
            entries = list(areas[name](setting))
        record(entries)
        for entry in entries:
            print(_line(entry))
    return 0


def _line(entry: Entry) -> str:
    peer = "" if entry.peer is None else f" · peer {entry.peer:g}"
    ratio = "" if entry.ratio is None else f" · ratio {entry.ratio:g}"
    return f"{entry.area}: {entry.name}: {entry.ours:g}{peer} {entry.unit}{ratio}"


if __name__ == "__main__":
    sys.exit(main())
