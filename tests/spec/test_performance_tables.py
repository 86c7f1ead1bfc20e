"""Runs the tables of `tests/spec/performance`: months of a loan, and what the year is called."""

from collections import defaultdict
from datetime import date, datetime
from pathlib import Path

import pytest
import yaml
from pydantic import Field

from features.documents import Document
from features.errors import CohortError
from features.scope import DataScope, Purpose
from features.snapshot import open_snapshot
from tests.builders import CATALOGUE, FAR, NOW, TinyLake, consent, record, registered
from training.performance import (
    EXCLUDED,
    LABEL_DATASETS,
    PUBLIC_DATASETS,
    Performance,
    load_performance_rules,
    performance,
)

TABLE = Path(__file__).parent / "performance" / "outcomes.yaml"
AS_OF = date(2024, 3, 31)
SCOPE = DataScope(LABEL_DATASETS | PUBLIC_DATASETS, Purpose.MODELLING, FAR, grantee="platform")
_COLUMNS = {"overdue": "overdue_principal", "interest": "overdue_interest"}
Months = dict[int, dict[str, int | float | str | bool]]


class Case(Document):
    """One firm."""

    title: str
    first: int = 202308
    last: int = 202504
    months: Months = Field(default_factory=dict)
    other_loan: Months = Field(default_factory=dict)
    granted: date | None = None
    bankruptcy: dict[str, date] = Field(default_factory=dict)
    status: dict[str, date] = Field(default_factory=dict)
    expect: str | None


CASES = [Case.model_validate(one) for one in yaml.safe_load(TABLE.read_text(encoding="utf-8"))]


def months_between(first: int, last: int) -> list[int]:
    every = range(first // 100 * 12 + first % 100 - 1, last // 100 * 12 + last % 100)
    return [number // 12 * 100 + number % 12 + 1 for number in every]


def snapshots(key: int, loan: str, months: Months) -> list[dict[str, object]]:
    return [
        record(
            key,
            "repayment_snapshot",
            {"loan_id": loan, "month": str(month), "balance": "10000", "dpd": "0"}
            | {_COLUMNS.get(name, name): str(value).lower() for name, value in cells.items()},
        )
        for month, cells in months.items()
    ]


def rows_of(key: int, case: Case) -> dict[str, list[dict[str, object]]]:
    months = {month: case.months.get(month, {}) for month in months_between(case.first, case.last)}
    loan = {"loan_id": "a", "granted_at": str(case.granted or date(2023, 1, 1)), "amount": "10000"}
    steps = [
        {"case_no": step, "kind": step, "event_on": str(day)}
        for step, day in case.bankruptcy.items()
    ]
    events = [
        {"record_id": event, "event": event, "decided_on": str(day)}
        for event, day in case.status.items()
    ]
    return {
        "reg_basic": [registered(key)],
        "consent_event": [learns(key)],
        "repayment_snapshot": snapshots(key, "a", months) + snapshots(key, "b", case.other_loan),
        "loan_account": [record(key, "loan_account", loan)],
        "bankruptcy_case": [record(key, "bankruptcy_case", step) for step in steps],
        "reg_status_event": [record(key, "reg_status_event", event) for event in events],
    }


def learns(key: int) -> dict[str, object]:
    granted = datetime(2020, 1, 1, 9)
    return consent(
        key, "granted", granted, grantee="platform", purpose=Purpose.MODELLING, scopes=("loan",)
    )


@pytest.fixture(scope="module")
def labels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str | None]:
    """What each case is called, by title."""
    lake = TinyLake(tmp_path_factory.mktemp("performance"))
    rows: dict[str, list[dict[str, object]]] = defaultdict(list)
    for key, case in enumerate(CASES, start=1):
        for dataset, found in rows_of(key, case).items():
            rows[dataset] += found
    for dataset, found in rows.items():
        lake.land(dataset, found)
    called = look(lake, AS_OF).called[AS_OF]
    return {case.title: called.get(key) for key, case in enumerate(CASES, start=1)}


def look(lake: TinyLake, as_of_date: date) -> Performance:
    with open_snapshot(lake.view, CATALOGUE, NOW.date(), SCOPE, now=NOW, threads=1) as snapshot:
        return performance(snapshot, [as_of_date], load_performance_rules())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.title)
def test_a_year_is_called_what_the_table_says(case: Case, labels: dict[str, str | None]) -> None:
    assert labels[case.title] == case.expect


def test_every_way_of_leaving_out_has_a_case() -> None:
    assert set(EXCLUDED) <= {case.expect for case in CASES}
    assert len({case.title for case in CASES}) == len(CASES)


def test_without_a_consent_to_learn_there_is_no_label(tmp_path: Path) -> None:
    lake = TinyLake(tmp_path)
    rows = rows_of(1, CASES[0])
    for dataset in rows.keys() - {"consent_event"}:
        if rows[dataset]:
            lake.land(dataset, rows[dataset])
    assert look(lake, AS_OF).called == {AS_OF: {}}


def test_outcomes_go_by_whole_months(tmp_path: Path) -> None:
    lake = TinyLake(tmp_path)
    lake.land("reg_basic", [registered(1)])
    with pytest.raises(CohortError, match="2024-03-30 is not the last day of a month"):
        look(lake, date(2024, 3, 30))
