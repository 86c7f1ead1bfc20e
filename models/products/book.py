"""A product as data: whom it is for by dated rule, and its limit, rate, term and cost by dated numbers.

Amounts are written with their unit (`300 万元`), rates in percent a year, terms in months.
"""

from collections.abc import Sequence
from datetime import date
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from features.datasets import Words
from features.documents import Document, load_document
from features.errors import ModelDocumentError, RuleError
from features.rules.book import RuleVersion, in_force
from features.rules.parser import parse_rule
from features.rules.syntax import Compare
from features.rules.vocabulary import Term, limit_of

CATALOGUE = Path(__file__).parent / "catalogue"
_MONEY = Term("x", "cny")

#: How a loan is secured.
Guarantee = Literal["credit", "mortgage", "pledge", "guarantee", "locked_account", "receivables"]
#: `V`: numbers read on a published page, as of its date; `P`: illustrative, shown as 示例参数.
Mark = Literal["V", "P"]
#: What a rate is counted from: `fixed` is the rate itself, `lpr_1y` a number of points over it.
Base = Literal["fixed", "lpr_1y"]


def yuan(text: str) -> float:
    """An amount with its unit in yuan.

    Raises
    ------
    RuleError
        If it is no amount of money.

    Examples
    --------
    >>> yuan("300 万元")
    3000000.0
    """
    rule = parse_rule(f"x = {text}", "amount")
    if not isinstance(rule, Compare):
        raise RuleError(
            en=f"'{text}' is no amount. Write for instance 50 万元.",
            zh=f"“{text}”不是金额，请写如 50 万元。",
        )
    limit = limit_of(_MONEY, rule.value, "amount")
    return float(limit)


def _an_amount(text: str) -> str:
    try:
        amount = yuan(text)
    except RuleError as wrong:
        raise ValueError(wrong.en) from wrong
    if amount <= 0:
        raise ValueError(f"'{text}' is not above nothing")
    return text


Amount = Annotated[str, AfterValidator(_an_amount)]


class Part(Document):
    """A share of a fact in yuan, or yuan for each of what a fact counts: `times` of `of`."""

    of: str
    times: float = Field(gt=0, le=1_000_000)


#: Sums and caps that a reader can still follow.
Sum = Annotated[list[Part], Field(min_length=1, max_length=10)]
Bounds = Annotated[list[Sum], Field(max_length=10)]


class Cap(Document):
    """A ceiling for firms of which a rule holds; the first that holds counts.

    Parameters
    ----------
    when : object
        None for all others, as the last of them.
    at_most : Amount or None
    bounds : list of list of Part
        As those of `Limit`.
    """

    when: object = None
    at_most: Amount | None = None
    bounds: Bounds = Field(default_factory=list[list[Part]])

    @model_validator(mode="after")
    def _says_something(self) -> "Cap":
        if self.at_most is None and not self.bounds:
            raise ValueError("a cap gives an amount, a bound, or both")
        return self


class Limit(Document):
    """What may be lent: at most `at_most`, at most each sum of `bounds`, at most the first of `caps` that holds.

    Parameters
    ----------
    at_most : Amount or None
        None where the lender names no ceiling.
    bounds : list of list of Part
        Each is a sum, for instance 0.6 of settlements. A sum of which a fact is unknown leaves the limit unknown.
    """

    at_least: Amount | None = None
    at_most: Amount | None = None
    caps: list[Cap] = Field(default_factory=list[Cap], max_length=20)
    bounds: Bounds = Field(default_factory=list[list[Part]])

    @model_validator(mode="after")
    def _in_order(self) -> "Limit":
        if self.at_least and self.at_most and yuan(self.at_least) > yuan(self.at_most):
            raise ValueError("a limit's at_least is over its at_most")
        return self


class Rate(Document):
    """Percent a year, nominal; `least` for the best grade accepted, `most` for the weakest.

    Parameters
    ----------
    least, most : float or None
        Over the base; None where the lender does not publish that end.
    quoted_on : date or None
        Day of the page or price list.
    """

    base: Base = "fixed"
    least: float | None = Field(default=None, ge=-20, le=100)
    most: float | None = Field(default=None, ge=-20, le=100)
    quoted_on: date | None = None

    @model_validator(mode="after")
    def _in_order(self) -> "Rate":
        if self.least is not None and self.most is not None and self.least > self.most:
            raise ValueError("a rate's least is over its most")
        return self


class TermRange(Document):
    """Months, both ends included; None where the lender names no end."""

    least: int = Field(default=1, ge=1, le=1200)
    most: int | None = Field(default=None, ge=1, le=1200)

    @model_validator(mode="after")
    def _in_order(self) -> "TermRange":
        if self.most is not None and self.least > self.most:
            raise ValueError("a term's least is over its most")
        return self


class Fee(Document):
    """A cost beside interest, at most so many percent of the loan a year."""

    words: Words
    percent_at_most: float = Field(ge=0, le=10)


class OfferVersion(RuleVersion):
    """Whom something is offered to, for a while.

    Parameters
    ----------
    when : object
        Rule over features, facts and tags beyond the base rule; None for none.
    requires_tags, excludes_tags : list of str
        Codes of tags, without prefix.
    regions : list of str
        Prefixes of region codes (GB/T 2260); `*` for everywhere.
    purposes : list of str
        Codes of `need_purpose` it may be used for; empty for any lawful one.
    """

    when: object = None
    requires_tags: list[str] = Field(default_factory=list)
    excludes_tags: list[str] = Field(default_factory=list)
    regions: list[Annotated[str, Field(pattern=r"^(\*|[1-9][0-9]{1,5})$")]] = Field(min_length=1)
    purposes: list[str] = Field(default_factory=list)


class ProductVersion(OfferVersion):
    """A product as it stood for a while.

    Parameters
    ----------
    guarantee : list of Guarantee
        Ways it may be secured; empty where the lender does not say.
    approval_days : int or None
        Working days until an answer, as the lender says.
    carbon_linked : bool
        Limit, rate and term follow the carbon account.
    notes : list of Words
        What the lender says and no rule or number can.
    evidence : Mark
    """

    limit: Limit
    rate: Rate
    term_months: TermRange
    fees: list[Fee] = Field(default_factory=list[Fee], max_length=10)
    guarantee: list[Guarantee] = Field(default_factory=list[Guarantee])
    repayment: Words | None = None
    approval_days: int | None = Field(default=None, ge=0)
    carbon_linked: bool = False
    notes: list[Words] = Field(default_factory=list[Words], max_length=20)
    evidence: Mark


class ProductEntry(Document):
    """A product and all its versions.

    Parameters
    ----------
    code : str
    institution : str
        USCC of the lender that offers it; empty in the starter catalogue until one takes it up.
    lender : Words
        Kind or name of the lender, as shown.
    channels : list of str
        Columns it is shown in: `tech`, `green`, `rural`, `inclusive`.
    """

    code: str = Field(pattern=r"^[A-Z][A-Z0-9_-]{1,31}$")
    name: Words
    institution: str = Field(default="", pattern=r"^([0-9A-HJ-NPQRTUWXY]{18})?$")
    lender: Words
    channels: list[str] = Field(default_factory=list)
    versions: list[ProductVersion] = Field(min_length=1)

    @model_validator(mode="after")
    def _begins_once(self) -> "ProductEntry":
        if len({version.valid_from for version in self.versions}) < len(self.versions):
            raise ValueError(f"two versions of {self.code} begin on the same day")
        return self


class ProductPart(Document):
    """One file of the starter catalogue."""

    products: list[ProductEntry]


@cache
def load_products(folder: Path = CATALOGUE) -> tuple[ProductEntry, ...]:
    """Read every file of the starter catalogue, by code.

    Raises
    ------
    ModelDocumentError
        If a file is wrong, or a code is given twice.
    """
    parts = [
        load_document(path, ProductPart, ModelDocumentError)
        for path in sorted(folder.glob("*.yaml"))
    ]
    entries = sorted((one for part in parts for one in part.products), key=lambda one: one.code)
    codes = [entry.code for entry in entries]
    twice = sorted({code for code in codes if codes.count(code) > 1})
    if twice:
        raise ModelDocumentError(
            en=f"The products give {', '.join(twice)} twice. Keep one entry with its versions.",
            zh=f"产品 {'、'.join(twice)} 重复定义，请合并为一个条目。",
        )
    return tuple(entries)


def standing(
    entries: Sequence[ProductEntry], as_of_date: date
) -> list[tuple[ProductEntry, ProductVersion]]:
    """Products with the version in force at a date; expired and future ones are left out."""
    found = [(entry, in_force(entry.versions, as_of_date)) for entry in entries]
    return [(entry, version) for entry, version in found if version is not None]
