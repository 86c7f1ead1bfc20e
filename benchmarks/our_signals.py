"""Every signal asked of made-up borrowers: `python -m benchmarks.our_signals 300000`.

Columns are drawn, so what is measured is the asking: blanking what each institution may not see, the
rules of every signal in force, and which way answered. Building the columns is measured elsewhere, on a city.
"""

import sys
from datetime import date

import numpy as np

from benchmarks.peers.meter import Meter
from features.definitions import REGISTRY
from features.facts import FACTS
from features.registry import Registry
from features.rules.vocabulary import Vocabulary
from models.arrays import FloatArray
from models.signals.book import load_signals
from models.signals.exposure_facts import EXPOSURE_FACTS
from models.watching.exposures import Exposures, Firms
from models.watching.watch import Watch, run_watch

AS_OF, SEED = date(2026, 6, 30), 20261130
#: Distinct sets of closed datasets; a city of 6,000 firms has some five hundred.
VIEWS = 500


def drawn(unit: str, rows: int, rng: np.random.Generator) -> FloatArray:
    """A column of a unit, a fifth of it unknown."""
    if unit == "flag":
        found = (rng.random(rows) < 0.02).astype(np.float64)  # noqa: PLR2004 - drawn
    elif unit == "ratio":
        found = rng.normal(0, 0.4, rows).clip(-1, 10)
    elif unit == "level":
        found = rng.integers(1, 5, rows).astype(np.float64)
    elif unit == "count":
        found = rng.poisson(0.1, rows).astype(np.float64)
    else:
        found = rng.exponential(100, rows)
    found[rng.random(rows) < 0.2] = np.nan  # noqa: PLR2004 - drawn
    return found


def main() -> None:
    """Draw, ask, report."""
    rows, rng = int(sys.argv[1]), np.random.default_rng(SEED)
    registry = Registry((*REGISTRY, *FACTS))
    vocabulary = Vocabulary.of(registry, EXPOSURE_FACTS)
    watch = Watch(load_signals().at(AS_OF, vocabulary), vocabulary, registry)
    columns = {name: drawn(registry[name].unit, rows, rng) for name in watch.names}
    datasets = sorted(registry.select(watch.names).datasets)
    views = tuple(
        frozenset(name for name in datasets if rng.random() < 0.3)  # noqa: PLR2004 - drawn
        for _ in range(VIEWS)
    )
    facts = {term.name: drawn(term.unit, rows, rng) for term in EXPOSURE_FACTS}
    exposures = Exposures(
        ["bank"] * rows, np.arange(rows), views, rng.integers(0, VIEWS, rows), facts
    )
    firms = Firms([""] * rows, AS_OF, columns)
    meter = Meter()
    found = run_watch(watch, exposures, firms)
    meter.report(
        signals=len(watch.signals), columns=len(columns), held=int((found.levels > 0).sum())
    )


if __name__ == "__main__":
    main()
