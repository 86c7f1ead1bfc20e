"""All SQL about an institution's portfolio: its own loans, its own ratings, its own warnings."""

from dataclasses import dataclass
from datetime import date, datetime

from serving.auth.rows import fetch_all
from serving.db import Connection

_BORROWERS = """
SELECT uscc, count(*)::integer AS loans, sum(balance_fen)::bigint AS balance_fen,
    max(days_past_due) AS days_past_due, (array_agg(product_code ORDER BY balance_fen DESC, loan_id))[1] AS product_code
FROM loan WHERE institution = %(institution)s AND status IN ('running', 'overdue')
GROUP BY uscc ORDER BY uscc
"""
_GUARANTEED = """
SELECT count(DISTINCT uscc) FROM loan WHERE guarantor = %(institution)s AND status IN ('running', 'overdue')
"""
_OPEN_ALERTS = """
SELECT uscc, level, count(*)::integer AS alerts FROM alert
WHERE institution = %(institution)s AND state <> 'closed' GROUP BY uscc, level ORDER BY uscc, level
"""
_MONTHS = """
SELECT month::date AS month, sum(new)::integer AS new, sum(closed)::integer AS closed FROM (
    SELECT date_trunc('month', began_at) AS month, 1 AS new, 0 AS closed FROM alert
    WHERE institution = %(institution)s AND began_at >= %(since)s
    UNION ALL
    SELECT date_trunc('month', closed_at), 0, 1 FROM alert
    WHERE institution = %(institution)s AND closed_at >= %(since)s
) AS moved GROUP BY month ORDER BY month
"""
#: A rating is told while all it was made from is open: under consents that live, or that were used up and
#: paid for it.
_GRADES = """
SELECT DISTINCT ON (r.uscc) r.uscc, r.grade,
    r.opened <> '{}' AND r.opened <@ ARRAY(
        SELECT unnest(c.scopes) FROM consent c
        WHERE c.uscc = r.uscc AND c.grantee = r.institution AND c.purpose = r.purpose
          AND c.valid_from <= %(today)s AND c.valid_to >= %(today)s
          AND (c.status = 'active' OR (c.status = 'used_up' AND c.consent_id = ANY(r.consents)))) AS is_open
FROM rating r
WHERE r.institution = %(institution)s AND NOT r.is_public_only AND r.as_of > %(after)s AND r.as_of <= %(until)s
ORDER BY r.uscc, r.as_of DESC, r.rating_no DESC
"""


@dataclass(frozen=True)
class Borrower:
    """An enterprise with running loans of the institution.

    Attributes
    ----------
    days_past_due : int
        Worst of its loans.
    product_code : str
        Of the largest loan; empty if none was named.
    """

    uscc: str
    loans: int
    balance_fen: int
    days_past_due: int
    product_code: str


@dataclass(frozen=True)
class OpenAlerts:
    """How many warnings of one level are open about one enterprise."""

    uscc: str
    level: str
    alerts: int


@dataclass(frozen=True)
class Month:
    """Warnings of a calendar month by its first day."""

    month: date
    new: int
    closed: int


@dataclass(frozen=True)
class Graded:
    """The latest rating of an enterprise in a span of time, and whether it may still be read."""

    uscc: str
    grade: str
    is_open: bool


async def read_borrowers(connection: Connection, institution: str) -> list[Borrower]:
    """Everybody who owes the institution, in the order of codes."""
    return await fetch_all(connection, Borrower, _BORROWERS, {"institution": institution})


async def count_guaranteed(connection: Connection, institution: str) -> int:
    """Enterprises for whose running loans the institution stands."""
    found = await (await connection.execute(_GUARANTEED, {"institution": institution})).fetchone()
    return int(found[0]) if found else 0


async def read_open_alerts(connection: Connection, institution: str) -> list[OpenAlerts]:
    """Open warnings of the institution by enterprise and level."""
    return await fetch_all(connection, OpenAlerts, _OPEN_ALERTS, {"institution": institution})


async def read_months(connection: Connection, institution: str, since: datetime) -> list[Month]:
    """Warnings raised and closed, for every month that has any."""
    return await fetch_all(connection, Month, _MONTHS, {"institution": institution, "since": since})


async def read_grades(
    connection: Connection, institution: str, *, after: date, until: date, today: date
) -> list[Graded]:
    """The latest rating of each enterprise whose as-of date lies in (after, until]."""
    asked = {"institution": institution, "after": after, "until": until, "today": today}
    return await fetch_all(connection, Graded, _GRADES, asked)
