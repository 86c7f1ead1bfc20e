"""The city's marginals against the facts: read from the delivered files, written as a page."""

import json
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Literal

import duckdb

from features.documents import Document, load_document
from features.engine import connect, literal
from features.errors import SimulationError

FACTS = Path(__file__).parent / "facts.yaml"
PAGE = "validation.md"


class Fact(Document):
    """One fact: how to find it in the delivered files, what it should be, and how closely.

    Parameters
    ----------
    sql : str
        One number over views named after datasets; `{first}`, `{today}` and `{last}` (month number)
        are filled in.
    mark : str
        V read in a published source, P our proposal.
    """

    name: str
    zh: str
    en: str
    unit: str
    value: float
    tolerance: float
    mark: Literal["V", "P"]
    source: str
    sql: str


class Facts(Document):
    """All of them."""

    facts: list[Fact]


@dataclass(frozen=True)
class Line:
    """A fact and what the city shows; `found` is None where the city has no such rows."""

    name: str
    zh: str
    en: str
    unit: str
    value: float
    tolerance: float
    mark: str
    source: str
    found: float | None
    holds: bool


def describe(folder: Path, *, widened: float = 1.0) -> list[Line]:
    """Measure every fact in a city.

    Parameters
    ----------
    folder : Path
        As `build_city` wrote it.
    widened : float
        Factor on every tolerance, for cities too small for the stated ones.

    Raises
    ------
    SimulationError
        If the folder holds no city.
    """
    try:
        city = json.loads((folder / "city.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as missing:
        raise SimulationError(
            en=f"{folder} holds no city (city.json). Make one with `xinqiao simulate --out {folder}`.",
            zh=f"{folder} 中没有合成城市（city.json）。请先运行 xinqiao simulate --out {folder}。",
        ) from missing
    today = date.fromisoformat(city["last_day"])
    places = {
        "first": f"{city['first_month']}-01",
        "today": today.isoformat(),
        "last": str(today.year * 12 + today.month),
    }
    with connect() as connection:
        for dataset in sorted(city["rows"]):
            connection.execute(f"CREATE VIEW {dataset} AS SELECT * FROM {_files(folder, dataset)}")
        return [
            _measure(connection, fact, places, widened)
            for fact in load_document(FACTS, Facts, SimulationError).facts
        ]


def _files(folder: Path, dataset: str) -> str:
    place = folder / dataset
    if any(place.glob("*.parquet")):
        return f"read_parquet({literal(f'{place}/*.parquet')}, union_by_name = true)"
    # Only ASCII columns are measured, so the encoding of the others does not matter.
    return (
        f"read_csv({literal(f'{place}/*.csv')}, union_by_name = true, encoding = 'latin-1', "
        "types = {'uscc': 'VARCHAR'}, sample_size = -1)"
    )


def _measure(
    connection: duckdb.DuckDBPyConnection, fact: Fact, places: dict[str, str], widened: float
) -> Line:
    sql = fact.sql
    for name, value in places.items():
        sql = sql.replace(f"{{{name}}}", value)
    found = connection.execute(sql).fetchall()[0][0]
    number = None if found is None else float(found)
    holds = number is not None and abs(number - fact.value) <= fact.tolerance * widened
    words = fact.model_dump(exclude={"sql"})
    return Line(**words, found=number, holds=holds)


def write_report(folder: Path, lines: list[Line]) -> Path:
    """Write the page, Chinese and English side by side."""
    rows = "\n".join(
        f"| {line.zh} | {line.en} | {line.unit} | {line.value:g} ± {line.tolerance:g} | "
        f"{'–' if line.found is None else f'{line.found:.3f}'} | {'✓' if line.holds else '✗'} | "
        f"{line.mark} | {line.source} |"
        for line in lines
    )
    page = folder / PAGE
    page.write_text(
        "# 合成城市与事实的对照 The city against the facts\n\n"
        "由交付文件计算。V：公开来源；P：建议值。 Measured in the delivered files. V: published; P: proposed.\n\n"
        "| 事实 | fact | 单位 unit | 应为 expected | 城市 city | 容差内 holds | 依据 mark | 来源 source |\n"
        f"|---|---|---|---|---|---|---|---|\n{rows}\n",
        encoding="utf-8",
    )
    return page
