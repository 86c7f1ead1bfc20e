"""Runs the tables of `tests/spec/features`: a few invoices, a day, and what a feature must say.

A grid has one header line and one record a line, amounts in yuan; `-` is an empty cell. `records`
holds a grid a dataset under the contract's column names, with `known` for the day at whose end the
platform could first use a record; left out, that is the end of its event day or month. A value is a
number, a fraction (`2/7`) or `null`; the arithmetic stands beside it as a comment.
"""

from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest
import yaml
from pydantic import Field

from features.definitions import REGISTRY
from features.documents import Document
from tests.builders import (
    FIRST_PARTY,
    TinyLake,
    by_enterprise,
    features_of,
    invoice,
    invoice_month,
    record,
    registered,
)

TABLES = sorted((Path(__file__).parent / "features").glob("*.yaml"))


class Case(Document):
    """One firm on one day."""

    title: str
    as_of: date
    invoices: str = ""
    months: str = ""
    records: dict[str, str] = Field(default_factory=dict)
    expect: dict[str, float | str | None] = Field(min_length=1)


@dataclass(frozen=True)
class Firm:
    """A case with the key its rows are landed under."""

    key: int
    table: str
    case: Case


def read_cases() -> list[Firm]:
    cases = [(path.stem, Case.model_validate(one)) for path in TABLES for one in _load(path)]
    return [Firm(key, table, case) for key, (table, case) in enumerate(cases, start=1)]


def _load(path: Path) -> list[object]:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def grid(text: str) -> list[dict[str, str]]:
    lines = [line.split() for line in text.splitlines() if line.strip()]
    return [dict(zip(lines[0], line, strict=True)) for line in lines[1:]]


def fen(yuan: str) -> int:
    return int(Decimal(yuan) * 100)


def invoice_rows(firm: Firm) -> list[dict[str, object]]:
    parties: dict[str, int] = {}
    return [
        invoice(
            firm.key,
            date.fromisoformat(line["day"]),
            fen(line["amount"]),
            direction=line["side"],
            tax_fen=fen(line["tax"]) if "tax" in line else None,
            party=parties.setdefault(line.get("party", ""), FIRST_PARTY + len(parties)),
            status=line["status"],
        )
        for line in grid(firm.case.invoices)
    ]


def month_rows(firm: Firm) -> list[dict[str, object]]:
    return [
        invoice_month(firm.key, int(line["month"]), fen(line["sales"]), red_fen=fen(line["red"]))
        for line in grid(firm.case.months)
    ]


def record_rows(firm: Firm, dataset: str) -> list[dict[str, object]]:
    return [record(firm.key, dataset, line) for line in grid(firm.case.records.get(dataset, ""))]


FIRMS = read_cases()
Results = dict[int, dict[str, float | None]]


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    """All cases are firms of one lake, which is looked at once for every day that occurs."""
    lake = TinyLake(tmp_path_factory.mktemp("spec"))
    rows: dict[str, list[dict[str, object]]] = defaultdict(list)
    for firm in FIRMS:
        rows["invoice_line"] += invoice_rows(firm)
        rows["invoice_month"] += month_rows(firm)
        for dataset in firm.case.records:
            rows[dataset] += record_rows(firm, dataset)
        if "reg_basic" not in firm.case.records:
            rows["reg_basic"].append(registered(firm.key))
    for dataset in sorted(rows):
        lake.land(dataset, rows[dataset])
    looks: dict[date, Results] = defaultdict(dict)
    for day in {firm.case.as_of for firm in FIRMS}:
        looks[day] = by_enterprise(features_of(lake, day))
    return {firm.key: looks[firm.case.as_of][firm.key] for firm in FIRMS}


@pytest.mark.parametrize("firm", FIRMS, ids=lambda firm: f"{firm.table}: {firm.case.title}")
def test_features_say_what_the_table_says(firm: Firm, results: Results):
    for name, expected in firm.case.expect.items():
        value = results[firm.key][REGISTRY[name].name]
        wanted = None if expected is None else pytest.approx(float(Fraction(expected)), rel=1e-9)
        assert value == wanted, name


def test_every_feature_has_a_case_with_a_value_and_one_without():
    stated = {
        name for firm in FIRMS for name, value in firm.case.expect.items() if value is not None
    }
    assert set(REGISTRY.names) == stated
    unstated = {name for firm in FIRMS for name, value in firm.case.expect.items() if value is None}
    ratios = {
        feature.name
        for feature in REGISTRY
        if feature.unit in {"ratio", "days", "months"} and feature.missing == "unknown"
    }
    assert ratios <= unstated


def test_titles_are_told_apart():
    titles = [(firm.table, firm.case.title) for firm in FIRMS]
    assert len(set(titles)) == len(titles)
