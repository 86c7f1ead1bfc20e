"""The ways in which the future gets into features, each tried on every feature that could let it in.

A trap is a row that must change nothing on `as_of` and does change something at the end of its last
day, so that a trap that bites nobody fails too.
"""

from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest

from features.contracts import Sensitivity
from features.definitions import REGISTRY
from features.registry import Registry
from features.scope import Purpose
from tests.builders import (
    CATALOGUE,
    TinyLake,
    at,
    by_enterprise,
    consent,
    features_of,
    invoice,
    record,
    registered,
    whole_scope,
)


@dataclass(frozen=True)
class Trap:
    """A row under contract names, when it must not count yet, and when it must."""

    title: str
    dataset: str
    row: dict[str, str]
    as_of: date
    counts_by: date


FEBRUARY, MARCH = date(2020, 2, 29), date(2020, 3, 31)
TRAPS = [
    Trap(
        "a dishonest debtor listed because of the default", "dishonest_debtor",
        {"case_no": "1", "published_on": "2020-03-05"}, FEBRUARY, MARCH,
    ),
    Trap(
        "a listing dated ahead in a file that came early", "dishonest_debtor",
        {"case_no": "1", "published_on": "2020-03-05", "known": "2020-02-01"}, FEBRUARY, MARCH,
    ),
    Trap(
        "enforcement filed because of the default", "judgment_debtor",
        {"case_no": "1", "filed_on": "2020-03-05", "target_amount": "100.00"}, FEBRUARY, MARCH,
    ),
    Trap(
        "enforcement filed before and delivered after", "judgment_debtor",
        {"case_no": "1", "filed_on": "2020-02-20", "known": "2020-03-02"}, FEBRUARY, MARCH,
    ),
    Trap(
        "a tax grade before it is published in April", "tax_credit_rating",
        {"rating_year": "2019", "grade": "D", "published_on": "2020-04-20"}, MARCH, date(2020, 4, 30),
    ),
    Trap(
        "an annual report before it is filed", "reg_annual_report",
        {"report_year": "2019", "filed_on": "2020-06-20"}, date(2020, 6, 19), date(2020, 8, 31),
    ),
    Trap(
        "annual figures before they are filed", "annual_figures",
        {"report_year": "2019", "filed_on": "2020-06-20", "assets": "9.00", "liabilities": "3.00"},
        date(2020, 6, 19), date(2020, 6, 30),
    ),
    Trap(
        "a judgment between its day and its publication", "court_judgment",
        {"case_no": "1", "judged_on": "2020-01-10", "published_on": "2020-03-20", "party_role": "defendant",
         "known": "2020-03-20"},
        FEBRUARY, MARCH,
    ),
    Trap(
        "a judgment delivered as if known on its day", "court_judgment",
        {"case_no": "1", "judged_on": "2020-01-10", "published_on": "2020-03-20", "party_role": "defendant"},
        FEBRUARY, MARCH,
    ),
    Trap(
        "a month of repayment after the look", "repayment_snapshot",
        {"loan_id": "1", "month": "202003", "dpd": "120"}, FEBRUARY, date(2020, 4, 30),
    ),
]  # fmt: skip


def readers_of(dataset: str) -> Registry:
    return Registry(tuple(f for f in REGISTRY if dataset in f.datasets))


def look(tmp_path: Path, trap: Trap, as_of: date, *, is_set: bool) -> dict[str, float | None]:
    lake = TinyLake(tmp_path / f"{as_of} {is_set}")
    lake.land("reg_basic", [registered(1)])
    if is_set:
        lake.land(trap.dataset, [record(1, trap.dataset, trap.row)])
    return by_enterprise(features_of(lake, as_of, registry=readers_of(trap.dataset)))[1]


@pytest.mark.parametrize("trap", TRAPS, ids=lambda trap: trap.title)
def test_a_trap_changes_nothing_before_its_time(trap: Trap, tmp_path: Path) -> None:
    before = [look(tmp_path, trap, trap.as_of, is_set=is_set) for is_set in (False, True)]
    assert before[0] == before[1]
    after = [look(tmp_path, trap, trap.counts_by, is_set=is_set) for is_set in (False, True)]
    assert after[0] != after[1]


def test_a_repaired_penalty_is_in_no_feature_but_a_replay(tmp_path: Path) -> None:
    readers = readers_of("admin_penalty")
    row = record(
        1,
        "admin_penalty",
        {
            "doc_no": "1",
            "decided_on": "2019-06-01",
            "severity": "serious",
            "domain": "safety",
            "fine_amount": "900.00",
            "repaired_at": "2020-03-15T10:00:00",
        },
    )
    clean, repaired = TinyLake(tmp_path / "clean"), TinyLake(tmp_path / "repaired")
    for lake in (clean, repaired):
        lake.land("reg_basic", [registered(1)])
    repaired.land("admin_penalty", [row])

    def seen(lake: TinyLake, purpose: Purpose) -> dict[str, float | None]:
        scope = whole_scope(purpose)
        return by_enterprise(features_of(lake, FEBRUARY, scope, registry=readers))[1]

    for purpose in set(Purpose) - {Purpose.REPLAY}:
        assert seen(repaired, purpose) == seen(clean, purpose), purpose
    assert seen(repaired, Purpose.REPLAY)["admin_penalties_safety_count_36m"] == 1


def test_no_feature_reads_the_platforms_own_verdicts_or_outcomes() -> None:
    """Warnings, outcomes and what institutions did here would teach a model its own opinion."""
    internal = {d.name for d in CATALOGUE if d.document.sensitivity is Sensitivity.INTERNAL}
    read = {name for feature in REGISTRY for name in feature.datasets}
    assert read & (internal | {"loan_outcome"}) <= {"declaration_check", "financing_need"}


@pytest.mark.parametrize(
    ("occurred_at", "known_at"),
    [("2020-03-01 00:00:01", "2020-03-01 00:00:01"), ("2020-02-01", "2020-03-05")],
    ids=["granted after", "granted before and known after"],
)
def test_a_consent_given_after_as_of_opens_nothing(
    occurred_at: str, known_at: str, tmp_path: Path
) -> None:
    lake = TinyLake(tmp_path)
    lake.land("reg_basic", [registered(1)])
    lake.land("invoice_line", [invoice(1, date(2020, 1, 10), 500)])
    given = consent(1, "granted", at(occurred_at), available_at=at(known_at))
    lake.land("consent_event", [given])
    scope = whole_scope(Purpose.PRE_CREDIT)
    bank = type(scope)(scope.datasets, scope.purpose, scope.until, "bank")
    readers = readers_of("invoice_line")
    seen = [by_enterprise(features_of(lake, day, bank, registry=readers))[1] for day in (FEBRUARY, MARCH)]  # fmt: skip
    assert set(seen[0].values()) == {None}
    assert seen[1]["sales_amount_sum_12m_cny"] == 5
