"""The notice of risks: which version counts, and its words for one consent."""

from collections.abc import Mapping, Sequence
from datetime import date
from functools import cache
from pathlib import Path

from pydantic import Field

from features.documents import Document, load_document
from features.errors import CatalogueError, Language

NOTICES = Path(__file__).with_name("notices.yaml")
#: What PIPL art. 17 asks to be told; a version without one of them stops the start.
SECTIONS = ("grantee", "purpose", "kinds", "method", "retention", "rights")


class Section(Document):
    """One thing that is told."""

    name: str
    zh_title: str
    en_title: str
    zh: str
    en: str


class Notice(Document):
    """One version of the notice."""

    version: str
    in_force: date
    sections: list[Section]


class NoticesDocument(Document):
    """`notices.yaml` as written."""

    versions: list[Notice] = Field(min_length=1)


@cache
def load_notices() -> Sequence[Notice]:
    """Every version, oldest first.

    Raises
    ------
    CatalogueError
        If the file is malformed, or a version leaves something untold.
    """
    notices = load_document(NOTICES, NoticesDocument, CatalogueError).versions
    for notice in notices:
        if tuple(section.name for section in notice.sections) != SECTIONS:
            told = ", ".join(SECTIONS)
            raise CatalogueError(
                en=f"{NOTICES.name}: {notice.version} must tell {told}, in this order.",
                zh=f"{NOTICES.name}：{notice.version} 须依次告知 {told}。",
            )
    return sorted(notices, key=lambda notice: notice.in_force)


def notice_on(day: date) -> Notice:
    """The version an enterprise must have been told on a day.

    Raises
    ------
    CatalogueError
        If none was in force.

    Examples
    --------
    >>> notice_on(date(2026, 6, 1)).version
    'notice-2025-1'
    """
    valid = [notice for notice in load_notices() if notice.in_force <= day]
    if not valid:
        raise CatalogueError(
            en=f"{NOTICES.name}: no notice is in force on {day}. Add one.",
            zh=f"{NOTICES.name}：{day} 没有生效的风险告知书，请补充。",
        )
    return valid[-1]


def told(
    notice: Notice, language: Language, blanks: Mapping[str, str]
) -> list[tuple[str, str, str]]:
    """(name, title, text) of every section, its blanks filled; a blank that is not given stays.

    Examples
    --------
    >>> told(notice_on(date(2026, 6, 1)), "en", {"purpose": "a loan"})[1]
    ('purpose', 'What for', 'Only for “a loan” and for nothing else.')
    """
    lines: list[tuple[str, str, str]] = []
    for section in notice.sections:
        title, text = (
            (section.zh_title, section.zh) if language == "zh" else (section.en_title, section.en)
        )
        for blank, value in blanks.items():
            text = text.replace(f"{{{blank}}}", value)
        lines.append((section.name, title, text))
    return lines
