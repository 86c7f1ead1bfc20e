"""What a firm may declare and what each item is compared with, read from `declared_rules.yaml`."""

from datetime import date
from functools import cache
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from features.documents import Document, load_document
from features.errors import CatalogueError

RULES = Path(__file__).parent / "declared_rules.yaml"


class Held(Document):
    """A figure the lake holds, and how far a declared one may lie from it.

    Parameters
    ----------
    value : str
        SQL aggregate over the dataset's stored columns; for a text item the list of texts that would
        do.
    where : str
        Condition on the rows.
    divide : int
        Lake unit over item unit (fen to yuan: 100).
    year : bool
        Only rows of the calendar year before the promise.
    tolerance : float
        Share of the held figure.
    slack : float
        In the item's unit.
    """

    dataset: str
    value: str
    where: str = "true"
    divide: int = 1
    year: bool = False
    tolerance: float = Field(default=0, ge=0)
    slack: float = Field(default=0, ge=0)


class Item(Document):
    """Something a firm may declare."""

    topic: str
    unit: str
    kind: Literal["number", "text"]
    zh: str
    en: str
    against: list[Held] = Field(default_factory=list[Held])


class DeclaredRules(Document):
    """The rule file as written."""

    effective_from: date
    source: str
    items: dict[str, Item]

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        for name, item in self.items.items():
            datasets = [held.dataset for held in item.against]
            if len(datasets) != len(set(datasets)):
                msg = f"the item '{name}' is compared with one dataset twice"
                raise ValueError(msg)
        return self


@cache
def load_rules(path: Path = RULES) -> DeclaredRules:
    """Read the rules.

    Raises
    ------
    CatalogueError
        With the key and what was expected there.
    """
    return load_document(path, DeclaredRules, CatalogueError)
