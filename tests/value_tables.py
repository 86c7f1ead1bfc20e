"""Tables of values: a few records of one firm, a day, and what features or facts must say.

A grid has one header line and one record a line, amounts in yuan; `-` is an empty cell. `records`
holds a grid a dataset under the contract's column names, with `known` for the day at whose end the
platform could first use a record; left out, that is the end of its event day or month. A value is a
number, a fraction (`2/7`) or `null`; the arithmetic stands beside it as a comment.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest
import yaml
from pydantic import Field

from features.documents import Document
from features.registry import Registry
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


def read_firms(folder: Path) -> list[Firm]:
    """Every case of the tables of a folder."""
    tables = sorted(folder.glob("*.yaml"))
    cases = [(path.stem, Case.model_validate(one)) for path in tables for one in _load(path)]
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


def record_rows(key: int, dataset: str, text: str) -> list[dict[str, object]]:
    return [record(key, dataset, line) for line in grid(text)]


Results = dict[int, dict[str, float | None]]


def look_up(firms: Sequence[Firm], registry: Registry, folder: Path) -> Results:
    """All cases are firms of one lake, which is looked at once for every day that occurs."""
    lake = TinyLake(folder)
    rows: dict[str, list[dict[str, object]]] = defaultdict(list)
    for firm in firms:
        rows["invoice_line"] += invoice_rows(firm)
        rows["invoice_month"] += month_rows(firm)
        for dataset, text in firm.case.records.items():
            rows[dataset] += record_rows(firm.key, dataset, text)
        if "reg_basic" not in firm.case.records:
            rows["reg_basic"].append(registered(firm.key))
    for dataset in sorted(rows):
        lake.land(dataset, rows[dataset])
    looks: dict[date, Results] = defaultdict(dict)
    for day in {firm.case.as_of for firm in firms}:
        looks[day] = by_enterprise(features_of(lake, day, registry=registry))
    return {firm.key: looks[firm.case.as_of][firm.key] for firm in firms}


def require_said(firm: Firm, results: Results, registry: Registry) -> None:
    """Check a case: every value it expects."""
    for name, expected in firm.case.expect.items():
        value = results[firm.key][registry[name].name]
        wanted = None if expected is None else pytest.approx(float(Fraction(expected)), rel=1e-9)
        assert value == wanted, name


def require_complete(firms: Sequence[Firm], registry: Registry) -> None:
    """Check the tables: every value is stated once, and where it can be unknown, left unknown once."""
    told = [expected for firm in firms for expected in firm.case.expect.items()]
    assert set(registry.names) == {name for name, value in told if value is not None}
    ratios = {
        feature.name
        for feature in registry
        if feature.unit in {"ratio", "days", "months"} and feature.missing == "unknown"
    }
    assert ratios <= {name for name, value in told if value is None}
    titles = [(firm.table, firm.case.title) for firm in firms]
    assert len(set(titles)) == len(titles)
