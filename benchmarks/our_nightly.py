"""A night measured: `python -m benchmarks.our_nightly HOME LAKE DAY`.

The models of the home are fitted to drawn rows with the size and the features of the real ones: what is
measured is the work, not what it says.
"""

import sys
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np

from benchmarks.peers.meter import Meter
from features.clock import now_in_shanghai
from features.contracts import load_catalogue
from features.definitions import REGISTRY
from models.alert import alert_6m
from models.aliases import Entry
from models.bundle import BundleRecipe, write_bundle
from models.calibration import fit_logit_line
from models.metrics import grade_rates
from models.rating import RatingSpec, base_12m
from models.scale import load_scale
from training.aliases import add_entry
from xinqiao.night import open_desk
from xinqiao.nightly import run_night
from xinqiao.settings import Settings, load_settings

SEED, ROWS = 20261123, 3_000


def whole(home: Path, lake: Path, day: date) -> None:
    """The night of a city, then the same night again."""
    settings = prepare(home, lake, day)
    desk = open_desk(settings, day, now_in_shanghai())
    meter = Meter()
    said, seconds = run_night(desk)
    files = _digest(desk.folder)
    _, again = run_night(open_desk(settings, day, now_in_shanghai()))
    if again or _digest(desk.folder) != files:
        raise SystemExit(f"The same night again worked on {', '.join(again)} or changed a file.")
    meter.report(
        firms=int(str(said["features"]["firms"])),
        columns=int(str(said["features"]["columns"])),
        rated=int(str(said["ratings"]["rated"])),
        exposures=int(str(said["watch"].get("exposures", 0))),
        whole=sum(seconds.values()),
        **{f"{stage}_seconds": took for stage, took in seconds.items()},
    )


def _digest(folder: Path) -> dict[str, int]:
    """When each file of a night was written last."""
    return {path.name: path.stat().st_mtime_ns for path in sorted(folder.glob("*.*"))}


def prepare(home: Path, lake: Path, day: date) -> Settings:
    """A home that looks at a city's lake, with a rating and a warning that serve."""
    home.mkdir(parents=True, exist_ok=True)
    (home / "lake").symlink_to(lake)
    catalogue = load_catalogue()
    for spec, metrics in (
        (base_12m(catalogue), {"auc": 0.7}),
        (alert_6m(catalogue), {"auc": 0.7, "cut_off": 0.1}),
    ):
        _serve(home / "bundles", spec, metrics, day)
    return replace(load_settings(), home=home)


def _serve(bundles: Path, spec: RatingSpec, metrics: dict[str, float], day: date) -> None:
    import lightgbm as lgb  # noqa: PLC0415 - what is measured never loads it

    features, rng, scale = spec.features(REGISTRY), np.random.default_rng(SEED), load_scale()
    sample = rng.gamma(2.0, 1.0, (ROWS, len(features))).astype(np.float64)
    risk = 1 / (1 + np.exp(2.0 - (sample - 2.0) @ rng.normal(0, 0.1, len(features))))
    is_event = rng.random(ROWS) < risk
    sample[rng.random(sample.shape) < 0.2] = np.nan  # noqa: PLR2004 - drawn
    data = lgb.Dataset(sample, is_event.astype(np.float64), feature_name=list(features.names))
    booster = lgb.train(spec.training_parameters(features, seed=1), data, spec.rounds)
    margin = np.asarray(booster.predict(sample, raw_score=True), dtype=np.float64)
    line = fit_logit_line(margin, is_event)
    recipe = BundleRecipe(
        spec=spec,
        version="bench",
        created_at=datetime(2026, 6, 1, tzinfo=UTC),
        as_of_date=day,
        features=features,
        model_text=booster.model_to_string(),
        line=line,
        scale_id=scale.id,
        metrics=metrics,
        grades=grade_rates(scale, scale.score_of(line.probability(margin)), is_event),
    )
    bundles.mkdir(parents=True, exist_ok=True)
    draft = bundles / f".draft-{spec.name}"
    written = write_bundle(recipe, draft, sample=sample, rng=np.random.default_rng(0))
    draft.rename(bundles / written.id)
    add_entry(
        bundles,
        Entry(
            model=spec.name, kind=spec.probability_kind, bundle_id=written.id, action="promoted",
            since="2026-06-01T00:00:00", by="bench", reviewer="benchmark", reason="made up",
        ),
    )  # fmt: skip


if __name__ == "__main__":
    whole(Path(sys.argv[1]), Path(sys.argv[2]), date.fromisoformat(sys.argv[3]))
