"""Knock-outs 否决项: dated rules on facts that cap a grade and leave score, probability and points alone.

A knock-out counts only where it is known to hold. What cannot be known, because it is withheld or not on
record, caps nothing and is listed, so that nobody takes silence for a clean record.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pydantic import Field, model_validator

from features.contracts import Words
from features.documents import Document, load_document
from features.errors import ModelDocumentError
from features.rules.book import RuleEntry, RuleVersion, in_force
from features.rules.compiled import CompiledRule, compile_rule
from features.rules.planes import Planes
from features.rules.vocabulary import Vocabulary
from models.arrays import BoolArray, FloatArray, TextArray
from models.scale import Scale

KNOCKOUTS_PATH = Path(__file__).parent / "knockouts.yaml"


class KnockoutVersion(RuleVersion):
    """A knock-out as it stood for a while, with the best grade it leaves."""

    grade_at_most: str


class KnockoutEntry(RuleEntry):
    """A knock-out and all its versions."""

    versions: list[KnockoutVersion] = Field(min_length=1)

    @model_validator(mode="after")
    def _begins_once(self) -> "KnockoutEntry":
        if len({version.valid_from for version in self.versions}) < len(self.versions):
            raise ValueError(f"two versions of {self.code} begin on the same day")
        return self


class KnockoutBook(Document):
    """Every knock-out there has been."""

    knockouts: list[KnockoutEntry]

    @model_validator(mode="after")
    def _names_once(self) -> "KnockoutBook":
        codes = [entry.code for entry in self.knockouts]
        if len(set(codes)) < len(codes):
            raise ValueError("a code is given twice")
        return self

    def at(self, as_of_date: date, vocabulary: Vocabulary) -> "Knockouts":
        """Compile the versions in force at a date.

        Raises
        ------
        RuleError
            If a rule is wrong, or asks about a feature this checkout does not have.
        """
        found = [(entry, in_force(entry.versions, as_of_date)) for entry in self.knockouts]
        return Knockouts(
            tuple(
                Knockout(
                    entry.code,
                    entry.words,
                    version.grade_at_most,
                    compile_rule(version.when, vocabulary, f"knock-out {entry.code}"),
                )
                for entry, version in found
                if version is not None
            ),
            vocabulary,
        )


@dataclass(frozen=True)
class Knockout:
    """A knock-out in force, compiled."""

    code: str
    words: Words
    grade_at_most: str
    rule: CompiledRule


@dataclass(frozen=True)
class Knockouts:
    """The knock-outs in force at a date, in the order of their file."""

    knockouts: tuple[Knockout, ...]
    vocabulary: Vocabulary

    @property
    def names(self) -> tuple[str, ...]:
        """Features to look up for them, each once."""
        return tuple(dict.fromkeys(name for one in self.knockouts for name in one.rule.names))

    def check(
        self, columns: Mapping[str, FloatArray], rows: int, withheld: Collection[str] = ()
    ) -> "KnockoutAnswers":
        """Ask every knock-out about n firms.

        Parameters
        ----------
        columns : mapping of str to ndarray of shape (n,)
            The features of `names`, NaN where unknown.
        rows : int
            Number of firms, n.
        withheld : collection of str
            Datasets the scope does not open; what reads one is unknown.
        """
        hidden = set(withheld)
        seen = {
            name: columns[name]
            if hidden.isdisjoint(self.vocabulary.term(name, "knock-outs").datasets)
            else np.full(rows, np.nan)
            for name in self.names
        }
        planes = tuple(one.rule.evaluate(seen) for one in self.knockouts)
        return KnockoutAnswers(self.knockouts, planes, rows)


@dataclass(frozen=True)
class KnockoutAnswers:
    """What the knock-outs say about n firms.

    Attributes
    ----------
    planes : tuple of Planes
        One a knock-out, of n firms each.
    """

    knockouts: tuple[Knockout, ...]
    planes: tuple[Planes, ...]
    rows: int

    @classmethod
    def none(cls, rows: int) -> "KnockoutAnswers":
        """No knock-out asked."""
        return cls((), (), rows)

    def cap(self, grade: TextArray, scale: Scale) -> TextArray:
        """Grades of n firms, none better than the knock-outs that hold for it leave.

        Raises
        ------
        ModelDocumentError
            If a knock-out names a grade the scale does not have.
        """
        order = [
            *(letter.code for letter in scale.version.grades),
            scale.version.default_grade.code,
        ]
        codes = np.array(order)
        place = (grade[:, None] == codes).argmax(axis=1)
        for one, found in self.pairs():
            if one.grade_at_most not in order:
                raise ModelDocumentError(
                    en=f"Knock-out {one.code} caps at '{one.grade_at_most}', but scale {scale.id} has "
                    f"{', '.join(order)}. Use one of them.",
                    zh=f"否决项 {one.code} 的封顶等级“{one.grade_at_most}”不在主标尺 {scale.id} 中"
                    f"（{'、'.join(order)}），请改用其中之一。",
                )
            cap = order.index(one.grade_at_most)
            place = np.where(found.true, np.maximum(place, cap), place)
        return codes[place]

    def pairs(self) -> Iterator[tuple[Knockout, Planes]]:
        """Each knock-out with what it says."""
        return zip(self.knockouts, self.planes, strict=True)

    def holding(self) -> list[list[str]]:
        """Codes of the knock-outs that hold, a list a firm."""
        return self._codes([found.true for found in self.planes])

    def unknown(self) -> list[list[str]]:
        """Codes of the knock-outs that cannot be known, a list a firm."""
        return self._codes([~found.known for found in self.planes])

    def holding_at(self, row: int) -> list[Knockout]:
        """The knock-outs that hold for one firm."""
        return [one for one, found in self.pairs() if found.true[row]]

    def unknown_at(self, row: int) -> list[Knockout]:
        """The knock-outs that cannot be known for one firm."""
        return [one for one, found in self.pairs() if not found.known[row]]

    def _codes(self, planes: list[BoolArray]) -> list[list[str]]:
        if not planes:
            return [[] for _ in range(self.rows)]
        named: npt.NDArray[np.bool_] = np.column_stack(planes)
        codes = [one.code for one in self.knockouts]
        kinds, which = np.unique(named, axis=0, return_inverse=True)
        lists = [
            [c for c, holds in zip(codes, row, strict=True) if holds] for row in kinds.tolist()
        ]
        return [lists[kind] for kind in which.ravel().tolist()]


def load_knockouts(path: Path = KNOCKOUTS_PATH) -> KnockoutBook:
    """Load every version of every knock-out.

    Raises
    ------
    ModelDocumentError
        If the file is wrong.
    """
    return load_document(path, KnockoutBook, ModelDocumentError)
