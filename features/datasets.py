"""What one dataset of the sharing list says: its columns, key, sensitivity, rules and stored shape."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Literal

from pydantic import Field

from features.documents import Document

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


def delivered_columns(document: DatasetDocument) -> dict[str, Column]:
    """What a delivery may contain: the envelope its class asks for, then its own columns."""
    columns = {**ENVELOPE}
    if document.name != REGISTER:
        columns["enterprise_name"] = NAME_COLUMN
    if document.sensitivity in {Sensitivity.AUTHORISED, Sensitivity.SECRET}:
        columns["consent_id"] = CONSENT_COLUMN
    if document.negative:
        columns |= NEGATIVE_COLUMNS
    return columns | document.columns
