"""Size classes 企业规模 of the 2011 standard (工信部联企业〔2011〕300号), for arrays."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from features.documents import Document, load_document
from features.errors import CatalogueError

SIZES_PATH = Path(__file__).parent / "size_classes.yaml"

FloatArray = npt.NDArray[np.float64]
Indicator = Literal["employees", "revenue", "assets"]
Unit = Literal["persons", "wan_yuan"]

UNKNOWN, LARGE, MEDIUM, SMALL, MICRO = range(5)
#: On what a class rests: all indicators of its row, some of them, the firm's own word, nothing.
BASES = ("full", "partial", "declared", "none")
_YUAN_OF: Mapping[Unit, int] = {"persons": 1, "wan_yuan": 10_000}


class Row(Document):
    """One row of the standard: industries and limits `[ceiling, medium, small]` of each indicator."""

    zh: str
    divisions: list[str]
    limits: dict[Indicator, tuple[int, int, int]]


class SizeClasses(Document):
    """The standard as a file."""

    standard: str
    in_force: date
    source: str
    units: dict[Indicator, Unit]
    rows: dict[str, Row]


@dataclass(frozen=True)
class Sizes:
    """Classes 1 large, 2 medium, 3 small, 4 micro, 0 unknown, and the basis of each; shape (n,)."""

    classes: npt.NDArray[np.int8]
    basis: npt.NDArray[np.str_]


@cache
def load_size_classes() -> SizeClasses:
    """The limits in force."""
    return load_document(SIZES_PATH, SizeClasses, CatalogueError)


def row_of(code: str) -> str | None:
    """Row of the standard for an industry code, None where it has none or the code is too short to say.

    Examples
    --------
    >>> row_of("C3911"), row_of("5910"), row_of("592"), row_of("59"), row_of("6620")
    ('industry', 'transport', 'storage', None, None)
    """
    digits = code.lstrip("ABCDEFGHIJKLMNOPQRST")
    prefixes = _rows_by_prefix()
    return prefixes.get(digits[:3], prefixes.get(digits[:2])) if digits.isdigit() else None


def size_class(
    industry_codes: Sequence[str | None],
    employees: FloatArray,
    revenue_cny: FloatArray,
    assets_cny: FloatArray,
    declared: npt.NDArray[np.int8] | None = None,
) -> Sizes:
    """Class of each firm; NaN is a missing figure.

    Parameters
    ----------
    industry_codes : sequence of str or None, length n
        GB/T 4754-2017.
    employees : ndarray of shape (n,)
        Persons.
    revenue_cny, assets_cny : ndarray of shape (n,)
        Yearly revenue and total assets [yuan].
    declared : ndarray of shape (n,), optional
        What the firm says of itself, 0 to 4; counts only where no figure does.

    Returns
    -------
    Sizes
        `basis` says whether every indicator of the row was there, or some. Where one is missing, the
        limits of the other decide alone.

    Notes
    -----
    A firm below any ceiling is small or medium-sized ("A or B 以下"); medium and small need every lower
    limit ("且"); below one of small's is micro.
    """
    given: Mapping[Indicator, FloatArray] = {
        "employees": employees,
        "revenue": revenue_cny,
        "assets": assets_cny,
    }
    document = load_size_classes()
    row_by_code = {code: (row_of(code) or "") if code else "" for code in set(industry_codes)}
    rows = np.array([row_by_code[code] for code in industry_codes], dtype=np.str_)
    classes = np.zeros(len(rows), dtype=np.int8)
    basis = np.full(len(rows), "none", dtype="<U8")
    for name, row in document.rows.items():
        at = np.flatnonzero(rows == name)
        figures: dict[Indicator, FloatArray] = {
            indicator: given[indicator][at] / _YUAN_OF[document.units[indicator]]
            for indicator in row.limits
        }
        classes[at], basis[at] = _classify(row, figures)
    if declared is not None:
        is_told = (basis == "none") & (declared != UNKNOWN)
        classes[is_told], basis[is_told] = declared[is_told], "declared"
    return Sizes(classes, basis)


def _classify(
    row: Row, figures: Mapping[Indicator, FloatArray]
) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.str_]]:
    """Class and basis of firms of one row; figures in the row's units."""
    known = np.stack([~np.isnan(figure) for figure in figures.values()])
    limits = [row.limits[indicator] for indicator in figures]
    values = list(figures.values())
    # A comparison with NaN is false: a missing figure is below no ceiling and misses no lower limit.
    is_sme = np.any([v < limit[0] for v, limit in zip(values, limits, strict=True)], axis=0)
    fails_medium = np.any([v < limit[1] for v, limit in zip(values, limits, strict=True)], axis=0)
    fails_small = np.any([v < limit[2] for v, limit in zip(values, limits, strict=True)], axis=0)
    classes = np.select(
        [~known.any(axis=0), ~is_sme, ~fails_medium, ~fails_small],
        [UNKNOWN, LARGE, MEDIUM, SMALL],
        MICRO,
    )
    basis = np.select([known.all(axis=0), known.any(axis=0)], ["full", "partial"], "none")
    return classes.astype(np.int8), basis


@cache
def _rows_by_prefix() -> Mapping[str, str]:
    """Row of each division, or of each group where a division is split between rows."""
    found: dict[str, str] = {}
    for name, row in load_size_classes().rows.items():
        for span in row.divisions:
            first, _, last = span.partition("-")
            for number in range(int(first), int(last or first) + 1):
                found[f"{number:0{len(first)}d}"] = name
    return found
