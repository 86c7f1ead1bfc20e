"""Running loans as exposures: who holds what, how it stands, and who may see what of the firm."""

from datetime import date
from pathlib import Path

import numpy as np
import pytest

from features.portfolio import LateRate, Portfolio, late_rates, open_portfolio, read_portfolio
from features.scope import Purpose
from tests.builders import CATALOGUE, NOW, TinyLake, at, consent, record, registered

AS_OF = date(2026, 5, 31)


def loan(key: int, loan_id: str, lender: str, **more: str) -> dict[str, object]:
    cells = {
        "loan_id": loan_id,
        "granted_at": "2026-01-10",
        "amount": "1000.00",
        "term_months": "12",
        "lender_uscc": lender,
        "loan_status": "1",
        **more,
    }
    return record(key, "loan_account", cells)


def month(key: int, loan_id: str, when: str, balance: str, dpd: str = "0", **more: str) -> dict[str, object]:  # fmt: skip
    cells = {"loan_id": loan_id, "month": when, "balance": balance, "dpd": dpd, **more}
    return record(key, "repayment_snapshot", cells)


@pytest.fixture
def lake(tmp_path: Path) -> TinyLake:
    made = TinyLake(tmp_path / "lake")
    made.land("reg_basic", [registered(key) for key in (1, 2, 3)])
    made.land(
        "loan_account",
        [
            loan(1, "a", "BANK1", product_code="P1"),
            loan(1, "b", "BANK2", granted_at="2025-12-01"),
            loan(2, "c", "BANK1"),
            loan(3, "d", "BANK1"),
            loan(3, "e", "BANK1", granted_at="2026-05-30"),
            loan(2, "f", "BANK2", granted_at="2026-06-02"),
        ],
    )
    made.land(
        "repayment_snapshot",
        [
            month(1, "a", "202603", "900.00", "40", five_class="2"),
            month(1, "a", "202604", "800.00", "5", five_class="1"),
            month(1, "b", "202604", "700.00", "95", five_class="3"),
            month(2, "c", "202604", "600.00", "0", written_off="600.00"),
            month(3, "d", "202604", "0.00"),
            # Not known yet at the date of the run: it is delivered in June.
            month(1, "a", "202605", "750.00", "35", known="2026-06-15"),
        ],
    )
    guarantee = {"guarantee_id": "g", "loan_id": "a", "guarantor_uscc": "SURETY", "granted_on": "2026-01-10"}  # fmt: skip
    made.land("guarantee_account", [record(1, "guarantee_account", guarantee)])
    return made


def read(lake: TinyLake, day: date = AS_OF) -> Portfolio:
    with open_portfolio(lake.view, CATALOGUE, day, now=NOW) as snapshot:
        return read_portfolio(snapshot)


def one(found: Portfolio, name: str, firm: int) -> dict[str, float]:
    row = list(zip(found.institutions, found.firm.tolist(), strict=True)).index((name, firm))
    return {fact: float(values[row]) for fact, values in found.figures.items()}


def test_running_loans_are_exposures_of_lender_guarantor_and_platform(lake: TinyLake) -> None:
    found = read(lake)
    # c is written off, d repaid, f not granted yet; e runs although no month of it was told.
    assert {
        (name, firm): loans
        for name, firm, loans in zip(found.institutions, found.firm.tolist(), found.loans, strict=True)
    } == {
        ("BANK1", 1): ["a"],
        ("BANK2", 1): ["b"],
        ("SURETY", 1): ["a"],
        ("platform", 1): ["a", "b"],
        ("BANK1", 3): ["e"],
        ("platform", 3): ["e"],
    }  # fmt: skip


def test_figures_are_of_the_last_month_known_then(lake: TinyLake) -> None:
    found = read(lake)
    mine = one(found, "BANK1", 1)
    # April counts: May was delivered in June. Granted 2026-01-10 for 12 months: 31 May to 10 January.
    assert mine["own_loan_days_past_due_days"] == 5
    assert mine["own_loan_balance_cny"] == 800
    assert mine["own_loan_days_to_maturity_days"] == (date(2027, 1, 10) - AS_OF).days
    assert (mine["other_loan_days_past_due_days"], mine["other_loan_class_level"]) == (95, 3)
    # With no loan elsewhere it is known that none is late; the platform's own loans are all there are.
    alone = one(found, "BANK1", 3)
    assert (alone["other_loan_days_past_due_days"], alone["other_loan_class_level"]) == (0, 1)
    whole = one(found, "platform", 1)
    assert (whole["own_loan_days_past_due_days"], whole["other_loan_days_past_due_days"]) == (95, 0)
    assert whole["own_loan_balance_cny"] == 1500


def test_a_loan_is_green_if_one_is_said_to_be_and_not_if_all_are_said_not_to_be(
    lake: TinyLake,
) -> None:
    lake.land(
        "loan_account",
        [
            loan(1, "h", "BANK1", is_green="true", granted_at="2025-11-30"),
            loan(1, "i", "BANK3", is_green="false"),
            loan(3, "j", "BANK3", is_green="false"),
            loan(3, "k", "BANK3"),
        ],
    )
    found = read(lake)
    named = {
        (name, firm): one(found, name, firm)["own_loan_is_green"]
        for name, firm in zip(found.institutions, found.firm.tolist(), strict=True)
    }
    nothing = float("nan")
    np.testing.assert_equal(
        named,
        {
            ("BANK1", 1): 1.0,  # h is, a does not say
            ("BANK1", 3): nothing,
            ("BANK2", 1): nothing,
            ("BANK3", 1): 0.0,
            ("BANK3", 3): nothing,  # j is not, k does not say
            ("SURETY", 1): nothing,
            ("platform", 1): 1.0,
            ("platform", 3): nothing,
        },
    )
    row = list(zip(found.institutions, found.firm.tolist(), strict=True)).index(("BANK1", 1))
    assert found.granted[row] == (date(2025, 11, 30), date(2026, 1, 10))


def test_only_a_live_consent_for_watching_opens_anything(lake: TinyLake) -> None:
    def said(event: str, day: str, scopes: tuple[str, ...], grantee: str = "BANK1", consent_id: str = "c", purpose: Purpose = Purpose.POSTLOAN) -> dict[str, object]:  # fmt: skip
        return consent(
            1, event, at(day), event_id=f"{consent_id}-{day}", consent_id=consent_id, scopes=scopes,
            grantee=grantee, purpose=purpose, valid_from=date.fromisoformat(day[:10]),
        )  # fmt: skip

    lake.land(
        "consent_event",
        [
            said("granted", "2026-01-01", ("tax", "postloan")),
            said("granted", "2026-01-02", ("postloan", "invoice", "tax"), consent_id="d"),
            # Not for watching, without the scope, of another purpose, and revoked later on.
            said("granted", "2026-01-01", ("tax", "loan"), grantee="SURETY", consent_id="e"),
            said("granted", "2026-01-01", ("utilities", "postloan"), consent_id="f", purpose=Purpose.APPLY),
            said("granted", "2026-01-01", ("tax", "postloan"), grantee="BANK2", consent_id="g"),
            said("revoked", "2026-05-31 18:00", ("tax", "postloan"), grantee="BANK2", consent_id="g"),
        ],
    )  # fmt: skip

    def opened(day: date) -> dict[str, tuple[str, ...]]:
        found = read(lake, day)
        return {
            name: scopes
            for name, firm, scopes in zip(found.institutions, found.firm, found.opened, strict=True)
            if firm == 1
        }

    assert opened(AS_OF) == {
        "BANK1": ("invoice", "postloan", "tax"),
        "BANK2": (),
        "SURETY": (),
        "platform": (),
    }
    assert opened(date(2026, 5, 30))["BANK2"] == ("postloan", "tax")
    assert set(read(lake).opened_since) == {date(2026, 1, 1), None}


def test_late_rates_count_running_loans_by_month(lake: TinyLake) -> None:
    with open_portfolio(lake.view, CATALOGUE, AS_OF, now=NOW) as snapshot:
        found = late_rates(snapshot, over_days=30, months=2)
        only_last = late_rates(snapshot, over_days=30, months=1)
    april, march = 2026 * 12 + 4, 2026 * 12 + 3
    products = [rate for rate in found if rate.dimension == "product"]
    # Loan a alone has a product: 40 days late in March, 5 in April.
    assert products == [LateRate("product", "P1", march, 1, 1), LateRate("product", "P1", april, 1, 0)]  # fmt: skip
    assert {rate.month for rate in only_last} == {april}


def test_no_loans_are_no_exposures(tmp_path: Path) -> None:
    empty = TinyLake(tmp_path / "empty")
    empty.land("reg_basic", [registered(1)])
    found = read(empty)
    assert len(found) == 0
    assert all(values.dtype == np.float64 for values in found.figures.values())
