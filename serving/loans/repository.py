"""All SQL about loans but how they stand (`states`) and what leaves for the lake (`export`).

Whoever reports takes the one turn first, so that reports are numbered in the order in which they become
visible, and everything they are held against stands still.
"""

import json
from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import LiteralString

from psycopg.rows import class_row

from serving.db import Connection
from serving.loans.rows import (
    Completeness,
    Declared,
    GuaranteeRow,
    Latest,
    Loan,
    NewReport,
    Sums,
    Version,
)
from serving.loans.states import restate

#: Stands at a report for which the firm never opened its loans to who reports: a duty to feed back, no consent.
NO_CONSENT = "feedback"

_TURN = "SELECT pg_advisory_xact_lock(7162263142127)"
_KIND_OF = "SELECT kind FROM institution WHERE uscc = %(institution)s"
_LATEST = """
SELECT DISTINCT ON (kind, loan_id, month) kind, loan_id, month, report_no, version, uscc, payload FROM loan_report
WHERE institution = %(institution)s AND loan_id = ANY(%(ids)s) ORDER BY kind, loan_id, month, version DESC
"""
_ADD = """
INSERT INTO loan_report (report_no, institution, kind, loan_id, month, uscc, consent_id, version, supersedes,
                         payload, reason, reported_at, reported_by)
SELECT n.report_no, n.institution, n.kind, n.loan_id, n.month, n.uscc, coalesce(
    (SELECT consent_id FROM consent AS c WHERE c.uscc = n.uscc AND c.grantee = n.institution AND 'loan' = ANY(c.scopes)
     ORDER BY c.status = 'active' DESC, c.valid_to DESC, c.consent_id LIMIT 1), %(no_consent)s),
    n.version, n.supersedes, n.payload::jsonb, n.reason, %(at)s, %(by)s
FROM unnest(%(report_no)s::bigint[], %(institution)s::text[], %(kind)s::text[], %(loan_id)s::text[], %(month)s::date[], %(uscc)s::text[],
            %(version)s::integer[], %(supersedes)s::bigint[], %(payload)s::text[], %(reason)s::text[])
     AS n (report_no, institution, kind, loan_id, month, uscc, version, supersedes, payload, reason)
"""
_NUMBERS = "SELECT nextval('loan_report_no') FROM generate_series(1, %(count)s) ORDER BY 1"
#: A moment after the last report about any of them, whatever the clock of this worker says.
_MOMENT = """
SELECT greatest(%(now)s, max(reported_at) + interval '1 microsecond') FROM loan_report
WHERE institution = %(institution)s AND loan_id = ANY(%(ids)s)
"""
_RESTATE = restate(
    "SELECT %(institution)s AS institution, id AS loan_id FROM unnest(%(ids)s::text[]) AS id"
)
_RESTATE_GUARANTEED = restate(
    "SELECT l.institution, l.loan_id FROM loan AS l WHERE l.uscc = ANY(%(usccs)s)"
)
_COLUMNS: LiteralString = """institution, loan_id, uscc, product_code, granted_on, matures_on, amount_fen, balance_fen, days_past_due,
       five_class, status, guarantor, reported_month, updated_at"""
_LOANS = f"""
SELECT {_COLUMNS} FROM loan
WHERE (%(institution)s::text IS NULL OR institution = %(institution)s::text)
  AND (%(uscc)s::text IS NULL OR uscc = %(uscc)s::text)
  AND (%(status)s::text IS NULL OR status = %(status)s::text)
  AND (institution, loan_id) > (%(after_institution)s, %(after)s)
ORDER BY institution, loan_id LIMIT %(limit)s
"""
_LOAN = f"""
SELECT {_COLUMNS} FROM loan WHERE loan_id = %(loan_id)s
  AND (%(institution)s::text IS NULL OR institution = %(institution)s::text)
  AND (%(uscc)s::text IS NULL OR uscc = %(uscc)s::text)
ORDER BY institution LIMIT 1
"""
_VERSIONS = """
SELECT report_no, kind, month, version, supersedes, payload, reason, reported_at, reported_by FROM loan_report
WHERE institution = %(institution)s AND loan_id = %(loan_id)s AND kind <> 'guarantee' ORDER BY report_no
"""
_GUARANTEES = """
SELECT * FROM (
    SELECT DISTINCT ON (loan_id) loan_id AS guarantee_id, uscc, payload, version, reported_at FROM loan_report
    WHERE institution = %(institution)s AND kind = 'guarantee' AND loan_id > %(after)s
    ORDER BY loan_id, version DESC) AS latest
ORDER BY guarantee_id LIMIT %(limit)s
"""
#: Months from the grant (or, of a loan that the lake knew first, from its first month) to the last due.
_COMPLETENESS = """
WITH due AS (
    SELECT l.institution, l.loan_id, greatest(date_trunc('month', l.granted_on)::date,
               (g.payload -> 'origin' ->> 'reported_from')::date) AS first
    FROM loan AS l JOIN LATERAL (
        SELECT payload FROM loan_report AS r WHERE (r.institution, r.loan_id, r.kind) = (l.institution, l.loan_id, 'grant')
        ORDER BY version DESC LIMIT 1) AS g ON true
    WHERE l.status IN ('running', 'overdue')
      AND (%(institution)s::text IS NULL OR l.institution = %(institution)s::text)),
counted AS (
    SELECT d.institution, greatest(0, (extract(year FROM age) * 12 + extract(month FROM age))::integer) AS expected,
           (SELECT count(DISTINCT r.month) FROM loan_report AS r
            WHERE (r.institution, r.loan_id, r.kind) = (d.institution, d.loan_id, 'month')
              AND r.month BETWEEN d.first AND %(last)s) AS received
    FROM due AS d, LATERAL (SELECT age(%(last)s::date + interval '1 month', d.first) AS age) AS months)
SELECT institution, count(*) AS loans, sum(expected)::bigint AS expected, sum(received)::bigint AS received,
       (SELECT max(reported_month) FROM loan AS l WHERE l.institution = counted.institution) AS latest_month
FROM counted GROUP BY institution ORDER BY institution
"""
_DECLARE = """
INSERT INTO loan_totals (institution, month, declared, declared_at, declared_by)
VALUES (%(institution)s, %(month)s, %(declared)s, %(declared_at)s, %(declared_by)s)
"""
_DECLARED = """
SELECT DISTINCT ON (month, institution) institution, month, declared, declared_at, declared_by FROM loan_totals
WHERE (%(institution)s::text IS NULL OR institution = %(institution)s::text)
  AND (%(month)s::date IS NULL OR month = %(month)s::date)
ORDER BY month DESC, institution, totals_no DESC LIMIT %(limit)s
"""
_SUMS = """
WITH asked AS (SELECT * FROM unnest(%(institutions)s::text[], %(months)s::date[]) AS a (institution, month)),
granted AS (
    SELECT a.institution, a.month, count(*) AS n, sum(l.amount_fen)::bigint AS fen,
           count(*) FILTER (WHERE g.payload ->> 'guarantee_mode' = '1') AS credit_n,
           sum(l.amount_fen) FILTER (WHERE g.payload ->> 'guarantee_mode' = '1')::bigint AS credit_fen
    FROM asked AS a JOIN loan AS l ON l.institution = a.institution
         AND l.granted_on >= a.month AND l.granted_on < a.month + interval '1 month'
    JOIN LATERAL (SELECT payload FROM loan_report AS r
        WHERE (r.institution, r.loan_id, r.kind) = (l.institution, l.loan_id, 'grant')
        ORDER BY version DESC LIMIT 1) AS g ON true
    GROUP BY a.institution, a.month),
latest AS (
    SELECT DISTINCT ON (r.institution, r.loan_id, r.month) r.institution, r.month, r.payload
    FROM loan_report AS r JOIN asked USING (institution, month) WHERE r.kind = 'month'
    ORDER BY r.institution, r.loan_id, r.month, r.version DESC),
paid AS (
    SELECT institution, month, (sum((payload ->> 'balance')::numeric) * 100)::bigint AS balance,
           (sum((payload ->> 'written_off')::numeric) * 100)::bigint AS written_off,
           (sum((payload ->> 'recovered')::numeric) * 100)::bigint AS recovered
    FROM latest GROUP BY institution, month)
SELECT a.institution, a.month, coalesce(g.n, 0) AS granted_count, coalesce(g.fen, 0) AS granted_amount,
       coalesce(g.credit_n, 0) AS credit_count, coalesce(g.credit_fen, 0) AS credit_amount,
       coalesce(p.balance, 0) AS balance, coalesce(p.written_off, 0) AS written_off, coalesce(p.recovered, 0) AS recovered
FROM asked AS a LEFT JOIN granted AS g USING (institution, month) LEFT JOIN paid AS p USING (institution, month)
"""


async def take_turn(connection: Connection) -> None:
    """Wait until nobody else reports; ours are numbered after theirs."""
    await connection.execute(_TURN)


async def kind_of(connection: Connection, institution: str) -> str:
    """What kind of institution it is; empty for none."""
    row = await (await connection.execute(_KIND_OF, {"institution": institution})).fetchone()
    return str(row[0]) if row else ""


async def read_latest(
    connection: Connection, institution: str, ids: Collection[str]
) -> list[Latest]:
    """The latest version of everything an institution reported under these numbers."""
    asked = {"institution": institution, "ids": list(ids)}
    async with connection.cursor(row_factory=class_row(Latest)) as cursor:
        return await (await cursor.execute(_LATEST, asked)).fetchall()


async def moment_after(
    connection: Connection, institution: str, ids: Collection[str], now: datetime
) -> datetime:
    """The time that reports under these numbers bear, later than any before."""
    asked = {"institution": institution, "ids": list(ids), "now": now}
    row = await (await connection.execute(_MOMENT, asked)).fetchone()
    moment: datetime = row[0] if row else now
    return moment


async def new_numbers(connection: Connection, count: int) -> list[int]:
    """Numbers for reports, rising; those that are not used are never given again."""
    cursor = await connection.execute(_NUMBERS, {"count": count})
    return [int(row[0]) for row in await cursor.fetchall()]


async def add_reports(
    connection: Connection, reports: Sequence[NewReport], *, at: datetime, by: str
) -> None:
    """Write reports that have their numbers."""
    columns: dict[str, object] = {
        name: [getattr(report, name) for report in reports]
        for name in NewReport.__dataclass_fields__
        if name != "payload"
    }
    columns["payload"] = [json.dumps(dict(report.payload)) for report in reports]
    await connection.execute(_ADD, {**columns, "at": at, "by": by, "no_consent": NO_CONSENT})


async def restate_loans(
    connection: Connection, institution: str, ids: Collection[str], at: datetime
) -> None:
    """Let loans of an institution stand as their reports say."""
    await connection.execute(
        _RESTATE, {"institution": institution, "ids": sorted(set(ids)), "at": at}
    )


async def restate_guaranteed(connection: Connection, usccs: Collection[str], at: datetime) -> None:
    """Let the loans of these firms name who stands for them."""
    await connection.execute(_RESTATE_GUARANTEED, {"usccs": sorted(set(usccs)), "at": at})


async def list_loans(
    connection: Connection,
    *,
    institution: str | None = None,
    uscc: str | None = None,
    status: str | None = None,
    after: tuple[str, str] = ("", ""),
    limit: int,
) -> list[Loan]:
    """Loans after one, in the order of lender and number."""
    asked = {
        "institution": institution,
        "uscc": uscc,
        "status": status,
        "after_institution": after[0],
        "after": after[1],
        "limit": limit,
    }
    async with connection.cursor(row_factory=class_row(Loan)) as cursor:
        return await (await cursor.execute(_LOANS, asked)).fetchall()


async def find_loan(
    connection: Connection, loan_id: str, *, institution: str | None, uscc: str | None
) -> Loan | None:
    """One loan of a lender or of a firm."""
    asked = {"loan_id": loan_id, "institution": institution, "uscc": uscc}
    async with connection.cursor(row_factory=class_row(Loan)) as cursor:
        return await (await cursor.execute(_LOAN, asked)).fetchone()


async def read_versions(connection: Connection, institution: str, loan_id: str) -> list[Version]:
    """Every version of every report of a loan, oldest first."""
    asked = {"institution": institution, "loan_id": loan_id}
    async with connection.cursor(row_factory=class_row(Version)) as cursor:
        return await (await cursor.execute(_VERSIONS, asked)).fetchall()


async def list_guarantees(
    connection: Connection, institution: str, *, after: str, limit: int
) -> list[GuaranteeRow]:
    """Guarantees of an institution as they stand, in the order of their numbers."""
    asked = {"institution": institution, "after": after, "limit": limit}
    async with connection.cursor(row_factory=class_row(GuaranteeRow)) as cursor:
        return await (await cursor.execute(_GUARANTEES, asked)).fetchall()


async def completeness(
    connection: Connection, last_due: date, institution: str | None = None
) -> list[Completeness]:
    """Months due and months received of running loans, for each institution that has some."""
    asked = {"last": last_due, "institution": institution}
    async with connection.cursor(row_factory=class_row(Completeness)) as cursor:
        return await (await cursor.execute(_COMPLETENESS, asked)).fetchall()


async def add_declared(connection: Connection, declared: Declared) -> None:
    """Keep what an institution says a month adds up to; the latest counts."""
    values = vars(declared) | {"declared": json.dumps(dict(declared.declared))}
    await connection.execute(_DECLARE, values)


async def read_declared(
    connection: Connection,
    *,
    institution: str | None = None,
    month: date | None = None,
    limit: int = 200,
) -> list[Declared]:
    """What was declared last for each month, the latest month first."""
    asked = {"institution": institution, "month": month, "limit": limit}
    async with connection.cursor(row_factory=class_row(Declared)) as cursor:
        return await (await cursor.execute(_DECLARED, asked)).fetchall()


async def read_sums(connection: Connection, months: Sequence[tuple[str, date]]) -> list[Sums]:
    """What the reports of some institutions' months add up to."""
    asked = {
        "institutions": [institution for institution, _ in months],
        "months": [month for _, month in months],
    }
    async with connection.cursor(row_factory=class_row(Sums)) as cursor:
        return await (await cursor.execute(_SUMS, asked)).fetchall()
