"""The sharing list 共享清单 as data: one YAML file a dataset, loaded and checked here.

A dataset entry says what a provider delivers (columns, types, key), who may see it
(sensitivity, consent scope), how it arrives (mode, cadence) and when it counts (event date,
usual lag). Everything downstream asks this module, nothing restates it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import Field

from features.documents import Document, load_document, suggestion
from features.errors import CatalogueError

CATALOGUE_DIR = Path(__file__).parent / "catalogue"

#: Lake type of each contract type. Money is whole fen, so that sums are exact in every engine;
#: a party is the surrogate key of an enterprise or counterparty.
LAKE_TYPES: Mapping[str, str] = {
    "str": "VARCHAR",
    "enum": "VARCHAR",
    "int": "BIGINT",
    "money": "BIGINT",
    "decimal": "DOUBLE",
    "date": "DATE",
    "month": "INTEGER",
    "bool": "BOOLEAN",
    "ts": "TIMESTAMP",
    "list": "VARCHAR[]",
    "party": "INTEGER",
}

Personal = Literal["id_number", "person_name", "phone"]


class Sensitivity(StrEnum):
    """Who may see a dataset (domain classes P, A, S, I)."""

    PUBLIC = "public"
    AUTHORISED = "authorised"
    SECRET = "secret"  # noqa: S105 - a sensitivity class, not a password
    INTERNAL = "internal"


class Words(Document):
    """The same words in Chinese and English."""

    zh: str
    en: str


class Column(Document):
    """One column of a dataset as the provider's contract states it.

    Parameters
    ----------
    type : str
        A key of `LAKE_TYPES`. `money` is yuan with at most two decimals in a file and whole fen in
        the lake; `month` is YYYYMM; `list` is `a;b;c` in a file.
    values : dict of str to Words
        The codes of an enum.
    personal : str, optional
        Kind of personal identifier. Such a column never reaches the lake in plain: it becomes a
        keyed token and an encrypted blob (see `features.identifiers`).
    subject : str, optional
        The column that identifies the natural person a personal column belongs to.
    """

    type: str
    zh: str
    en: str
    required: bool = False
    unit: str | None = None
    values: dict[str, Words] = Field(default_factory=dict)
    max_length: int | None = None
    minimum: float | None = None
    personal: Personal | None = None
    subject: str | None = None


class Check(Document):
    """A condition over the stored columns of one row; rows that fail it land marked `warn`."""

    sql: str
    zh: str
    en: str


class DatasetDocument(Document):
    """A catalogue file as written; `check_catalogue` says what is wrong with it."""

    name: str
    code: str
    title: Words
    category: Words
    provider: Words
    sharing_mode: Literal["bulk", "api", "verification", "feedback", "declared", "platform"]
    sensitivity: Sensitivity
    consent_scope: str | None = None
    cadence: Literal["event", "daily", "weekly", "monthly", "quarterly", "yearly"]
    available_lag_days: int
    event_date: str | None = None
    negative: bool = False
    primary_key: list[str] = Field(default_factory=list)
    notes: str = ""
    columns: dict[str, Column]
    checks: dict[str, Check] = Field(default_factory=dict)


#: Every delivered row says whose it is; authorised rows also under which consent they came.
ENVELOPE: Mapping[str, Column] = {
    "uscc": Column(
        type="str",
        zh="统一社会信用代码",
        en="Unified social credit code",
        required=True,
        max_length=18,
    ),
}
CONSENT_COLUMN = Column(
    type="str",
    zh="授权编号",
    en="Consent under which the row was collected",
    required=True,
    max_length=64,
)
#: Negative records can be repaired and stop being publishable (Order 36, in force 2026-04-01).
NEGATIVE_COLUMNS: Mapping[str, Column] = {
    "repaired_at": Column(type="ts", zh="修复时间", en="Repaired at"),
    "publicity_end": Column(type="date", zh="公示截止期", en="Last day of publicity"),
}
#: Columns the lake adds to every row, in order (see `features.lake`).
LAKE_ENVELOPE: Mapping[str, str] = {
    "row_id": "BIGINT",
    "enterprise_key": "INTEGER",
    "available_at": "TIMESTAMP",
    "row_hash": "BIGINT",
    "dq_status": "VARCHAR",
}


@dataclass(frozen=True)
class Dataset:
    """A checked catalogue entry.

    `columns` holds what a delivery may contain: the envelope, then the dataset's own columns.
    """

    document: DatasetDocument
    columns: Mapping[str, Column]
    path: Path

    @property
    def name(self) -> str:
        """The name features, scopes and files use."""
        return self.document.name

    @property
    def needs_consent(self) -> bool:
        """Authorised and secret data are seen only inside a live consent."""
        return self.document.sensitivity in {Sensitivity.AUTHORISED, Sensitivity.SECRET}

    def lake_columns(self) -> dict[str, str]:
        """Name and type of every column the lake stores for this dataset, envelope first."""
        stored = dict(LAKE_ENVELOPE)
        for name, column in self.columns.items():
            if name == "uscc":
                continue
            stored.update(lake_column(name, column))
        return stored

    def lake_key(self) -> list[str]:
        """Stored names of the columns that identify a record, whatever its version."""
        stored: list[str] = []
        for name in self.document.primary_key:
            is_owner = name == "uscc"
            stored += ["enterprise_key"] if is_owner else lake_column(name, self.columns[name])
        return stored


def lake_column(name: str, column: Column) -> dict[str, str]:
    """How one contract column is stored.

    Examples
    --------
    >>> lake_column("amount", Column(type="money", zh="金额", en="Amount"))
    {'amount_fen': 'BIGINT'}
    >>> lake_column("owner", Column(type="str", zh="负责人", en="Owner", personal="person_name"))
    {'owner_token': 'VARCHAR', 'owner_sealed': 'BLOB'}
    """
    if column.personal is not None:
        return {f"{name}_token": "VARCHAR", f"{name}_sealed": "BLOB"}
    suffix = {"money": "_fen", "party": "_key"}.get(column.type, "")
    return {name + suffix: LAKE_TYPES[column.type]}


@dataclass(frozen=True)
class Catalogue:
    """All datasets, by name."""

    datasets: Mapping[str, Dataset]

    def __getitem__(self, name: str) -> Dataset:
        """Return the dataset of that name.

        Raises
        ------
        CatalogueError
            If there is none; near names are listed.
        """
        try:
            return self.datasets[name]
        except KeyError:
            hint = suggestion(name, list(self.datasets))
            known = ", ".join(sorted(self.datasets))
            raise CatalogueError(
                en=f"There is no dataset '{name}' in the catalogue.{hint} Known: {known}.",
                zh=f"共享清单中没有数据集“{name}”。已有：{known}。",
            ) from None

    def __iter__(self) -> Iterator[Dataset]:
        """Datasets in name order."""
        return (self.datasets[name] for name in sorted(self.datasets))

    def opened_by(self, consent_scope: str) -> frozenset[str]:
        """Names of the datasets that one consent scope opens."""
        return frozenset(d.name for d in self if d.document.consent_scope == consent_scope)


@cache
def load_catalogue(directory: Path = CATALOGUE_DIR) -> Catalogue:
    """Load every dataset of a catalogue folder; the first mistake stops the start.

    Raises
    ------
    CatalogueError
        With the first problem `check_catalogue` finds.
    """
    datasets, problems = _read(directory)
    if problems:
        raise problems[0]
    return Catalogue(datasets)


def check_catalogue(directory: Path = CATALOGUE_DIR) -> list[CatalogueError]:
    """Every problem of a catalogue folder, one sentence each; empty when it is sound."""
    return _read(directory)[1]


def _read(directory: Path) -> tuple[dict[str, Dataset], list[CatalogueError]]:
    datasets: dict[str, Dataset] = {}
    problems: list[CatalogueError] = []
    paths = sorted(directory.glob("*.yaml"))
    if not paths:
        problems.append(
            CatalogueError(
                en=f"The catalogue folder {directory} holds no dataset (*.yaml).",
                zh=f"共享清单目录 {directory} 中没有数据集（*.yaml）。",
            )
        )
    for path in paths:
        try:
            document = load_document(path, DatasetDocument, CatalogueError)
        except CatalogueError as problem:
            problems.append(problem)
            continue
        found = list(_problems(document, path))
        problems.extend(found)
        if not found:
            datasets[document.name] = Dataset(document, _columns(document), path)
    return datasets, problems


def _columns(document: DatasetDocument) -> dict[str, Column]:
    columns = {**ENVELOPE}
    if document.sensitivity in {Sensitivity.AUTHORISED, Sensitivity.SECRET}:
        columns["consent_id"] = CONSENT_COLUMN
    if document.negative:
        columns |= NEGATIVE_COLUMNS
    return columns | document.columns


def _problems(document: DatasetDocument, path: Path) -> Iterator[CatalogueError]:
    """What the shape alone cannot say; each problem is a sentence that ends with the way out."""
    if path.stem != document.name:
        yield _problem(
            path,
            f"the file is called '{path.stem}' but the dataset '{document.name}'; rename one of them.",
        )
    for name, column in document.columns.items():
        yield from _column_problems(document, name, column, path)
    yield from _key_problems(document, path)
    if (
        document.sensitivity in {Sensitivity.AUTHORISED, Sensitivity.SECRET}
        and not document.consent_scope
    ):
        yield _problem(
            path,
            f"the dataset is {document.sensitivity} but has no consent_scope; "
            "say which consent opens it.",
        )


def _column_problems(
    document: DatasetDocument, name: str, column: Column, path: Path
) -> Iterator[CatalogueError]:
    if column.type not in LAKE_TYPES:
        known = ", ".join(LAKE_TYPES)
        yield _problem(
            path, f"column '{name}' has the unknown type '{column.type}'; use one of {known}."
        )
    if column.type == "enum" and not column.values:
        yield _problem(path, f"column '{name}' is an enum without values; list its codes.")
    if column.subject is not None and column.subject not in document.columns:
        yield _problem(
            path, f"column '{name}' names the subject '{column.subject}', which is no column."
        )


def _key_problems(document: DatasetDocument, path: Path) -> Iterator[CatalogueError]:
    if not document.primary_key:
        yield _problem(path, "there is no primary_key; name the columns that identify a row.")
    columns = _columns(document)
    for key in document.primary_key:
        if key not in columns:
            yield _problem(path, f"primary_key names '{key}', which is no column.")
        elif columns[key].personal is not None:
            yield _problem(path, f"primary_key names the personal column '{key}'; use another key.")
    event_date = document.event_date
    if event_date is not None and (
        event_date not in columns or columns[event_date].type not in {"date", "month", "ts"}
    ):
        yield _problem(path, f"event_date '{event_date}' is no date, month or ts column.")


def _problem(path: Path, clause: str) -> CatalogueError:
    return CatalogueError(en=f"{path.name}: {clause}", zh=f"共享清单 {path.name}：{clause}")
