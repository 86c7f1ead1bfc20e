"""Loans that the lake knew first (a simulated city, another platform) come into the ledger.

What is there already stays; what came since is added. Where the lake corrects what came from the lake, the
correction is a newer version; what an institution reported here itself stands.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString

from features.contracts import Catalogue
from features.lake import LakeView
from features.snapshot import rows_known_by
from serving.audit.record import Entry, write_entry
from serving.database.copying import copy_rows
from serving.db import Connection
from serving.loans import repository
from serving.loans.export import IMPORTED
from serving.loans.states import restate

_FIELDS: LiteralString = "institution, kind, loan_id, month, uscc, consent_id, payload, reported_at"
_NO_MONTH = "DATE '0001-01-01'"

_ARRIVING = """
CREATE TEMPORARY TABLE arriving (
    institution text, kind text NOT NULL, loan_id text NOT NULL, month date NOT NULL, uscc text NOT NULL,
    consent_id text NOT NULL, payload jsonb NOT NULL, reported_at timestamp NOT NULL
) ON COMMIT DROP
"""
_COPY: LiteralString = f"COPY arriving ({_FIELDS}) FROM STDIN"
#: No lender, or one number for loans of two firms: such a loan stays out with all that is about it.
_UNUSABLE = """
CREATE TEMPORARY TABLE unusable ON COMMIT DROP AS
SELECT institution, loan_id, kind = 'guarantee' AS is_guarantee FROM arriving
GROUP BY institution, loan_id, kind = 'guarantee'
HAVING institution IS NULL OR length(institution) <> 18 OR min(uscc) <> max(uscc)
UNION SELECT a.institution, a.loan_id, a.kind = 'guarantee' FROM arriving AS a
      JOIN loan_report AS r ON (r.institution, r.loan_id) = (a.institution, a.loan_id)
      AND (r.kind = 'guarantee') = (a.kind = 'guarantee') WHERE r.uscc <> a.uscc
"""
_REFUSE = """
DELETE FROM arriving AS a USING unusable AS u
WHERE a.institution IS NOT DISTINCT FROM u.institution AND a.loan_id = u.loan_id
  AND (a.kind = 'guarantee') = u.is_guarantee
"""
#: What was reported here and bears another number in the lake.
_OURS = """
DELETE FROM arriving AS a USING loan AS l
WHERE (a.institution, a.uscc, a.loan_id) = (l.institution, l.uscc, l.lake_id) AND l.loan_id <> l.lake_id
  AND a.kind <> 'guarantee'
"""
_ADD = """
WITH latest AS (
    SELECT DISTINCT ON (r.institution, r.loan_id, r.kind, r.month) r.* FROM loan_report AS r
    WHERE EXISTS (SELECT FROM arriving AS a WHERE (a.institution, a.loan_id) = (r.institution, r.loan_id))
    ORDER BY r.institution, r.loan_id, r.kind, r.month, r.version DESC),
new AS (
    SELECT a.*, coalesce(l.version, 0) + 1 AS version, l.report_no AS supersedes
    FROM arriving AS a LEFT JOIN latest AS l USING (institution, loan_id, kind, month)
    WHERE l.report_no IS NULL OR (l.reported_by = %(imported)s AND l.payload - 'origin' <> a.payload - 'origin')
    ORDER BY a.reported_at, a.institution, a.loan_id, a.kind, a.month)
INSERT INTO loan_report (report_no, institution, kind, loan_id, month, uscc, consent_id, version, supersedes, payload,
                         reported_at, reported_by)
SELECT nextval('loan_report_no'), institution, kind, loan_id, month, uscc, consent_id, version, supersedes, payload,
       reported_at, %(imported)s FROM new
"""
_TOUCHED = """
CREATE TEMPORARY TABLE touched ON COMMIT DROP AS
SELECT institution, loan_id, kind, uscc FROM loan_report WHERE report_no > %(before)s
"""
#: The planner takes a whole city's latest versions for a few, and would read them all again for each loan.
_NO_LOOPS = "SET LOCAL enable_nestloop = off"
_RESTATE = restate(
    "SELECT DISTINCT institution, loan_id FROM touched WHERE kind <> 'guarantee' UNION "
    "SELECT institution, loan_id FROM loan WHERE uscc IN (SELECT uscc FROM touched WHERE kind = 'guarantee')"
)


@dataclass(frozen=True)
class BroughtIn:
    """What an import did.

    Attributes
    ----------
    read : int
        Reports that the lake's rows amount to.
    reports, loans : int
        Reports added to the ledger, and loans they are about.
    refused : int
        Loans without a lender's code, or whose number stands for two; nothing of them was taken.
    """

    read: int
    reports: int
    loans: int
    refused: int


async def bring_in(
    connection: Connection, lake: LakeView, catalogue: Catalogue, *, now: datetime, request_id: str
) -> BroughtIn:
    """Read the lake's loans into the ledger; a second time changes nothing.

    Parameters
    ----------
    connection : Connection
        Of the ledger's owner (it makes temporary tables); everything is one transaction.
    now : datetime
        What was known by this Asia/Shanghai wall time.
    """
    async with connection.transaction():
        await repository.take_turn(connection)
        await connection.execute(_ARRIVING)
        read = await copy_rows(
            connection, _COPY, f"SELECT {_FIELDS} FROM ({arriving_sql(lake, catalogue, now)})"
        )
        await connection.execute("ANALYZE arriving")
        refused = (await connection.execute(_UNUSABLE)).rowcount
        await connection.execute(_REFUSE)
        await connection.execute(_OURS)
        (before,) = await repository.new_numbers(connection, 1)
        reports = (await connection.execute(_ADD, {"imported": IMPORTED})).rowcount
        await connection.execute(_TOUCHED, {"before": before})
        await connection.execute("ANALYZE loan_report, touched")
        await connection.execute(_NO_LOOPS)
        loans = (await connection.execute(_RESTATE, {"at": now})).rowcount
        done = BroughtIn(read, reports, loans, refused)
        await write_entry(connection, _entry(done, now, request_id))
    return done


def arriving_sql(lake: LakeView, catalogue: Catalogue, now: datetime) -> str:
    """Query of what the lake's rows would have been as reports."""
    accounts, months, guarantees = (
        rows_known_by(lake, catalogue[name], now)
        for name in ("loan_account", "repayment_snapshot", "guarantee_account")
    )
    return (
        f"WITH account AS ({accounts}), snapshot AS ({months}), surety AS ({guarantees}), "
        "first AS (SELECT enterprise_key, loan_id, min(month) AS month, max(month) AS last FROM snapshot "
        "GROUP BY enterprise_key, loan_id) "
        f"{_GRANTS} UNION ALL {_MONTHS} UNION ALL {_CLOSURES} UNION ALL {_GUARANTEES}"
    )


def _yuan(column: str, otherwise: str = "NULL") -> str:
    fen = f"coalesce({column}, {otherwise})"
    return f"format('{{}}.{{:02d}}', {fen} // 100, {fen} % 100)"


def _first_day(month: str) -> str:
    return f"make_date({month} // 100, {month} % 100, 1)"


_AMOUNTS = ("overdue_principal", "overdue_interest", "written_off", "recovered", "guarantor_paid")
_GRANTS = (
    f"SELECT lender_uscc AS institution, 'grant' AS kind, loan_id, {_NO_MONTH} AS month, uscc, "
    "coalesce(consent_id, '') AS consent_id, CAST(json_merge_patch(json_object('uscc', uscc, "
    "'granted_on', CAST(CAST(granted_at AS DATE) AS VARCHAR), "
    "'matures_on', CAST(CAST(CAST(granted_at AS DATE) + to_months(term_months) AS DATE) AS VARCHAR), "
    f"'amount', {_yuan('amount_fen')}, 'rate', format('{{:.4f}}', rate), "
    "'guarantee_mode', coalesce(guarantee_mode, '0'), 'repay_mode', coalesce(repay_mode, '0'), "
    "'product_code', coalesce(product_code, ''), 'is_first_loan', is_first_loan, 'origin', json_object("
    f"'reported_from', CAST(coalesce({_first_day('first.month')}, date_trunc('month', granted_at)) AS DATE), "
    "'granted_at', granted_at, 'platform_code', platform_code, 'lender_name', lender_name, "
    "'lender_legal_code', lender_legal_code)), "
    # Only a loan that says whether it is green has the member: so it is with what is reported here.
    "CASE WHEN is_green IS NULL THEN '{}' ELSE json_object('is_green', is_green) END) AS VARCHAR) AS payload, available_at AS reported_at "
    "FROM account LEFT JOIN first USING (enterprise_key, loan_id)"
)
_MONTHS = (
    f"SELECT lender_uscc, 'month', loan_id, {_first_day('s.month')}, s.uscc, coalesce(s.consent_id, ''), "
    f"CAST(json_object('month', strftime({_first_day('s.month')}, '%Y-%m'), "
    f"'balance', {_yuan('s.balance_fen')}, 'dpd', dpd, "
    "'five_class', coalesce(TRY_CAST(five_class AS INTEGER), 1), 'restructured', coalesce(restructured, false), "
    + ", ".join(f"'{name}', {_yuan(f's.{name}_fen', '0')}" for name in _AMOUNTS)
    + ") AS VARCHAR), s.available_at FROM snapshot AS s JOIN account USING (enterprise_key, loan_id)"
)
_CLOSURES = (
    f"SELECT lender_uscc, 'closure', loan_id, {_NO_MONTH}, uscc, coalesce(consent_id, ''), CAST(json_object("
    f"'closed_on', CAST(coalesce(least(last_day({_first_day('first.last')}), CAST(available_at AS DATE)), "
    "CAST(available_at AS DATE)) AS VARCHAR), 'outcome', 'settled') AS VARCHAR), available_at "
    "FROM account LEFT JOIN first USING (enterprise_key, loan_id) WHERE loan_status = '2'"
)
_GUARANTEES = (
    f"SELECT guarantor_uscc, 'guarantee', guarantee_id, {_NO_MONTH}, uscc, coalesce(consent_id, ''), "
    "CAST(json_object('uscc', uscc, 'loan_id', loan_id, 'lender', NULL, "
    f"'granted_on', CAST(granted_on AS VARCHAR), 'amount', {_yuan('amount_fen', '0')}, "
    "'fee_rate', format('{:.4f}', fee_rate), 'share_map', coalesce(share_map, ''), "
    f"'compensated', {_yuan('compensated_fen', '0')}, 'compensated_on', CAST(compensated_on AS VARCHAR)) AS VARCHAR), "
    "available_at FROM surety"
)


def _entry(done: BroughtIn, now: datetime, request_id: str) -> Entry:
    return Entry(
        at=now,
        request_id=request_id,
        actor_kind="system",
        actor="import",
        role="system",
        tenant=None,
        action="loan:import:granted",
        subject=None,
        purpose=None,
        consents=(),
        fields=(),
        result="granted",
        detail={"reports": done.reports, "loans": done.loans},
    )
