"""Sharing lists 共享清单 that authorities published, held against our catalogue.

A published list is a folder beside the catalogue: `list.yaml` with its title and notes, then one
file for each kind of information. Kinds, fields, modes, departments and plans are quoted; beside
each field stands the column it lands in. A department's file with the list's own headings can be
taken in without a mapping file.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import field_validator

from features.contracts import CATALOGUE_DIR, Catalogue, Column, Dataset, Words
from features.documents import Document, load_document, suggestion
from features.errors import CatalogueError, MappingError
from features.mapping import Mapping, Rule, identity_mapping

#: Every list has a folder here, our catalogue among them.
LISTS_DIR = CATALOGUE_DIR.parent
_ABOUT = "list.yaml"


class PublishedKind(Document):
    """One kind of information 信息种类, as the list prints it.

    Parameters
    ----------
    mode, authorisation, departments, plan : str
        Quoted. `authorisation` is what stands in brackets after the mode.
    sharing_mode : str
        The mode in the words of our catalogue.
    needs_consent : str
        `identifiers`: the record is public, the ID numbers in it are not; or `everything`.
    fields : dict of str to list of str
        Quoted field, and the columns of `dataset` it leads to.
    """

    number: int
    category: str
    kind: str
    dataset: str
    mode: str
    authorisation: str
    sharing_mode: Literal["bulk", "api", "verification"]
    needs_consent: Literal["identifiers", "everything"]
    departments: str
    plan: str
    fields: dict[str, list[str]]

    @field_validator("fields", mode="before")
    @classmethod
    def _short_form(cls, fields: object) -> object:
        """`罚款金额: fine_amount` is short for `罚款金额: [fine_amount]`."""
        if not isinstance(fields, dict):
            return fields
        return {k: [v] if isinstance(v, str) else v for k, v in fields.items()}

    def headings(self, dataset: Dataset) -> dict[str, str]:
        """Heading in a department's file for each column it leads to.

        A field that is one column is headed as printed, up to its bracket; of a field that is several,
        each is headed by the contract's Chinese words, and so is what the contract requires beyond
        the list (the consent, the number of a record).
        """
        found: dict[str, str] = {}
        for field, names in self.fields.items():
            printed = field.partition("(")[0]
            found |= {n: printed if len(names) == 1 else dataset.columns[n].zh for n in names}
        beyond = {n: c.zh for n, c in dataset.columns.items() if c.required}
        return beyond | found


class _About(Document):
    name: str
    title: Words
    issued_on: date
    notes: list[str]


@dataclass(frozen=True)
class PublishedList:
    """A published list: what it says about itself, and its kinds in printed order."""

    name: str
    title: Words
    issued_on: date
    notes: tuple[str, ...]
    kinds: tuple[PublishedKind, ...]
    sha256: str

    def kind_of(self, dataset: str) -> PublishedKind:
        """Return the kind that lands in a dataset.

        Raises
        ------
        MappingError
            If the list has none.
        """
        for kind in self.kinds:
            if kind.dataset == dataset:
                return kind
        known = [kind.dataset for kind in self.kinds]
        hint = suggestion(dataset, known)
        raise MappingError(
            en=f"The list '{self.name}' has no kind of information for the dataset '{dataset}'.{hint} "
            f"It has: {', '.join(known)}. Give a mapping file.",
            zh=f"清单“{self.name}”没有对应数据集“{dataset}”的信息种类，可用：{'、'.join(known)}。请提供映射文件。",
        )


def list_names() -> list[str]:
    """Names of the published lists at hand."""
    return sorted(path.parent.name for path in LISTS_DIR.glob(f"*/{_ABOUT}"))


@cache
def load_published(name: str) -> PublishedList:
    """Load a published list by its name, e.g. `linyi-2023-9`.

    Raises
    ------
    CatalogueError
        If there is no such list, or a file of it has another shape.
    """
    known = list_names()
    if name not in known:
        raise CatalogueError(
            en=f"There is no published list '{name}'.{suggestion(name, known)} Known: {', '.join(known)}.",
            zh=f"没有名为“{name}”的已发布清单。已有：{'、'.join(known)}。",
        )
    return read_published(LISTS_DIR / name)


def read_published(folder: Path) -> PublishedList:
    """Read the folder of a published list.

    Raises
    ------
    CatalogueError
        If a file has another shape.
    """
    about = load_document(folder / _ABOUT, _About, CatalogueError)
    paths = [path for path in sorted(folder.glob("*.yaml")) if path.name != _ABOUT]
    kinds = [load_document(path, PublishedKind, CatalogueError) for path in paths]
    return PublishedList(
        name=about.name,
        title=about.title,
        issued_on=about.issued_on,
        notes=tuple(about.notes),
        kinds=tuple(sorted(kinds, key=lambda kind: kind.number)),
        sha256=hashlib.sha256(b"".join(path.read_bytes() for path in paths)).hexdigest(),
    )


def check_published(published: PublishedList, catalogue: Catalogue) -> list[CatalogueError]:
    """Where a published list and the catalogue do not fit, one sentence each."""
    return [p for kind in published.kinds for p in _problems(published, kind, catalogue)]


def _problems(
    published: PublishedList, kind: PublishedKind, catalogue: Catalogue
) -> Iterator[CatalogueError]:
    place = f"{published.name} {kind.number} {kind.kind}"
    if kind.dataset not in catalogue.datasets:
        hint = suggestion(kind.dataset, list(catalogue.datasets))
        yield _problem(
            place,
            f"leads to '{kind.dataset}', which is no dataset of the catalogue.{hint}",
            f"指向的“{kind.dataset}”不在共享清单中。",
        )
        return
    dataset = catalogue[kind.dataset]
    for field, names in kind.fields.items():
        for name in [name for name in names if name not in dataset.columns]:
            hint = suggestion(name, list(dataset.columns))
            yield _problem(
                place,
                f"'{field}' leads to '{name}', which '{dataset.name}' does not have.{hint}",
                f"“{field}”指向的列“{name}”不属于“{dataset.name}”。",
            )
    if kind.sharing_mode != dataset.document.sharing_mode:
        ours = dataset.document.sharing_mode
        yield _problem(
            place,
            f"is shared by {kind.sharing_mode}, but '{dataset.name}' by {ours}; make them one.",
            f"共享方式为 {kind.sharing_mode}，而“{dataset.name}”为 {ours}，请统一。",
        )
    if (kind.needs_consent == "everything") != dataset.needs_consent:
        yield _problem(
            place,
            f"asks consent for {kind.needs_consent}, but '{dataset.name}' is "
            f"{dataset.document.sensitivity}; make them agree.",
            f"授权要求为 {kind.needs_consent}，与“{dataset.name}”的敏感级别 {dataset.document.sensitivity} 不符。",
        )


def _problem(place: str, en: str, zh: str) -> CatalogueError:
    return CatalogueError(en=f"{place}: {en}", zh=f"{place}：{zh}")


@dataclass(frozen=True)
class Landing:
    """Where one printed field lands: a row of the coverage table."""

    number: int
    kind: str
    field: str
    dataset: str
    columns: tuple[str, ...]
    is_sealed: bool


def coverage(published: PublishedList, catalogue: Catalogue) -> list[Landing]:
    """Every printed field in order, with the columns it lands in.

    `is_sealed` says that one of them is a personal identifier, which lands as a token and a sealed
    value only.
    """
    return [
        Landing(
            number=kind.number,
            kind=kind.kind,
            field=field,
            dataset=kind.dataset,
            columns=tuple(names),
            is_sealed=any(catalogue[kind.dataset].columns[n].personal is not None for n in names),
        )
        for kind in published.kinds
        for field, names in kind.fields.items()
    ]


def published_mapping(published: PublishedList, dataset: Dataset) -> Mapping:
    """The mapping of a file whose headings are the list's own.

    Coded columns take the contract's Chinese words as well as its codes. A heading whose column the
    contract does not require may be missing.

    Raises
    ------
    MappingError
        If the list has no kind of information for the dataset.
    """
    headings = published.kind_of(dataset.name).headings(dataset)
    return replace(
        identity_mapping(dataset),
        name=published.name,
        sha256=published.sha256,
        rules={name: _rule(dataset.columns[name], heading) for name, heading in headings.items()},
        may_lack_optional=True,
    )


def _rule(column: Column, heading: str) -> Rule:
    codes = {code: code for code in column.values}
    codes |= {words.zh: code for code, words in column.values.items()}
    return Rule.model_validate({"from": heading, "codes": codes})
