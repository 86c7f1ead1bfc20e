"""The scorer alone: what serving loads, and a million rows."""

import subprocess
import sys
from pathlib import Path

import numpy as np

from models.bundle import Bundle, load_bundle
from models.calibration import LogitLine
from models.points import PointsLayout, points_of
from models.scale import load_scale
from models.scorer import Scorer
from tests.unit.models.conftest import Workshop
from tests.unit.models.small_registry import REGISTRY

ROOT = Path(__file__).parents[3]
#: What a serving process must never load.
FORBIDDEN = ("pandas", "sklearn", "shap", "lightgbm", "mlflow", "scipy.stats", "optuna")

PROGRAM = f"""
import importlib.abc, sys

class Closed(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name in {FORBIDDEN!r}:
            raise ImportError(f"{{name}} must not be imported here")
        return None

sys.meta_path.insert(0, Closed())
import numpy as np
from pathlib import Path
from models.bundle import load_bundle
from models.explain import explain
from models.scorer import Scorer
from tests.unit.models.small_registry import REGISTRY

bundle = load_bundle(Path(sys.argv[1]), REGISTRY)
row = np.load(sys.argv[2])
ratings = Scorer(bundle).rate(row)
groups = dict(zip(bundle.layout.groups, ratings.group_points[0].tolist(), strict=True))
explain(bundle.reasons, groups, dict(zip(bundle.layout.features, row[0].tolist(), strict=True)))
loaded = [name for name in {FORBIDDEN!r} if name in sys.modules]
assert not loaded, loaded
print(int(ratings.score[0]))
"""


def test_the_scorer_starts_without_the_tools_of_training(
    bundle: Bundle, workshop: Workshop, tmp_path: Path
) -> None:
    row = tmp_path / "row.npy"
    np.save(row, workshop.sample[:1])
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(bundle.path), str(row)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) == Scorer(bundle).rate(workshop.sample[:1]).score[0]


def test_a_million_rows_add_up_and_stand_in_order() -> None:
    rng = np.random.default_rng(1)
    names = tuple(f"f{column:02d}" for column in range(20))
    layout = PointsLayout(names, {name: f"R{int(name[1:]) % 6}" for name in names})
    scale, line = load_scale(scale_id="xinqiao-2026"), LogitLine(-0.4, 1.1)
    values = rng.normal(0, 0.35, (1_000_000, 20))
    values[rng.random((1_000_000, 20)) < 0.2] = 0.0
    values[::97] *= 12  # past both ends of the scale
    points = points_of(values, -2.0, line, scale, layout)
    of_groups = points.group_points.sum(axis=1)
    assert np.array_equal(points.base_points + of_groups + points.points_limit, points.score)
    assert np.array_equal(points.feature_points.sum(axis=1), of_groups)
    assert not points.feature_points[values == 0].any()
    order = np.argsort(points.probability, kind="stable")
    assert (np.diff(points.score[order]) <= 0).all()
    grades = scale.grade_of(points.score)
    for score in np.unique(points.score):
        assert len(np.unique(grades[points.score == score])) == 1
    rows = rng.choice(1_000_000, 300, replace=False)
    for row in rows:
        alone = points_of(values[row : row + 1], -2.0, line, scale, layout)
        assert alone.score[0] == points.score[row]
        assert np.array_equal(alone.feature_points[0], points.feature_points[row])


def test_batch_single_and_reload_are_the_same(bundle: Bundle, workshop: Workshop) -> None:
    batch = Scorer(bundle).rate(workshop.sample)
    again = Scorer(load_bundle(bundle.path, REGISTRY)).rate(workshop.sample)
    assert np.array_equal(batch.feature_points, again.feature_points)
    for row in range(0, len(workshop.sample), 7):
        single = Scorer(bundle).rate(workshop.sample[row : row + 1])
        assert single.score[0] == batch.score[row]
        assert single.probability[0] == batch.probability[row]
        assert np.array_equal(single.feature_points[0], batch.feature_points[row])
