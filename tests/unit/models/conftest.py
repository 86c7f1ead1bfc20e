"""A small model on made-up firms, trained once."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import lightgbm as lgb
import numpy as np
import pytest

from models.bundle import Bundle, BundleRecipe, write_bundle
from models.calibration import LogitLine, fit_logit_line
from models.metrics import grade_rates
from models.rating import INVOICE_RATING
from models.scale import load_scale
from tests.unit.models.small_registry import REGISTRY


@dataclass(frozen=True)
class Workshop:
    """What training would hand over."""

    recipe: BundleRecipe
    sample: np.ndarray
    is_default: np.ndarray


@pytest.fixture(scope="session")
def workshop() -> Workshop:
    rng = np.random.default_rng(42)
    n, k = 600, len(REGISTRY)
    sample = np.round(rng.gamma(2.0, 1.0, (n, k)), 6)
    risk = -1.5 - 0.6 * sample[:, 0] + 0.7 * sample[:, 1] + 0.4 * sample[:, 2]
    is_default = rng.random(n) < 1 / (1 + np.exp(-risk))
    sample[rng.random((n, k)) < 0.1] = np.nan
    data = lgb.Dataset(
        sample, is_default.astype(float), feature_name=list(REGISTRY.names), free_raw_data=False
    )
    parameters = INVOICE_RATING.training_parameters(REGISTRY, seed=1)
    booster = lgb.train(parameters, data, num_boost_round=40)
    margin = np.asarray(booster.predict(sample, raw_score=True))
    line: LogitLine = fit_logit_line(margin, is_default)
    scale = load_scale(scale_id="xinqiao-2026")
    recipe = BundleRecipe(
        spec=INVOICE_RATING,
        version="1",
        created_at=datetime(2026, 1, 2, 3, 4, tzinfo=UTC),
        as_of_date=date(2020, 2, 29),
        features=REGISTRY,
        model_text=booster.model_to_string(),
        line=line,
        scale_id=scale.id,
        metrics={"auc": 0.7},
        grades=grade_rates(scale, scale.score_of(line.probability(margin)), is_default),
    )
    return Workshop(recipe, sample, is_default)


@pytest.fixture(scope="session")
def bundle(workshop: Workshop, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    folder = tmp_path_factory.mktemp("bundles") / "one"
    rng = np.random.default_rng(0)
    return write_bundle(workshop.recipe, folder, sample=workshop.sample, rng=rng)


@pytest.fixture
def copy_of(bundle: Bundle, tmp_path: Path) -> Callable[[], Path]:
    def copied() -> Path:
        folder = tmp_path / "copy"
        folder.mkdir()
        for file in bundle.path.iterdir():
            (folder / file.name).write_bytes(file.read_bytes())
        return folder

    return copied
