"""The carbon link 碳挂钩: how limit, rate and term of a linked product follow a firm's carbon account."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path

from pydantic import Field

from features.datasets import Words
from features.documents import Document, load_document
from features.errors import ModelDocumentError
from features.rules.book import RuleVersion, in_force
from models.products.book import Mark

CARBON_PATH = Path(__file__).parent / "carbon_link.yaml"
GRADE, FALL = "carbon_grade_level", "carbon_intensity_yoy"
#: A fall of exactly 5 % must count as five full percent, though -0.05 * 100 is a little less.
_ROUNDING = 1e-9


@dataclass(frozen=True)
class CarbonTerms:
    """What the carbon account of one firm does to a linked product.

    Attributes
    ----------
    grade : int or None
        1 deep green to 4 red; None where nothing is known, and then nothing changes.
    rate_change_percent : float
        Added to the rate; the reduction bonus is part of it.
    limit_factor, term_factor : float
    """

    grade: int | None
    rate_change_percent: float
    limit_factor: float
    term_factor: float


NEUTRAL = CarbonTerms(None, 0.0, 1.0, 1.0)


class CarbonGrade(Document):
    """Terms of one grade, in basis points and factors."""

    words: Words
    rate_change_bp: float = Field(ge=-200, le=200)
    limit_factor: float = Field(gt=0, le=2)
    term_factor: float = Field(gt=0, le=2)
    service: Words | None = None


class Reduction(Document):
    """Bonus for a fall of intensity, in basis points."""

    bp_per_percent: float = Field(le=0)
    bp_at_most: float = Field(le=0)


class CarbonVersion(RuleVersion):
    """The link as it stood for a while; `when` is not used."""

    when: object = None
    evidence: Mark
    grades: dict[int, CarbonGrade] = Field(min_length=1)
    reduction: Reduction
    claw_back: Words

    def terms(self, values: Mapping[str, float | str | None]) -> CarbonTerms:
        """Terms of one firm.

        Parameters
        ----------
        values : mapping of str to float, str or None
            `carbon_grade_level` [step] and `carbon_intensity_yoy` [ratio]; what is unknown changes nothing.

        Examples
        --------
        >>> link = load_carbon_link().at(date(2026, 6, 30))
        >>> found = link.terms({"carbon_grade_level": 2, "carbon_intensity_yoy": -0.057})
        >>> found.grade, found.rate_change_percent, found.limit_factor
        (2, -0.2, 1.1)
        """
        level = _number(values.get(GRADE))
        grade = None if level is None else self.grades.get(int(level))
        if level is None or grade is None:
            return NEUTRAL
        change_bp = grade.rate_change_bp + self._bonus_bp(_number(values.get(FALL)))
        return CarbonTerms(int(level), change_bp / 100, grade.limit_factor, grade.term_factor)

    def _bonus_bp(self, yearly_change: float | None) -> float:
        """Basis points for every full percent intensity fell; 0 if it rose or nobody knows."""
        fell = 0.0 if yearly_change is None else max(0.0, -yearly_change)
        full_percent = math.floor(fell * 100 + _ROUNDING)
        return max(full_percent * self.reduction.bp_per_percent, self.reduction.bp_at_most)


class CarbonLink(Document):
    """Every version of the link."""

    versions: list[CarbonVersion] = Field(min_length=1)

    def at(self, as_of_date: date) -> CarbonVersion | None:
        """The version in force at a date; None before the first."""
        return in_force(self.versions, as_of_date)


@cache
def load_carbon_link(path: Path = CARBON_PATH) -> CarbonLink:
    """Read the link.

    Raises
    ------
    ModelDocumentError
        If the file is wrong.
    """
    return load_document(path, CarbonLink, ModelDocumentError)


def _number(value: float | str | None) -> float | None:
    return None if value is None or isinstance(value, str) or math.isnan(value) else float(value)
