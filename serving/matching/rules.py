"""Limits and sentences of matching, as data."""

from datetime import date
from functools import cache
from pathlib import Path

from pydantic import Field

from features.datasets import Words
from features.documents import Document, load_document
from features.errors import CatalogueError

RULES = Path(__file__).with_name("rules.yaml")


class Number(Document):
    """A number and whose it is."""

    value: int = Field(ge=1)
    source: str


class MatchRules(Document):
    """`rules.yaml` as written."""

    valid_from: date
    valid_days: Number
    near_failed_at_most: Number
    fixed: list[str]
    count_from: Number
    named_at_most: Number
    looked_at_most: Number
    disclaimer: Words
    no_commitment: Words
    policy_disclaimer: Words
    illustrative: Words


@cache
def match_rules() -> MatchRules:
    """Read them.

    Raises
    ------
    CatalogueError
        If the file is malformed.
    """
    return load_document(RULES, MatchRules, CatalogueError)
