"""From a feature matrix and a scope to ratings; one row and a million take the same way."""

from collections.abc import Collection
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, NoReturn

import numpy as np

from features.errors import ModelInputError, ScopeError
from models.arrays import BoolArray, FloatArray, IntArray, TextArray
from models.bundle import Bundle

Confidence = Literal["H", "M", "L"]

#: Least coverage of high and of medium confidence.
_HIGH, _MEDIUM = 0.7, 0.4


@dataclass(frozen=True)
class Ratings:
    """Ratings of n firms under one scope.

    Parameters
    ----------
    margin : ndarray of shape (n,)
        Raw margin of the model, higher = riskier.
    probability : ndarray of shape (n,)
        Calibrated probability of default within the ends of the scale [0..1]; what it may be called
        is the manifest's `probability_kind`.
    probability_low, probability_high : ndarray of shape (n,)
        Jeffreys interval of the grade's default rate in validation; NaN where validation had no
        firm of the grade. It is an interval of the grade, not of the firm.
    score : ndarray of shape (n,)
        Integer score points, higher = safer.
    grade : ndarray of shape (n,)
        Letters, read from the score.
    base_points : int
        Score points of the reference firms seen through the same scope.
    base_points_full_scope : int
        The same at full scope, so that a firm sees what its scope says of a typical firm.
    group_points : ndarray of shape (n, g)
        Points by reason group; `base_points + sum + points_limit = score`.
    feature_points : ndarray of shape (n, k)
        The same by feature.
    points_limit : ndarray of shape (n,)
        What an end of the scale took or added.
    coverage : float
        Share of the model's gain in datasets that could be seen [0..1].
    confidence : {"H", "M", "L"}
        From the coverage.
    """

    margin: FloatArray
    probability: FloatArray
    probability_low: FloatArray
    probability_high: FloatArray
    score: IntArray
    grade: TextArray
    base_points: int
    base_points_full_scope: int
    group_points: IntArray
    feature_points: IntArray
    points_limit: IntArray
    coverage: float
    confidence: Confidence

    def __len__(self) -> int:
        """Count the firms."""
        return len(self.score)


@dataclass(frozen=True)
class Scorer:
    """Rates feature rows with a bundle.

    Parameters
    ----------
    bundle : Bundle
        Loaded, hence checked.
    """

    bundle: Bundle
    _scopes: "dict[frozenset[str], _Scope]" = field(
        default_factory=dict[frozenset[str], "_Scope"], repr=False, compare=False
    )

    def rate(self, matrix: FloatArray, withheld: Collection[str] = ()) -> Ratings:
        """Rate firms under one scope.

        Parameters
        ----------
        matrix : ndarray of shape (n, k)
            Columns as in the manifest; NaN where missing.
        withheld : collection of str
            Datasets the scope does not open; those the model does not read change nothing.

        Returns
        -------
        Ratings
            A firm's rating never depends on the other rows.

        Raises
        ------
        ScopeError
            If all of the model's data are withheld; the sentence names the consent that opens them.
        ModelInputError
            If the matrix has another shape or type.
        """
        bundle = self.bundle
        is_matrix = matrix.ndim == 2 and matrix.dtype == np.float64  # noqa: PLR2004  a matrix
        if not is_matrix or matrix.shape[1] != len(bundle.layout.features):
            raise ModelInputError(
                en=f"The feature matrix needs {len(bundle.layout.features)} float64 columns, "
                f"got {matrix.dtype} of shape {matrix.shape}.",
                zh=f"特征矩阵应为 {len(bundle.layout.features)} 列 float64，现为 {matrix.dtype}"
                f"{matrix.shape}。",
            )
        scope = self._scope(frozenset(withheld))
        if scope.is_hidden.all():
            self._refuse(withheld)
        points = bundle.points(matrix, scope.is_hidden)
        grade = bundle.scale.grade_of(points.score)
        low, high = self._intervals(grade)
        return Ratings(
            margin=points.margin,
            probability=points.probability,
            probability_low=low,
            probability_high=high,
            score=points.score,
            grade=grade,
            base_points=points.base_points,
            base_points_full_scope=scope.base_points_full_scope,
            group_points=points.group_points,
            feature_points=points.feature_points,
            points_limit=points.points_limit,
            coverage=scope.coverage,
            confidence=confidence_of(scope.coverage),
        )

    def _scope(self, withheld: frozenset[str]) -> "_Scope":
        """What is the same for every rating under a scope, worked out once."""
        if withheld not in self._scopes:
            self._scopes[withheld] = _Scope(
                self.hidden_columns(withheld), self.coverage(withheld), self.bundle.base_points()
            )
        return self._scopes[withheld]

    def hidden_columns(self, withheld: Collection[str]) -> BoolArray:
        """Which columns read a withheld dataset, shape (k,)."""
        hidden = set(withheld)
        return np.array([not hidden.isdisjoint(f.datasets) for f in self.bundle.manifest.features])

    def coverage(self, withheld: Collection[str]) -> float:
        """Share of the model's total gain carried by features that can be seen [0..1]."""
        gains = np.array([feature.gain for feature in self.bundle.manifest.features])
        weight = gains if gains.sum() > 0 else np.ones_like(gains)
        return float(weight[~self.hidden_columns(withheld)].sum() / weight.sum())

    def _refuse(self, withheld: Collection[str]) -> NoReturn:
        scopes = self.bundle.manifest.consent_scopes
        hidden = sorted(set(withheld) & set(scopes))
        asked = ", ".join(f"'{scopes[name] or name}'" for name in hidden)
        raise ScopeError(
            en=f"Model {self.bundle.manifest.name} reads {', '.join(sorted(scopes))}, and all of it is "
            f"withheld. Ask the enterprise for the consent scope {asked}.",
            zh=f"模型 {self.bundle.manifest.name} 所需数据均未获授权（{'、'.join(hidden)}），"
            f"请向企业取得授权范围 {asked}。",
        )

    def _intervals(self, grade: TextArray) -> tuple[FloatArray, FloatArray]:
        codes, low, high = self._grade_rates
        place = (grade[:, None] == codes).argmax(axis=1)
        return low[place], high[place]

    @cached_property
    def _grade_rates(self) -> tuple[TextArray, FloatArray, FloatArray]:
        codes = [letter.code for letter in self.bundle.scale.version.grades]
        rates = [self.bundle.manifest.grades.get(code) for code in codes]
        low = np.array([np.nan if r is None or r.low is None else r.low for r in rates])
        high = np.array([np.nan if r is None or r.high is None else r.high for r in rates])
        return np.array(codes), low, high


@dataclass(frozen=True)
class _Scope:
    """One scope's mask, coverage, and what the reference firms get without it."""

    is_hidden: BoolArray
    coverage: float
    base_points_full_scope: int


def confidence_of(coverage: float) -> Confidence:
    """Letter of a coverage.

    Examples
    --------
    >>> confidence_of(0.7), confidence_of(0.69), confidence_of(0.39)
    ('H', 'M', 'L')
    """
    return "H" if coverage >= _HIGH else "M" if coverage >= _MEDIUM else "L"
