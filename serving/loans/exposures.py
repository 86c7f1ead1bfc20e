"""Who has an interest in an enterprise: institutions with a running loan to it, and their guarantors.

An institution sees an exposure of its own and never another's. A guarantor knows that it stands for a
loan, and nothing the lender reports about its repayment; so it has exposures and no figures.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from typing import Literal

from psycopg.rows import class_row

from serving.db import Connection

_LIVE = """
SELECT institution, uscc, array_agg(loan_id ORDER BY loan_id) AS loan_ids, role FROM (
    SELECT institution, uscc, loan_id, 'lender' AS role FROM loan WHERE status IN ('running', 'overdue')
    UNION ALL
    SELECT guarantor, uscc, loan_id, 'guarantor' FROM loan
    WHERE status IN ('running', 'overdue') AND guarantor <> ''
) AS interest
WHERE %(usccs)s::text[] IS NULL OR uscc = ANY(%(usccs)s::text[])
GROUP BY institution, uscc, role ORDER BY uscc, institution, role
"""
_FIGURES = """
SELECT institution, uscc, max(days_past_due) AS days_past_due, sum(balance_fen)::bigint AS balance_fen,
       min(matures_on) AS matures_on, (array_agg(product_code ORDER BY balance_fen DESC, loan_id))[1] AS product_code,
       max(five_class) AS five_class
FROM loan WHERE status IN ('running', 'overdue')
GROUP BY institution, uscc ORDER BY uscc, institution
"""


@dataclass(frozen=True)
class Exposure:
    """One institution's interest in one enterprise.

    Attributes
    ----------
    institution, uscc : str
        Codes of the institution and of the enterprise that owes.
    loan_ids : tuple of str
        The lender's numbers of the running loans.
    role : str
        The same institution may be a lender of one loan and guarantor of another: two exposures.
    """

    institution: str
    uscc: str
    loan_ids: tuple[str, ...]
    role: Literal["lender", "guarantor"]

    def __post_init__(self) -> None:
        object.__setattr__(self, "loan_ids", tuple(self.loan_ids))


@dataclass(frozen=True)
class ExposureFigures:
    """How the running loans of one lender to one enterprise stand, by its latest reports.

    Attributes
    ----------
    days_past_due : int
        Worst of the loans; 0 if nothing is overdue.
    balance_fen : int
        Of all of them.
    matures_on : date or None
        The nearest day; None if none of them has one.
    product_code : str
        Of the largest loan; empty if the lender named none.
    five_class : int
        Worst of the loans, 1 (normal) to 5 (loss).
    """

    institution: str
    uscc: str
    days_past_due: int
    balance_fen: int
    matures_on: date | None
    product_code: str
    five_class: int


async def live_exposures(
    connection: Connection, usccs: Collection[str] | None = None
) -> list[Exposure]:
    """Every interest in running loans, of these enterprises or of all.

    Parameters
    ----------
    usccs : collection of str, optional
        Enterprises asked about; None for all.

    Returns
    -------
    list of Exposure
        In the order of enterprise, institution and role.
    """
    asked = {"usccs": None if usccs is None else list(usccs)}
    async with connection.cursor(row_factory=class_row(Exposure)) as cursor:
        return await (await cursor.execute(_LIVE, asked)).fetchall()


async def exposure_figures(connection: Connection) -> list[ExposureFigures]:
    """The figures of every lender's running loans, firm by firm."""
    async with connection.cursor(row_factory=class_row(ExposureFigures)) as cursor:
        return await (await cursor.execute(_FIGURES)).fetchall()
