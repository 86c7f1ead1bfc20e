"""Administrative divisions 行政区划 (GB/T 2260): does a code exist, what is it called, what is it part of.

A code has six digits, two each for province, prefecture and county; zeros stand for "all of it".
"""

from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

from stdnum import numdb

from features.documents import Document, load_document
from features.engine import literal
from features.errors import CatalogueError

EXTRA = Path(__file__).parent / "regions_extra.yaml"
EVERYWHERE = "*"
_LEVELS = (2, 4)
_DIGITS = 6


class ExtraRegion(Document):
    """A code in use that the national list lacks."""

    zh: str
    source: str
    since: int


class ExtraRegions(Document):
    """The file of additions."""

    regions: dict[str, ExtraRegion]


@cache
def load_regions() -> Mapping[str, str]:
    """Chinese name of every division that exists at present, by six-digit code.

    Notes
    -----
    The list is python-stdnum's `cn/loc`, which keeps abolished codes with their years; they are left
    out here. Additions are in `regions_extra.yaml`.
    """
    listed = numdb.get("cn/loc").prefixes
    names = {
        province + place: name
        for _, province, _, _, places in listed
        for _, place, _, words, _ in places
        for name in [_name_now(words["county"])]
        if name is not None
    }
    extra = load_document(EXTRA, ExtraRegions, CatalogueError).regions
    return names | {code: region.zh for code, region in extra.items()}


def region_exists(code: str) -> bool:
    """Whether a six-digit code names a division that exists at present.

    Examples
    --------
    >>> region_exists("371302"), region_exists("371399")
    (True, False)
    """
    return code in load_regions()


def region_name(code: str) -> str | None:
    """Chinese name of a division by its code of two, four or six digits; None for an unknown one.

    Examples
    --------
    >>> region_name("3713"), region_name("371302"), region_name("99")
    ('临沂市', '兰山区', None)
    """
    return load_regions().get(code.ljust(_DIGITS, "0"))


def region_parents(code: str) -> tuple[str, ...]:
    """Codes of the province and the prefecture that a division is part of, as far as they are listed.

    Examples
    --------
    >>> region_parents("371302"), region_parents("371300"), region_parents("370000")
    (('370000', '371300'), ('370000',), ())
    """
    above = (code[:digits].ljust(_DIGITS, "0") for digits in _LEVELS)
    return tuple(parent for parent in above if parent != code and region_exists(parent))


def in_scope(code: str, scope: Iterable[str]) -> bool:
    """Whether a division lies in a scope: prefixes of codes, or `*` for everywhere.

    Examples
    --------
    >>> in_scope("371302", ["3713"]), in_scope("371302", ["63"]), in_scope("371302", ["*"])
    (True, False, True)
    """
    return any(prefix == EVERYWHERE or code.startswith(prefix) for prefix in scope)


def is_region_sql(value: str) -> str:
    """SQL condition: the text is the code of a division that exists; NULL stays NULL."""
    return f"{value} IN ({', '.join(literal(code) for code in sorted(load_regions()))})"


def _name_now(listed: str) -> str | None:
    """The name still in use of `[1994-2013]苍山县,[2014-]兰陵县`; None where the code was abolished."""
    for name in listed.split(","):
        years, _, plain = name.rpartition("]")
        if not years or years.endswith("-"):
            return plain
    return None
