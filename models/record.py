"""A rating as a row: what is kept, handed on and can be recomputed."""

import hashlib
from collections.abc import Collection
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from models.arrays import FloatArray
from models.bundle import Bundle
from models.scorer import Scorer

#: A rating counts for this long after its as-of date.
VALID_DAYS = 30
NO_RECORD = "no_record"


def rating_table(
    bundle: Bundle,
    matrix: FloatArray,
    *,
    usccs: list[str],
    source_ids: list[str],
    as_of_date: date,
    scope: str,
    withheld: Collection[str] = (),
) -> pa.Table:
    """Rate firms under one scope and lay the ratings out as rows.

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

    Returns
    -------
    pyarrow.Table
        n rows. `base_points + sum(points_*) = score`. A firm without any record is not rated: its
        score is NULL and `unrated_because` says why; silence must never come out as a rating.
    """
    scorer = Scorer(bundle)
    seen = np.where(scorer.hidden_columns(withheld), np.nan, matrix)
    has_record = has_any_record(seen)
    ratings = scorer.rate(seen[has_record], withheld)
    kind = bundle.manifest.probability_kind
    rows = len(usccs)
    model = f"{bundle.manifest.name}@{bundle.manifest.version}"

    def spread(values: npt.NDArray[np.generic], kind_of: pa.DataType) -> pa.Array:
        """Values of rated firms at their rows, NULL elsewhere; NaN is NULL too."""
        column = np.full(rows, None, dtype=object)
        column[has_record] = values.tolist()
        return pa.array(column, type=kind_of, from_pandas=True)

    columns: dict[str, pa.Array] = {
        "uscc": pa.array(usccs, pa.string()),
        "source_id": pa.array(source_ids, pa.string()),
        "as_of_date": pa.array([as_of_date] * rows, pa.date32()),
        "model": pa.array([model] * rows, pa.string()),
        "bundle_id": pa.array([bundle.id] * rows, pa.string()),
        "scope": pa.array([scope] * rows, pa.string()),
        "score": spread(ratings.score, pa.int32()),
        "grade": spread(ratings.grade, pa.string()),
        kind: spread(ratings.probability, pa.float64()),
        f"{kind}_low": spread(ratings.probability_low, pa.float64()),
        f"{kind}_high": spread(ratings.probability_high, pa.float64()),
        "base_points": spread(np.full(len(ratings), ratings.base_points), pa.int32()),
        **{
            f"points_{code}": spread(ratings.group_points[:, place], pa.int32())
            for place, code in enumerate(bundle.layout.groups)
        },
        "base_points_full_scope": spread(
            np.full(len(ratings), ratings.base_points_full_scope), pa.int32()
        ),
        "points_limit": spread(ratings.points_limit, pa.int32()),
        "withheld": pa.array([sorted(withheld)] * rows, pa.list_(pa.string())),
        "coverage": spread(np.full(len(ratings), ratings.coverage), pa.float64()),
        "confidence": spread(np.full(len(ratings), ratings.confidence), pa.string()),
        "unrated_because": pa.array(
            [None if known else NO_RECORD for known in has_record], pa.string()
        ),
        "feature_hash": pa.array([_hash(row) for row in seen], pa.string()),
        "valid_until": pa.array([as_of_date + timedelta(days=VALID_DAYS)] * rows, pa.date32()),
        "disclaimer": pa.array([bundle.manifest.disclaimer.zh] * rows, pa.string()),
    }
    return pa.table(columns)


def has_any_record(matrix: FloatArray) -> npt.NDArray[np.bool_]:
    """Whether a firm has any value at all, shape (n,)."""
    return np.asarray(~np.isnan(matrix).all(axis=1), dtype=np.bool_)


def _hash(row: FloatArray) -> str:
    """SHA-256 of a feature vector; every NaN counts as the same."""
    canonical = np.where(np.isnan(row), np.nan, row).astype("<f8")
    return hashlib.sha256(canonical.tobytes()).hexdigest()
