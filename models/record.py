"""A rating as a row: what is kept, handed on and can be recomputed."""

import hashlib
from collections.abc import Collection, Iterable, Sequence
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt

from features.contracts import REGISTER
from models.arrays import FloatArray
from models.bundle import Bundle
from models.knockouts import KnockoutAnswers
from models.manifest import ModelFeature
from models.portrait import Kinds
from models.scorer import Scorer

#: A rating counts for this long after its as-of date.
VALID_DAYS = 30
NO_RECORD = "no_record"

Columns = dict[str, list[object]]


def rating_columns(
    bundle: Bundle,
    matrix: FloatArray,
    *,
    usccs: list[str],
    source_ids: list[str],
    as_of_date: date,
    scope: str,
    withheld: Collection[str] = (),
    knockouts: KnockoutAnswers | None = None,
    kinds: Kinds | None = None,
) -> Columns:
    """Rate firms under one scope and lay the ratings out as columns.

    Parameters
    ----------
    matrix : ndarray of shape (n, k)
        Columns as in the bundle's manifest; NaN where missing.
    usccs, source_ids : list of length n
        Codes, and the ids providers use.
    scope : str
        Scope kind, `self` or `grantee`.
    withheld : collection of str
        Datasets the scope does not open.
    knockouts : KnockoutAnswers, optional
        Of the same firms; none is asked when left out.
    kinds : Kinds, optional
        Of the same firms, so that portraits compare like with like; with all firms when left out.

    Returns
    -------
    dict of str to list
        n values each. `grade` is `model_grade` under the cap of the knock-outs that hold (`capped_by`);
        those in `unknown_knockouts` could not be known and cap nothing. `portrait_*` are positions among
        peers, 50 the median; `portrait_absent` says why one is None. `base_points + sum(points_*) = score`. A firm without any record is not rated:
        its score is None and `unrated_because` says why; silence must never come out as a rating.
    """
    scorer = Scorer(bundle)
    seen = np.where(scorer.hidden_columns(withheld), np.nan, matrix)
    has_record = has_any_record(bundle.manifest.features, seen)
    ratings = scorer.rate(seen[has_record], withheld)
    kind, rows = bundle.manifest.probability_kind, len(usccs)
    asked = knockouts or KnockoutAnswers.none(rows)
    model_grade = np.full(rows, bundle.scale.version.grades[-1].code, dtype=ratings.grade.dtype)
    model_grade[has_record] = ratings.grade
    of_kind = kinds or Kinds.unknown(rows)
    portraits = bundle.portraitist.draw(
        seen[has_record],
        scorer.hidden_columns(withheld),
        Kinds(of_kind.size_class[has_record], of_kind.industry_section[has_record]),
    )
    grade = asked.cap(model_grade, bundle.scale)[has_record]

    def spread(values: Iterable[object]) -> list[object]:
        """Values of rated firms at their rows, None elsewhere; NaN is None too."""
        column: list[object] = [None] * rows
        for row, value in zip(np.flatnonzero(has_record).tolist(), values, strict=True):
            column[row] = None if isinstance(value, float) and np.isnan(value) else value
        return column

    def same(value: object) -> list[object]:
        """One value for every rated firm."""
        return spread([value] * len(ratings))

    return {
        "uscc": list(usccs),
        "source_id": list(source_ids),
        "as_of_date": [as_of_date] * rows,
        "model": [f"{bundle.manifest.name}@{bundle.manifest.version}"] * rows,
        "bundle_id": [bundle.id] * rows,
        "scope": [scope] * rows,
        "score": spread(ratings.score.tolist()),
        "grade": spread(grade.tolist()),
        "model_grade": spread(ratings.grade.tolist()),
        "capped_by": list(asked.holding()),
        "unknown_knockouts": list(asked.unknown()),
        kind: spread(ratings.probability.tolist()),
        f"{kind}_low": spread(ratings.probability_low.tolist()),
        f"{kind}_high": spread(ratings.probability_high.tolist()),
        "base_points": same(ratings.base_points),
        **{
            f"points_{code}": spread(ratings.group_points[:, place].tolist())
            for place, code in enumerate(bundle.layout.groups)
        },
        **{
            f"portrait_{name.lower()}": spread(portraits.positions(name))
            for name in portraits.scores
        },
        "portrait_absent": spread(portraits.absences()),
        "portrait_peers": spread(None if one is None else one.code for one in portraits.peers),
        "points_limit": spread(ratings.points_limit.tolist()),
        "base_points_full_scope": same(ratings.base_points_full_scope),
        "withheld": [sorted(withheld)] * rows,
        "coverage": same(ratings.coverage),
        "confidence": same(ratings.confidence),
        "unrated_because": [None if known else NO_RECORD for known in has_record.tolist()],
        "feature_hash": [feature_hash(row) for row in seen],
        "valid_until": [as_of_date + timedelta(days=VALID_DAYS)] * rows,
        "disclaimer": [bundle.manifest.disclaimer.zh] * rows,
    }


def has_any_record(features: Sequence[ModelFeature], matrix: FloatArray) -> npt.NDArray[np.bool_]:
    """Whether anything but the register is on record about a firm, shape (n,).

    A feature that is zero without records proves none, nor does one that reads the register alone. A
    model made of nothing else goes by what it has.
    """
    return np.asarray(~np.isnan(matrix[:, proving_columns(features)]).all(axis=1), dtype=np.bool_)


def proving_columns(features: Sequence[ModelFeature]) -> npt.NDArray[np.bool_]:
    """Columns in which a value proves that something is on record, shape (k,); see `has_any_record`."""
    proves = np.array(
        [f.missing == "unknown" and set(f.datasets) != {REGISTER} for f in features], dtype=np.bool_
    )
    return proves if proves.any() else np.ones_like(proves)


def feature_hash(row: FloatArray) -> str:
    """SHA-256 of a feature vector; every NaN counts as the same."""
    canonical = np.where(np.isnan(row), np.nan, row).astype("<f8")
    return hashlib.sha256(canonical.tobytes()).hexdigest()
