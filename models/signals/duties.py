"""What a level obliges a lender to, when an alert ends, and which warnings together are a stronger one."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Protocol, TypeVar

from pydantic import Field

from features.contracts import Words
from features.documents import Document, load_document
from features.errors import ModelDocumentError
from models.signals.levels import Level

LEVELS = Path(__file__).with_name("levels.yaml")


class Duty(Document):
    """What is due once an alert of a level was pushed; None is nothing.

    Parameters
    ----------
    valid_from : date
        First day on which it is counted so.
    acknowledge_working_days, handle_working_days : int or None
        Until a lender says that it has seen the alert, and what it did first [working days].
    repeat_days : int or None
        After which the platform sends it again, until it is closed [days].
    """

    valid_from: date
    acknowledge_working_days: int | None = Field(default=None, ge=1)
    handle_working_days: int | None = Field(default=None, ge=1)
    repeat_days: int | None = Field(default=None, ge=1)
    source: str


class LevelEntry(Document):
    """A level in words, with its duties by date."""

    words: Words
    means: Words
    duties: list[Duty] = Field(min_length=1)


class Ending(Document):
    """When an alert ends by itself."""

    valid_from: date
    clear_runs: int = Field(ge=1)
    forgotten_days: int = Field(ge=1)
    source: str


class UpgradeVersion(Document):
    """Which open alerts together are one of a higher level."""

    valid_from: date
    of: Level
    to: Level
    count: int = Field(ge=2)
    dimensions: int = Field(ge=1)
    within_days: int = Field(ge=1)
    source: str


class UpgradeEntry(Document):
    """An upgrade in words, with its rule by date."""

    words: Words
    suggestion: Words
    cooldown_days: int = Field(gt=0)
    versions: list[UpgradeVersion] = Field(min_length=1)


class LevelsDocument(Document):
    """`levels.yaml` as written."""

    due_hour: int = Field(ge=0, le=23)
    levels: dict[Level, LevelEntry]
    ending: list[Ending] = Field(min_length=1)
    upgrades: dict[str, UpgradeEntry]


@dataclass(frozen=True)
class OpenSignal:
    """An open alert as far as an upgrade depends on it; `since` is when it came to its level."""

    signal: str
    level: Level
    dimension: str
    since: datetime


class _Dated(Protocol):
    @property
    def valid_from(self) -> date: ...


DatedT = TypeVar("DatedT", bound=_Dated)


@cache
def load_levels(path: Path = LEVELS) -> LevelsDocument:
    """Read the levels.

    Raises
    ------
    ModelDocumentError
        If the file is malformed.
    """
    return load_document(path, LevelsDocument, ModelDocumentError)


def newest(versions: Sequence[DatedT], day: date) -> DatedT:
    """The latest version that has begun; before all, the first.

    Examples
    --------
    >>> newest(load_levels().levels[Level.RED].duties, date(2026, 1, 1)).acknowledge_working_days
    1
    """
    begun = [one for one in versions if one.valid_from <= day]
    latest = max(begun, key=lambda one: one.valid_from, default=None)
    return latest or min(versions, key=lambda one: one.valid_from)


def duty_of(level: Level, day: date) -> Duty:
    """What a level obliges to when an alert is pushed on a day."""
    return newest(load_levels().levels[level].duties, day)


def upgraded_from(
    upgrade: UpgradeEntry, alerts: Collection[OpenSignal], now: datetime
) -> tuple[str, ...]:
    """The signals that make the upgrade, in order; none if it does not hold.

    Examples
    --------
    >>> then, now = datetime(2026, 3, 1), datetime(2026, 4, 30)
    >>> two = [OpenSignal(code, Level.ORANGE, "F5", then) for code in ("W12", "W03")]
    >>> rule = load_levels().upgrades["U1"]
    >>> upgraded_from(rule, two, now), upgraded_from(rule, two, now + timedelta(days=1))
    (('W03', 'W12'), ())
    """
    rule = newest(upgrade.versions, now.date())
    first = now.date() - timedelta(days=rule.within_days)
    near = [one for one in alerts if one.level == rule.of and one.since.date() >= first]
    signals = sorted({one.signal for one in near})
    is_wide = len({one.dimension for one in near}) >= rule.dimensions
    return tuple(signals) if len(signals) >= rule.count and is_wide else ()
