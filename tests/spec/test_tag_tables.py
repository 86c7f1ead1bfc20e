"""Runs the tables of `tests/spec/tags`: what is on record of a firm, and whether a tag is its own.

A case gives names with values; every other name is unknown. A tag needs a firm that has it and one that has not.
"""

from datetime import date
from pathlib import Path

import numpy as np
import pytest
import yaml
from pydantic import Field

from features.documents import Document
from features.rules.vocabulary import Vocabulary
from models.matching.facts import load_facts
from models.tags.book import PREFIX, load_tags
from models.watching.setting import COLUMNS

DAY = date(2026, 3, 31)
TAGS = load_tags().at(DAY, Vocabulary.of(COLUMNS, load_facts().terms))
Given = dict[str, float | str]


class Table(Document):
    """One tag and firms that have it, have it not, or of which nobody can tell."""

    tag: str
    has: list[Given] = Field(min_length=1)
    lacks: list[Given] = Field(min_length=1)
    unknown: list[Given] = Field(default_factory=list[Given])


def _read(path: Path) -> list[Table]:
    return [Table.model_validate(one) for one in yaml.safe_load(path.read_text(encoding="utf-8"))]


TABLES = [one for path in sorted((Path(__file__).parent / "tags").glob("*.yaml")) for one in _read(path)]  # fmt: skip
COMPUTED = {tag.entry.code for tag in TAGS.tags if tag.rule is not None}


def _of(given: Given, tag: str) -> float:
    """1, 0 or NaN for a firm of which only this is known."""
    known: Given = dict.fromkeys(TAGS.names, np.nan)
    known |= {n: "" for n in TAGS.names if TAGS.vocabulary.terms[n].unit == "code"} | given
    columns = {name: np.array([value]) for name, value in known.items()}
    return float(TAGS.ask(columns, rows=1)[PREFIX + tag][0])


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.tag)
def test_a_tag_is_given_as_the_table_says(table: Table) -> None:
    for cases, wanted in ((table.has, 1.0), (table.lacks, 0.0), (table.unknown, np.nan)):
        for given in cases:
            assert set(given) <= set(TAGS.names), given
            assert _of(given, table.tag) == pytest.approx(wanted, nan_ok=True), given


@pytest.mark.parametrize("tag", sorted(COMPUTED))
def test_a_firm_of_which_nothing_is_known_has_and_lacks_no_tag(tag: str) -> None:
    assert np.isnan(_of({}, tag))


def test_every_computed_tag_has_a_table_of_its_own() -> None:
    assert sorted(table.tag for table in TABLES) == sorted(COMPUTED)
