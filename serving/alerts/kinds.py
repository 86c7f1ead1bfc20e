"""What the room has to know of a signal, or of an upgrade, which is a signal made of others."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from features.contracts import Words
from models.signals.book import Disclosure, load_signals
from models.signals.duties import UpgradeEntry, load_levels


@dataclass(frozen=True)
class Kind:
    """A signal as alerts are made of it.

    Attributes
    ----------
    disclose : Disclosure
        What of values that are not public may be told.
    is_model : bool
        Whether a model's opinion is what it tells.
    """

    code: str
    words: Words
    suggestion: Words
    dimension: str
    disclose: Disclosure
    cooldown_days: int
    is_daily: bool
    is_model: bool = False


@cache
def all_kinds() -> Mapping[str, Kind]:
    """Every signal there has been, and every upgrade, by code.

    Raises
    ------
    ModelDocumentError
        If a file is wrong.
    """
    signals = [
        Kind(
            one.code,
            one.words,
            one.suggestion,
            one.dimension,
            one.disclose,
            one.cooldown_days,
            is_daily=one.daily,
            is_model=one.dimension == "all",
        )
        for one in load_signals().entries
    ]
    return {kind.code: kind for kind in (*signals, *(kind for kind, _ in upgrades()))}


def upgrades() -> tuple[tuple[Kind, UpgradeEntry], ...]:
    """The upgrades alone, each with its rule; which signals they are made of may always be told."""
    return tuple(
        (
            Kind(code, one.words, one.suggestion, "all", "band", one.cooldown_days, is_daily=True),
            one,
        )
        for code, one in load_levels().upgrades.items()
    )


def kind_of(code: str) -> Kind:
    """A signal by its code; one that no file tells of any more goes by its code alone.

    Examples
    --------
    >>> kind_of("U1").words.en
    'several orange warnings at once'
    """
    bare, nothing = Words(zh=code, en=code), Words(zh="", en="")
    return all_kinds().get(code) or Kind(code, bare, nothing, "meta", "flag", 90, is_daily=True)
