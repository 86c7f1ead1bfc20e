"""Titles in words: which of them a text states, by the lists of `recognitions.yaml`."""

from datetime import date
from functools import cache
from pathlib import Path

from pydantic import Field

from features.documents import Document, load_document
from features.engine import literal
from features.errors import CatalogueError

TITLES_PATH = Path(__file__).parent / "recognitions.yaml"


class Title(Document):
    """A title: the words of which one must stand in a text, and those of which none may."""

    contains: list[str] = Field(min_length=1)
    unless: list[str] = Field(default_factory=list)


class Titles(Document):
    """The file of titles."""

    valid_from: date
    titles: dict[str, Title]
    high_levels: list[str] = Field(min_length=1)


@cache
def load_titles(path: Path = TITLES_PATH) -> Titles:
    """Read the titles.

    Raises
    ------
    CatalogueError
        If the file is wrong.
    """
    return load_document(path, Titles, CatalogueError)


def states(text: str, name: str) -> str:
    """SQL predicate: a text that is never NULL states a title.

    Parameters
    ----------
    text : str
        SQL of the text.
    name : str
        A key of `titles`.
    """
    title = load_titles().titles[name]
    said = " OR ".join(_stands(word, text) for word in title.contains)
    others = "".join(f" AND NOT {_stands(word, text)}" for word in title.unless)
    return f"(({said}){others})"


def is_high(level: str) -> str:
    """SQL predicate: the level of an honour is national or provincial; NULL is neither."""
    listed = ", ".join(literal(word) for word in load_titles().high_levels)
    return f"coalesce({level} IN ({listed}), false)"


def _stands(word: str, text: str) -> str:
    return f"contains({text}, {literal(word)})"
