"""What states of cases are called before people, in two languages."""

from functools import cache
from pathlib import Path

from features.datasets import Words
from features.documents import Document, load_document
from features.errors import CatalogueError

_WORDS = Path(__file__).with_name("words.yaml")


class WordsDocument(Document):
    """`words.yaml` as written."""

    states: dict[str, Words]


@cache
def load_words() -> WordsDocument:
    """Read the words."""
    return load_document(_WORDS, WordsDocument, CatalogueError)
