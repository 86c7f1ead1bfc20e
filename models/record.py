"""Ratings as rows: what is kept, handed on and can be recomputed. Laid out as Arrow columns, many firms at once."""

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from features.contracts import REGISTER
from models.arrays import BoolArray, FloatArray, IntArray, TextArray
from models.bundle import Bundle
from models.knockouts import KnockoutAnswers
from models.manifest import ModelFeature
from models.portrait import ABSENCES, Kinds, Portraits
from models.scorer import Ratings, Scorer

#: A rating counts for this long after its as-of date.
VALID_DAYS = 30
NO_RECORD = "no_record"


def rating_table(
    bundle: Bundle,
    matrix: FloatArray,
    *,
    usccs: Sequence[str],
    source_ids: Sequence[str],
    as_of_date: date,
    scope: str,
    withheld: Collection[str] = (),
    knockouts: KnockoutAnswers | None = None,
    kinds: Kinds | None = None,
) -> pa.Table:
    """Rate firms under one scope and lay the ratings out as a table whose types never depend on what is unknown.

    Parameters
    ----------
    matrix : ndarray of shape (n, k)
        Columns as in the bundle's manifest; NaN where missing.
    usccs, source_ids : sequence of str, length n
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
    Table of n rows
        `grade` is `model_grade` under the cap of the knock-outs that hold (`capped_by`); those in
        `unknown_knockouts` could not be known and cap nothing. `portrait_*` are positions among peers, 50 the
        median; `portrait_absent` says why one is null. `base_points + sum(points_*) = score`. A firm without any
        record is not rated: its score is null and `unrated_because` says why; silence must never come out as a rating.
    """
    scorer = Scorer(bundle)
    hidden = scorer.hidden_columns(withheld)
    seen = np.where(hidden, np.nan, matrix)
    has_record = has_any_record(bundle.manifest.features, seen)
    ratings = scorer.rate(seen[has_record], withheld)
    asked = knockouts or KnockoutAnswers.none(len(usccs))
    model_grade = np.full(len(usccs), bundle.scale.version.grades[-1].code, ratings.grade.dtype)
    model_grade[has_record] = ratings.grade
    of_kind = kinds or Kinds.unknown(len(usccs))
    portraits = bundle.portraitist.draw(
        seen[has_record],
        hidden,
        Kinds(of_kind.size_class[has_record], of_kind.industry_section[has_record]),
    )
    lay = _Layout(has_record)
    return pa.table(
        {
            "uscc": pa.array(list(usccs), pa.string()),
            "source_id": pa.array(list(source_ids), pa.string()),
            "as_of_date": lay.everyone(pa.scalar(as_of_date)),
            "model": lay.everyone(f"{bundle.manifest.name}@{bundle.manifest.version}"),
            "bundle_id": lay.everyone(bundle.id),
            "scope": lay.everyone(scope),
            "score": lay.whole(ratings.score),
            "grade": lay.text(asked.cap(model_grade, bundle.scale)[has_record]),
            "model_grade": lay.text(ratings.grade),
            "capped_by": lay.everyones_codes(
                {one.code: found.true for one, found in asked.pairs()}
            ),
            "unknown_knockouts": lay.everyones_codes(
                {one.code: ~found.known for one, found in asked.pairs()}
            ),
            **_of_ratings(lay, bundle, ratings),
            **_of_portraits(lay, portraits),
            "withheld": lay.everyone(pa.scalar(sorted(withheld), _LIST)),
            "unrated_because": pa.array(
                np.full(len(usccs), NO_RECORD), pa.string(), mask=has_record
            ),
            "feature_hash": pa.array(feature_hashes(seen), pa.string()),
            "valid_until": lay.everyone(pa.scalar(as_of_date + timedelta(days=VALID_DAYS))),
            "disclaimer": lay.everyone(bundle.manifest.disclaimer.zh),
        }
    )


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
    return feature_hashes(row[np.newaxis])[0]


def feature_hashes(matrix: FloatArray) -> list[str]:
    """The same of every row of a matrix."""
    canonical = np.ascontiguousarray(np.where(np.isnan(matrix), np.nan, matrix).astype("<f8"))
    return [hashlib.sha256(row.data).hexdigest() for row in canonical]


_LIST = pa.list_(pa.string())


@dataclass(frozen=True)
class _Layout:
    """Lays values of the rated firms out over all n; null for the others, and where a number is NaN."""

    has_record: BoolArray

    def whole(self, values: FloatArray | IntArray) -> pa.Array:
        """Whole numbers."""
        return self._number(values, pa.int32())

    def number(self, values: FloatArray) -> pa.Array:
        """Fractions."""
        return self._number(values, pa.float64())

    def text(self, values: TextArray) -> pa.Array:
        """Words; empty is null."""
        full = np.zeros(len(self.has_record), dtype=values.dtype)
        full[self.has_record] = values
        return pa.array(full, pa.string(), mask=full == "")

    def same(self, value: object, type_: pa.DataType) -> pa.Array:
        """One value for every rated firm."""
        both = pa.array([value, None], type_)
        return both.take(pa.array((~self.has_record).astype(np.int8)))

    def everyone(self, value: object) -> pa.Array:
        """One value for every firm, rated or not."""
        return pa.repeat(value, len(self.has_record))

    def codes(self, planes: dict[str, BoolArray]) -> pa.Array:
        """Of each rated firm, the codes whose plane is true; planes have shape (m,)."""
        full = {code: np.zeros_like(self.has_record) for code in planes}
        for code, plane in planes.items():
            full[code][self.has_record] = plane
        return self.everyones_codes(full, is_null=~self.has_record)

    def everyones_codes(
        self, planes: dict[str, BoolArray], *, is_null: BoolArray | None = None
    ) -> pa.Array:
        """Of each firm, the codes whose plane is true; planes have shape (n,)."""
        rows = len(self.has_record)
        holds = np.stack([*planes.values(), np.zeros(rows, dtype=np.bool_)], axis=1)
        ends = np.concatenate([[0], holds.sum(axis=1).cumsum()]).astype(np.int32)
        values = pa.array(list(planes), pa.string()).take(pa.array(np.nonzero(holds)[1]))
        mask = None if is_null is None else pa.array(is_null)
        return pa.ListArray.from_arrays(pa.array(ends), values, mask=mask)

    def _number(self, values: FloatArray | IntArray, type_: pa.DataType) -> pa.Array:
        full = np.full(len(self.has_record), np.nan)
        full[self.has_record] = values
        return pa.array(full, pa.float64(), mask=np.isnan(full)).cast(type_)


def _of_ratings(lay: _Layout, bundle: Bundle, ratings: Ratings) -> dict[str, pa.Array]:
    """What the model says of the rated firms."""
    kind = bundle.manifest.probability_kind
    return {
        kind: lay.number(ratings.probability),
        f"{kind}_low": lay.number(ratings.probability_low),
        f"{kind}_high": lay.number(ratings.probability_high),
        "base_points": lay.same(ratings.base_points, pa.int32()),
        **{
            f"points_{code}": lay.whole(ratings.group_points[:, place])
            for place, code in enumerate(bundle.layout.groups)
        },
        "points_limit": lay.whole(ratings.points_limit),
        "base_points_full_scope": lay.same(ratings.base_points_full_scope, pa.int32()),
        "coverage": lay.same(ratings.coverage, pa.float64()),
        "confidence": lay.same(ratings.confidence, pa.string()),
    }


def _of_portraits(lay: _Layout, portraits: Portraits) -> dict[str, pa.Array]:
    """Where the rated firms stand among their peers."""
    absent = {
        f"{name}:{why}": words == why
        for name, words in portraits.absent.items()
        for why in ABSENCES
        if (words == why).any()
    }
    return {
        **{
            f"portrait_{name.lower()}": lay.whole(np.rint(positions))
            for name, positions in portraits.scores.items()
        },
        "portrait_absent": lay.codes(absent),
        "portrait_peers": lay.text(portraits.peer_codes()),
    }
