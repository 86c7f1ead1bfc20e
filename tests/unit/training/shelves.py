"""Made-up models with their studies, quick to train and to judge."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import lightgbm as lgb
import numpy as np

from models.aliases import Entry
from models.bundle import Bundle, BundleRecipe, write_bundle
from models.calibration import fit_logit_line
from models.metrics import calibration_line, grade_rates
from models.rating import BASE_12M, DISCLAIMER, INVOICE_RATING, RatingSpec
from models.scale import load_scale
from tests.unit.models.small_registry import REGISTRY
from training.aliases import add_entry
from training.evaluate import Estimate
from training.promotion import Shelf
from training.study import SEGMENTS, Sample, Study, write_study

NOW = datetime(2026, 11, 21, 12)
DATED = RatingSpec(
    name=BASE_12M,
    datasets=frozenset({"invoice_line"}),
    probability_kind="pd_12m",
    label=INVOICE_RATING.label,
    disclaimer=DISCLAIMER,
)
FIRMS, QUARTERS = 1_500, 2


def rows_of(seed: int, firms: int, first_firm: int, day: str) -> tuple[np.ndarray, Sample]:
    """Firms at quarters with the chance that each row defaults; probabilities are the true ones."""
    rng = np.random.default_rng(seed)
    matrix = rng.gamma(2.0, 1.0, (firms, len(REGISTRY)))
    risk = 1 / (1 + np.exp(2.5 + 0.7 * matrix[:, 0] - 0.8 * matrix[:, 1]))
    quarter = np.arange(firms) % QUARTERS
    size = np.where(
        np.arange(firms) % 3 == 0, "micro", np.where(np.arange(firms) % 3 == 1, "small", "")
    )
    sample = Sample(
        firm=first_firm + np.arange(firms, dtype=np.int64),
        as_of_date=np.datetime64(day, "D") + 90 * quarter,
        is_default=rng.random(firms) < risk,
        is_indeterminate=np.zeros(firms, dtype=np.bool_),
        probability=risk,
        matrix=matrix,
        segments={name: size if name == "size_class" else np.full(firms, "") for name in SEGMENTS},
    )
    return risk, sample


def make_model(
    shelf: Shelf,
    seed: int,
    *,
    trees: int = 40,
    noise: float = 0.0,
    spec: RatingSpec = DATED,
    metrics: Mapping[str, float] | None = None,
) -> tuple[Bundle, Study]:
    """Train, write the bundle and its study, and note it as a candidate.

    `noise` replaces so large a share of the outcomes learned from by chance.
    """
    _, before = rows_of(1, FIRMS, 0, "2023-02-28")
    _, after = rows_of(2, FIRMS, FIRMS, "2024-02-29")
    rng = np.random.default_rng(seed)
    learned = np.where(rng.random(FIRMS) < noise, rng.random(FIRMS) < 0.2, before.is_default)
    data = lgb.Dataset(before.matrix, learned.astype(float), feature_name=list(REGISTRY.names))
    booster = lgb.train(spec.training_parameters(REGISTRY, seed=seed), data, num_boost_round=trees)
    _, held_out = rows_of(3, FIRMS, 0, "2023-02-28")
    margin = np.asarray(booster.predict(held_out.matrix, raw_score=True))
    line = fit_logit_line(margin, held_out.is_default)
    before = replace(
        before,
        probability=line.probability(np.asarray(booster.predict(before.matrix, raw_score=True))),
    )
    after = replace(
        after,
        probability=line.probability(np.asarray(booster.predict(after.matrix, raw_score=True))),
    )
    scale = load_scale()
    recipe = BundleRecipe(
        spec=spec,
        version=str(seed),
        created_at=datetime(2026, 1, 2, 3, 4, seed % 60, tzinfo=UTC),
        as_of_date=date(2023, 5, 31),
        features=REGISTRY,
        model_text=booster.model_to_string(),
        line=line,
        scale_id=scale.id,
        metrics=metrics or {"auc": 0.7},
        grades=grade_rates(scale, scale.score_of(after.probability), after.is_default),
    )
    draft = shelf.bundles / f".draft-{seed}"
    shelf.bundles.mkdir(exist_ok=True)
    written = write_bundle(recipe, draft, sample=before.matrix[:300], rng=np.random.default_rng(0))
    bundle = replace(written, path=draft.rename(shelf.bundles / written.id))
    slope = calibration_line(after.is_default, after.probability)[1]
    study = Study(
        bundle_id=bundle.id,
        model=spec.name,
        version=recipe.version,
        features=REGISTRY.names,
        data_until=date(2026, 6, 30),
        figures={"calibration_slope": Estimate(slope, slope - 0.1, slope + 0.1)},
        scenarios=(),
        parameters={},
        development=before,
        out_of_time=after,
    )
    write_study(study, shelf.studies)
    add_entry(shelf.bundles, entry_of(bundle))
    return bundle, study


def entry_of(bundle: Bundle) -> Entry:
    """What enrolment notes."""
    return Entry(
        model=bundle.manifest.name,
        kind=bundle.manifest.probability_kind,
        bundle_id=bundle.id,
        action="trained",
        since=NOW.isoformat(timespec="seconds"),
        by="trainer",
        reason="trained in run 1",
    )


def shelf_at(path: Path) -> Shelf:
    """An empty shelf."""
    return Shelf(path / "bundles", path / "studies", REGISTRY)
