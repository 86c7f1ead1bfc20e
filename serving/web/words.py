"""Words for codes: actions, purposes, roles, states, fields. Sentences stand in the templates themselves."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from features.contracts import Words
from features.documents import Document, load_document
from features.errors import CatalogueError

WORDS = Path(__file__).with_name("words.yaml")


class WordsDocument(Document):
    """`words.yaml` as written: lists of codes by name."""

    lists: dict[str, dict[str, Words]]


@cache
def load_words() -> Mapping[str, Mapping[str, Words]]:
    """Read the words of every list.

    Raises
    ------
    CatalogueError
        If the file is malformed.
    """
    return load_document(WORDS, WordsDocument, CatalogueError).lists


def words_for(kind: str, code: str) -> Words:
    """What a code is called before people; itself where it has no words.

    Examples
    --------
    >>> words_for("purposes", "apply").zh
    '贷款申请'
    """
    return load_words()[kind].get(code, Words(zh=code, en=code))
