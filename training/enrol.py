"""A fitted model becomes a bundle, a run and a candidate; one way in for every model."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

import numpy as np

from features.errors import BundleError
from features.lake import LakeView
from models.aliases import Entry
from models.arrays import FloatArray
from models.bundle import Bundle, BundleRecipe, write_bundle
from models.portrait_tables import Peers
from training.aliases import add_entry
from training.fit import FittedRating
from training.registry import RunRecord, log_run, user_name


@dataclass(frozen=True)
class Enrolment:
    """Where bundles and runs live, and what the model was made from.

    Attributes
    ----------
    matrix : ndarray of shape (n, k)
        Rows on which the bundle must answer as the library that grew its trees.
    development : ndarray of shape (d, k)
        Rows the model learned from, kept as counts.
    reference : ndarray of shape (m, k)
        Firms that ratings are compared with.
    parameters : mapping of str to str
        For the run.
    slices : mapping of str to float, optional
        Figures of parts of the validation sample, for the run beside those of the bundle.
    plots : Path, optional
        Folder of pictures for the run.
    peers : Peers or None
        Firms that portraits compare with; the reference firms when None.
    """

    bundles: Path
    mlruns: Path
    lake: LakeView
    matrix: FloatArray
    development: FloatArray
    reference: FloatArray
    parameters: Mapping[str, str]
    now: datetime
    seed: int
    slices: Mapping[str, float] = field(default_factory=dict[str, float])
    plots: Path | None = None
    peers: Peers | None = None


def enrol(recipe: BundleRecipe, fitted: FittedRating, entry: Enrolment) -> tuple[Bundle, str]:
    """Write the bundle, hold it against LightGBM, log the run, and make it the candidate.

    Returns
    -------
    tuple of Bundle and str
        The bundle in its home and the id of the run. The bundle answers to its model's
        name with `@candidate`; serving is decided by `training.promotion`.

    Raises
    ------
    BundleError
        If the bundle answers a row differently than LightGBM; nothing is registered then.
    """
    bundle = _store(recipe, entry)
    _require_same_margin(bundle, fitted, entry.matrix)
    run_id = log_run(
        RunRecord(
            experiment=recipe.spec.name,
            name=f"{recipe.spec.name}@{recipe.version}",
            parameters=entry.parameters,
            metrics={**recipe.metrics, **entry.slices},
            data=_data(entry.lake, bundle),
            plots=entry.plots,
        ),
        bundle.path,
        entry.mlruns,
    )
    candidate = Entry(
        model=recipe.spec.name,
        kind=recipe.spec.probability_kind,
        bundle_id=bundle.id,
        action="trained",
        since=entry.now.isoformat(timespec="seconds"),
        by=user_name(),
        reason=f"trained in run {run_id}",
    )
    add_entry(entry.bundles, candidate)
    return bundle, run_id


def _store(recipe: BundleRecipe, entry: Enrolment) -> Bundle:
    """Write the bundle, then move it to the folder its id names."""
    entry.bundles.mkdir(parents=True, exist_ok=True)
    draft = entry.bundles / f".draft-{recipe.version}"
    rng = np.random.default_rng(entry.seed)
    written = write_bundle(
        recipe,
        draft,
        sample=entry.reference,
        rng=rng,
        development=entry.development,
        peers=entry.peers,
    )
    home = entry.bundles / written.id
    draft.rename(home)
    return replace(written, path=home)


def _require_same_margin(bundle: Bundle, fitted: FittedRating, matrix: FloatArray) -> None:
    """The bundle's own reader of trees must answer as the library that grew them, bit for bit."""
    rows = np.vstack([matrix, hostile_rows(matrix)])
    expected = np.asarray(fitted.booster.predict(rows, raw_score=True), dtype=np.float64)
    differs = int((bundle.model.margin(rows) != expected).sum())
    if differs:
        raise BundleError(
            en=f"The bundle answers {differs} of {len(rows)} rows differently than LightGBM; it is not "
            "registered. Keep the model text and report it.",
            zh=f"模型包对 {len(rows)} 行中的 {differs} 行与 LightGBM 结果不同，未予登记；请保留模型文本并报告。",
        )


def hostile_rows(matrix: FloatArray) -> FloatArray:
    """Rows on which readers of trees are known to differ, made of the columns' own values.

    Missing, infinite, zero and just off it, and values one step beside those of the sample; shape
    (6 n, k).
    """
    return np.vstack(
        [
            np.where(np.arange(matrix.shape[1]) % 2 == 0, np.nan, matrix),
            np.full_like(matrix, np.inf),
            np.full_like(matrix, -np.inf),
            np.where(np.isnan(matrix), 1e-36, -0.0),
            np.nextafter(matrix, np.inf),
            np.nextafter(matrix, -np.inf),
        ]
    )


def _data(lake: LakeView, bundle: Bundle) -> dict[str, str]:
    batches = {batch.file_name: batch.file_sha256 for batch in lake.batches}
    return {
        "bundle_id": bundle.id,
        "lake_commit": str(lake.version),
        **{f"data.{name}": sha256 for name, sha256 in sorted(batches.items())},
    }
