"""How soon an application is answered, why one may be declined and how it went: dated numbers and lists."""

from collections.abc import Mapping
from datetime import date
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import Field

from features.contracts import Words
from features.documents import Document, load_document
from features.errors import CatalogueError

RULES = Path(__file__).with_name("rules.yaml")


class NeedRules(Document):
    """The numbers from a day on."""

    in_force: date
    evidence: Literal["verified", "proposal"]
    source: str = Field(min_length=1)
    due_hour: int = Field(ge=0, le=23)
    contact_working_days: int = Field(ge=1)
    decide_working_days: int = Field(ge=1)
    expire_days: int = Field(ge=1)
    revisit_days: int = Field(ge=1)
    longest_term_months: int = Field(ge=1)


class NeedDocument(Document):
    """`rules.yaml` as written."""

    versions: list[NeedRules] = Field(min_length=1)
    reasons: dict[str, Words] = Field(min_length=1)
    revisits: dict[str, Words] = Field(min_length=1)


@cache
def _load() -> NeedDocument:
    return load_document(RULES, NeedDocument, CatalogueError)


def need_rules(day: date) -> NeedRules:
    """The numbers in force on a day; before the first version, the first."""
    versions = sorted(_load().versions, key=lambda one: one.in_force)
    return next((one for one in reversed(versions) if one.in_force <= day), versions[0])


def reasons() -> Mapping[str, Words]:
    """Why an application may be declined, by code."""
    return _load().reasons


def revisits() -> Mapping[str, Words]:
    """What a revisit may find, by code."""
    return _load().revisits
