"""The 12-month rating of a city: what its shape costs, and how it stands when firms close scopes.

The peer of a scenario is the same specification fitted to rows as they are, without closed scopes.

Runs on the largest bench city that is there, see `benchmarks.cities`; without one a small one is made, on
which every interval is wide. Everything is judged on later month ends.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.cities import bench_cities, make_city
from benchmarks.measure import of_command
from benchmarks.results import Entry, compared
from benchmarks.setting import Setting
from features.contracts import load_catalogue
from features.definitions import REGISTRY
from features.lake import Lake
from models.arrays import FloatArray
from models.metrics import auc
from models.rating import RatingSpec, base_12m
from models.scale import load_scale
from training.base_rating import SEED
from training.consent import ConsentScopes
from training.development import Development, prepare_development
from training.drawn import gini_lost
from training.evaluate import Estimate
from training.fit import FittedRating
from training.fitting import load_fitting_rules
from training.later import later_rows
from training.quarters import QuarterCohort, build_quarters
from training.scenarios import play_scenarios
from training.shape import shape_cost
from training.study import Scenario
from xinqiao.settings import Settings, load_settings

AREA = "city"
TRIALS, FIRMS = 4, 3_000
_RANDOM = "random_"
_FIGURES = {
    "calibration_slope": "Calibration slope (best at 1)",
    "observed_expected": "Defaults observed / expected (best at 1)",
}
DATA_UNTIL = date(2026, 6, 30)


@dataclass(frozen=True)
class _Bench:
    """Rows, the fit that is judged, and where things lie."""

    setting: Setting
    settings: Settings
    cohort: QuarterCohort
    scopes: ConsentScopes
    spec: RatingSpec
    development: Development
    fitted: FittedRating

    def entry(self, name: str, ours: float, peer: float | None = None, note: str = "") -> Entry:
        """A figure that is best at a value, or one without a ratio."""
        return compared(
            AREA,
            name,
            ours=ours,
            peer=peer,
            better="neither",
            unit="",
            now=self.setting.now,
            note=f"{self.sample}; {note}",
        )

    @property
    def sample(self) -> str:
        """What was judged."""
        later = later_rows(self.cohort)
        return (
            f"{np.unique(later.firm).size} firms, {len(later.firm)} rows, {int(later.is_default.sum())} defaults "
            f"out of time; {int(self.development.is_default.sum())} in development"
        )


def compare(setting: Setting) -> Iterator[Entry]:
    """The shape's cost and the scorecard's Gini, then calibration under closed scopes."""
    bench = _prepare(setting)
    yield from _shape(bench)
    yield from _scorecard(bench)
    yield from _closed(bench)


def _prepare(setting: Setting) -> _Bench:
    settings = _home(setting)
    catalogue, rules = load_catalogue(), load_fitting_rules()
    spec = base_12m(catalogue)
    cohort = build_quarters(
        Lake(settings.lake).view(),
        catalogue,
        spec.features(REGISTRY),
        data_until=DATA_UNTIL,
        now=setting.now,
        parts=settings.quarters,
    )
    scopes = ConsentScopes.of(cohort.features, catalogue)
    development = prepare_development(cohort, scopes, rules, seed=SEED)
    tuned = development.search(
        spec, rules, space=rules.search, trials=TRIALS, tuning=settings.tuning
    )
    fitted = development.fit(tuned.spec)
    return _Bench(setting, settings, cohort, scopes, tuned.spec, development, fitted)


def _home(setting: Setting) -> Settings:
    cities = bench_cities(setting.cities)
    city = cities[-1] if cities else make_city(setting.work / "cities", FIRMS)
    return replace(load_settings(), home=Path(city.home))


def _shape(bench: _Bench) -> Iterator[Entry]:
    later = later_rows(bench.cohort)
    found = shape_cost(
        bench.development,
        base_12m(load_catalogue()),
        bench.fitted,
        later,
        load_fitting_rules(),
        trials=TRIALS,
        tuning=bench.settings.tuning,
    )
    ours = bench.fitted.probability(later.matrix)
    yield _against(
        bench, "the same without the shape", ours, found.free.probability(later.matrix),
        found.gini_lost,
    )  # fmt: skip


def _scorecard(bench: _Bench) -> Iterator[Entry]:
    later, work = later_rows(bench.cohort), bench.setting.work
    learns = bench.development.plan.learns
    names = list(bench.cohort.features.names)
    rows = bench.development.matrix[learns]
    table = pa.table({name: rows[:, place] for place, name in enumerate(names)})
    is_default = pa.array(bench.development.is_default[learns])
    pq.write_table(table.append_column("is_default", is_default), work / "development.parquet")
    pq.write_table(
        pa.table({name: later.matrix[:, place] for place, name in enumerate(names)}),
        work / "later.parquet",
    )
    out = work / "woe.parquet"
    parts = (work / "development.parquet", work / "later.parquet", "--out", out)
    of_command(bench.setting.peer("woe_city", *parts))()
    theirs = pq.read_table(out)["probability"].to_numpy()
    ours = bench.fitted.probability(later.matrix)
    lost = gini_lost(later.is_default, ours, theirs, later.firm, seed=SEED)
    yield _against(bench, "a WoE scorecard", ours, theirs, lost)


def _against(
    bench: _Bench, title: str, ours: FloatArray, theirs: FloatArray, lost: Estimate
) -> Entry:
    is_default = later_rows(bench.cohort).is_default
    mine, other = (2 * auc(is_default, p) - 1 for p in (ours, theirs))
    return compared(
        AREA,
        f"Gini out of time, against {title}",
        ours=mine,
        peer=other,
        better="higher",
        unit="",
        now=bench.setting.now,
        note=f"{bench.sample}; share of the peer's Gini given up {lost.value:+.4f} "
        f"95 % [{lost.low:+.4f}, {lost.high:+.4f}], firms drawn for both; {TRIALS} trials a side",
    )


def _closed(bench: _Bench) -> Iterator[Entry]:
    """Every scenario, for our fit and for one without consent dropout."""
    rules, scale, later = load_fitting_rules(), load_scale(), later_rows(bench.cohort)
    plain = prepare_development(bench.cohort, None, rules, seed=SEED).fit(bench.spec)
    with_dropout, without = (
        play_scenarios(later, fitted.probability, bench.scopes, scale, rules, seed=SEED)
        for fitted in (bench.fitted, plain)
    )
    pairs = list(zip(with_dropout, without, strict=True))
    for ours, peer in pairs:
        if not ours.name.startswith(_RANDOM):
            yield from _scenario(bench, ours, peer)
    yield from _at_random(bench, [pair for pair in pairs if pair[0].name.startswith(_RANDOM)])


def _scenario(bench: _Bench, ours: Scenario, peer: Scenario) -> Iterator[Entry]:
    """Two figures that are best at 1; the note holds the intervals and the rest."""
    ranks = [scenario.figures["auc"].value for scenario in (ours, peer)]
    red = [scenario.figures["grades_red"].value for scenario in (ours, peer)]
    for figure, title in _FIGURES.items():
        mine, other = ours.figures[figure], peer.figures[figure]
        yield bench.entry(
            f"{title}, {ours.name}",
            max(mine.value, 0.0),
            max(other.value, 0.0),
            f"95 % [{mine.low:.3f}, {mine.high:.3f}], peer [{other.low:.3f}, {other.high:.3f}]; "
            f"AUC {ranks[0]:.3f} and {ranks[1]:.3f}; red grades {red[0]:.0f} and {red[1]:.0f}",
        )


def _at_random(bench: _Bench, pairs: list[tuple[Scenario, Scenario]]) -> Iterator[Entry]:
    """How far the worst of the random closings lies from 1."""
    for figure, title in _FIGURES.items():
        ours, peer = (
            sorted((pair[side].figures[figure].value for pair in pairs), key=lambda v: abs(v - 1))
            for side in (0, 1)
        )
        yield bench.entry(
            f"{title}, worst of {len(pairs)} random scopes",
            max(ours[-1], 0.0),
            max(peer[-1], 0.0),
            f"range {min(ours):.3f} to {max(ours):.3f}, peer {min(peer):.3f} to {max(peer):.3f}; at or below 0 "
            "is written 0",
        )
