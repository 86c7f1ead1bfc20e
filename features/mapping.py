"""A provider's own format as a file: which source column is which, codes, dates, derived ids.

Example::

    dataset: invoice_line
    provider: {name: 全国大学生数学建模竞赛, uscc: null}
    file: {encoding: gb18030}
    columns:
      uscc: {synthetic: enterprise_id, namespace: cumcm2020c}
      direction: {constant: sales}
      invoice_no: invoice_no
      status: {from: status, codes: {有效发票: valid, 作废发票: void}}
      counterparty: {template: "cumcm2020c:{counterparty_id}"}
    available_at: {after: issued_on, days: 1}
"""

import hashlib
import re
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from features.contracts import REGISTER, Column, Dataset
from features.documents import Document, load_document, suggestion
from features.errors import MappingError

#: What DuckDB's strptime and ours agree on.
_DATE_PATTERN = re.compile(r"([^%]|%[YymdHIMSfbBjp%])+")
#: Names of columns may hold anything but braces: spaces, dots and colons are common.
_PLACEHOLDER = re.compile(r"\{([^{}]+)\}")

UsccCheck = Literal["strict", "lenient"]


class Rule(Document):
    """Where one contract column comes from: exactly one of its five origins.

    Parameters
    ----------
    source : str
        `from:` a column of the file.
    constant : str
    template : str
        Text with `{source_column}` in it; missing if any of them is.
    synthetic : str
        The file's own firm id, turned into a synthetic code (only for `uscc`); needs `namespace`.
    digest : list of str
        A stable id from the cleaned text of these columns, where the source has none.
    or_name : str
        Only for `uscc`: the column with the enterprise's name, which finds it where the code is missing.
    or_name_when_invalid : bool
        Also where the code fails its check, or is of none of the `kinds`.
    kinds : list of str
        Only for `uscc`: how a code may begin; others are no enterprises. Empty for any.
    codes : dict
        The provider's codes, translated; a code that is not listed is rejected.
    date_formats : list of str
        strptime patterns that replace the usual ones.
    unit : str
        Of delivered amounts: `yuan`, or `wan_yuan` (10,000 yuan).
    """

    source: str | None = Field(default=None, alias="from")
    constant: str | None = None
    template: str | None = None
    synthetic: str | None = None
    #: The origin of a firm is written `namespace:id`, so a namespace holds no colon.
    namespace: str | None = Field(default=None, pattern=r"^[^:\s]+$")
    kind: Literal["91", "92", "93"] = "91"
    digest: list[str] | None = Field(default=None, min_length=1)
    or_name: str | None = None
    or_name_when_invalid: bool = False
    kinds: list[str] = Field(default_factory=list)
    codes: dict[str, str] = Field(default_factory=dict)
    date_formats: list[str] = Field(default_factory=list)
    unit: Literal["yuan", "wan_yuan"] = "yuan"

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        given = [self.source, self.constant, self.template, self.synthetic, self.digest]
        if sum(origin is not None for origin in given) != 1:
            msg = "give exactly one of 'from', 'constant', 'template', 'synthetic' or 'digest'"
            raise ValueError(msg)
        if self.or_name is not None and self.source is None:
            msg = "'or_name' stands in for a code: say where the code is with 'from'"
            raise ValueError(msg)
        if self.or_name_when_invalid and self.or_name is None:
            msg = "'or_name_when_invalid' needs 'or_name', the column with the name"
            raise ValueError(msg)
        if self.synthetic is not None and self.namespace is None:
            msg = "'synthetic' needs a 'namespace', so that two data sets never share a code"
            raise ValueError(msg)
        if self.template is not None and not self.source_columns():
            msg = "a template names at least one '{source_column}'; for fixed text use 'constant'"
            raise ValueError(msg)
        if self.template is not None and set("{}") & set("".join(self.template_parts()[::2])):
            msg = "a template has a brace that opens or closes nothing"
            raise ValueError(msg)
        return self

    def template_parts(self) -> list[str]:
        """Fixed text and column names of the template in turn, text first and last."""
        return _PLACEHOLDER.split(self.template or "")

    def source_columns(self) -> list[str]:
        """Columns of the file this rule reads."""
        if self.template is not None:
            return self.template_parts()[1::2]
        if self.digest is not None:
            return self.digest
        return [name for name in (self.source, self.synthetic, self.or_name) if name is not None]


class Beginning(Document):
    """A condition on how a text begins."""

    starts_with: list[str] = Field(min_length=1)


#: Which rows belong to the dataset, by a column of the file: `present`, a value, values, a beginning.
RowsWanted = dict[str, str | Annotated[list[str], Field(min_length=1)] | Beginning]


class FileFormat(Document):
    """How to read the file; the suffix decides what is not said here."""

    format: Literal["csv", "excel", "parquet"] | None = None
    encoding: Literal["utf-8", "gb18030"] = "utf-8"
    delimiter: str = Field(default=",", pattern=r"^[^\r\n\"]$")
    sheet: str | int = 0
    #: Line of a sheet on which the column names stand; above it there is often a title.
    header_line: int = Field(default=1, ge=1)
    thousands: Literal["", ",", " ", "'", "，"] = ""


class Provider(Document):
    """Who delivered."""

    name: str
    uscc: str | None = None


class AvailableAt(Document):
    """When the platform could first use a row; without a rule that is the moment of ingest.

    For back history a rule states the lag that delivery would have had: `days` after the end of the
    day in contract column `after`, or the instant in source column `from`, or one `constant` instant.
    It is never later than the ingest itself.
    """

    after: str | None = None
    days: int = Field(default=0, ge=0)
    source: str | None = Field(default=None, alias="from")
    constant: str | None = None

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        if sum(origin is not None for origin in (self.after, self.source, self.constant)) != 1:
            msg = "give exactly one of 'after', 'from' or 'constant'"
            raise ValueError(msg)
        if self.days and self.after is None:
            msg = "'days' counts from a column: say which with 'after'"
            raise ValueError(msg)
        return self

    @field_validator("constant")
    @classmethod
    def _is_an_instant(cls, constant: str | None) -> str | None:
        if constant is not None and datetime.fromisoformat(constant).tzinfo is not None:
            msg = "give Asia/Shanghai wall time without a zone"
            raise ValueError(msg)
        return constant


class MappingDocument(Document):
    """A mapping file as written."""

    dataset: str
    provider: Provider
    file: FileFormat = FileFormat()
    columns: dict[str, Rule]
    rows: RowsWanted = Field(default_factory=dict)
    available_at: AvailableAt | None = None
    #: `lenient` lands a code whose last check character is right and whose body's is not, as doubtful.
    uscc_check: UsccCheck = "strict"
    notes: str = ""

    @field_validator("columns", mode="before")
    @classmethod
    def _short_form(cls, columns: object) -> object:
        """`amount: 金额` is short for `amount: {from: 金额}`."""
        if not isinstance(columns, dict):
            return columns
        return {
            name: {"from": rule} if isinstance(rule, str) else rule
            for name, rule in columns.items()
        }


@dataclass(frozen=True)
class Mapping:
    """A mapping checked against its dataset's contract."""

    name: str
    sha256: str
    dataset: Dataset
    provider: Provider
    file: FileFormat
    rules: dict[str, Rule]
    available_at: AvailableAt | None
    #: Columns that the contract does not require may be missing from the file.
    may_lack_optional: bool = False
    uscc_check: UsccCheck = "strict"
    rows: RowsWanted = field(default_factory=dict)

    def source_columns(self) -> list[str]:
        """Every column of the file that is read, once, in order of first use."""
        names = [name for rule in self.rules.values() for name in rule.source_columns()]
        if self.available_at is not None and self.available_at.source is not None:
            names.append(self.available_at.source)
        return list(dict.fromkeys([*names, *self.rows]))

    @property
    def name_source(self) -> str | None:
        """The column of the file that names the enterprise, if one is mapped."""
        declared = self.rules["uscc"].or_name
        named = self.rules.get("name" if self.dataset.name == REGISTER else "enterprise_name")
        return declared or (named.source if named is not None else None)

    def personal_sources(self) -> set[str]:
        """Columns of the file that hold personal identifiers; they are never written in plain."""
        columns = self.dataset.columns
        return {
            source
            for name, rule in self.rules.items()
            if columns[name].personal is not None
            for source in rule.source_columns()
        }

    def plain_sources(self) -> set[str]:
        """Columns of the file that are stored, or decide something, as they are."""
        columns = self.dataset.columns
        plain = {
            source
            for name, rule in self.rules.items()
            if columns[name].personal is None
            for source in rule.source_columns()
        }
        if self.available_at is not None and self.available_at.source is not None:
            plain.add(self.available_at.source)
        return plain | set(self.rows)


def load_mapping(path: Path, dataset: Dataset) -> Mapping:
    """Read a mapping file and hold it against the contract of the dataset.

    Raises
    ------
    MappingError
        If it is for another dataset, maps a column the contract does not have, or leaves out a
        required one.
    """
    document = load_document(path, MappingDocument, MappingError)
    if document.dataset != dataset.name:
        raise MappingError(
            en=f"{path} maps the dataset '{document.dataset}', not '{dataset.name}'. "
            "Give the mapping of this dataset.",
            zh=f"{path} 是数据集“{document.dataset}”的映射，不是“{dataset.name}”的。",
        )
    mapping = Mapping(
        name=path.name,
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        dataset=dataset,
        provider=document.provider,
        file=document.file,
        rules=document.columns,
        available_at=document.available_at,
        uscc_check=document.uscc_check,
        rows=document.rows,
    )
    _check(mapping, str(path))
    return mapping


def identity_mapping(dataset: Dataset) -> Mapping:
    """The mapping of a file that already uses the contract's column names."""
    return Mapping(
        name="identity",
        sha256=hashlib.sha256(dataset.path.read_bytes()).hexdigest(),
        dataset=dataset,
        provider=Provider(name=dataset.document.provider.zh),
        file=FileFormat(),
        rules={name: Rule.model_validate({"from": name}) for name in dataset.columns},
        available_at=None,
        may_lack_optional=True,
    )


def _check(mapping: Mapping, where: str) -> None:
    columns = mapping.dataset.columns
    for name, rule in mapping.rules.items():
        if name not in columns:
            hint = suggestion(name, list(columns))
            raise MappingError(
                en=f"{where} maps '{name}', which dataset '{mapping.dataset.name}' does not have.{hint}",
                zh=f"{where} 映射了数据集“{mapping.dataset.name}”没有的列“{name}”。",
            )
        _check_rule(name, columns[name], rule, where)
    missing = [
        name
        for name, column in columns.items()
        if column.required and column.derive is None and name not in mapping.rules
    ]
    if missing:
        raise MappingError(
            en=f"{where} leaves out the required column(s) {', '.join(missing)} of "
            f"'{mapping.dataset.name}'. Map them.",
            zh=f"{where} 缺少数据集“{mapping.dataset.name}”的必填列：{'、'.join(missing)}。",
        )
    both = sorted(mapping.personal_sources() & mapping.plain_sources())
    if both:
        raise MappingError(
            en=f"{where} reads '{both[0]}' as a personal identifier and also for a column that is stored "
            "in plain. Personal values may only feed personal columns.",
            zh=f"{where} 把“{both[0]}”既作个人信息读取，又用于明文入库的列；个人信息只能用于个人信息列。",
        )
    after = mapping.available_at.after if mapping.available_at is not None else None
    if after is not None and after not in mapping.rules:
        raise MappingError(
            en=f"{where}: available_at counts from '{after}', which is not mapped.",
            zh=f"{where}：available_at 依据的列“{after}”没有映射。",
        )
    if after is not None and columns[after].type not in {"date", "month", "ts"}:
        raise MappingError(
            en=f"{where}: available_at counts from '{after}', which is no date, month or ts.",
            zh=f"{where}：available_at 依据的列“{after}”不是日期、月份或时间。",
        )


def _check_rule(name: str, column: Column, rule: Rule, where: str) -> None:
    if rule.synthetic is not None and name != "uscc":
        raise MappingError(
            en=f"{where}: only 'uscc' can be synthetic, not '{name}'.",
            zh=f"{where}：只有 uscc 列可以使用 synthetic，“{name}”不可以。",
        )
    if name != "uscc" and (rule.or_name is not None or rule.kinds):
        raise MappingError(
            en=f"{where}: only 'uscc' can have or_name and kinds, not '{name}'.",
            zh=f"{where}：只有 uscc 列可以使用 or_name 与 kinds，“{name}”不可以。",
        )
    if rule.digest is not None and (column.personal is not None or column.type != "str"):
        raise MappingError(
            en=f"{where}: '{name}' cannot be a digest; it makes ids of type str that hold no personal value.",
            zh=f"{where}：“{name}”不能使用 digest；digest 只用于不含个人信息的 str 编号列。",
        )
    strange = sorted(set(rule.codes.values()) - set(column.values))
    if strange:
        raise MappingError(
            en=f"{where} translates to the code(s) {', '.join(strange)}, which '{name}' does not know; "
            f"it knows {', '.join(column.values) or 'none'}.",
            zh=f"{where} 把“{name}”译为未定义的代码：{'、'.join(strange)}。",
        )
    if rule.date_formats and column.type not in {"date", "month", "ts"}:
        raise MappingError(
            en=f"{where}: '{name}' has date_formats but is no date, month or ts.",
            zh=f"{where}：“{name}”不是日期、月份或时间，不能写 date_formats。",
        )
    if rule.unit != "yuan" and column.type != "money":
        raise MappingError(
            en=f"{where}: '{name}' has the unit {rule.unit} but is no money; take it out.",
            zh=f"{where}：“{name}”不是金额，不能写单位 {rule.unit}。",
        )
    wrong = [pattern for pattern in rule.date_formats if not _DATE_PATTERN.fullmatch(pattern)]
    if wrong:
        raise MappingError(
            en=f"{where}: '{name}' has the date format '{wrong[0]}', which cannot be read. "
            "Use %Y %y %m %d %H %I %M %S %f %b %B %j %p.",
            zh=f"{where}：“{name}”的日期格式“{wrong[0]}”无法识别。",
        )
