"""A policy as data: whom it is for by dated rule, what it brings, what that comes to, how to claim it."""

from collections.abc import Sequence
from datetime import date
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from features.datasets import Words
from features.documents import Document, load_document
from features.errors import ModelDocumentError
from features.rules.book import RuleVersion, in_force
from models.products.book import Limit, Mark, OfferVersion

CATALOGUE = Path(__file__).parent / "catalogue"
BASE_PATH = Path(__file__).parent / "base.yaml"

#: What a policy is: help with interest or fees, a reward, a refund, an insurance premium, less tax, or a right.
PolicyKind = Literal["interest", "fees", "reward", "refund", "insurance", "tax", "right"]


class PolicyVersion(OfferVersion):
    """A policy as it stood for a while.

    Parameters
    ----------
    benefit : Words
        What it brings, in a sentence.
    amount : Limit or None
        What that comes to for a firm, a year, in yuan; None where it is no sum of money, or none that
        these facts can give.
    claim : Words
        How to claim it.
    evidence : Mark
    """

    benefit: Words
    amount: Limit | None = None
    claim: Words
    evidence: Mark


class PolicyEntry(Document):
    """A policy and all its versions.

    Parameters
    ----------
    code : str
    authority : Words
        Who grants it.
    channels : list of str
        Columns it is shown in.
    """

    code: str = Field(pattern=r"^Y[0-9]{2,4}$")
    name: Words
    kind: PolicyKind
    authority: Words
    channels: list[str] = Field(default_factory=list)
    versions: list[PolicyVersion] = Field(min_length=1)

    @model_validator(mode="after")
    def _begins_once(self) -> "PolicyEntry":
        if len({version.valid_from for version in self.versions}) < len(self.versions):
            raise ValueError(f"two versions of {self.code} begin on the same day")
        return self


class PolicyPart(Document):
    """One file of the starter catalogue."""

    policies: list[PolicyEntry]


class PolicyBase(Document):
    """What every policy asks beside its own rule, by day."""

    versions: list[RuleVersion] = Field(min_length=1)


@cache
def load_policies(folder: Path = CATALOGUE) -> tuple[PolicyEntry, ...]:
    """Read every file of the starter catalogue, by code.

    Raises
    ------
    ModelDocumentError
        If a file is wrong, or a code is given twice.
    """
    parts = [
        load_document(path, PolicyPart, ModelDocumentError)
        for path in sorted(folder.glob("*.yaml"))
    ]
    entries = sorted((one for part in parts for one in part.policies), key=lambda one: one.code)
    codes = [entry.code for entry in entries]
    twice = sorted({code for code in codes if codes.count(code) > 1})
    if twice:
        raise ModelDocumentError(
            en=f"The policies give {', '.join(twice)} twice. Keep one entry with its versions.",
            zh=f"政策 {'、'.join(twice)} 重复定义，请合并为一个条目。",
        )
    return tuple(entries)


def policies_standing(
    entries: Sequence[PolicyEntry], as_of_date: date
) -> list[tuple[PolicyEntry, PolicyVersion]]:
    """Policies with the version in force at a date; expired and future ones are left out."""
    found = [(entry, in_force(entry.versions, as_of_date)) for entry in entries]
    return [(entry, version) for entry, version in found if version is not None]


def policy_base(as_of_date: date) -> object:
    """What every policy asks at a date; None before the first."""
    version = in_force(
        load_document(BASE_PATH, PolicyBase, ModelDocumentError).versions, as_of_date
    )
    return version.when if version else None
