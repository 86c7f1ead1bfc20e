"""The shipped sharing list: whole, consented, and its rules on worked rows."""

import re
from collections.abc import Mapping

import pytest

from features.contracts import Dataset, load_catalogue
from features.datasets import LAKE_TYPES
from features.engine import connect, literal

CATALOGUE = load_catalogue()
SCOPES = {
    "registration_detail",
    "tax",
    "invoice",
    "social_insurance",
    "housing_fund",
    "utilities",
    "realestate",
    "customs",
    "carbon",
    "tech",
    "agri",
    "loan",
}
NEGATIVE = {
    "abnormal_list",
    "serious_dishonest_list",
    "admin_penalty",
    "admin_coercion",
    "judgment_debtor",
    "dishonest_debtor",
    "consumption_restriction",
    "tax_arrears_notice",
    "tax_major_violation",
    "tax_nonnormal",
}


def test_every_number_of_the_list_has_a_dataset() -> None:
    codes = [dataset.document.code for dataset in CATALOGUE]
    assert len(set(codes)) == len(codes)
    numbers = {int(code[1:3]) for code in codes if code.startswith("D")}
    assert numbers == {*range(1, 55), *range(60, 68)}  # D55 to D59 are free


def test_consent_opens_what_it_names_and_nothing_public() -> None:
    scopes = {d.document.consent_scope for d in CATALOGUE if d.needs_consent}
    assert scopes == SCOPES
    assert not [d.name for d in CATALOGUE if not d.needs_consent and d.document.consent_scope]


def test_adverse_records_can_be_repaired_by_their_number() -> None:
    negative = {dataset.name: dataset for dataset in CATALOGUE if dataset.document.negative}
    assert set(negative) == NEGATIVE
    assert set(CATALOGUE["credit_repair"].columns["dataset"].values) == NEGATIVE
    for dataset in negative.values():
        assert dataset.document.primary_key[0] == "uscc"
        assert len(dataset.document.primary_key) == 2
        retention = dataset.document.retention
        assert retention is not None
        assert retention.years == 5


@pytest.mark.parametrize("dataset", list(CATALOGUE), ids=lambda dataset: dataset.name)
def test_a_dataset_keeps_the_house_rules(dataset: Dataset) -> None:
    document = dataset.document
    assert document.primary_key[0] == "uscc"
    for key in document.primary_key[1:]:
        if not (document.name == "invoice_line" and key == "invoice_code"):
            assert dataset.columns[key].required, key
    if dataset.needs_consent:
        retention = document.retention
        assert retention is not None
        assert retention.days_after_consent == 30
    for name, column in dataset.columns.items():
        is_number_of_person = re.search(r"(?<!cert)(?<!cert_no)_?id_no$|^id_no$", name) is not None
        assert (column.personal == "id_number") >= is_number_of_person, name
        assert (column.unit == "yuan") == (column.type == "money"), name


PENALTIES = [
    # Kinds, fine [yuan], summary procedure, severity.
    ("['1a', '1b']", None, None, "minor"),
    ("['1a', '2a']", 2999.99, None, "minor"),
    ("['2a']", 3000, None, "general"),
    ("['2a']", 3000, True, "minor"),
    ("['2a']", 499_999.99, None, "general"),
    ("['2a']", 500_000, None, "serious"),
    ("['2a']", 500_000, True, "serious"),
    ("['1a', '3c']", None, None, "serious"),
    ("['4b']", None, None, "serious"),
    ("['2b']", 0, False, "general"),
    ("[]", None, None, "general"),
    (None, None, None, "general"),
]


@pytest.mark.parametrize(("kinds", "fine", "summary", "severity"), PENALTIES)
def test_severity_follows_kind_fine_and_procedure(
    kinds: str | None, fine: float | None, *, summary: bool | None, severity: str
) -> None:
    fen = None if fine is None else round(fine * 100)
    row = {"penalty_kinds": kinds, "fine_amount": fen, "summary_procedure": summary}
    dataset = CATALOGUE["admin_penalty"]
    types = {name: LAKE_TYPES[dataset.columns[name].type] for name in row}
    assert evaluate(dataset.columns["severity"].derive or "", row, types) == severity


@pytest.mark.parametrize(
    ("region", "summary", "is_met"),
    [("371302", True, False), ("371302", False, True), ("320102", True, True), (None, True, None)],
)
def test_shandong_does_not_collect_the_summary_procedure(
    region: str | None, *, summary: bool, is_met: bool | None
) -> None:
    dataset = CATALOGUE["admin_penalty"]
    row = {"region_code": region and literal(region), "summary_procedure": summary}
    check = dataset.document.checks["not_collected_in_shandong"]
    assert check.action == "reject"
    assert evaluate(check.sql, row, dataset.lake_columns()) is is_met


# Paid November 2024 to January 2025 and March 2025: a run of three, four months in all.
HEADS = {202411: 5, 202412: 5, 202501: 6, 202503: 6}
FILING = {
    "stat_date": "DATE '2025-03-31'",
    "insured_24m": HEADS,
    "amount_24m": HEADS,
    "consecutive_months_24m": 3,
    "last_paid_month": 202503,
    "paid_count_24m": 4,
}
BROKEN = [
    ({"amount_24m": {202411: 1, 202412: 1, 202501: 1}}, {"months_agree"}),
    ({"consecutive_months_24m": 4}, {"longest_run"}),
    ({"consecutive_months_24m": 25}, {"longest_run", "within_24"}),
    ({"last_paid_month": 202502}, {"last_month"}),
    ({"paid_count_24m": 3}, {"months_counted"}),
    # March 2023 is 24 months before the statistics date and still inside, February is not.
    ({"stat_date": "DATE '2026-11-30'"}, set[str]()),
    ({"stat_date": "DATE '2026-12-01'"}, {"inside_24_months"}),
    ({"stat_date": "DATE '2025-02-28'"}, {"inside_24_months"}),
    ({"insured_24m": {**HEADS, 202503: 5.5}}, {"whole_heads"}),
    ({"insured_24m": {**HEADS, 202503: 0}}, {"whole_heads"}),
    ({"insured_24m": None}, set[str]()),
    ({}, set[str]()),
]


@pytest.mark.parametrize("name", ["pension_filing", "medical_filing", "housing_fund_filing"])
@pytest.mark.parametrize(("change", "failed"), BROKEN)
def test_a_filing_agrees_with_itself(
    name: str, change: dict[str, object], failed: set[str]
) -> None:
    dataset = CATALOGUE[name]
    row = {key: month_list(value) for key, value in {**FILING, **change}.items()}
    checks = dataset.document.checks
    found = {n: evaluate(c.sql, row, dataset.lake_columns()) for n, c in checks.items()}
    assert {n for n, is_met in found.items() if is_met is False} == failed


def test_a_month_that_stands_twice_is_noted() -> None:
    dataset = CATALOGUE["pension_filing"]
    twice = "[{month: 202501, value: 1}, {month: 202501, value: 1}]"
    check = dataset.document.checks["no_month_twice"]
    assert evaluate(check.sql, {"insured_24m": twice}, dataset.lake_columns()) is False


def month_list(value: object) -> object:
    """SQL of a month list; another value stays."""
    if not isinstance(value, dict):
        return value
    parts = [f"{{month: {month}, value: {number}}}" for month, number in value.items()]  # pyright: ignore[reportUnknownVariableType]
    return f"[{', '.join(parts)}]"


def evaluate(sql: str, row: Mapping[str, object], types: dict[str, str]) -> object:
    """The value of an expression over one row; columns not given are NULL."""
    values = [
        f"CAST({'NULL' if row.get(name) is None else row[name]} AS {kind}) AS {name}"
        for name, kind in types.items()
    ]
    with connect(threads=1) as connection:
        found = connection.execute(f"SELECT {sql} FROM (SELECT {', '.join(values)})").fetchall()
    return found[0][0]
