"""How likely a firm applies for a product and gets it: what is known after the answers so far."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path

import numpy as np
from pydantic import Field, ValidationError, model_validator

from features.documents import Document, load_document
from features.errors import ModelDocumentError
from models.arrays import FloatArray, IntArray
from models.products.book import Mark, ProductEntry, ProductVersion
from models.scale import load_scale

APPROVAL_PATH = Path(__file__).with_name("approval.yaml")
#: Name of the file a refit writes.
FILE_NAME = "chances.json"


class Strength(Document):
    """How many answers weigh as much as what is leaned on."""

    belief: float = Field(gt=0)
    all: float = Field(gt=0)
    family: float = Field(gt=0)
    showings: float = Field(gt=0)


class Belief(Document):
    """What is believed before any answer, from a day on."""

    valid_from: date
    evidence: Mark
    source: str = Field(min_length=1)
    approve: dict[str, float]
    apply: float = Field(gt=0, lt=1)
    strength: Strength
    few_answers: int = Field(ge=0)
    exposure_places: int = Field(ge=1)

    @model_validator(mode="after")
    def _falls(self) -> "Belief":
        chances = list(self.approve.values())
        if sorted(chances, reverse=True) != chances or not all(0 < one < 1 for one in chances):
            raise ValueError("chances of approval fall from letter to letter, within 0 and 1")
        return self

    @property
    def curve(self) -> FloatArray:
        """Chance of approval by letter, best first, shape (g,)."""
        return np.array(list(self.approve.values()), dtype=np.float64)


class BeliefBook(Document):
    """Every belief there has been."""

    versions: list[Belief] = Field(min_length=1)


class Chance(Document):
    """Of one family or product: by letter, of any application, and what it rests on."""

    approve: list[float]
    apply: float
    answered: int = 0
    shown: int = 0


class Chances(Document):
    """Everything a refit found.

    Parameters
    ----------
    fitted_on : date or None
        Day of the answers; None where nobody has answered yet and it is the belief alone.
    letters : list of str
        Of the scale, best first.
    everything : Chance
        Of products nobody knows anything of.
    """

    fitted_on: date | None
    belief: date
    letters: list[str]
    everything: Chance
    families: dict[str, Chance] = Field(default_factory=dict[str, Chance])
    products: dict[str, Chance] = Field(default_factory=dict[str, Chance])

    def of(self, products: Sequence[tuple[ProductEntry, ProductVersion]]) -> "ChanceTable":
        """Chances of the products of a shelf, in its order; a new one has its family's."""
        found = [
            self.products.get(entry.code)
            or _unasked(self.families.get(family_of(version), self.everything))
            for entry, version in products
        ]
        return _table(found, len(self.letters))

    def place(self, grade: str | None) -> int:
        """Row of a letter in a table; the last one without a rating."""
        return self.letters.index(grade) if grade in self.letters else len(self.letters)


@dataclass(frozen=True, eq=False)
class ChanceTable:
    """Chances of p products for g letters.

    Attributes
    ----------
    apply : ndarray of float64, shape (p,)
        That a firm shown the product applies.
    approve : ndarray of float64, shape (g + 1, p)
        That an application is granted, by letter, best first; the last row is for no rating.
    answered : ndarray of int64, shape (p,)
        Answers it rests on.
    """

    apply: FloatArray
    approve: FloatArray
    answered: IntArray


def family_of(version: ProductVersion) -> str:
    """Products that are granted alike: those secured in the same way first of all."""
    return version.guarantee[0]


@cache
def load_belief(as_of_date: date, path: Path = APPROVAL_PATH) -> Belief:
    """The belief in force at a date.

    Raises
    ------
    ModelDocumentError
        If the file is wrong, a letter is missing, or none has begun.
    """
    book = load_document(path, BeliefBook, ModelDocumentError)
    begun = [one for one in book.versions if one.valid_from <= as_of_date]
    if not begun:
        raise ModelDocumentError(
            en=f"{path} has no version that has begun by {as_of_date}. Add one.",
            zh=f"{path} 没有在 {as_of_date} 前生效的版本，请补充。",
        )
    found = max(begun, key=lambda one: one.valid_from)
    letters = letters_of_scale()
    if tuple(found.approve) != letters:
        raise ModelDocumentError(
            en=f"{path}: 'approve' needs the letters {', '.join(letters)} in this order.",
            zh=f"{path}：approve 须依次包含等级 {'、'.join(letters)}。",
        )
    return found


@cache
def letters_of_scale() -> tuple[str, ...]:
    """All letters of the scale in force, the one of default last."""
    version = load_scale().version
    return (*(grade.code for grade in version.grades), version.default_grade.code)


def believed(belief: Belief) -> Chances:
    """Chances before any answer."""
    curve = Chance(approve=list(belief.approve.values()), apply=belief.apply)
    return Chances(
        fitted_on=None, belief=belief.valid_from, letters=list(belief.approve), everything=curve
    )


def read_chances(path: Path, belief: Belief) -> Chances:
    """What the last refit wrote, or the belief where there was none or the scale has changed.

    Raises
    ------
    ModelDocumentError
        If the file is broken.
    """
    try:
        found = Chances.model_validate_json(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return believed(belief)
    except (ValidationError, UnicodeDecodeError) as broken:
        raise ModelDocumentError(
            en=f"{path} is no record of chances. Remove it; the next refit writes it again.",
            zh=f"{path} 不是有效的获批率文件，请删除，系统会重新生成。",
        ) from broken
    return found if found.letters == list(belief.approve) else believed(belief)


def _unasked(chance: Chance) -> Chance:
    """What a product leans on, without the answers to others."""
    return chance.model_copy(update={"answered": 0, "shown": 0})


def _table(found: Sequence[Chance], letters: int) -> ChanceTable:
    approve = np.array([one.approve for one in found]).reshape(-1, letters).T
    rated = np.vstack([approve, approve.mean(axis=0, keepdims=True)])
    return ChanceTable(
        apply=np.array([one.apply for one in found], dtype=np.float64),
        approve=rated,
        answered=np.array([one.answered for one in found], dtype=np.int64),
    )
