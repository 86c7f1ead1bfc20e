"""The relations tax features stand on: filings by month, credit grades by year, public notices."""

from datetime import date

from features.definitions.month_grid import age_of, on_grid, year_before
from features.registry import Grain

FILINGS, GRADES, A_LIST = "tax_filing_month", "tax_credit_rating", "tax_credit_a_list"
ARREARS, NONNORMAL, VIOLATIONS = "tax_arrears_notice", "tax_nonnormal", "tax_major_violation"
#: A year is graded in spring of the next and holds until the spring after that [years].
_GRADE_HOLDS = 2


def _filings(as_of_date: date) -> str:
    """Months filed for; what is due and not filed by `as_of` is late by the days since."""
    day = f"DATE '{as_of_date}'"
    overdue = f"date_diff('day', due_on, {day})"
    rows = (
        f"SELECT enterprise_key, {age_of(as_of_date)} AS age, vat_sales_fen, zero_filing, "
        "CASE WHEN vat_paid_fen IS NOT NULL OR cit_paid_fen IS NOT NULL "
        "THEN coalesce(vat_paid_fen, 0) + coalesce(cit_paid_fen, 0) END AS paid_fen, "
        f"CASE WHEN (filed_on IS NULL OR filed_on > {day}) AND due_on IS NOT NULL "
        f"THEN CASE WHEN {overdue} > 0 THEN {overdue} ELSE 0 END ELSE late_days END AS late_days "
        f"FROM visible_{FILINGS}"
    )
    return (
        f"SELECT *, {year_before('vat_sales_fen')} AS before_fen FROM ({on_grid(rows)}) AS placed"
    )


FILING = Grain("tax_filing", frozenset({FILINGS}), _filings)


def _grades(as_of_date: date) -> str:
    """Published grades of the years still in force as steps in halves; `place` 1 is the latest year."""
    steps = "CASE grade WHEN 'A' THEN 2 WHEN 'B' THEN 4 WHEN 'M' THEN 5 WHEN 'C' THEN 8 ELSE 10 END"
    latest = (
        f"SELECT enterprise_key, rating_year, {steps} AS half_steps, "
        "max(rating_year) OVER (PARTITION BY enterprise_key) AS latest_year "
        f"FROM visible_{GRADES} WHERE published_on <= DATE '{as_of_date}'"
    )
    return (
        "SELECT enterprise_key, half_steps, latest_year - rating_year AS years_before "
        f"FROM ({latest}) AS graded WHERE latest_year >= {as_of_date.year - _GRADE_HOLDS}"
    )


GRADE = Grain("tax_grade", frozenset({GRADES}), _grades)


def _a_list(_: date) -> str:
    return f"SELECT enterprise_key, published_on FROM visible_{A_LIST}"


NAMED_A = Grain("tax_a_list", frozenset({A_LIST}), _a_list, event_date="published_on")


def _notices(as_of_date: date) -> str:
    """Public notices; each repeats what a kind of tax still owes, so only its latest day is owed."""
    day = f"DATE '{as_of_date}'"
    return (
        "SELECT enterprise_key, notice_on, arrears_fen, "
        f"cleared_on IS NULL OR cleared_on > {day} AS is_open, "
        "rank() OVER (PARTITION BY enterprise_key, tax_kind ORDER BY notice_on DESC) = 1 AS is_latest "
        f"FROM visible_{ARREARS} WHERE notice_on <= {day}"
    )


NOTICE = Grain("tax_notice", frozenset({ARREARS}), _notices, event_date="notice_on")


def _open_now(dataset: str, began: str, ended: str, as_of_date: date) -> str:
    """Entries that began by `as_of` and have not ended by then."""
    day = f"DATE '{as_of_date}'"
    return (
        f"SELECT enterprise_key FROM visible_{dataset} "
        f"WHERE {began} <= {day} AND ({ended} IS NULL OR {ended} > {day})"
    )


NOT_FOUND = Grain(
    "tax_nonnormal_open",
    frozenset({NONNORMAL}),
    lambda as_of_date: _open_now(NONNORMAL, "declared_on", "lifted_on", as_of_date),
)
VIOLATION = Grain(
    "tax_violation_open",
    frozenset({VIOLATIONS}),
    lambda as_of_date: _open_now(VIOLATIONS, "published_on", "removed_on", as_of_date),
)
