"""What every signal is worth on a bench city: `python -m benchmarks.signal_table 30000`.

Prints two tables, of the months of development and of the later ones. Levels of signals are chosen on the
first; the second is for looking afterwards, and is what `make bench ONLY=alerts` records.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.area_alerts import CITY_UNTIL
from benchmarks.cities import bench_cities
from benchmarks.setting import cities_folder
from features.clock import now_in_shanghai
from features.contracts import load_catalogue
from features.definitions import REGISTRY
from features.facts import FACTS
from features.lake import Lake
from features.registry import Registry
from models.arrays import BoolArray
from models.signals.book import load_signals
from models.signals.levels import LevelArray
from training.alert_model import PAST_LATE
from training.borrowers import Borrowers, build_borrowers
from training.signal_alerts import is_acted_on, signal_levels
from training.signal_worth import signal_worths


def table(borrowers: Borrowers, levels: LevelArray, rows: BoolArray, title: str) -> str:
    """Markdown: a line a signal that names anybody, the most frequent first."""
    is_event, outcomes, count = borrowers.is_event[rows], borrowers.outcomes.take(rows), rows.sum()
    acted = is_acted_on(levels[rows])
    codes = [entry.code for entry in load_signals().entries]
    lines = [
        f"| {one.code} | {one.rows / count:.2%} | {one.precision:.1%} | {one.new_rows / count:.2%} "
        f"| {one.new_events / one.new_rows if one.new_rows else 0:.1%} | {one.own_rows / count:.2%} | {one.events} |"
        for one in sorted(
            signal_worths(codes, levels[rows], outcomes, is_event), key=lambda one: -one.rows
        )
        if one.rows
    ]
    return "\n".join(
        [
            f"{title}: {count} rows, {is_event.mean():.1%} with an event; at orange or red {acted.mean():.2%}, "
            f"of them {is_event[acted].mean():.1%} with an event",
            "",
            "| Signal | Named | With an event | Came or worsened | With an event | By no other | Events |",
            "|---|--:|--:|--:|--:|--:|--:|",
            *lines,
            "",
        ]
    )


def main() -> None:
    """Look at one city's borrowers and print."""
    parser = argparse.ArgumentParser(prog="benchmarks.signal_table", description=__doc__)
    parser.add_argument("enterprises", type=int, help="size of the bench city")
    asked = parser.parse_args().enterprises
    city = {one.enterprises: one for one in bench_cities(cities_folder())}[asked]
    lake, catalogue, now = Lake(city.lake).view(), load_catalogue(), now_in_shanghai()
    with tempfile.TemporaryDirectory(prefix="xinqiao-signals-") as kept:
        borrowers = build_borrowers(
            lake,
            catalogue,
            REGISTRY.select([PAST_LATE]),
            data_until=CITY_UNTIL,
            now=now,
            parts=Path(kept) / "months",
        )
        levels = signal_levels(
            lake,
            catalogue,
            borrowers,
            load_signals(),
            Registry((*REGISTRY, *FACTS)),
            now=now,
            parts=Path(kept) / "signals",
        )
    early = borrowers.is_development
    for rows, title in ((early, "Development"), (np.logical_not(early), "Later")):
        print(table(borrowers, levels, rows, title))


if __name__ == "__main__":
    main()
