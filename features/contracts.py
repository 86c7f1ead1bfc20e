"""The sharing list 共享清单 as data: one YAML file a dataset, one folder a version, checked here.

A dataset entry says what a provider delivers (columns, types, key), who may see it
(sensitivity, consent scope), how it arrives (mode, cadence) and when it counts (event date,
usual lag). Everything downstream asks this module, nothing restates it.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Literal

import duckdb
from pydantic import Field

from features.documents import Document, load_document, suggestion
from features.engine import connect, parquet
from features.errors import CatalogueError

#: The catalogue the platform runs on; published lists beside it are held against it.
CATALOGUE_DIR = Path(__file__).parent / "catalogue" / "unified-1"

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
    "month_list": "STRUCT(month INTEGER, value DOUBLE)[]",
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
        the lake; `month` is YYYYMM; `list` is `a;b;c` in a file; `month_list` is
        `YYYYMM，value；YYYYMM，value；` with full-width marks, newest or oldest first.
    values : dict of str to Words
        The codes of an enum.
    personal : str, optional
        Kind of personal identifier. Such a column never reaches the lake in plain: it becomes a
        keyed token and an encrypted blob (see `features.identifiers`).
    subject : str, optional
        The column that identifies the natural person a personal column belongs to.
    codes : str, optional
        The public code list a text must be on: `region` (GB/T 2260) or `industry` (GB/T 4754). A row
        with another code lands marked `warn`.
    derive : str, optional
        SQL over the typed contract columns of the row: the value where the provider gives none.
    is_stored : bool
        False for a column that is only checked or used to find the enterprise.
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
    codes: Literal["region", "industry"] | None = None
    derive: str | None = None
    is_stored: bool = True


class Check(Document):
    """A condition over the stored columns of one row.

    Rows that fail it land marked `warn`, or with `action: reject` go to quarantine. A condition that
    is NULL, because a column is missing, is met.
    """

    sql: str
    zh: str
    en: str
    action: Literal["warn", "reject"] = "warn"


class Publicity(Document):
    """How long a record is public at most where the provider gives no end (Order 36 of 2025).

    Parameters
    ----------
    starts : str
        Date column the period counts from.
    by : str
        Enum column that decides its length.
    months : dict of str to int
        Length for each code of `by` [months].
    """

    starts: str
    by: str
    months: dict[str, int]


class Retention(Document):
    """When rows are deleted; both limits may hold, the earlier one counts.

    Parameters
    ----------
    years : int
        After the day in `counts_from` [years]. A row without that day is kept.
    counts_from : str
        Date, month or ts column.
    days_after_consent : int
        After the consent under which the row was collected has ended [days].
    basis : Words
        The rule it follows.
    """

    years: int | None = None
    counts_from: str | None = None
    days_after_consent: int | None = None
    basis: Words


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
    #: Read in a text, knowledge of the field, or our own proposal.
    evidence: Literal["verified", "knowledge", "proposal"] = "proposal"
    notes: str = ""
    publicity: Publicity | None = None
    retention: Retention | None = None
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
#: The name a row is delivered under: it may find the enterprise where the code is missing, and is
#: held against the register. The register's own dataset has `name` instead.
NAME_COLUMN = Column(
    type="str", zh="企业名称", en="Enterprise name", max_length=200, is_stored=False
)
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
REGISTER = "reg_basic"
#: Names that the tables of a run and the lake use for themselves.
_RESERVED = frozenset(
    {
        "line",
        "reasons",
        "origin",
        "enterprise_name",
        *ENVELOPE,
        *LAKE_ENVELOPE,
    }
)
_COLUMN_NAME = re.compile(r"[a-z][a-z0-9_]*")


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

    @property
    def personal(self) -> dict[str, Column]:
        """Columns that hold identifiers of natural persons."""
        return {name: column for name, column in self.columns.items() if column.personal}

    def lake_columns(self) -> dict[str, str]:
        """Name and type of every column the lake stores for this dataset, envelope first."""
        stored = dict(LAKE_ENVELOPE)
        for name, column in self.columns.items():
            if name == "uscc" or not column.is_stored:
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
    if document.name != REGISTER:
        columns["enterprise_name"] = NAME_COLUMN
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
            f"文件名“{path.stem}”与数据集名“{document.name}”不一致，请统一。",
        )
    if (
        document.sensitivity in {Sensitivity.AUTHORISED, Sensitivity.SECRET}
        and not document.consent_scope
    ):
        yield _problem(
            path,
            f"the dataset is {document.sensitivity} but has no consent_scope; "
            "say which consent opens it.",
            f"数据集敏感级别为 {document.sensitivity}，但未写明 consent_scope（授权范围）。",
        )
    found = [
        problem
        for name, column in document.columns.items()
        for problem in _column_problems(document, name, column, path)
    ]
    found += _key_problems(document, path)
    yield from found
    if not found:
        yield from _stored_problems(document, path)


def _column_problems(
    document: DatasetDocument, name: str, column: Column, path: Path
) -> Iterator[CatalogueError]:
    reserved = _RESERVED | (set(NEGATIVE_COLUMNS) if document.negative else set[str]())
    if not _COLUMN_NAME.fullmatch(name) or name in reserved:
        yield _problem(
            path,
            f"column '{name}' cannot be called so; use a-z, 0-9 and _, "
            f"and none of {', '.join(sorted(reserved))}.",
            f"列名“{name}”不可用；请使用小写字母、数字和下划线，并避开保留名。",
        )
    if column.type not in LAKE_TYPES:
        known = ", ".join(LAKE_TYPES)
        yield _problem(
            path,
            f"column '{name}' has the unknown type '{column.type}'; use one of {known}.",
            f"列“{name}”的类型“{column.type}”未知；可用类型：{known}。",
        )
    if column.type == "enum" and not column.values:
        yield _problem(
            path,
            f"column '{name}' is an enum without values; list its codes.",
            f"枚举列“{name}”没有列出代码。",
        )
    if column.minimum is not None and column.type not in {"int", "money", "decimal"}:
        yield _problem(
            path,
            f"column '{name}' has a minimum but is no number; take it out.",
            f"列“{name}”不是数值，不能设最小值。",
        )
    if column.max_length is not None and column.type not in {"str", "party"}:
        yield _problem(
            path,
            f"column '{name}' has a max_length but is no text; take it out.",
            f"列“{name}”不是文本，不能设最大长度。",
        )
    if column.personal is not None and column.type != "str":
        yield _problem(
            path,
            f"the personal column '{name}' must be of type str.",
            f"个人信息列“{name}”的类型必须为 str。",
        )
    if column.subject is not None and column.subject not in document.columns:
        yield _problem(
            path,
            f"column '{name}' names the subject '{column.subject}', which is no column.",
            f"列“{name}”的 subject“{column.subject}”不是该数据集的列。",
        )


def _key_problems(document: DatasetDocument, path: Path) -> Iterator[CatalogueError]:
    if not document.primary_key:
        yield _problem(
            path,
            "there is no primary_key; name the columns that identify a row.",
            "缺少 primary_key（主键）。",
        )
    columns = _columns(document)
    for key in document.primary_key:
        if key not in columns:
            yield _problem(
                path,
                f"primary_key names '{key}', which is no column.",
                f"主键“{key}”不是该数据集的列。",
            )
        elif columns[key].personal is not None:
            yield _problem(
                path,
                f"primary_key names the personal column '{key}'; use another key.",
                f"主键不能使用个人信息列“{key}”。",
            )
    event_date = document.event_date
    if event_date is not None and (
        event_date not in columns or columns[event_date].type not in {"date", "month", "ts"}
    ):
        yield _problem(
            path,
            f"event_date '{event_date}' is no date, month or ts column.",
            f"event_date“{event_date}”不是日期、月份或时间列。",
        )


def _stored_problems(document: DatasetDocument, path: Path) -> Iterator[CatalogueError]:
    """Stored columns that would share a name, and checks that are no condition over them."""
    dataset = Dataset(document, _columns(document), path)
    names = [n for name, column in dataset.columns.items() for n in lake_column(name, column)]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        yield _problem(
            path,
            f"two columns would both be stored as '{twice[0]}'; rename one.",
            f"两列的入库名同为“{twice[0]}”，请改名。",
        )
        return
    for name, check in document.checks.items():
        try:
            with connect(threads=1) as connection:
                connection.execute(
                    f"SELECT CAST(({check.sql}) AS BOOLEAN) FROM {parquet([], dataset.lake_columns())}"
                )
        except duckdb.Error as wrong:
            where = str(wrong).splitlines()[0]
            yield _problem(
                path,
                f"check '{name}' is no condition over the stored columns ({where}).",
                f"检查“{name}”不是入库列上的条件（{where}）。",
            )


def _problem(path: Path, en: str, zh: str) -> CatalogueError:
    return CatalogueError(en=f"{path.name}: {en}", zh=f"共享清单 {path.name}：{zh}")
