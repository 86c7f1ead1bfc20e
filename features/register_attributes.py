"""What the register and the latest annual report say a firm is, as columns of a snapshot's firms.

A firm's size rests on its latest report. Figures it does not publish are seen only where the scope opens
them, so a size has two readings, with and without them.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from features.codes.industries import section_of
from features.codes.sizes import size_class
from features.snapshot import Snapshot

#: What a look for attributes opens.
ATTRIBUTE_DATASETS = frozenset({"reg_basic", "reg_annual_report", "annual_figures"})
#: By the numbers of `features.codes.sizes`.
SIZE_NAMES = np.array(["", "large", "medium", "small", "micro"])
_LETTERS = "ABCDEFGHIJKLMNOPQRST"
_REGION_DIGITS, _CLASS_DIGITS = 6, 4

FloatArray = npt.NDArray[np.float64]
StrArray = npt.NDArray[np.str_]


@dataclass(frozen=True, eq=False)
class Attributes:
    """n firms in key order; codes are empty, numbers NaN where nothing is on record.

    Attributes
    ----------
    usccs : list of str, length n
    region : ndarray of str, shape (n,)
        As registered, by GB/T 2260.
    region_code : ndarray of float64, shape (n,)
        Its six digits as a number; a province or prefecture alone ends in noughts.
    industry_code : ndarray of float64, shape (n,)
        Four digits of GB/T 4754; division 26 is 2600, a section alone is NaN.
    industry_section, entity_type, size_class, size_class_public : ndarray of str, shape (n,)
    """

    usccs: list[str]
    region: StrArray
    region_code: FloatArray
    industry_code: FloatArray
    industry_section: StrArray
    entity_type: StrArray
    size_class: StrArray
    size_class_public: StrArray


def read_attributes(snapshot: Snapshot) -> Attributes:
    """Read them of every firm of a snapshot that has the views of `ATTRIBUTE_DATASETS`."""
    raw = snapshot.connection.sql(_SQL).to_arrow_table()
    places, codes = _listed(raw["industry_code"])
    either, public = _sizes(raw, [codes[place] for place in places.tolist()])
    regions, region_codes = _listed(raw["region_code"])
    forms, form_codes = _listed(raw["entity_type"])
    return Attributes(
        usccs=raw["uscc"].to_pylist(),
        region=np.array(region_codes, dtype=np.str_)[regions],
        region_code=_numbers(region_codes, _region_number)[regions],
        industry_code=_numbers(codes, _industry_number)[places],
        industry_section=np.array([section_of(code) or "" for code in codes], "<U1")[places],
        entity_type=np.array(form_codes, dtype=np.str_)[forms],
        size_class=either,
        size_class_public=public,
    )


def _sizes(raw: pa.Table, codes: list[str]) -> tuple[StrArray, StrArray]:
    """Size by every figure seen, and by those of the report alone."""
    number = {name: raw[name].to_numpy().astype(np.float64) for name in _NUMBERS}
    found: list[StrArray] = []
    for own in ({"revenue": "revenue_hidden", "assets": "assets_hidden"}, {}):
        revenue, assets = (
            np.where(np.isnan(number[name]), number[own.get(name, name)], number[name]) / 100
            for name in ("revenue", "assets")
        )
        found.append(SIZE_NAMES[size_class(codes, number["employees"], revenue, assets).classes])
    return found[0], found[1]


def _listed(column: pa.ChunkedArray) -> tuple[npt.NDArray[np.int64], list[str]]:
    """Place of each value on a list of distinct ones, and the list."""
    encoded = column.combine_chunks().dictionary_encode()
    values: list[str] = encoded.dictionary.to_pylist()
    return encoded.indices.to_numpy().astype(np.int64), values


def _numbers(codes: list[str], read: Callable[[str], float]) -> FloatArray:
    return np.array([read(code) for code in codes], dtype=np.float64)


def _region_number(code: str) -> float:
    return _padded(code, _REGION_DIGITS)


def _industry_number(code: str) -> float:
    """Four digits of an industry code as a number.

    Examples
    --------
    >>> [_industry_number(code) for code in ("C26", "2614", "C", "")]
    [2600.0, 2614.0, nan, nan]
    """
    return _padded(code.lstrip(_LETTERS), _CLASS_DIGITS)


def _padded(digits: str, length: int) -> float:
    """Digits with noughts behind; NaN for what is no number of so many digits."""
    is_code = digits.isascii() and digits.isdigit() and len(digits) <= length
    return float(digits.ljust(length, "0")) if is_code else np.nan


def latest_report(dataset: str, columns: str) -> str:
    """Query of some columns of each firm's latest report."""
    return (
        f"SELECT enterprise_key, {columns} FROM visible_{dataset} QUALIFY row_number() OVER "
        "(PARTITION BY enterprise_key ORDER BY report_year DESC, filed_on DESC) = 1"
    )


_NUMBERS = ("employees", "revenue", "assets", "revenue_hidden", "assets_hidden")
_SQL = f"""
    WITH r AS (SELECT enterprise_key, max(industry_code) AS industry_code,
        max(region_code) AS region_code, max(entity_type) AS entity_type
        FROM visible_reg_basic GROUP BY enterprise_key),
    p AS ({latest_report("reg_annual_report", "employees, revenue_fen, assets_fen")}),
    h AS ({latest_report("annual_figures", "revenue_fen, assets_fen")})
    SELECT e.uscc, coalesce(r.industry_code, '') AS industry_code,
        coalesce(r.region_code, '') AS region_code, coalesce(r.entity_type, '') AS entity_type,
        CAST(p.employees AS DOUBLE) AS employees,
        CAST(p.revenue_fen AS DOUBLE) AS revenue, CAST(p.assets_fen AS DOUBLE) AS assets,
        CAST(h.revenue_fen AS DOUBLE) AS revenue_hidden, CAST(h.assets_fen AS DOUBLE) AS assets_hidden
    FROM enterprise e LEFT JOIN r USING (enterprise_key) LEFT JOIN p USING (enterprise_key)
    LEFT JOIN h USING (enterprise_key) ORDER BY e.enterprise_key"""
