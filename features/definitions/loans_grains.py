"""The relations loan features stand on: what was lent, and how it was repaid month by month."""

from datetime import date

from features.definitions.month_grid import age_of, on_grid
from features.registry import Grain

LOANS, REPAYMENTS, NEEDS = "loan_account", "repayment_snapshot", "financing_need"
SETTLED = "2"
#: A loan is in default when more than this late with more than a slip (Basel framework CRE36) ...
DEFAULT_DAYS, SLIP_FEN, SLIP_PERCENT = 90, 100_000, 1
#: ... or classed substandard or worse (商业银行金融资产风险分类办法, 2023).
NON_PERFORMING = ("3", "4", "5")


def _accounts(as_of_date: date) -> str:
    """Loans granted by then; `place` counts the loans of one lender, 1 the first.

    A loan runs until its lender reports it settled. The rate in parts per million is whole.
    """
    lender = "coalesce(lender_uscc, lender_legal_code, lender_name)"
    return (
        f"SELECT enterprise_key, loan_id, amount_fen, {lender} AS lender, "
        "CAST(granted_at AS DATE) AS granted_on, CAST(round(rate * 10000) AS BIGINT) AS rate_ppm, "
        f"loan_status IS NULL OR loan_status <> '{SETTLED}' AS is_running, "
        f"row_number() OVER (PARTITION BY enterprise_key, {lender} ORDER BY granted_at, loan_id) AS place "
        f"FROM visible_{LOANS} WHERE CAST(granted_at AS DATE) <= DATE '{as_of_date}'"
    )


ACCOUNT = Grain("loan", frozenset({LOANS}), _accounts, event_date="granted_on")


def _snapshots(as_of_date: date) -> str:
    """Months of loans on a grid of two years, 0 the latest that has arrived.

    A firm without a recent month has settled what it owed: its months are counted from the calendar.
    """
    rows = f"SELECT enterprise_key, loan_id, {age_of(as_of_date)} AS age, dpd FROM visible_{REPAYMENTS}"
    return on_grid(rows, if_none="0")


SNAPSHOT = Grain("repayment_grid", frozenset({REPAYMENTS}), _snapshots)


def _latest(as_of_date: date) -> str:
    """The latest month reported of each loan, and whether the loan was in default then.

    A default stands until a later month says otherwise, also where a lender no longer reports.
    """
    overdue = "(coalesce(overdue_principal_fen, 0) + coalesce(overdue_interest_fen, 0))"
    is_late = (
        f"dpd > {DEFAULT_DAYS} AND {overdue} >= {SLIP_FEN} "
        f"AND {overdue} * 100 >= balance_fen * {SLIP_PERCENT}"
    )
    rows = (
        f"SELECT enterprise_key, coalesce({is_late}, false) "
        f"OR coalesce(five_class IN {NON_PERFORMING}, false) OR coalesce(restructured, false) "
        "OR coalesce(written_off_fen > 0, false) OR coalesce(guarantor_paid_fen > 0, false) AS is_default, "
        "row_number() OVER (PARTITION BY enterprise_key, loan_id ORDER BY month DESC) AS place "
        f"FROM visible_{REPAYMENTS} WHERE {age_of(as_of_date)} >= 0"
    )
    return f"SELECT enterprise_key, is_default FROM ({rows}) AS placed WHERE place = 1"


LATEST = Grain("repayment_latest", frozenset({REPAYMENTS}), _latest)


def _owed(as_of_date: date) -> str:
    """Running loans with what is owed: the latest balance, before the first one the amount granted."""
    balances = (
        "SELECT enterprise_key, loan_id, balance_fen, row_number() OVER "
        "(PARTITION BY enterprise_key, loan_id ORDER BY month DESC) AS place "
        f"FROM visible_{REPAYMENTS} WHERE {age_of(as_of_date)} >= 0"
    )
    return (
        "SELECT loan.enterprise_key, coalesce(latest.balance_fen, loan.amount_fen) AS owed_fen "
        f"FROM loan LEFT JOIN (SELECT * FROM ({balances}) AS placed WHERE place = 1) AS latest "
        "ON latest.enterprise_key = loan.enterprise_key AND latest.loan_id = loan.loan_id "
        "WHERE loan.is_running"
    )


OWED = Grain("loan_owed", frozenset({LOANS, REPAYMENTS}), _owed, parents=(ACCOUNT,))


def _needs(as_of_date: date) -> str:
    """Applications the firm made of its own accord, by day."""
    return (
        "SELECT enterprise_key, CAST(submitted_at AS DATE) AS submitted_on "
        f"FROM visible_{NEEDS} WHERE (source IS NULL OR source = 'self') "
        f"AND CAST(submitted_at AS DATE) <= DATE '{as_of_date}'"
    )


NEED = Grain("own_financing_need", frozenset({NEEDS}), _needs, event_date="submitted_on")
