"""Runs the tables of `tests/spec/warning`: months of a loan, and what the half year is called."""

from collections import defaultdict
from dataclasses import dataclass
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
from training.performance import load_performance_rules
from training.warning import (
    EXCLUDED,
    WARNING_DATASETS,
    Outcomes,
    load_warning_rules,
    outcomes,
)

TABLE = Path(__file__).parent / "warning" / "outcomes.yaml"
AS_OF = date(2024, 3, 31)
SCOPE = DataScope(WARNING_DATASETS, Purpose.MODELLING, FAR, grantee="platform")
Months = dict[int, dict[str, int | float | str | bool]]


class Case(Document):
    """One borrower."""

    title: str
    first: int = 202308
    last: int = 202412
    months: Months = Field(default_factory=dict)
    other_loan: Months = Field(default_factory=dict)
    dishonest: list[date] = Field(default_factory=list)
    bankruptcy: dict[str, date] = Field(default_factory=dict)
    status: dict[str, date] = Field(default_factory=dict)
    expect: str | None
    months_to_event: int | None = Field(default=None, alias="in")
    late: int | None = None
    dpd: int = 0
    defaults: bool = False
    only_closes: bool = False


CASES = [Case.model_validate(one) for one in yaml.safe_load(TABLE.read_text(encoding="utf-8"))]


def snapshots(key: int, loan: str, months: Months) -> list[dict[str, object]]:
    return [
        record(
            key,
            "repayment_snapshot",
            {"loan_id": loan, "month": str(month), "balance": "10000", "dpd": "0"}
            | {name: str(value).lower() for name, value in cells.items()},
        )
        for month, cells in months.items()
    ]


def rows_of(key: int, case: Case) -> dict[str, list[dict[str, object]]]:
    every = range(
        case.first // 100 * 12 + case.first % 100 - 1, case.last // 100 * 12 + case.last % 100
    )
    months = {n // 12 * 100 + n % 12 + 1: dict[str, int | float | str | bool]() for n in every}
    return {
        "reg_basic": [registered(key)],
        "consent_event": [
            consent(
                key, "granted", datetime(2020, 1, 1, 9), grantee="platform",
                purpose=Purpose.MODELLING, scopes=("loan",),
            )
        ],
        "repayment_snapshot": snapshots(key, "a", {m: case.months.get(m, {}) for m in months})
        + snapshots(key, "b", case.other_loan),
        "dishonest_debtor": [
            record(key, "dishonest_debtor", {"case_no": str(day), "published_on": str(day)})
            for day in case.dishonest
        ],
        "bankruptcy_case": [
            record(key, "bankruptcy_case", {"case_no": kind, "kind": kind, "event_on": str(day)})
            for kind, day in case.bankruptcy.items()
        ],
        "reg_status_event": [
            record(key, "reg_status_event", {"record_id": kind, "event": kind, "decided_on": str(day)})
            for kind, day in case.status.items()
        ],
    }  # fmt: skip


@dataclass(frozen=True)
class Called:
    """One row as the table writes it."""

    expect: str | None
    months_to_event: int | None
    late: int | None
    dpd: int
    defaults: bool
    only_closes: bool

    @classmethod
    def row(cls, found: Outcomes, place: int) -> "Called":
        months, days = float(found.months_to_event[place]), float(found.days_to_late[place])
        return cls(
            str(found.called[place]),
            None if months != months else int(months),  # noqa: PLR0124
            None if days != days else int(days),  # noqa: PLR0124
            int(found.dpd[place]),
            bool(found.defaults[place]),
            bool(found.only_closes[place]),
        )


@pytest.fixture(scope="module")
def called(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Called]:
    """What each case is called, by its number."""
    lake = TinyLake(tmp_path_factory.mktemp("warning"))
    rows: dict[str, list[dict[str, object]]] = defaultdict(list)
    for key, case in enumerate(CASES, start=1):
        for dataset, found in rows_of(key, case).items():
            rows[dataset] += found
    for dataset, found in rows.items():
        lake.land(dataset, found)
    labels = look(lake, AS_OF)
    return {key: Called.row(labels, place) for place, key in enumerate(labels.firm.tolist())}


def look(lake: TinyLake, as_of_date: date) -> Outcomes:
    with open_snapshot(lake.view, CATALOGUE, NOW.date(), SCOPE, now=NOW, threads=1) as snapshot:
        return outcomes(snapshot, [as_of_date], load_warning_rules(), load_performance_rules())


@pytest.mark.parametrize(
    ("key", "case"), list(enumerate(CASES, start=1)), ids=[case.title for case in CASES]
)
def test_a_half_year_is_called_what_the_table_says(
    key: int, case: Case, called: dict[int, Called]
) -> None:
    found = called.get(key)
    if case.expect in {None, *EXCLUDED}:
        assert (found.expect if found else None) == case.expect
    else:
        assert found == Called(
            case.expect, case.months_to_event, case.late, case.dpd, case.defaults, case.only_closes
        )


def test_every_way_of_leaving_out_a_borrower_has_a_case() -> None:
    assert set(EXCLUDED) <= {case.expect for case in CASES}
    assert len({case.title for case in CASES}) == len(CASES)


def test_without_a_consent_to_learn_no_borrower_is_labelled(tmp_path: Path) -> None:
    lake = TinyLake(tmp_path)
    rows = rows_of(1, CASES[0])
    for dataset in rows.keys() - {"consent_event"}:
        if rows[dataset]:
            lake.land(dataset, rows[dataset])
    assert len(look(lake, AS_OF).firm) == 0


def test_borrowers_are_labelled_at_month_ends(tmp_path: Path) -> None:
    lake = TinyLake(tmp_path)
    lake.land("reg_basic", [registered(1)])
    with pytest.raises(CohortError, match="2024-03-30 is not the last day of a month"):
        look(lake, date(2024, 3, 30))
