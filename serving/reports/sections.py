"""The report as it is declared: sections, parts, treatments; and the check that nothing declared may leak."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import Field

from features.contracts import Catalogue, Column, Dataset, Sensitivity, Words, load_catalogue
from features.documents import Document, load_document, suggestion
from features.errors import CatalogueError
from serving.reports.bands import Band

SECTIONS = Path(__file__).with_name("sections.yaml")

#: Whom rows are shown to: everybody who gets a report; the firm, and where raw detail is open; the firm alone.
Shown = Literal["all", "raw", "owner"]
Measure = Literal["latest", "sum", "max", "distinct", "true"]
#: Sections every report has, whatever a profile chooses.
ALWAYS = frozenset({"cover", "sources", "notes"})
#: What a class of the catalogue allows rows to be shown to.
_ROWS_ALLOWED: dict[Sensitivity, frozenset[str]] = {
    Sensitivity.PUBLIC: frozenset({"all", "raw", "owner"}),
    Sensitivity.AUTHORISED: frozenset({"raw", "owner"}),
    Sensitivity.SECRET: frozenset({"owner"}),
    Sensitivity.INTERNAL: frozenset({"owner"}),
}


class Figure(Document):
    """One measure of a dataset, told as a count or a band and never exactly."""

    column: str
    measure: Measure
    treatment: Literal["count", "band"]
    band: str | None = None
    title: Words


class Part(Document):
    """What a section shows of one dataset.

    Parameters
    ----------
    newest : int
        Rows at most.
    months : int
        Before the report's date, that figures look back.
    """

    dataset: str
    to: Shown
    newest: int = Field(ge=1, le=100)
    columns: dict[str, Literal["plain", "masked"]] = Field(min_length=1)
    months: int = Field(default=12, ge=1)
    figures: tuple[Figure, ...] = ()


class Section(Document):
    """One numbered section."""

    number: int
    code: str
    title: Words
    parts: tuple[Part, ...] = ()


class SectionsDocument(Document):
    """`sections.yaml` as written."""

    version: str
    in_force: date
    validity_days: int = Field(ge=1)
    bands: dict[str, Band]
    sections: tuple[Section, ...]
    notes: tuple[Words, ...]


@dataclass(frozen=True)
class Layout:
    """The declared report, checked against a catalogue."""

    document: SectionsDocument
    catalogue: Catalogue

    @property
    def sections(self) -> tuple[Section, ...]:
        """In their order."""
        return self.document.sections

    @property
    def codes(self) -> tuple[str, ...]:
        """Codes of the sections in their order."""
        return tuple(section.code for section in self.sections)

    def chosen(self, codes: frozenset[str] | None) -> tuple[Section, ...]:
        """The sections of a profile, or all; those every report has are among them."""
        if codes is None:
            return self.sections
        return tuple(s for s in self.sections if s.code in codes | ALWAYS)

    def scopes_of(self, codes: frozenset[str]) -> frozenset[str]:
        """Consent scopes that an institution needs to be shown all of these sections."""
        scopes = {
            self.catalogue[part.dataset].document.consent_scope
            for section in self.sections
            if section.code in codes
            for part in section.parts
            if part.to == "raw"
        }
        return frozenset(scope for scope in scopes if scope)


@cache
def load_layout() -> Layout:
    """The declared report, checked.

    Raises
    ------
    CatalogueError
        With the first thing that is wrong, above all what may not be shown.
    """
    catalogue = load_catalogue()
    document = load_document(SECTIONS, SectionsDocument, CatalogueError)
    for problem in layout_problems(document, catalogue):
        raise CatalogueError(
            en=f"{SECTIONS.name}: {problem}. Mend the declaration.",
            zh=f"{SECTIONS.name}：{problem}，请修正声明。",
        )
    return Layout(document, catalogue)


def layout_problems(document: SectionsDocument, catalogue: Catalogue) -> Iterator[str]:
    """What is wrong with a declaration, clause by clause."""
    if [section.number for section in document.sections] != list(range(len(document.sections))):
        yield "the sections are not numbered 0, 1, 2 …"
    for section in document.sections:
        for part in section.parts:
            place = f"section {section.number}, dataset '{part.dataset}'"
            dataset = catalogue.datasets.get(part.dataset)
            if dataset is None:
                hint = suggestion(part.dataset, list(catalogue.datasets))
                yield f"{place}: there is no such dataset.{hint}"
                continue
            yield from (f"{place}: {problem}" for problem in _part_problems(part, dataset))
            for figure in part.figures:
                yield from (
                    f"{place}: {problem}" for problem in _figure_problems(figure, dataset, document)
                )


def _part_problems(part: Part, dataset: Dataset) -> Iterator[str]:
    kind = dataset.document.sensitivity
    if part.to not in _ROWS_ALLOWED[kind]:
        yield f"rows of a dataset of class {kind} may not be shown to '{part.to}'"
    for name, treatment in part.columns.items():
        column = dataset.columns.get(name)
        if column is None or not column.is_stored:
            yield f"there is no stored column '{name}'"
        elif column.personal and treatment != "masked":
            yield f"'{name}' holds persons' data and must be masked"
        elif not column.personal and treatment == "masked":
            yield f"'{name}' holds no persons' data; leave it out or show it"
        elif column.type in {"party", "month_list"} or name.endswith("uscc"):
            yield f"'{name}' may name other firms or is no single value"


def _figure_problems(figure: Figure, dataset: Dataset, document: SectionsDocument) -> Iterator[str]:
    column = dataset.columns.get(figure.column)
    if dataset.document.sensitivity is not Sensitivity.AUTHORISED:
        yield "figures stand for authorised data only; secret data are in the rating alone"
    if column is None or column.personal:
        yield f"a figure needs a column without persons' data, not '{figure.column}'"
        return
    is_exact = figure.measure in {"latest", "sum", "max"}
    if is_exact and figure.treatment == "count":
        yield f"'{figure.measure}' of '{figure.column}' is a value and must be a band"
    if (figure.treatment == "band") != (figure.band is not None):
        yield f"the figure of '{figure.column}' has a band and no treatment 'band', or the reverse"
    elif figure.band is not None:
        yield from _band_problems(figure.band, column, document)


def _band_problems(name: str, column: Column, document: SectionsDocument) -> Iterator[str]:
    band = document.bands.get(name)
    if band is None:
        yield f"there is no band '{name}'"
    elif bool(band.codes) != (column.type == "enum") or set(column.values) - set(band.codes):
        yield f"band '{name}' does not fit a column of type {column.type}"
