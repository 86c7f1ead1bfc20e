"""Rules in YAML by the day they came into force; an old rule stays, so an old decision replays."""

from collections.abc import Sequence
from datetime import date
from typing import TypeVar

from pydantic import Field, model_validator

from features.datasets import Words
from features.documents import Document


class RuleVersion(Document):
    """A rule as it stood for a while.

    Parameters
    ----------
    valid_from : date
        First as-of date it holds for.
    valid_until : date or None
        Last as-of date it holds for; None while it stands, or until the next version.
    when : object
        Text, or `all_of`, `any_of`, `none_of` with a list.
    source : str
        What the rule and its numbers come from.
    """

    valid_from: date
    valid_until: date | None = None
    when: object
    source: str = Field(min_length=1)

    @model_validator(mode="after")
    def _begins_before_it_ends(self) -> "RuleVersion":
        if self.valid_until is not None and self.valid_until < self.valid_from:
            raise ValueError("valid_until lies before valid_from")
        return self


VersionT = TypeVar("VersionT", bound=RuleVersion)


class RuleEntry(Document):
    """A rule with a name, in words; subclasses say which versions they hold."""

    code: str = Field(pattern=r"[a-z][a-z0-9_]*")
    words: Words


def in_force(versions: Sequence[VersionT], as_of_date: date) -> VersionT | None:
    """The version of a rule in force at a date, or None before the first and after the last.

    Examples
    --------
    >>> old = RuleVersion(valid_from=date(2025, 1, 1), when="a_now", source="x")
    >>> new = RuleVersion(valid_from=date(2026, 1, 1), when="b_now", source="x")
    >>> [getattr(in_force([old, new], date(y, 12, 31)), "when", None) for y in (2024, 2025, 2026)]
    [None, 'a_now', 'b_now']
    """
    begun = [version for version in versions if version.valid_from <= as_of_date]
    latest = max(begun, key=lambda version: version.valid_from, default=None)
    if latest is None or (latest.valid_until is not None and latest.valid_until < as_of_date):
        return None
    return latest
