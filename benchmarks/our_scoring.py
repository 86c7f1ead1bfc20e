"""Our side of `scoring`: score, exact contributions and reasons of one firm in one call.

`python -m benchmarks.our_scoring one DEPTH TURNS FOLDER` measures the call beside what a data
scientist would write with LightGBM and shap; `… start FOLDER` is a serving process that loads a bundle
and answers once, and `… start-peer FOLDER` the same with the peer's tools.
"""

import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from benchmarks.peers.meter import Meter
from features.contracts import Words
from features.definitions import REGISTRY
from features.registry import Registry
from models.arrays import FloatArray
from models.bundle import Bundle, load_bundle
from models.explain import explain
from models.scorer import Scorer

_CYCLE = 2_000
_PEER_CALLS = 200
_REFERENCE = 1_000


def features() -> Registry:
    """A hundred features: the invoice family, and it again under other names."""
    family = REGISTRY.reading_only({"invoice_line"}).features
    more = tuple(replace(feature, name=f"{feature.name}_again") for feature in family)
    return Registry((*family, *more)[:100])


def answer(scorer: Scorer, row: FloatArray) -> tuple[int, str, int]:
    """Score, grade, and the number of reasons said, of one row of shape (1, k)."""
    bundle = scorer.bundle
    ratings = scorer.rate(row)
    said = explain(
        bundle.reasons,
        dict(zip(bundle.layout.groups, ratings.group_points[0].tolist(), strict=True)),
        dict(zip(bundle.layout.features, row[0].tolist(), strict=True)),
    )
    return int(ratings.score[0]), str(ratings.grade[0]), len(said.negative) + len(said.positive)


def one(depth: int, turns: int, folder: Path) -> None:
    """Measure one call beside probability and shap values of a DataFrame row."""
    import pandas as pd  # noqa: PLC0415 - the peer's tools, which the serving side never loads
    import shap  # noqa: PLC0415

    from benchmarks.our_shap import each, in_turns  # noqa: PLC0415
    from benchmarks.shap_data import make_city, train_trees  # noqa: PLC0415

    meter = Meter()
    city = make_city(30_000)
    booster = train_trees(city, depth=depth)
    bundle = _write(booster.model_to_string(), city.matrix[:_REFERENCE], folder)
    scorer, rows = Scorer(bundle), np.ascontiguousarray(city.matrix[-_CYCLE:])
    frames = pd.DataFrame(rows)
    explainer = shap.TreeExplainer(booster)

    def theirs(call: int) -> tuple[float, FloatArray]:
        frame = frames.iloc[call % _CYCLE : call % _CYCLE + 1]
        return float(np.asarray(booster.predict(frame))[0]), explainer.shap_values(frame)

    figures = in_turns(
        {
            "ours": each(lambda call: answer(scorer, rows[call % _CYCLE][None, :]), _CYCLE),
            "peer": each(theirs, _PEER_CALLS),
        },
        turns,
        "call",
    )
    batch = in_turns({"ours": each(lambda _: scorer.rate(rows), 3)}, turns, "batch")
    meter.report(**figures, rows_per_s=_CYCLE / float(batch["batch_ours"]))


def start(folder: Path) -> None:
    """Load the bundle, answer once, report: the whole life of a process that is ready to serve."""
    meter = Meter()
    scorer = Scorer(load_bundle(folder / "bundle", features(), folder / "tables"))
    answer(scorer, np.load(folder / "row.npy"))
    meter.report(libraries=sum(name in sys.modules for name in ("pandas", "sklearn", "lightgbm")))


def start_peer(folder: Path) -> None:
    """Load the same trees with the usual tools and answer once."""
    import lightgbm as lgb  # noqa: PLC0415
    import pandas as pd  # noqa: PLC0415
    import shap  # noqa: PLC0415

    meter = Meter()
    booster = lgb.Booster(model_file=str(folder / "bundle" / "model.txt"))
    row = pd.DataFrame(np.load(folder / "row.npy"))
    booster.predict(row)
    shap.TreeExplainer(booster).shap_values(row)
    meter.report()


def _write(model_text: str, reference: FloatArray, folder: Path) -> Bundle:
    from models.bundle import BundleRecipe, write_bundle  # noqa: PLC0415
    from models.calibration import LogitLine  # noqa: PLC0415
    from models.rating import INVOICE_RATING  # noqa: PLC0415
    from models.scale import load_scale  # noqa: PLC0415

    registry = features()
    named = model_text.splitlines()
    place = next(n for n, line in enumerate(named) if line.startswith("feature_names="))
    named[place] = "feature_names=" + " ".join(registry.names)
    recipe = BundleRecipe(
        spec=replace(INVOICE_RATING, label=Words(zh="演示", en="made up")),
        version="1",
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        as_of_date=datetime(2026, 1, 1, tzinfo=UTC).date(),
        features=registry,
        model_text="\n".join(named) + "\n",
        line=LogitLine(0.0, 1.0),
        scale_id=load_scale().id,
        metrics={},
        grades={},
    )
    rng = np.random.default_rng(1)
    write_bundle(recipe, folder / "bundle", sample=reference, rng=rng)
    np.save(folder / "row.npy", reference[:1])
    return load_bundle(folder / "bundle", registry, folder / "tables")


if __name__ == "__main__":
    if sys.argv[1] == "one":
        one(int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]))
    elif sys.argv[1] == "start":
        start(Path(sys.argv[2]))
    else:
        start_peer(Path(sys.argv[2]))
