"""A model as a folder of data: written whole or not at all, refused when anything differs.

`model.txt` holds the trees, `patterns.npz` what the reference firms answer at their leaves and
`histograms.json` how the development sample was spread (counts, never rows), `manifest.json` everything
around them, `scale.yaml`, `reasons.yaml` and `knockouts.yaml` what turned probabilities and points into
words and capped grades that day, `portrait.json` quantiles of peers by the dimensions of
`portrait.yaml`, `proof.json` rows with their answers.
There is no code in a bundle and nothing is unpickled. Its id is the SHA-256 of the manifest, which
holds the SHA-256 of every other file.
"""

import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from functools import cached_property
from importlib.metadata import version as version_of
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from features.contracts import load_catalogue
from features.errors import BundleError, XinqiaoError
from features.registry import Registry
from models.arrays import BoolArray, FloatArray
from models.bundle_files import parsed, read_file, refuse, sha256
from models.calibration import LogitLine
from models.histograms import Histograms, make_histograms
from models.knockouts import KNOCKOUTS_PATH, KnockoutBook, load_knockouts
from models.manifest import GradeRate, Line, Manifest, ModelFeature, Proof
from models.points import Points, PointsLayout, points_of
from models.portrait import Portraitist
from models.portrait_tables import (
    PORTRAIT_PATH,
    Peers,
    PeerTables,
    PortraitRules,
    count_peers,
    dimension_points,
    load_portrait_rules,
)
from models.proof import make_proof, proof_values
from models.rating import RatingSpec
from models.reasons import REASONS_PATH, Reasons, load_reasons
from models.scale import SCALE_PATH, Scale, load_scale
from models.shap_store import stored_tables
from models.tree_model import TreeEnsemble, read_ensemble
from models.tree_shap import (
    LeafPatterns,
    ShapTables,
    contributions,
    count_patterns,
    interventional_tables,
)

MANIFEST = "manifest.json"
#: Every other file of a bundle.
FILES = (
    "histograms.json",
    "knockouts.yaml",
    "model.txt",
    "patterns.npz",
    "portrait.json",
    "portrait.yaml",
    "proof.json",
    "reasons.yaml",
    "scale.yaml",
)

#: A margin may differ by rounding only; points and scores may not differ at all.
_MARGIN_TOLERANCE = 1e-9


@dataclass(frozen=True)
class Bundle:
    """A model that has been checked and is ready to rate.

    Parameters
    ----------
    path : Path
    id : str
        SHA-256 of the manifest [hex, 64 characters].
    manifest : Manifest
    model : TreeEnsemble
    patterns : LeafPatterns
        Of the reference firms every rating is compared with.
    scale : Scale
    reasons : Reasons
    knockouts : KnockoutBook
        As they stood when the bundle was written, so that a capped grade replays.
    portrait_rules : PortraitRules
    peers : PeerTables
        Quantiles of the firms that portraits compare with.
    histograms : Histograms
        Of the development sample, for drift.
    tables_folder : Path or None
        Where contribution tables are kept as memory maps, shared by processes; in memory if None.
    """

    path: Path
    id: str
    manifest: Manifest
    model: TreeEnsemble
    patterns: LeafPatterns
    scale: Scale
    reasons: Reasons
    knockouts: KnockoutBook
    portrait_rules: PortraitRules
    peers: PeerTables
    histograms: Histograms
    tables_folder: Path | None = None
    _tables: dict[bytes, ShapTables] = field(default_factory=dict[bytes, ShapTables], repr=False)

    @cached_property
    def line(self) -> LogitLine:
        """Calibration of the margin."""
        return LogitLine(self.manifest.calibration.intercept, self.manifest.calibration.slope)

    @cached_property
    def layout(self) -> PointsLayout:
        """Features and their reason groups."""
        return layout_of(self.manifest.features)

    @cached_property
    def portraitist(self) -> Portraitist:
        """Places firms among the peers of this bundle."""
        features = self.manifest.features
        return Portraitist(self.portrait_rules, self.peers, features, self.model)

    def points(self, matrix: FloatArray, hidden: BoolArray | None = None) -> Points:
        """Points of rows against the reference firms, both seen through one scope.

        Parameters
        ----------
        matrix : ndarray of shape (n, k)
        hidden : ndarray of shape (k,), optional
            Columns the scope withholds; none when left out. They get exactly 0 points.
        """
        tables = self.tables(hidden)
        found = contributions(tables, matrix)
        return points_of(found.values, tables.base, self.line, self.scale, self.layout)

    def tables(self, hidden: BoolArray | None = None) -> ShapTables:
        """Contribution tables of one scope, built once and kept."""
        mask = np.zeros(len(self.layout.features), dtype=np.bool_) if hidden is None else hidden
        key = mask.tobytes()
        if key not in self._tables:
            self._tables[key] = (
                interventional_tables(self.model, self.patterns, mask)
                if self.tables_folder is None
                else stored_tables(self.tables_folder / self.id, self.model, self.patterns, mask)
            )
        return self._tables[key]

    def base_points(self, hidden: BoolArray | None = None) -> int:
        """What the reference firms get under one scope [score points]."""
        log_odds = self.line.log_odds([self.tables(hidden).base])
        return int(self.scale.unlimited_score(log_odds)[0])


@dataclass(frozen=True)
class BundleRecipe:
    """Everything a bundle is made from.

    Parameters
    ----------
    spec : RatingSpec
    version : str
    created_at : datetime
        With a time zone.
    as_of_date : date
        Moment of the features in training.
    features : Registry
        Columns of the model, in order.
    model_text : str
        LightGBM text of the trained model.
    line : LogitLine
    scale_id : str
    metrics : mapping of str to float
        Validation figures; finite numbers.
    grades : mapping of str to GradeRate
        From `models.metrics.grade_rates` on the same validation.
    interval_level : float
        Coverage of the intervals in `grades`.
    """

    spec: RatingSpec
    version: str
    created_at: datetime
    as_of_date: date
    features: Registry
    model_text: str
    line: LogitLine
    scale_id: str
    metrics: Mapping[str, float]
    grades: Mapping[str, GradeRate]
    interval_level: float = 0.90
    scale_path: Path = field(default=SCALE_PATH)
    reasons_path: Path = field(default=REASONS_PATH)
    knockouts_path: Path = field(default=KNOCKOUTS_PATH)
    portrait_path: Path = field(default=PORTRAIT_PATH)


def write_bundle(
    recipe: BundleRecipe,
    destination: Path,
    *,
    sample: FloatArray,
    rng: np.random.Generator,
    peers: Peers | None = None,
    development: FloatArray | None = None,
) -> Bundle:
    """Write a bundle beside its destination, load it from there, then move it into place.

    Parameters
    ----------
    recipe : BundleRecipe
    destination : Path
        Folder that must not exist yet.
    sample : ndarray of shape (n, k)
        The reference firms ratings are compared with. Only counts of their answers at the leaves
        are kept, and proof rows made of their columns shuffled apart; no row enters the bundle.
    rng : numpy.random.Generator
        Decides the proof rows.
    peers : Peers, optional
        Firms that portraits compare with; the reference firms, of any kind, when left out. Only
        quantiles of their points are kept.
    development : ndarray of shape (m, k), optional
        Rows the model learned from, kept as counts; the sample where left out.

    Returns
    -------
    Bundle
        As loaded, so a bundle that could not be read back never appears.

    Raises
    ------
    BundleError
        If the destination exists, or model, features and words do not fit together.
    """
    if destination.exists():
        refuse(destination, "exists already; choose another folder", "已存在，请另选目录")
    model = read_ensemble(recipe.model_text)
    patterns = count_patterns(model, sample)
    scale = load_scale(recipe.scale_path, scale_id=recipe.scale_id)
    features = _model_features(recipe.features, model, destination)
    layout = layout_of(features)
    values = proof_values(sample, rng)
    tables = interventional_tables(model, patterns, np.zeros(len(features), dtype=np.bool_))
    answers = contributions(tables, values).values
    points = points_of(answers, tables.base, recipe.line, scale, layout)
    proof = make_proof(values, layout, points)
    rules = load_portrait_rules(recipe.portrait_path)
    compared = Peers.of_any_kind(sample) if peers is None else peers
    columns = rules.features_of(features)
    known = {
        name: np.asarray(~np.isnan(compared.matrix[:, read]).all(axis=1), dtype=np.bool_)
        for name, read in columns.items()
    }
    standing = dimension_points(model, compared.matrix, columns)
    counted = count_peers(compared, standing, known, rules)
    histograms = _histograms(
        model, recipe.line, scale, sample if development is None else development
    )
    files = {
        "histograms.json": histograms.model_dump_json().encode(),
        "knockouts.yaml": recipe.knockouts_path.read_bytes(),
        "model.txt": recipe.model_text.encode(),
        "patterns.npz": patterns.to_bytes(),
        "portrait.json": counted.model_dump_json(indent=1).encode(),
        "portrait.yaml": recipe.portrait_path.read_bytes(),
        "proof.json": proof.model_dump_json(indent=1).encode(),
        "reasons.yaml": recipe.reasons_path.read_bytes(),
        "scale.yaml": recipe.scale_path.read_bytes(),
    }
    manifest = _manifest(recipe, features, files, patterns.rows, destination)
    destination.parent.mkdir(parents=True, exist_ok=True)
    workshop = Path(tempfile.mkdtemp(prefix=f".{destination.name}.", dir=destination.parent))
    try:
        for name, content in files.items():
            (workshop / name).write_bytes(content)
        (workshop / MANIFEST).write_bytes(manifest.model_dump_json(indent=2).encode())
        bundle = load_bundle(workshop, recipe.features)
        workshop.chmod(0o755)
        workshop.rename(destination)
    except OSError as failed:
        refuse(destination, f"cannot be written: {failed.strerror}", "无法写入", failed)
    finally:
        shutil.rmtree(workshop, ignore_errors=True)
    return replace(bundle, path=destination)


def load_bundle(path: Path, registry: Registry, tables_folder: Path | None = None) -> Bundle:
    """Load a bundle after checking all of it.

    Parameters
    ----------
    path : Path
    registry : Registry
        The features of this checkout; the model's must be among them, defined as in training.
    tables_folder : Path, optional
        Where contribution tables are kept as memory maps.

    Raises
    ------
    BundleError
        If a file is missing, damaged or not the one the manifest names, if features are defined
        differently here, or if a proof row is answered differently.
    """
    text = read_file(path, MANIFEST)
    manifest = parsed(path, MANIFEST, text, Manifest)
    if set(manifest.files) != set(FILES):
        refuse(path, f"must name the files {', '.join(FILES)}", "清单中的文件名单不完整")
    content = {name: read_file(path, name) for name in FILES}
    for name in FILES:
        if sha256(content[name]) != manifest.files[name]:
            refuse(path, f"holds another {name} than its manifest names", f"的 {name} 与清单不符")
    _require_same_features(path, manifest, registry)
    try:
        model = read_ensemble(content["model.txt"].decode("ascii", errors="replace"))
        bundle = Bundle(
            path=path,
            id=sha256(text),
            manifest=manifest,
            model=model,
            patterns=LeafPatterns.from_bytes(content["patterns.npz"], model),
            scale=load_scale(path / "scale.yaml", scale_id=manifest.scale_id),
            reasons=load_reasons(path / "reasons.yaml"),
            knockouts=load_knockouts(path / "knockouts.yaml"),
            portrait_rules=load_portrait_rules(path / "portrait.yaml"),
            peers=parsed(path, "portrait.json", content["portrait.json"], PeerTables),
            histograms=parsed(path, "histograms.json", content["histograms.json"], Histograms),
            tables_folder=tables_folder,
        )
        _require_fitting_parts(bundle)
        _require_proof(bundle, parsed(path, "proof.json", content["proof.json"], Proof))
    except BundleError:
        raise
    except XinqiaoError as wrong:
        raise BundleError(
            en=f"The bundle {path} is not usable: {wrong.en}",
            zh=f"模型包 {path} 不可用：{wrong.zh}",
        ) from wrong
    return bundle


def _histograms(
    model: TreeEnsemble, line: LogitLine, scale: Scale, development: FloatArray
) -> Histograms:
    probability = line.probability(model.margin(development))
    return make_histograms(development, scale.score_of(probability), probability)


def layout_of(features: list[ModelFeature]) -> PointsLayout:
    """Names and reason groups of a model's features."""
    return PointsLayout(tuple(f.name for f in features), {f.name: f.group for f in features})


def _model_features(features: Registry, model: TreeEnsemble, path: Path) -> list[ModelFeature]:
    if model.feature_names != features.names:
        refuse(path, "would hold a model with other columns than its features", "的特征与模型不符")
    return [
        ModelFeature(
            name=feature.name,
            definition_hash=feature.definition_hash,
            group=feature.group,
            direction=feature.direction,
            datasets=sorted(feature.datasets),
            missing=feature.missing,
            gain=float(gain),
        )
        for feature, gain in zip(features, model.gains, strict=True)
    ]


def _manifest(
    recipe: BundleRecipe,
    features: list[ModelFeature],
    files: Mapping[str, bytes],
    reference_firms: int,
    path: Path,
) -> Manifest:
    catalogue = load_catalogue()
    datasets = sorted({dataset for feature in features for dataset in feature.datasets})
    try:
        return Manifest(
            name=recipe.spec.name,
            version=recipe.version,
            created_at=recipe.created_at,
            probability_kind=recipe.spec.probability_kind,
            label=recipe.spec.label,
            disclaimer=recipe.spec.disclaimer,
            as_of_date=recipe.as_of_date,
            features=features,
            consent_scopes={name: catalogue[name].document.consent_scope for name in datasets},
            calibration=Line(intercept=recipe.line.intercept, slope=recipe.line.slope),
            scale_id=recipe.scale_id,
            metrics=dict(recipe.metrics),
            grades=dict(recipe.grades),
            interval_level=recipe.interval_level,
            libraries={name: version_of(name) for name in ("lightgbm", "numba", "numpy")},
            reference_firms=reference_firms,
            files={name: sha256(content) for name, content in files.items()},
        )
    except ValidationError as invalid:
        key = ".".join(str(part) for part in invalid.errors()[0]["loc"])
        message = invalid.errors()[0]["msg"]
        refuse(path, f"has a wrong '{key}': {message}", f"的“{key}”有误：{message}", invalid)


def _require_same_features(path: Path, manifest: Manifest, registry: Registry) -> None:
    known = {feature.name: feature.definition_hash for feature in registry}
    changed = [f.name for f in manifest.features if known.get(f.name) != f.definition_hash]
    if changed:
        shown = ", ".join([*changed[:3], *(["…"] if changed[3:] else [])])
        refuse(
            path,
            f"was trained on {len(changed)} features that are defined differently here ({shown}). "
            "Train again, or use the checkout it was trained with",
            f"训练时的 {len(changed)} 个特征与当前定义不同（{shown}），请重新训练或换回原版本",
        )


def _require_fitting_parts(bundle: Bundle) -> None:
    if bundle.model.feature_names != bundle.layout.features:
        refuse(bundle.path, "holds trees on other features than it says", "的模型与清单特征不符")
    if len(bundle.histograms.features) != len(bundle.layout.features):
        refuse(bundle.path, "has histograms of other features", "的直方图与清单特征不符")
    silent = [code for code in bundle.layout.groups if code not in bundle.reasons.groups]
    if silent:
        refuse(
            bundle.path,
            f"has no words for reason group {', '.join(silent)}",
            f"缺少原因组 {', '.join(silent)} 的说明",
        )
    codes = [grade.code for grade in bundle.scale.version.grades]
    if not set(bundle.manifest.grades) <= set(codes):
        refuse(bundle.path, "has rates of grades unknown to its scale", "的等级与主标尺不符")


def _require_proof(bundle: Bundle, proof: Proof) -> None:
    """Answer every proof row again; a difference is a different model."""
    width = len(bundle.layout.features)
    is_shaped = all(len(row.values) == width for row in proof.rows)
    if list(bundle.layout.groups) != proof.groups or not is_shaped:
        refuse(bundle.path, "has proof rows of another shape", "的验证样例形状不符")
    found = bundle.points(np.array([row.values for row in proof.rows], dtype=np.float64))
    expected = np.array([row.margin for row in proof.rows])
    differs = np.abs(found.margin - expected) > _MARGIN_TOLERANCE * np.maximum(1, np.abs(expected))
    for place, row in enumerate(proof.rows):
        answer = (int(found.score[place]), found.group_points[place].tolist())
        if differs[place] or answer != (row.score, row.points):
            refuse(
                bundle.path,
                f"answers proof row {place} with score {answer[0]} instead of {row.score}, or with "
                "other points; it does not compute here as it did where it was written",
                f"对验证样例 {place} 的结果与写入时不同（{answer[0]}/{row.score}）",
            )
