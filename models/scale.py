"""From a probability of default to an integer score and a grade, by dated parameters.

The score is linear in the log-odds of staying good: every `points_to_double_odds` points double the
odds. Higher is safer. The grade is read from the printed integer, so two firms that show the same
score never show different grades.
"""

from dataclasses import dataclass
from datetime import date
from functools import cached_property
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike
from pydantic import model_validator

from features.contracts import Words
from features.documents import Document, load_document
from features.errors import ModelDocumentError, ModelInputError
from models.arrays import FloatArray, IntArray, TextArray

SCALE_PATH = Path(__file__).parent / "scale.yaml"

#: Beyond this no log-odds is a measurement; it also keeps points far inside 64-bit integers.
_LARGEST_LOGIT = 1e9


class Grade(Document):
    """A letter with its half-open band of probabilities [from, to)."""

    code: str
    probability_from: float
    probability_to: float
    label: Words
    suggested_use: Words


class DefaultGrade(Document):
    """The letter of firms in default now, given by a record and never by the model."""

    code: str
    label: Words
    suggested_use: Words


class ScaleVersion(Document):
    """The parameters of a scale as written; checked here, turned into numbers by `Scale`."""

    id: str
    valid_from: date
    base_score: float
    base_odds: float
    points_to_double_odds: float
    probability_floor: float
    probability_cap: float
    grades: list[Grade]
    default_grade: DefaultGrade

    @model_validator(mode="after")
    def _is_sound(self) -> "ScaleVersion":
        if not (0 < self.probability_floor < self.probability_cap < 1):
            raise ValueError("needs 0 < probability_floor < probability_cap < 1")
        if self.base_odds <= 0 or self.points_to_double_odds <= 0:
            raise ValueError("base_odds and points_to_double_odds must be positive")
        if not self.grades or self.grades[0].probability_from != self.probability_floor:
            raise ValueError("the first grade must start at probability_floor")
        for better, worse in pairwise(self.grades):
            if better.probability_to != worse.probability_from:
                raise ValueError(f"grade {worse.code} must start where {better.code} ends")
        if any(grade.probability_from >= grade.probability_to for grade in self.grades):
            raise ValueError("each grade needs probability_from < probability_to")
        if self.grades[-1].probability_to != 1:
            raise ValueError("the last grade must end at 1")
        return self


class ScaleBook(Document):
    """Every version of the scale there has been."""

    versions: list[ScaleVersion]


@dataclass(frozen=True)
class Scale:
    """One version of the master scale.

    Parameters
    ----------
    version : ScaleVersion
        The dated parameters.

    Notes
    -----
    `score = offset + factor * ln((1 - p) / p)`, rounded to the nearest integer, a half going up.
    Source: Siddiqi, Intelligent Credit Scoring, 2nd ed., ch. 10 (scaling).

    Examples
    --------
    >>> scale = load_scale(scale_id="xinqiao-2026")
    >>> round(scale.factor, 4), round(scale.offset, 3)
    (28.8539, 487.123)
    >>> scale.score_of([0.01, 0.02, 0.5]).tolist()
    [620, 599, 487]
    >>> scale.grade_of([655, 654, 487]).tolist()
    ['AAA', 'AA', 'C']
    """

    version: ScaleVersion

    @property
    def id(self) -> str:
        """Name under which a bundle remembers the scale."""
        return self.version.id

    @cached_property
    def factor(self) -> float:
        """Score points for one unit of log-odds."""
        return self.version.points_to_double_odds / float(np.log(2.0))

    @cached_property
    def offset(self) -> float:
        """Score at even odds [score points]."""
        return self.version.base_score - self.factor * float(np.log(self.version.base_odds))

    @cached_property
    def best_score(self) -> int:
        """Score at the probability floor; no firm scores higher."""
        return int(self.score_of([self.version.probability_floor])[0])

    @cached_property
    def worst_score(self) -> int:
        """Score at the probability cap; no firm scores lower."""
        return int(self.score_of([self.version.probability_cap])[0])

    def limited(self, probability: ArrayLike) -> FloatArray:
        """Cut probabilities to the ends of the scale; a probability is printed as this returns it.

        Raises
        ------
        ModelInputError
            If a value is no number in [0, 1].
        """
        values = np.asarray(probability, dtype=np.float64)
        if not bool(np.all((values >= 0) & (values <= 1))):
            raise ModelInputError(
                en="A probability must be a number from 0 to 1; at least one is not.",
                zh="概率必须是 0 到 1 之间的数；至少有一个值缺失或越界。",
            )
        return self._kept(values)

    def score_of(self, probability: ArrayLike) -> IntArray:
        """Integer scores of probabilities, after the limits of the scale.

        Parameters
        ----------
        probability : array_like of shape (n,)
            Probability of default [0..1].

        Returns
        -------
        ndarray of shape (n,)
            Score points, higher = safer; never rises as the probability rises.

        Raises
        ------
        ModelInputError
            If a value is no number in [0, 1].
        """
        kept = self.limited(probability)
        return self._rounded(np.log(kept) - np.log1p(-kept))

    def unlimited_score(self, log_odds: ArrayLike) -> IntArray:
        """Integer scores as if the scale had no ends.

        Parameters
        ----------
        log_odds : array_like of shape (n,)
            Log-odds of default, ln(p / (1 - p)).

        Raises
        ------
        ModelInputError
            If a value is not finite or absurdly large (beyond 1e9).
        """
        values = np.asarray(log_odds, dtype=np.float64)
        if not (np.abs(values) <= _LARGEST_LOGIT).all():
            raise ModelInputError(
                en="Log-odds must be finite numbers within ±1e9; at least one is not.",
                zh="对数几率必须是 ±1e9 以内的有限数；至少有一个值不是。",
            )
        return self._rounded(values)

    def score_and_limit(self, log_odds: ArrayLike) -> tuple[IntArray, IntArray, FloatArray]:
        """Integer scores, what an end of the scale added or took away, and the probability printed.

        Parameters
        ----------
        log_odds : array_like of shape (n,)
            Log-odds of default.

        Returns
        -------
        score : ndarray of shape (n,)
            Equal to `score_of` the probability.
        points_limit : ndarray of shape (n,)
            `score - unlimited score`; 0 wherever neither floor nor cap binds, negative at the
            floor (a safer firm is not printed), positive at the cap.
        probability : ndarray of shape (n,)
            Within the ends of the scale.
        """
        values = np.asarray(log_odds, dtype=np.float64)
        free = self.unlimited_score(values)
        probability = sigmoid(values)
        kept = self._kept(probability)
        score = self._rounded(np.log(kept) - np.log1p(-kept))
        return score, np.where(kept != probability, score - free, 0), kept

    def grade_of(self, score: ArrayLike) -> TextArray:
        """Grades of integer scores.

        Parameters
        ----------
        score : array_like of shape (n,)
            Integer score points.

        Returns
        -------
        ndarray of shape (n,)
            Codes of grades; never the code of default.

        Notes
        -----
        An integer score has the grade of the probability that this integer itself stands for. A
        probability within half a point of a bound can therefore fall on either side of it.
        """
        steps = np.searchsorted(-self._lowest_scores, -np.asarray(score, dtype=np.int64))
        return self._codes[np.minimum(steps, len(self._codes) - 1)]

    @cached_property
    def _lowest_scores(self) -> IntArray:
        """Lowest integer score of each grade, best first: strictly above the worse bound."""
        upper = np.array([g.probability_to for g in self.version.grades[:-1]])
        bounds = self.offset + self.factor * (np.log1p(-upper) - np.log(upper))
        # A bound that is an integer belongs to the worse grade, as `probability_to` is exclusive.
        return np.floor(np.append(bounds, self.worst_score - 1)).astype(np.int64) + 1

    @cached_property
    def _codes(self) -> TextArray:
        return np.array([grade.code for grade in self.version.grades])

    def grade(self, code: str) -> Grade | DefaultGrade:
        """Labels and suggested use of a grade code."""
        for grade in (*self.version.grades, self.version.default_grade):
            if grade.code == code:
                return grade
        raise ModelInputError(
            en=f"Scale {self.id} has no grade '{code}'.", zh=f"主标尺 {self.id} 没有等级“{code}”。"
        )

    def lowest_score(self, code: str) -> int:
        """Lowest integer score that has the grade `code`."""
        return int(self._lowest_scores[self._codes.tolist().index(code)])

    def grade_range(self, code: str) -> tuple[str, str]:
        """Return the next better and next worse letter, shown where confidence is low.

        Examples
        --------
        >>> load_scale(scale_id="xinqiao-2026").grade_range("AAA")
        ('AAA', 'AA')
        """
        codes = [grade.code for grade in self.version.grades]
        place = codes.index(code)
        return codes[max(place - 1, 0)], codes[min(place + 1, len(codes) - 1)]

    def _kept(self, probability: FloatArray) -> FloatArray:
        floor, cap = self.version.probability_floor, self.version.probability_cap
        return np.minimum(np.maximum(probability, floor), cap)

    def _rounded(self, log_odds: FloatArray) -> IntArray:
        return np.floor(self.offset - self.factor * log_odds + 0.5).astype(np.int64)


def sigmoid(log_odds: FloatArray) -> FloatArray:
    """Probability of log-odds, without overflow at either end.

    Examples
    --------
    >>> sigmoid(np.array([-1000.0, 0.0, 1000.0])).tolist()
    [0.0, 0.5, 1.0]
    """
    shrunk = np.exp(-np.abs(log_odds))
    return np.where(log_odds >= 0, 1.0, shrunk) / (1.0 + shrunk)


def load_scale(
    path: Path = SCALE_PATH, *, on: date | None = None, scale_id: str | None = None
) -> Scale:
    """Load one version of the scale: by its id, or the one in force on a day.

    Raises
    ------
    ModelDocumentError
        If the file is wrong, or holds no such version.
    """
    book = load_document(path, ScaleBook, ModelDocumentError)
    fitting = [
        version
        for version in book.versions
        if (scale_id is None or version.id == scale_id) and (on is None or version.valid_from <= on)
    ]
    if not fitting:
        asked = f"id '{scale_id}'" if scale_id is not None else f"valid on {on}"
        known = ", ".join(f"{v.id} (from {v.valid_from})" for v in book.versions)
        raise ModelDocumentError(
            en=f"{path.name} has no scale with {asked}. Known: {known}.",
            zh=f"{path.name} 中没有符合条件（{asked}）的主标尺。已有：{known}。",
        )
    return Scale(max(fitting, key=lambda version: version.valid_from))
