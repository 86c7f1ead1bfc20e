"""How far the view looks back and what it hides: dated data."""

from collections.abc import Sequence
from datetime import date
from functools import cache
from pathlib import Path

from pydantic import Field

from features.documents import Document, load_document
from features.errors import CatalogueError

RULES = Path(__file__).with_name("portfolio.yaml")


class PortfolioRules(Document):
    """The limits of one version; see `portfolio.yaml` for units."""

    in_force: date
    source: str
    months_shown: int = Field(ge=1, le=60)
    migration_months: int = Field(ge=1, le=60)
    still_counts_months: int = Field(ge=0, le=60)
    overdue_days: int = Field(ge=0)
    least_cell: int = Field(ge=1)


class RulesDocument(Document):
    """`portfolio.yaml` as written."""

    versions: list[PortfolioRules] = Field(min_length=1)


@cache
def load_rules() -> Sequence[PortfolioRules]:
    """Every version, oldest first.

    Raises
    ------
    CatalogueError
        If the file is malformed.
    """
    written = load_document(RULES, RulesDocument, CatalogueError).versions
    return sorted(written, key=lambda one: one.in_force)


def rules_on(day: date) -> PortfolioRules:
    """The limits in force on a day; before the first version, the first.

    Examples
    --------
    >>> rules_on(date(2026, 11, 21)).least_cell
    10
    """
    versions = load_rules()
    return next((one for one in reversed(versions) if one.in_force <= day), versions[0])
