"""A town of a few firms that the service can rate: a lake, a quick model that serves, online vectors.

Values are drawn from the contracts and the model from made-up rows, so a rating means nothing; what it is
made from, and what it hides, is real.
"""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final

import lightgbm as lgb
import numpy as np

from features.contracts import REGISTER, load_catalogue
from features.definitions import REGISTRY
from features.firm_segments import kinds_of
from features.online import open_online, write_online
from features.pipeline import build_features
from features.registry import Registry
from features.rules.vocabulary import Vocabulary
from features.scope import DataScope, Purpose
from features.snapshot import open_snapshot
from models.aliases import Entry
from models.bundle import BundleRecipe, write_bundle
from models.calibration import fit_logit_line
from models.knockouts import load_knockouts
from models.metrics import grade_rates
from models.rating import DISCLAIMER, INVOICE_RATING, RatingSpec
from models.scale import load_scale
from serving.ratings.sight import Opened
from tests.builders import TinyLake, seeded
from tests.whole_worlds import whole_world
from training.aliases import add_entry

AS_OF = date(2026, 5, 31)
#: Shortly before the clock of `tests.service`.
NOW = datetime(2026, 11, 20, 9)
CODE = "91370100MA{:08d}"
#: Of every family some, public and not, so that each consent scope opens something.
PARTS = 5
MODEL: Final = "base_12m"
KIND: Final = "pd_12m"


@dataclass(frozen=True)
class Town:
    """A home as the service finds it; copy it before changing anything.

    Attributes
    ----------
    usccs : list of str
        Firms of which public data alone give a rating.
    """

    home: Path
    features: Registry
    usccs: list[str]

    @property
    def move_in(self) -> Callable[[Path], None]:
        """Put a copy of the town where a service will start."""
        return lambda home: (
            shutil.copytree(self.home, home, symlinks=True, dirs_exist_ok=True),
            None,
        )[1]


def land_town(home: Path, seed: int = 1, code: str | Callable[[int], str] = CODE) -> TinyLake:
    """A lake with rows of every dataset."""
    lake = TinyLake(home / "lake", code)
    world = whole_world(seeded(seed), AS_OF)
    for name, rows in world.items():
        if name in load_catalogue().datasets:
            lake.land(name, rows)
    return lake


def build_vectors(
    home: Path, lake: TinyLake, features: Registry, now: datetime = NOW, day: date = AS_OF
) -> None:
    """Make the vectors of the lake as it is the current ones."""
    catalogue = load_catalogue()
    scope = DataScope(frozenset(catalogue.datasets), Purpose.SELF_REPORT, until=now.date())
    with open_snapshot(lake.view, catalogue, day, scope, now=now) as snapshot:
        table = build_features(snapshot, features)
        kinds = kinds_of(snapshot, table.usccs)
    write_online(table, home / "online", lake_version=lake.view.version, now=now, kinds=kinds)


def model_features() -> Registry:
    """Every fifth feature, and what the knock-outs ask."""
    asked = load_knockouts().at(AS_OF, Vocabulary.of(REGISTRY)).names
    return REGISTRY.select(dict.fromkeys((*REGISTRY.names[::PARTS], *asked)))


def promote_model(home: Path, seed: int = 1) -> str:
    """Train on made-up rows and let the bundle serve; its id."""
    bundle_id = make_model(home, seed)
    let_serve(home, bundle_id)
    return bundle_id


def make_model(home: Path, seed: int) -> str:
    """Train on made-up rows; the bundle's id."""
    features = REGISTRY.select(REGISTRY.names[::PARTS])
    rng = np.random.default_rng(seed)
    sample = rng.gamma(2.0, 1.0, (600, len(features)))
    risk = 1 / (1 + np.exp(1.0 - (sample - 2.0) @ rng.normal(0, 0.3, len(features))))
    is_default = rng.random(len(sample)) < risk
    sample[rng.random(sample.shape) < 0.2] = np.nan
    spec = RatingSpec(
        name=MODEL,
        datasets=features.datasets,
        probability_kind=KIND,
        label=INVOICE_RATING.label,
        disclaimer=DISCLAIMER,
    )
    data = lgb.Dataset(sample, is_default.astype(float), feature_name=list(features.names))
    parameters = spec.training_parameters(features, seed=seed)
    booster = lgb.train(parameters, data, num_boost_round=60)
    margin = np.asarray(booster.predict(sample, raw_score=True))
    line, scale = fit_logit_line(margin, is_default), load_scale()
    recipe = BundleRecipe(
        spec=spec,
        version=str(seed),
        created_at=datetime(2026, 6, 1, 3, 4, seed % 60, tzinfo=UTC),
        as_of_date=AS_OF,
        features=features,
        model_text=booster.model_to_string(),
        line=line,
        scale_id=scale.id,
        metrics={"auc": 0.7},
        grades=grade_rates(scale, scale.score_of(line.probability(margin)), is_default),
    )
    bundles = home / "bundles"
    bundles.mkdir(parents=True, exist_ok=True)
    draft = bundles / f".draft-{seed}"
    written = write_bundle(recipe, draft, sample=sample, rng=np.random.default_rng(0))
    draft.rename(bundles / written.id)
    return written.id


def let_serve(home: Path, bundle_id: str) -> None:
    """Make a bundle the champion."""
    add_entry(
        home / "bundles",
        Entry(
            model=MODEL,
            kind=KIND,
            bundle_id=bundle_id,
            action="promoted",
            since=NOW.isoformat(timespec="seconds"),
            by="trainer",
            reviewer="reviewer",
            reason="test",
        ),
    )


def make_town(home: Path, code: str | Callable[[int], str] = CODE) -> Town:
    """Everything the service needs to rate; `code` makes a firm's code of its key."""
    features = model_features()
    build_vectors(home, land_town(home, code=code), features)
    promote_model(home)
    return Town(home, features, _rated_on_public_data(home))


def _rated_on_public_data(home: Path) -> list[str]:
    online, closed = open_online(home / "online"), Opened("grantee").withheld(load_catalogue())
    proves = [f.missing == "unknown" and set(f.datasets) != {REGISTER} for f in model_features()]
    is_open = ~online.hidden(closed) & np.array(proves)
    is_rated = ~np.isnan(online.vectors[:, is_open]).all(axis=1)
    return [code.decode() for code in online.usccs[is_rated].tolist()]
