"""Facts of matching that no record of a provider gives: the need, what the firm or a lender states, its rating.

Each has a name, a unit, where it comes from and the question by which a firm is asked for it.
"""

from datetime import date
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from features.datasets import Words
from features.documents import Document, load_document
from features.errors import ModelDocumentError
from features.rules.vocabulary import Term

FACTS_PATH = Path(__file__).parent / "facts.yaml"

#: `need`: part of what is asked for; `offer`: what the firm can put up for it; `firm`: its own word;
#: `institution`: only a lender knows; `register`: the register of firms; `rating`: this platform's rating.
Source = Literal["need", "offer", "firm", "institution", "register", "rating"]


class FactEntry(Document):
    """One fact.

    Parameters
    ----------
    unit : str
        A unit of the rule language, `flag` or `code`.
    codes : dict of str to Words
        The list, of a code.
    asked : Words
        The question as a firm reads it.
    datasets : list of str
        What must be open for it to be known.
    """

    name: str = Field(pattern=r"[a-z][a-z0-9_]*")
    unit: str
    words: Words
    source: Source
    asked: Words | None = None
    codes: dict[str, Words] = Field(default_factory=dict[str, Words])
    datasets: list[str] = Field(default_factory=list)

    @model_validator(mode="after")
    def _lists_codes(self) -> "FactEntry":
        if (self.unit == "code") != bool(self.codes):
            raise ValueError(f"{self.name}: a code has a list, and only a code")
        if self.source in {"need", "offer", "firm"} and self.asked is None:
            raise ValueError(f"{self.name}: a firm must be asked for it in words")
        return self

    @property
    def term(self) -> Term:
        """As a rule may use it."""
        return Term(self.name, self.unit, tuple(self.codes), frozenset(self.datasets))


class FactBook(Document):
    """Every fact of matching."""

    valid_from: date
    facts: list[FactEntry]

    @property
    def terms(self) -> tuple[Term, ...]:
        """As rules may use them."""
        return tuple(entry.term for entry in self.facts)

    def of(self, *sources: Source) -> tuple[FactEntry, ...]:
        """Facts from some sources."""
        return tuple(entry for entry in self.facts if entry.source in sources)


@cache
def load_facts(path: Path = FACTS_PATH) -> FactBook:
    """Read the facts.

    Raises
    ------
    ModelDocumentError
        If the file is wrong.
    """
    return load_document(path, FactBook, ModelDocumentError)
