"""What a way up leads to: a grade or better, or everything a product asks."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from typing import Protocol

import numpy as np
import numpy.typing as npt

from features.errors import RequestError
from features.registry import Registry
from features.rules.vocabulary import Vocabulary
from models.arrays import FloatArray, IntArray, TextArray
from models.bundle import Bundle
from models.knockouts import Knockouts
from models.matching.conditions import TRUE
from models.matching.matcher import Matcher
from models.scorer import Scorer
from models.tags.book import PREFIX, Tags

Columns = Mapping[str, FloatArray]


@dataclass(frozen=True, eq=False)
class Standings:
    """Where s variants of a firm stand.

    Attributes
    ----------
    score : ndarray of int64, shape (s,)
    model_grade, grade : ndarray of str, shape (s,)
        Before and after knock-outs.
    rank : ndarray of int64, shape (s,)
        Place of the grade, 1 the best.
    capped_by : tuple of tuple of str
        Codes of the knock-outs that hold.
    """

    score: IntArray
    model_grade: TextArray
    grade: TextArray
    rank: IntArray
    capped_by: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Rater:
    """Rates variants with a bundle and the knock-outs of a day, at full scope.

    Parameters
    ----------
    bundle : Bundle
    knockouts : Knockouts
    """

    bundle: Bundle
    knockouts: Knockouts

    @classmethod
    def of(cls, bundle: Bundle, as_of_date: date, registry: Registry) -> "Rater":
        """With the knock-outs the bundle keeps for that day."""
        return cls(bundle, bundle.knockouts.at(as_of_date, Vocabulary.of(registry)))

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Features to compute, the model's first."""
        own = [feature.name for feature in self.bundle.manifest.features]
        return tuple(dict.fromkeys([*own, *self.knockouts.names]))

    @cached_property
    def grades(self) -> tuple[str, ...]:
        """Codes of the scale, the best first, default last."""
        version = self.bundle.scale.version
        return (*(grade.code for grade in version.grades), version.default_grade.code)

    @cached_property
    def _scorer(self) -> Scorer:
        return Scorer(self.bundle)

    def rate(self, columns: Columns) -> Standings:
        """Rate variants.

        Parameters
        ----------
        columns : mapping of str to ndarray of shape (s,)
            Every feature of `names`.
        """
        own = [feature.name for feature in self.bundle.manifest.features]
        matrix = np.column_stack([columns[name] for name in own])
        ratings = self._scorer.rate(np.ascontiguousarray(matrix))
        answers = self.knockouts.check(columns, len(matrix))
        grade = answers.cap(ratings.grade, self.bundle.scale)
        rank = (grade[:, np.newaxis] == np.array(self.grades)).argmax(axis=1) + 1
        capped = tuple(tuple(codes) for codes in answers.holding())
        return Standings(ratings.score, ratings.grade, grade, rank, capped)


class Target(Protocol):
    """What variants of a firm are held against."""

    @property
    def names(self) -> tuple[str, ...]:
        """Features and facts it asks about, beside the rating."""
        ...

    def distance(self, columns: Columns, standings: Standings) -> IntArray:
        """How far variants are from it, shape (s,): grades, or conditions not met; 0 reaches it."""
        ...

    def lacks(self, columns: Columns, standings: Standings, row: int) -> tuple[str, ...]:
        """What one variant does not meet, in the words of rules; nothing where the grade says it all."""
        ...


@dataclass(frozen=True)
class GradeTarget:
    """A grade or better."""

    grade: str
    rank: int
    names: tuple[str, ...] = ()

    @classmethod
    def of(cls, grade: str, rater: Rater) -> "GradeTarget":
        """Look a grade up on the rater's scale.

        Raises
        ------
        RequestError
            If the scale does not have it, or it is default.
        """
        code = grade.strip().upper()
        if code not in rater.grades[:-1]:
            listed = ", ".join(rater.grades[:-1])
            raise RequestError(
                en=f"'{grade}' is no grade one can aim at. Use one of {listed}.",
                zh=f"“{grade}”不是可作为目标的等级；请使用 {listed} 之一。",
            )
        return cls(code, rater.grades.index(code) + 1)

    def distance(self, columns: Columns, standings: Standings) -> IntArray:
        """Grades below it."""
        del columns
        return np.maximum(standings.rank - self.rank, 0)

    def lacks(self, columns: Columns, standings: Standings, row: int) -> tuple[str, ...]:
        """Nothing beside the grade."""
        del columns, standings, row
        return ()


@dataclass(frozen=True)
class ProductTarget:
    """Everything one product asks.

    Parameters
    ----------
    code : str
    matcher : Matcher
        Of the product's rule alone.
    tags : Tags
        Asked of every variant, since tags follow from facts.
    given : mapping of str to (float, str or None)
        What no step changes and no feature says: the need, what the firm offers, its place and industry.
    computed : frozenset of str
        Names that `features.whatif` can compute.
    """

    code: str
    matcher: Matcher
    tags: Tags
    given: Mapping[str, float | str | None]
    computed: frozenset[str]

    @cached_property
    def asked(self) -> tuple[str, ...]:
        """Everything its rule rests on, through tags too."""
        own = [name for name in self.matcher.conditions.names if not name.startswith(PREFIX)]
        return tuple(dict.fromkeys((*own, *self.tags.names)))

    @property
    def names(self) -> tuple[str, ...]:
        """Features and facts to compute."""
        return tuple(name for name in self.asked if name in self.computed)

    def knowing(self, more: Mapping[str, float | str | None]) -> "ProductTarget":
        """The same with attributes of the register; what the firm said itself never replaces them."""
        kept = {name: value for name, value in more.items() if name not in self.computed}
        return replace(self, given={**self.given, **kept})

    def distance(self, columns: Columns, standings: Standings) -> IntArray:
        """Conditions that are not known to hold."""
        return (self._states(columns, standings) != TRUE).sum(axis=1)

    def lacks(self, columns: Columns, standings: Standings, row: int) -> tuple[str, ...]:
        """Conditions one variant does not meet, or of which nobody can tell."""
        states, asked = self._states(columns, standings)[row], self.matcher.of_rule(0)
        told = self.matcher.conditions.conditions
        return tuple(str(told[int(p)]) for p, s in zip(asked, states, strict=True) if s != TRUE)

    def _states(self, columns: Columns, standings: Standings) -> npt.NDArray[np.int8]:
        rows = len(standings.score)
        seen: dict[str, FloatArray | npt.NDArray[np.str_]] = dict(columns)
        seen |= {"grade_rank": standings.rank.astype(float), "score": standings.score.astype(float)}
        for name in self.asked:
            if name not in seen:
                value = self.given.get(name)
                is_code = bool(self.tags.vocabulary.terms[name].codes)
                if is_code:
                    seen[name] = np.full(rows, str(value or ""))
                else:
                    seen[name] = np.full(rows, np.nan if value is None else float(value))
        seen |= self.tags.ask(seen, rows=rows)
        states = self.matcher.conditions.ask(self.matcher.conditions.matrix(seen))
        return states[:, self.matcher.of_rule(0)]
