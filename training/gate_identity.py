"""Checks of safety: the bundle computes what was trained, and the study is its own."""

import lightgbm as lgb
import numpy as np

from features.contracts import Words
from models.arrays import FloatArray
from models.bundle import Bundle
from models.directions import turned_columns
from models.manifest import Proof
from training.enrol import hostile_rows
from training.gate_terms import Check, GateLimits, passed
from training.study import Study

#: A probability that was kept and one computed again differ by rounding only.
_SAME = 1e-9


def same_answers(bundle: Bundle, matrix: FloatArray, limits: GateLimits) -> Check:
    """The bundle's reader of trees against LightGBM on hostile rows, bit for bit."""
    wanted = int(limits.hostile_rows.value)
    places = np.linspace(0, len(matrix) - 1, -(-wanted // 6)).astype(np.int64)
    rows = hostile_rows(matrix[places])[:wanted]
    differs = int((bundle.model.margin(rows) != _margin_of_library(bundle, rows)).sum())
    return Check(
        "same_answers",
        passed(differs == 0),
        Words(
            zh=f"{len(rows)} 行刁难样本中 {differs} 行与 LightGBM 不同",
            en=f"{differs} of {len(rows)} hostile rows answered differently than LightGBM",
        ),
        is_safety=True,
    )


def proof_rows(bundle: Bundle) -> Check:
    """The rows the bundle proves itself by, against LightGBM; loading compared them with the record."""
    proof = Proof.model_validate_json((bundle.path / "proof.json").read_bytes())
    rows = np.array([row.values for row in proof.rows], dtype=np.float64)
    margin, kept = _margin_of_library(bundle, rows), np.array([row.margin for row in proof.rows])
    differs = int((np.abs(margin - kept) > _SAME * np.maximum(1, np.abs(kept))).sum())
    return Check(
        "proof_rows",
        passed(differs == 0),
        Words(
            zh=f"{len(rows)} 行验证样例中 {differs} 行与 LightGBM 不同",
            en=f"{differs} of {len(rows)} proof rows answered differently than LightGBM",
        ),
        is_safety=True,
    )


def own_study(bundle: Bundle, study: Study) -> Check:
    """The study must be of this bundle: same features, and the bundle gives its later probabilities."""
    later = study.out_of_time
    fits = study.bundle_id == bundle.id and study.features == bundle.layout.features
    if fits and len(later.firm):
        found = bundle.line.probability(bundle.model.margin(later.matrix))
        fits = bool(np.allclose(found, later.probability, rtol=0, atol=_SAME))
    return Check(
        "own_study",
        passed(fits),
        Words(
            zh="验证材料与模型包一致" if fits else "验证材料不属于该模型包",
            en="the study is of this bundle" if fits else "the study is of another bundle",
        ),
        is_safety=True,
    )


def keeps_directions(bundle: Bundle, matrix: FloatArray) -> Check:
    """The margin must follow every feature's documented direction wherever rows are swept."""
    features = bundle.manifest.features
    directions = {place: feature.direction for place, feature in enumerate(features)}
    turned = [features[p].name for p in turned_columns(bundle.model, matrix, directions)]
    names = "、".join(turned)
    return Check(
        "keeps_directions",
        passed(not turned),
        Words(
            zh=f"违背方向的特征：{names or '无'}",
            en=f"features that turn against their direction: {', '.join(turned) or 'none'}",
        ),
        is_safety=True,
    )


def _margin_of_library(bundle: Bundle, rows: FloatArray) -> FloatArray:
    text = (bundle.path / "model.txt").read_text(encoding="ascii")
    margin = lgb.Booster(model_str=text).predict(rows, raw_score=True)
    return np.asarray(margin, dtype=np.float64)
