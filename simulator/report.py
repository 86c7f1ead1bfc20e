"""The city's marginals against the facts: read from the delivered files, written as a page."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Literal

import duckdb
import pyarrow as pa
import pyarrow.csv as pa_csv

from features.documents import Document, load_document
from features.engine import connect, literal
from features.errors import SimulationError
from simulator.parameters import load_parameters

FACTS = Path(__file__).parent / "facts.yaml"
PAGE = "validation.md"
#: Codes that look like numbers.
_CODES = ("industry_code", "region_code", "reg_status", "ent_type_code")


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
        open_views(connection, folder, city["rows"])
        return [
            _measure(connection, fact, places, widened)
            for fact in load_document(FACTS, Facts, SimulationError).facts
        ]


def open_views(
    connection: duckdb.DuckDBPyConnection, folder: Path, datasets: Iterable[str]
) -> None:
    """Make a view of every delivered dataset, as it was delivered."""
    for dataset in sorted(datasets):
        _open(connection, folder, dataset)


def _open(connection: duckdb.DuckDBPyConnection, folder: Path, dataset: str) -> None:
    """Make a view of a delivered dataset; Arrow reads the encodings that DuckDB does not."""
    place = folder / dataset
    if any(place.glob("*.parquet")):
        files = literal(f"{place}/*.parquet")
        connection.execute(
            f"CREATE VIEW {dataset} AS SELECT * FROM read_parquet({files}, union_by_name = true)"
        )
        return
    is_gb = dataset in load_parameters().dirt.gb18030
    options = pa_csv.ReadOptions(encoding="gb18030" if is_gb else "utf8")
    kinds = pa_csv.ConvertOptions(column_types=dict.fromkeys(_CODES, pa.string()))
    tables = [
        pa_csv.read_csv(path, options, convert_options=kinds)
        for path in sorted(place.glob("*.csv"))
    ]
    connection.register(dataset, pa.concat_tables(tables, promote_options="permissive"))


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
