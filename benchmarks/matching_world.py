"""Made-up products and firms of the size matching is measured at.

Five hundred tags, a firm with some 35 of them; a product asks for up to three, excludes up to five, has up to
two any-of groups, five limits on numbers and a few of 31 regions. A share of everything is unknown.
"""

from dataclasses import dataclass

import numpy as np

from features.contracts import Words
from features.rules.vocabulary import Term, Vocabulary
from models.arrays import FloatArray
from models.matching.meanings import Meaning, Meanings

TAGS, REGIONS = 500, 31
#: Chance that a tag, or a number, of a firm is not known.
_TAG_UNKNOWN, _NUMBER_UNKNOWN = 0.01, 0.05
_NUMBERS = ("age_months", "sales_cny", "tax_cny", "staff_count", "debt_ratio", "drop_ratio")
_UNITS = ("months", "cny", "cny", "count", "ratio", "ratio")
_GRADES = 10


def vocabulary() -> Vocabulary:
    """Tags, numbers, and the code of the region."""
    terms = [Term(name, unit) for name, unit in zip(_NUMBERS, _UNITS, strict=True)]
    terms += [Term(f"tag_{tag:03d}", "flag") for tag in range(TAGS)]
    terms.append(Term("region_code", "number"))
    return Vocabulary({term.name: term for term in terms})


def meanings() -> Meanings:
    """What each name means to a reader: itself."""
    found = {
        name: Meaning(
            name,
            Words(zh=name, en=name),
            term.unit,
            "computed" if term.unit == "flag" else "record",
            frozenset[str](),
        )
        for name, term in vocabulary().terms.items()
    }
    return Meanings(found, {})


def chances() -> FloatArray:
    """Share of firms with each tag, few of them common."""
    return np.minimum(0.8, 11.0 / (np.arange(TAGS) + 5.0))


def drawn_rules(count: int, rng: np.random.Generator) -> list[tuple[str, str]]:
    """Products as rule texts, each with its name."""
    weight = chances() / chances().sum()
    return [(f"P{number}", _rule(rng, weight)) for number in range(count)]


def _rule(rng: np.random.Generator, weight: FloatArray) -> str:
    def tags(count: int) -> list[str]:
        return [f"tag_{tag:03d}" for tag in rng.choice(TAGS, count, replace=False, p=weight)]

    parts = tags(int(rng.integers(0, 4)))
    rare = rng.choice(np.arange(TAGS // 4, TAGS), int(rng.integers(0, 6)), replace=False)
    parts += [f"not tag_{tag:03d}" for tag in rare.tolist()]
    parts += [f"({' or '.join(tags(4))})" for _ in range(int(rng.integers(0, 3)))]
    limits = [
        f"age_months >= {6 * rng.integers(0, 7)} months",
        f"sales_cny >= {5 * rng.integers(0, 13)} 万元",
        f"tax_cny between {rng.integers(0, 3)} 万元 and {rng.integers(2, 10)}00 万元",
        f"staff_count >= {rng.integers(0, 6)}",
        f"debt_ratio <= {5 * rng.integers(12, 20)} %",
        f"drop_ratio <= {5 * rng.integers(2, 13)} %",
    ]
    parts += [limits[place] for place in np.sort(rng.choice(6, 5, replace=False)).tolist()]
    if rng.random() < 0.5:  # noqa: PLR2004 - drawn
        some = rng.choice(REGIONS, int(rng.integers(1, 9)), replace=False) + 11
        each = [f"region_code between {code}0000 and {code}9999" for code in some.tolist()]
        parts.append(f"({' or '.join(each)})" if len(each) > 1 else each[0])
    return " and ".join(parts)


@dataclass(frozen=True, eq=False)
class Crowd:
    """n firms: a column a name, NaN where unknown, and the grade each is shown products by."""

    columns: dict[str, FloatArray]
    grade: np.ndarray[tuple[int], np.dtype[np.int64]]

    def firm(self, row: int) -> dict[str, float]:
        """One firm as a mapping; what is unknown is left out."""
        found = {name: float(values[row]) for name, values in self.columns.items()}
        return {name: value for name, value in found.items() if not np.isnan(value)}


def drawn_firms(rows: int, rng: np.random.Generator) -> Crowd:
    """Draw firms."""
    columns: dict[str, FloatArray] = {
        "age_months": rng.gamma(2, 40, rows).round().astype(np.float64),
        "sales_cny": rng.lognormal(14, 1.5, rows).round(2).astype(np.float64),
        "tax_cny": rng.lognormal(11, 1.5, rows).round(2).astype(np.float64),
        "staff_count": rng.poisson(12, rows).astype(np.float64),
        "debt_ratio": rng.beta(4, 4, rows).astype(np.float64),
        "drop_ratio": rng.normal(0, 0.25, rows).astype(np.float64),
        "region_code": (11 + rng.integers(0, REGIONS, rows)) * 10_000.0 + 102,
    }
    for values in columns.values():
        values[rng.random(rows) < _NUMBER_UNKNOWN] = np.nan
    for tag, chance in enumerate(chances().tolist()):
        draw = rng.random(rows)
        has = (draw < chance).astype(np.float64)
        has[draw > 1 - _TAG_UNKNOWN] = np.nan
        columns[f"tag_{tag:03d}"] = has
    return Crowd(columns, rng.integers(0, _GRADES + 1, rows))


def drawn_order(rules: int, rng: np.random.Generator) -> np.ndarray[tuple[int, int], np.dtype[np.int32]]:  # fmt: skip
    """An order of the rules for each grade, and one for none."""
    return np.array([rng.permutation(rules) for _ in range(_GRADES + 1)], dtype=np.int32)
