"""Sources that state the same fact, at the tolerance and one beyond it."""

from datetime import date
from pathlib import Path

import pytest

from features.errors import QualityError
from features.quality.conflicts import ConflictCount, count_conflicts, load_conflicts
from tests.builders import (
    CATALOGUE,
    LONG_AGO,
    NOW,
    Row,
    TinyLake,
    invoice,
    invoice_month,
    registered,
)

AS_OF = date(2026, 3, 31)


def count(lake: TinyLake, name: str, as_of: date = AS_OF) -> ConflictCount:
    wanted = [conflict for conflict in load_conflicts() if conflict.name == name]
    return count_conflicts(lake.view, CATALOGUE, as_of, now=NOW, conflicts=wanted)[0]


def fact(key: int, **columns: object) -> Row:
    return {"enterprise_key": key, "available_at": LONG_AGO, **columns}


@pytest.fixture
def lake(tmp_path: Path) -> TinyLake:
    """Three firms on the register."""
    lake = TinyLake(tmp_path)
    lake.land(
        "reg_basic",
        [
            {
                **registered(1),
                "reg_status": "1",
                "reg_capital_fen": 100,
                "paid_in_capital_fen": 100,
            },
            {
                **registered(2),
                "reg_status": "2",
                "reg_capital_fen": 100,
                "paid_in_capital_fen": 101,
            },
            {**registered(3), "reg_status": "4", "reg_capital_fen": 100},
        ],
    )
    return lake


def test_every_comparison_fits_the_stored_columns(lake: TinyLake) -> None:
    conflicts = load_conflicts()
    found = count_conflicts(lake.view, CATALOGUE, AS_OF, now=NOW, conflicts=conflicts)
    assert [count.conflict.name for count in found] == [conflict.name for conflict in conflicts]
    assert all({c.a.zh, c.b.zh, c.zh, c.en} for c in conflicts)


def test_paid_in_capital_may_reach_the_registered_one(lake: TinyLake) -> None:
    found = count(lake, "paid_in_above_registered")
    # 100 of 100 is fine, 101 of 100 fen is not, and the third firm states nothing: 1 of 2.
    assert (found.compared, found.conflicting, found.share, found.enterprises) == (2, 1, 0.5, 1)
    assert [(e.uscc, e.value_a, e.value_b) for e in found.examples] == [("F00002", 1.01, 1.0)]


def test_heads_may_differ_by_a_fifth_or_two(lake: TinyLake) -> None:
    heads = {1: (10, 8), 2: (100, 79), 3: (100, 80)}
    lake.land("pension_month", [fact(k, month=202601, insured=a) for k, (a, _) in heads.items()])
    lake.land("medical_month", [fact(k, month=202601, insured=b) for k, (_, b) in heads.items()])
    found = count(lake, "heads_pension_medical")
    # |10 - 8| = 2 <= max(2, 0.2 * 10); |100 - 79| = 21 > 20; |100 - 80| = 20 <= 20.
    assert (found.compared, found.conflicting) == (3, 1)
    assert found.examples[0].place == "202601"


def test_single_invoices_add_up_to_the_month_within_a_yuan(lake: TinyLake) -> None:
    day = date(2026, 1, 15)
    lake.land(
        "invoice_line",
        [
            invoice(1, day, 100_000),
            invoice(1, day, -20_000),
            invoice(1, day, 5_000, status="void"),
            invoice(2, day, 100_000),
        ],
    )
    # Firm 1: 1000 - 200 = 800 yuan, as stated net of red notes; a void invoice counts for nobody.
    # Firm 2: 1000 yuan; stated 998.99, which is 1.01 away.
    months = [invoice_month(1, 202601, 80_000, red_fen=20_000), invoice_month(2, 202601, 99_899)]
    lake.land("invoice_month", months)
    found = count(lake, "invoices_sum_to_month")
    assert (found.compared, found.conflicting) == (2, 1)
    assert [(e.uscc, e.value_a, e.value_b) for e in found.examples] == [("F00002", 1000.0, 998.99)]


def test_a_cancelled_firm_is_not_alive(lake: TinyLake) -> None:
    events = [
        fact(1, event="cancel", decided_on=date(2026, 3, 1)),
        fact(3, event="cancel", decided_on=date(2026, 3, 1)),
    ]
    lake.land("reg_status_event", events)
    found = count(lake, "alive_but_cancelled")
    # Firm 1 is 'existing' and cancelled; firm 2 has no event; firm 3 is cancelled on both sides.
    assert (found.compared, found.conflicting) == (3, 1)
    assert [(e.uscc, e.place) for e in found.examples] == [("F00001", "2026-03-01")]


def test_a_certificate_is_good_on_its_last_day(lake: TinyLake) -> None:
    lake.land(
        "tech_rnd",
        [
            fact(1, is_hnte=True, hnte_valid_to=AS_OF),
            fact(2, is_hnte=True, hnte_valid_to=date(2026, 3, 30)),
            fact(3, is_hnte=False, hnte_valid_to=date(2020, 1, 1)),
        ],
    )
    found = count(lake, "hnte_expired")
    assert (found.compared, [e.uscc for e in found.examples]) == (3, ["F00002"])


def test_what_came_later_is_no_conflict_yet(lake: TinyLake) -> None:
    lake.land("invoice_month", [invoice_month(1, 202601, 100_000)])
    late = {**fact(1, month=202601, vat_sales_fen=1), "available_at": NOW}
    lake.land("tax_filing_month", [late])
    found = count(lake, "turnover_invoice_tax")
    assert (found.compared, found.share) == (0, None)


def test_sql_that_does_not_fit_is_named(lake: TinyLake) -> None:
    wrong = load_conflicts()[0].model_copy(
        update={"sql": "SELECT nothing", "datasets": ["reg_basic"]}
    )
    with pytest.raises(QualityError, match=r"'heads_pension_medical' does not fit .* of reg_basic"):
        count_conflicts(lake.view, CATALOGUE, AS_OF, now=NOW, conflicts=[wrong])
