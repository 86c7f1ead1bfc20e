"""How a loan stands, from the latest version of everything reported of it: one statement of SQL.

Reports taken now and loans that the lake knew first go through the same words, so a state is never
anything else than what its reports say.
"""

from typing import LiteralString

_YUAN: LiteralString = ")::numeric * 100)::bigint"


def restate(touched: LiteralString) -> LiteralString:
    """The statement that writes the state of some loans; its one parameter is `at`.

    Parameters
    ----------
    touched : str
        Query of (institution, loan_id).

    Notes
    -----
    Of two lenders with the same number for a loan of the same firm the second one's is told apart in the
    lake by its lender's code.
    """
    return f"""
WITH touched AS MATERIALIZED ({touched}),
latest AS (
    SELECT DISTINCT ON (r.institution, r.loan_id, r.kind, r.month) r.*
    FROM loan_report AS r JOIN touched USING (institution, loan_id) WHERE r.kind <> 'guarantee'
    ORDER BY r.institution, r.loan_id, r.kind, r.month, r.version DESC),
months AS (
    SELECT DISTINCT ON (institution, loan_id) institution, loan_id, month, payload,
           bool_or((payload ->> 'written_off')::numeric > 0) OVER (PARTITION BY institution, loan_id) AS is_lost
    FROM latest WHERE kind = 'month' ORDER BY institution, loan_id, month DESC),
facts AS (
    SELECT g.institution, g.loan_id, g.uscc, g.payload AS granted, m.month, m.payload AS paid,
           coalesce(m.is_lost, false) AS is_lost, c.payload ->> 'outcome' AS outcome,
           coalesce((m.payload ->> 'dpd')::integer, 0) AS dpd,
           coalesce((m.payload ->> 'five_class')::smallint, 1) AS five_class,
           ((coalesce(m.payload ->> 'balance', g.payload ->> 'amount'){_YUAN} AS balance
    FROM latest AS g LEFT JOIN months AS m USING (institution, loan_id)
    LEFT JOIN latest AS c ON c.kind = 'closure' AND (c.institution, c.loan_id) = (g.institution, g.loan_id)
    WHERE g.kind = 'grant'),
named AS (
    SELECT f.*, CASE
        WHEN outcome = 'settled' THEN 'settled'
        WHEN outcome = 'written_off' OR (is_lost AND balance = 0) THEN 'written_off'
        WHEN dpd > 0 THEN 'overdue' ELSE 'running' END AS status,
        CASE WHEN EXISTS (SELECT FROM loan AS o WHERE o.uscc = f.uscc AND o.lake_id = f.loan_id
                          AND o.institution <> f.institution)
             THEN f.loan_id || '~' || f.institution ELSE f.loan_id END AS lake_id
    FROM facts AS f),
standing AS (
    SELECT n.*, coalesce((
        SELECT g.institution FROM (
            SELECT DISTINCT ON (institution, loan_id) institution, loan_id, payload FROM loan_report
            WHERE kind = 'guarantee' AND uscc = n.uscc ORDER BY institution, loan_id, version DESC) AS g
        WHERE g.payload ->> 'loan_id' IN (n.loan_id, n.lake_id)
          AND coalesce(g.payload ->> 'lender', n.institution) = n.institution
        ORDER BY g.payload ->> 'granted_on' DESC, g.institution LIMIT 1), '') AS guarantor
    FROM named AS n)
INSERT INTO loan AS l (institution, loan_id, lake_id, uscc, product_code, granted_on, matures_on, amount_fen,
    balance_fen, days_past_due, five_class, status, guarantor, is_green, reported_month, updated_at)
SELECT institution, loan_id, lake_id, uscc, coalesce(granted ->> 'product_code', ''), (granted ->> 'granted_on')::date,
       (granted ->> 'matures_on')::date, ((granted ->> 'amount'{_YUAN},
       CASE WHEN outcome IS NULL THEN balance ELSE 0 END, CASE WHEN status = 'settled' THEN 0 ELSE dpd END, five_class,
       status, guarantor, (granted ->> 'is_green')::boolean, month, %(at)s
FROM standing
ON CONFLICT (institution, loan_id) DO UPDATE SET product_code = excluded.product_code,
    granted_on = excluded.granted_on, matures_on = excluded.matures_on, amount_fen = excluded.amount_fen,
    balance_fen = excluded.balance_fen, days_past_due = excluded.days_past_due, five_class = excluded.five_class,
    status = excluded.status, guarantor = excluded.guarantor, is_green = excluded.is_green,
    reported_month = excluded.reported_month, updated_at = excluded.updated_at
"""
