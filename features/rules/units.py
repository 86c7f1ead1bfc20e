"""Units in which limits may be written, as data."""

from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path

from features.datasets import Words
from features.documents import Document, load_document
from features.errors import RuleError

UNITS_PATH = Path(__file__).parent / "units.yaml"


class UnitEntry(Document):
    """One unit of features.

    Parameters
    ----------
    symbols : dict of str to Decimal
        How a limit may be written, and how much of the unit one such is.
    may_stand_alone : bool
        A limit needs no symbol.
    example : str
        Shown to whoever wrote it wrongly.
    least, most : float
        Values beyond which the unit has none; None where it has no end.
    told : Words
        The unit behind a value; empty where a number says it all.
    """

    symbols: dict[str, Decimal]
    may_stand_alone: bool = False
    example: str
    least: float | None = None
    most: float | None = None
    told: Words = Words(zh="", en="")


class Units(Document):
    """The units of the rule language."""

    valid_from: date
    units: dict[str, UnitEntry]


@cache
def load_units(path: Path = UNITS_PATH) -> Units:
    """Load the units.

    Raises
    ------
    RuleError
        If the file is wrong.
    """
    return load_document(path, Units, RuleError)
