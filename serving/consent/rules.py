"""What a consent may be: limits by purpose and the kinds of data there are, as dated data."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import Field

from features.contracts import load_catalogue
from features.documents import Document, load_document
from features.errors import CatalogueError
from features.scope import Purpose

RULES = Path(__file__).with_name("rules.yaml")
SCOPES = Path(__file__).with_name("scopes.yaml")


class PurposeRule(Document):
    """To whom and for how long a purpose may be consented to.

    Parameters
    ----------
    grantee : str
        `institution`, `platform`, or `any` of them.
    most_days : int
        First and last day counted [days].
    source : str
        The text it follows.
    """

    grantee: Literal["institution", "platform", "any"]
    most_days: int = Field(gt=0)
    source: str


class Rules(Document):
    """The limits of one version.

    Parameters
    ----------
    real_name_level : int
        The least a grantor must have, see `serving.access.callers.Caller`.
    method_needs_document : list of str
        Methods that name the hash of a document.
    """

    version: str
    in_force: date
    real_name_level: int = Field(ge=0, le=3)
    real_name_source: str
    method_needs_document: list[str]
    purposes: dict[Purpose, PurposeRule]


class RulesDocument(Document):
    """`rules.yaml` as written."""

    versions: list[Rules] = Field(min_length=1)


class ScopeWords(Document):
    """A kind of data by its name; `separate` ones carry the risk that must be told by itself."""

    zh: str
    en: str
    separate: bool = False
    zh_risk: str = ""
    en_risk: str = ""


class ScopesDocument(Document):
    """`scopes.yaml` as written."""

    scopes: dict[str, ScopeWords]


@cache
def load_rules() -> Sequence[Rules]:
    """Every version, oldest first.

    Raises
    ------
    CatalogueError
        If the file is malformed.
    """
    loaded = load_document(RULES, RulesDocument, CatalogueError).versions
    return sorted(loaded, key=lambda rules: rules.in_force)


def rules_on(day: date) -> Rules:
    """The limits in force on a day.

    Raises
    ------
    CatalogueError
        If none had come into force by then.

    Examples
    --------
    >>> rules_on(date(2026, 6, 1)).purposes[Purpose.APPLY].most_days
    90
    """
    valid = [rules for rules in load_rules() if rules.in_force <= day]
    if not valid:
        raise CatalogueError(
            en=f"{RULES.name}: no version is in force on {day}. Add one.",
            zh=f"{RULES.name}：{day} 没有生效的版本，请补充。",
        )
    return valid[-1]


@cache
def known_scopes() -> Mapping[str, ScopeWords]:
    """Every kind of data that can be opened, in the order people read them.

    Raises
    ------
    CatalogueError
        If the catalogue asks for a scope that has no name here.
    """
    scopes = load_document(SCOPES, ScopesDocument, CatalogueError).scopes
    wanted = {dataset.document.consent_scope for dataset in load_catalogue()} - {None}
    missing = sorted(str(scope) for scope in wanted - set(scopes))
    if missing:
        raise CatalogueError(
            en=f"{SCOPES.name}: the catalogue's scope {', '.join(missing)} has no name. Add it.",
            zh=f"{SCOPES.name}：共享清单中的授权范围 {'、'.join(missing)} 没有名称，请补充。",
        )
    return scopes


def separate_scopes(scopes: Collection[str]) -> list[str]:
    """Those of the scopes that must be confirmed by name, sorted."""
    known = known_scopes()
    return sorted(scope for scope in scopes if scope in known and known[scope].separate)
