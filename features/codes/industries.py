"""Industries 国民经济行业 (GB/T 4754-2017): the section a code belongs to.

A code is a division (two digits), group (three) or class (four), with or without its section's letter
before it. Only sections and divisions are listed: whether a group or class exists is not known here.
"""

import re
from collections.abc import Mapping
from datetime import date
from functools import cache
from pathlib import Path

from pydantic import Field

from features.documents import Document, load_document
from features.engine import literal
from features.errors import CatalogueError

INDUSTRIES_PATH = Path(__file__).parent / "industries.yaml"
#: Section letter, division, group and class; at least one of letter and division.
_CODE = re.compile(r"([A-T]?)(?:([0-9]{2})[0-9]{0,2})?")


class Section(Document):
    """One section 门类 with its first and last division 大类."""

    zh: str
    en: str
    divisions: tuple[int, int]
    number: int | None = Field(default=None, ge=1, le=19)


class Industries(Document):
    """The file of sections."""

    standard: str
    in_force: date
    source: str
    sections: dict[str, Section]


@cache
def load_industries() -> Industries:
    """The sections, by letter."""
    return load_document(INDUSTRIES_PATH, Industries, CatalogueError)


@cache
def section_of_division() -> Mapping[str, str]:
    """Letter of the section of each two-digit division."""
    return {
        f"{division:02d}": letter
        for letter, section in load_industries().sections.items()
        for division in range(section.divisions[0], section.divisions[1] + 1)
    }


def section_of(code: str) -> str | None:
    """Letter of the section a code belongs to; None for what is no code.

    Examples
    --------
    >>> section_of("3911"), section_of("C39"), section_of("C"), section_of("A39"), section_of("98")
    ('C', 'C', 'C', None, None)
    """
    form = _CODE.fullmatch(code)
    if form is None or not code:
        return None
    letter, division = form.groups()
    if division is None:
        return letter
    section = section_of_division().get(division)
    return section if letter in {"", section} else None


def industry_table_sql() -> str:
    """FROM clause with one row a division: `division`, `section`, `zh`, `en`; for joins.

    Examples
    --------
    >>> from features.engine import connect
    >>> connect(threads=1).sql(f"SELECT section FROM {industry_table_sql()} WHERE division = '39'").fetchall()
    [('C',)]
    """
    sections = load_industries().sections
    rows = ", ".join(
        f"({literal(division)}, {literal(letter)}, {literal(sections[letter].zh)}, {literal(sections[letter].en)})"
        for division, letter in section_of_division().items()
    )
    return f"(VALUES {rows}) AS industry(division, section, zh, en)"


def is_industry_sql(value: str) -> str:
    """SQL condition: the text is a code of a listed section or division; NULL stays NULL."""
    forms = "|".join(
        f"{letter}|{letter}?({'|'.join(divisions)})[0-9]{{0,2}}"
        for letter, divisions in _divisions_by_section().items()
    )
    return f"regexp_full_match({value}, {literal(forms)})"


def _divisions_by_section() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for division, letter in section_of_division().items():
        found.setdefault(letter, []).append(division)
    return found
