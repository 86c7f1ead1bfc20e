"""The signals as data: what is asked, at which level, what may be shown, and what to do then.

A signal may be read in several ways, the next from other data where the one before is unknown (insured
heads by pension, else by medical insurance). Within a way the most severe level whose rule holds counts.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from features.contracts import Words
from features.documents import Document, load_document
from features.errors import ModelDocumentError
from features.rules.book import RuleEntry, RuleVersion, in_force
from features.rules.compiled import CompiledRule, compile_rule
from features.rules.vocabulary import Vocabulary
from models.signals.levels import Level

CATALOGUE = Path(__file__).parent / "catalogue"

#: What a lender may see of a signal from data that are not public: a band of the value, or only that it
#: holds. Public records are shown in full whatever this says.
Disclosure = Literal["full", "band", "flag"]
Dimension = Literal["F1", "F2", "F3", "F4", "F5", "F6", "all", "meta", "portfolio"]


class Season(Document):
    """A ratio that is corrected in months in which it falls every year.

    Parameters
    ----------
    name : str
        A name of the way's rules, whose unit is a ratio of change.
    months : list of int
        Calendar months of `as_of`, 1 to 12.
    factor : float
        What `1 + value` is multiplied by.
    source : str
    """

    name: str
    months: list[int] = Field(min_length=1)
    factor: float = Field(gt=0)
    source: str = Field(min_length=1)


class WayEntry(Document):
    """One way to read a signal.

    Parameters
    ----------
    requires : object
        A rule that must hold before any level is asked; None for none.
    levels : dict of Level to object
        A rule a level; a more severe one wins.
    shows : list of str
        Names whose values are the evidence, shown as `disclose` allows.
    season : list of Season
    """

    requires: object = None
    levels: dict[Level, object] = Field(min_length=1)
    shows: list[str] = Field(min_length=1)
    season: list[Season] = Field(default_factory=list[Season])


class SignalVersion(RuleVersion):
    """A signal as it stood for a while; `when` is not used, its ways are."""

    when: object = None
    ways: list[WayEntry] = Field(min_length=1)


class SignalEntry(RuleEntry):
    """A signal and all its versions.

    Parameters
    ----------
    suggestion : Words
        What a lender may do about it, one sentence.
    cooldown_days : int
        Within so many days after it began, the signal updates its alert instead of raising another.
    daily : bool
        Read from records that arrive day by day, so that two days without it end it; else two months.
    """

    code: str = Field(pattern=r"W\d\d")
    suggestion: Words
    dimension: Dimension
    disclose: Disclosure
    cooldown_days: int = Field(gt=0)
    daily: bool
    versions: list[SignalVersion] = Field(min_length=1)

    @model_validator(mode="after")
    def _begins_once(self) -> "SignalEntry":
        if len({version.valid_from for version in self.versions}) < len(self.versions):
            raise ValueError(f"two versions of {self.code} begin on the same day")
        return self


class SignalPart(Document):
    """One file of the catalogue."""

    signals: list[SignalEntry]


@dataclass(frozen=True)
class Way:
    """One compiled way to read a signal; `levels` from the mildest to the most severe."""

    requires: CompiledRule | None
    levels: tuple[tuple[Level, CompiledRule], ...]
    shows: tuple[str, ...]
    season: tuple[Season, ...]
    names: tuple[str, ...]
    datasets: frozenset[str]


@dataclass(frozen=True)
class Signal:
    """A signal in force, compiled."""

    code: str
    entry: SignalEntry
    ways: tuple[Way, ...]


@dataclass(frozen=True)
class SignalBook:
    """Every signal there has been, by code."""

    entries: tuple[SignalEntry, ...]

    def at(self, as_of_date: date, vocabulary: Vocabulary) -> tuple[Signal, ...]:
        """Compile the versions in force at a date.

        Raises
        ------
        RuleError
            If a rule is wrong, or asks about what nothing provides.
        """
        found = [(entry, in_force(entry.versions, as_of_date)) for entry in self.entries]
        return tuple(
            Signal(
                entry.code,
                entry,
                tuple(
                    _compiled(way, vocabulary, f"signal {entry.code}, way {number}")
                    for number, way in enumerate(version.ways, start=1)
                ),
            )
            for entry, version in found
            if version is not None
        )


@cache
def load_signals(folder: Path = CATALOGUE) -> SignalBook:
    """Read every file of the catalogue.

    Raises
    ------
    ModelDocumentError
        If a file is wrong, or a code is given twice.
    """
    parts = [
        load_document(path, SignalPart, ModelDocumentError)
        for path in sorted(folder.glob("*.yaml"))
    ]
    entries = sorted((entry for part in parts for entry in part.signals), key=lambda one: one.code)
    _require_once([entry.code for entry in entries])
    return SignalBook(tuple(entries))


def _require_once(codes: Sequence[str]) -> None:
    twice = sorted({code for code in codes if codes.count(code) > 1})
    if twice:
        raise ModelDocumentError(
            en=f"The signals give {', '.join(twice)} twice. Keep one entry with its versions.",
            zh=f"预警信号 {'、'.join(twice)} 重复定义，请合并为一个条目。",
        )


def _compiled(way: WayEntry, vocabulary: Vocabulary, where: str) -> Way:
    requires = (
        compile_rule(way.requires, vocabulary, f"{where}, requires")
        if way.requires is not None
        else None
    )
    levels = tuple(
        (level, compile_rule(way.levels[level], vocabulary, f"{where}, {level}"))
        for level in Level
        if level in way.levels
    )
    rules = [rule for _, rule in levels] + ([requires] if requires else [])
    asked = [name for rule in rules for name in rule.names]
    for name in [*way.shows, *(season.name for season in way.season)]:
        vocabulary.term(name, where)
    names = tuple(dict.fromkeys([*asked, *way.shows]))
    datasets = frozenset(d for name in asked for d in vocabulary.term(name, where).datasets)
    return Way(requires, levels, tuple(way.shows), tuple(way.season), names, datasets)
