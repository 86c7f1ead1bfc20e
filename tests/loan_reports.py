"""Loans for tests: a lender, a guarantor, firms, and reports as they come over the wire. All invented."""

from typing import Any

from features.identifiers import synthetic_uscc
from tests.service import Ask, Running

FIRM = synthetic_uscc("loans", "firm")
SECOND = synthetic_uscc("loans", "second")
LENDER = synthetic_uscc("loans", "lender")
OTHER_LENDER = synthetic_uscc("loans", "other lender")
GUARANTOR = synthetic_uscc("loans", "guarantor")
HELD = (
    "loan:report",
    "loan:read",
    "loan_totals:declare",
    "loan_totals:read",
    "loan_completeness:read",
    "guarantee:report",
    "guarantee:read",
)


def grant(**changes: Any) -> dict[str, Any]:
    """A loan of 100,000 yuan for a year."""
    return {
        "loan_id": "L-a",
        "uscc": FIRM,
        "granted_on": "2026-06-10",
        "matures_on": "2027-06-10",
        "amount": "100000",
    } | changes


def month(**changes: Any) -> dict[str, Any]:
    """A month in which nothing was overdue."""
    return {"month": "2026-06", "balance": "90000", "dpd": 0, "five_class": 1} | changes


def guarantee(**changes: Any) -> dict[str, Any]:
    """A guarantee of most of that loan."""
    return {
        "guarantee_id": "G-a",
        "uscc": FIRM,
        "loan_id": "L-a",
        "granted_on": "2026-06-10",
        "amount": "80000",
    } | changes


def lender(running: Running, uscc: str = LENDER) -> Ask:
    """A bank's program that may report."""
    return running.bank(HELD, uscc=uscc)


def guarantor(running: Running) -> Ask:
    """A guarantee company's program."""
    running.institution(GUARANTOR, kind="guarantor")
    return running.bank(HELD, uscc=GUARANTOR)
