"""Reports become rows of the lake, in the order they were taken.

Of two contents under one key the one reported earlier ends where the later begins, in whatever order they
arrive. What came from the lake does not go back.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString

from serving.db import Connection
from serving.landing import Destination, NewRows, land, new_rows

#: Reports in one commit of the lake.
BATCH = 100_000
#: Who reported what the lake knew first.
IMPORTED = "import"

_LAST = """
SELECT max(report_no) FROM (
    SELECT report_no FROM loan_report
    WHERE report_no > (SELECT last_report_no FROM loan_export) AND reported_by <> %(imported)s
    ORDER BY report_no LIMIT %(limit)s) AS new
"""
_MOVE = """
UPDATE loan_export SET last_report_no = greatest(last_report_no, %(report_no)s), exported_at = %(now)s
"""
_NEW: LiteralString = """
SELECT DISTINCT ON (institution, loan_id, month) * FROM loan_report
WHERE report_no > (SELECT last_report_no FROM loan_export) AND report_no <= %(last)s AND reported_by <> %(imported)s
"""
_NEWEST: LiteralString = "ORDER BY institution, loan_id, month, version DESC"
#: An account as it stands now, for every loan of which something was reported.
_ACCOUNTS: LiteralString = """
SELECT l.uscc, g.consent_id, l.lake_id AS loan_id, o.origin ->> 'platform_code' AS platform_code,
       g.payload ->> 'is_first_loan' AS is_first_loan, g.payload ->> 'is_green' AS is_green,
       CASE WHEN (o.origin ->> 'granted_at')::date = l.granted_on THEN (o.origin ->> 'granted_at')::timestamp
            ELSE l.granted_on::timestamp END::text AS granted_at,
       coalesce(o.origin ->> 'lender_name', (SELECT name_zh FROM institution AS i WHERE i.uscc = l.institution)) AS lender_name, l.institution AS lender_uscc,
       o.origin ->> 'lender_legal_code' AS lender_legal_code, g.payload ->> 'amount' AS amount, g.payload ->> 'rate' AS rate,
       g.payload ->> 'guarantee_mode' AS guarantee_mode,
       (extract(year FROM l.matures_on) * 12 + extract(month FROM l.matures_on)
        - extract(year FROM l.granted_on) * 12 - extract(month FROM l.granted_on))::integer::text AS term_months,
       g.payload ->> 'repay_mode' AS repay_mode,
       CASE l.status WHEN 'running' THEN '1' WHEN 'settled' THEN '2' ELSE '3' END AS loan_status,
       nullif(l.product_code, '') AS product_code, l.updated_at AS reported_at
FROM (SELECT DISTINCT institution, loan_id FROM ({new} AND kind <> 'guarantee') AS n) AS touched
JOIN loan AS l USING (institution, loan_id)
JOIN LATERAL (SELECT * FROM loan_report AS r WHERE (r.institution, r.loan_id, r.kind) = (l.institution, l.loan_id, 'grant')
              ORDER BY version DESC LIMIT 1) AS g ON true,
LATERAL (SELECT g.payload -> 'origin' AS origin) AS o
"""
_MONTHS: LiteralString = """
SELECT n.uscc, n.consent_id, l.lake_id AS loan_id, to_char(n.month, 'YYYYMM') AS month,
       n.payload ->> 'balance' AS balance, n.payload ->> 'overdue_principal' AS overdue_principal,
       n.payload ->> 'overdue_interest' AS overdue_interest, n.payload ->> 'dpd' AS dpd,
       n.payload ->> 'five_class' AS five_class, n.payload ->> 'restructured' AS restructured,
       n.payload ->> 'written_off' AS written_off, n.payload ->> 'recovered' AS recovered,
       n.payload ->> 'guarantor_paid' AS guarantor_paid, n.reported_at
FROM ({new} AND kind = 'month' {newest}) AS n JOIN loan AS l USING (institution, loan_id)
"""
_GUARANTEES: LiteralString = """
SELECT n.uscc, n.consent_id, n.loan_id AS guarantee_id, coalesce((
           SELECT l.lake_id FROM loan AS l WHERE l.uscc = n.uscc AND n.payload ->> 'loan_id' IN (l.loan_id, l.lake_id)
           AND coalesce(n.payload ->> 'lender', l.institution) = l.institution ORDER BY l.institution LIMIT 1),
           n.payload ->> 'loan_id') AS loan_id,
       n.institution AS guarantor_uscc, n.payload ->> 'granted_on' AS granted_on, n.payload ->> 'amount' AS amount,
       n.payload ->> 'fee_rate' AS fee_rate, nullif(n.payload ->> 'share_map', '') AS share_map,
       n.payload ->> 'compensated' AS compensated, n.payload ->> 'compensated_on' AS compensated_on, n.reported_at
FROM ({new} AND kind = 'guarantee' {newest}) AS n
"""


def _filled(query: LiteralString) -> LiteralString:
    return query.replace("{newest}", _NEWEST).replace("{new}", _NEW)


#: Each dataset with the query of its new rows.
_QUERIES: Mapping[str, LiteralString] = {
    "loan_account": _filled(_ACCOUNTS),
    "repayment_snapshot": _filled(_MONTHS),
    "guarantee_account": _filled(_GUARANTEES),
}


@dataclass(frozen=True)
class NewReports:
    """Everything up to one report, by dataset."""

    last: int
    rows: Sequence[NewRows]


async def export_new(
    connection: Connection, to: Destination, *, now: datetime, batch: int = BATCH
) -> int:
    """Land what has been reported since the last export.

    Several at once do no harm: the lake lets one in after the other and drops what it has.

    Parameters
    ----------
    now : datetime
        Asia/Shanghai wall time.
    batch : int
        Reports in one commit of the lake at most.

    Returns
    -------
    int
        Rows that were given to the lake; it keeps those that are new to it.

    Raises
    ------
    LakeError, RejectedBatchError
        If the lake cannot be written or refuses a row; then the mark stays and nothing is lost.
    """
    total = 0
    while (new := await read_new(connection, batch)) is not None:
        for rows in new.rows:
            await asyncio.to_thread(land, rows, new.last, to, now=now)
            total += len(rows)
        await move_mark(connection, new.last, now)
    return total


async def read_new(connection: Connection, limit: int) -> NewReports | None:
    """What was reported after the mark; in a transaction of its own, None if there is nothing.

    Of what was reported more than once in a batch only the latest counts: nobody saw the others.
    """
    async with connection.transaction():
        asked: dict[str, object] = {"limit": limit, "imported": IMPORTED}
        row = await (await connection.execute(_LAST, asked)).fetchone()
        if row is None or row[0] is None:
            return None
        asked["last"] = row[0]
        found = [await new_rows(connection, name, query, asked) for name, query in _QUERIES.items()]
    return NewReports(int(row[0]), [rows for rows in found if len(rows)])


async def move_mark(connection: Connection, report_no: int, now: datetime) -> None:
    """Say that everything up to this report is in the lake; in a transaction of its own."""
    async with connection.transaction():
        await connection.execute(_MOVE, {"report_no": report_no, "now": now})
