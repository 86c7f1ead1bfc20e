"""The quality rules as data: formats, marks, limits, and the words of every reason.

`quality_rules.yaml` says what counts as empty, as a date, as a month list, which numbers may be 0, and
why a row is rejected or doubtful; code reads it from here and holds none of it.
"""

from collections.abc import Mapping
from datetime import date
from functools import cache
from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from features.contracts import DatasetDocument, Personal, Words
from features.documents import Document, load_document
from features.errors import CatalogueError

RULES_PATH = Path(__file__).parent / "quality_rules.yaml"
#: Reasons `check:<name>` are conditions of the dataset itself, reasons `row:<code>` are of no column.
CHECK = "check"
ROW = "row"


class Moments(Document):
    """How days, months and times may be written (strptime), and the years that are believed."""

    days: list[str]
    months: list[str]
    time_of_day: str
    years: tuple[int, int]

    @property
    def times(self) -> list[str]:
        """Days with a time of day behind them."""
        return [f"{day} {self.time_of_day}" for day in self.days]


class Booleans(Document):
    """Words for yes and no."""

    is_true: list[str]
    is_false: list[str]


class MonthLists(Document):
    """`YYYYMM，value；`: its marks, the marks mistaken for them, and the span of its months [months]."""

    between: str
    end: str
    half_width: list[str]
    window: int = Field(ge=1)


class Numbers(Document):
    """Limits of amounts [yuan], and which numbers (`dataset.column`) may be 0 or stand for nothing."""

    money_limit: int
    money_slack: float
    positive: list[str]
    zero_allowed: list[str]
    unknown_marks: dict[str, int]

    @model_validator(mode="after")
    def _one_rule_each(self) -> Self:
        both = sorted(set(self.positive) & set(self.zero_allowed))
        if both:
            msg = f"'{both[0]}' is both positive and zero_allowed; take it out of one"
            raise ValueError(msg)
        return self


class Department(Words):
    """A registration department and its kinds, one character each."""

    kinds: str


class UsccRules(Document):
    """Which first two characters a credit code may have."""

    source: str
    departments: dict[str, Department]

    def knows(self, code: str) -> bool:
        """Whether department and kind of a code are on the standard's table."""
        department = self.departments.get(code[:1])
        return department is not None and code[1:2] in tuple(department.kinds)


class Slip(Document):
    """A form that does not belong in a kind of personal column, and the reason it gives."""

    form: str
    reason: str


class PersonalForms(Document):
    """Regular expressions of personal identifiers."""

    id_number: str
    phone: str
    slipped: dict[Personal, Slip]


class Reason(Words):
    """A reason in both languages, after the column's name, and what the provider should do."""

    fix: Words


class QualityRules(Document):
    """The whole pack, as written."""

    version: str
    in_force: date
    source: str
    empty_markers: list[str]
    moments: Moments
    booleans: Booleans
    list_separators: list[str] = Field(min_length=1)
    month_lists: MonthLists
    numbers: Numbers
    uscc: UsccRules
    personal: PersonalForms
    reasons: dict[str, Reason]
    warnings: dict[str, Reason]
    #: Counted like warnings, but the row stays unmarked.
    notes: dict[str, Reason] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _slips_have_reasons(self) -> Self:
        for slip in self.personal.slipped.values():
            if slip.reason not in self.reasons:
                msg = f"'{slip.reason}' of personal.slipped has no words under reasons"
                raise ValueError(msg)
        return self


@cache
def load_rules(path: Path = RULES_PATH) -> QualityRules:
    """The rule pack.

    Raises
    ------
    CatalogueError
        If the file is not what `QualityRules` says.
    """
    return load_document(path, QualityRules, CatalogueError)


def reason(column: str, code: str) -> str:
    """`column:code` of a rejected row; a code without words is a mistake in the code.

    Examples
    --------
    >>> reason("amount", "missing")
    'amount:missing'
    """
    return _named(column, code, load_rules().reasons)


def warning(column: str, code: str) -> str:
    """`column:code` of a doubtful row.

    Examples
    --------
    >>> warning("region_code", "unknown_code")
    'region_code:unknown_code'
    """
    return _named(column, code, load_rules().warnings)


def _named(column: str, code: str, known: Mapping[str, Reason]) -> str:
    if code not in known:
        msg = f"the reason '{code}' has no words in quality_rules.yaml"
        raise KeyError(msg)
    return f"{column}:{code}"


def words_of(found: str, dataset: DatasetDocument, *, is_warning: bool = False) -> Words:
    """What a counted reason or warning says; a check of the dataset speaks for itself."""
    column, _, code = found.partition(":")
    if column == CHECK and code in dataset.checks:
        check = dataset.checks[code]
        return Words(zh=check.zh, en=check.en)
    rules = load_rules()
    return (rules.warnings | rules.notes)[code] if is_warning else rules.reasons[code]
