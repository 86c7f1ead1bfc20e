"""The relations registration features stand on: the register, holders, changes, licences, reports."""

from datetime import date, timedelta

from features.definitions.expressions import share_ppm, whole_months_since
from features.definitions.public_list import entries, is_open, lasts
from features.registry import Grain

#: Revoked, cancelled, in liquidation, ordered to close, rescinded: whatever else is on record, the
#: business has ended or is being ended (codes of reg_basic).
ENDED = ("3", "4", "7", "9", "10")
#: A licence that ends within these days is about to expire.
EXPIRING = timedelta(days=90)
#: An annual report is due on 30 June (Regulation on enterprise information disclosure, article 8) ...
_DUE_MONTH, _DUE_DAY = 6, 30
#: ... and is judged a month later, since what is filed on the last day reaches us only after it.
_JUDGED_MONTH, _JUDGED_DAY = 7, 31


def _register(as_of_date: date) -> str:
    """The firm's own entry; capital in another currency is not compared."""
    months = whole_months_since("established_on", as_of_date)
    in_yuan = "(reg_capital_ccy IS NULL OR reg_capital_ccy = 'CNY')"
    return (
        f"SELECT enterprise_key, CASE WHEN established_on <= DATE '{as_of_date}' THEN {months} END "
        "AS age_months, entity_type, reg_status, "
        f"CASE WHEN {in_yuan} THEN reg_capital_fen END AS capital_fen, "
        f"CASE WHEN {in_yuan} AND paid_in_capital_fen > reg_capital_fen THEN reg_capital_fen "
        f"WHEN {in_yuan} THEN paid_in_capital_fen END AS paid_fen FROM visible_reg_basic"
    )


REGISTER = Grain("register_entry", frozenset({"reg_basic"}), _register)


def _holders(as_of_date: date) -> str:
    """Holders at `as_of`, several entries of one added up; shares in parts per million."""
    who = "coalesce(holder_uscc, holder_id_no_token, record_id)"
    return (
        "SELECT enterprise_key, "
        f"sum({share_ppm('share_ratio')}) AS share_ppm, "
        "sum(CASE WHEN paid_in_fen IS NOT NULL THEN subscribed_fen END) AS subscribed_fen, "
        "sum(CASE WHEN subscribed_fen IS NOT NULL THEN paid_in_fen END) AS paid_fen "
        f"FROM visible_reg_shareholder WHERE {is_open('from_date', 'to_date', as_of_date)} "
        f"GROUP BY enterprise_key, {who}"
    )


HOLDER = Grain("register_holder", frozenset({"reg_shareholder"}), _holders)
CHANGE = entries("register_change", "reg_change", "changed_on", columns=("change_item",))


def _licences(as_of_date: date) -> str:
    """Licences that are good on the day of `as_of`."""
    day = f"DATE '{as_of_date}'"
    return (
        "SELECT enterprise_key, "
        f"coalesce(valid_to <= DATE '{as_of_date + EXPIRING}', false) AS is_expiring "
        f"FROM visible_admin_license WHERE decided_on <= {day} "
        "AND (status IS NULL OR status = 'valid') "
        f"AND (valid_from IS NULL OR valid_from <= {day}) AND {lasts('valid_to', as_of_date)}"
    )


LICENCE = Grain("licence_valid", frozenset({"admin_license"}), _licences)


def _certificates(as_of_date: date) -> str:
    return (
        "SELECT enterprise_key FROM visible_qualification_cert "
        f"WHERE issued_on <= DATE '{as_of_date}' AND {lasts('valid_to', as_of_date)}"
    )


CERTIFICATE = Grain("qualification_valid", frozenset({"qualification_cert"}), _certificates)
HONOUR = entries("honour", "honor_award", "awarded_on")


def last_judged_year(as_of_date: date) -> int:
    """The latest report year whose report must have reached us by `as_of`.

    Examples
    --------
    >>> last_judged_year(date(2020, 7, 31)), last_judged_year(date(2020, 7, 30))
    (2019, 2018)
    """
    is_judged = (as_of_date.month, as_of_date.day) >= (_JUDGED_MONTH, _JUDGED_DAY)
    return as_of_date.year - (1 if is_judged else 2)


def _reports(as_of_date: date) -> str:
    """Annual reports up to the last year that is judged; a firm's first report opens its record."""
    year = last_judged_year(as_of_date)
    due = date(year + 1, _DUE_MONTH, _DUE_DAY)
    return (
        f"SELECT enterprise_key, report_year = {year} AND filed_on <= DATE '{due}' AS is_in_time "
        f"FROM visible_reg_annual_report WHERE report_year <= {year} AND filed_on <= DATE '{as_of_date}'"
    )


REPORT = Grain("annual_report", frozenset({"reg_annual_report"}), _reports)


def _declarations(as_of_date: date) -> str:
    """What the firm declared itself; a declaration whose latest check found a conflict is not used."""
    checks = (
        "SELECT enterprise_key, record_id, "
        "max(checked_at) FILTER (WHERE verdict = 'conflict') AS conflict_at, "
        "max(checked_at) FILTER (WHERE verdict <> 'conflict') AS other_at "
        "FROM visible_declaration_check GROUP BY enterprise_key, record_id"
    )
    return (
        "SELECT d.enterprise_key, d.record_id FROM visible_self_declared d "
        f"LEFT JOIN ({checks}) AS c ON c.enterprise_key = d.enterprise_key AND c.record_id = d.record_id "
        f"WHERE d.promise_signed_on <= DATE '{as_of_date}' "
        "AND (c.conflict_at IS NULL OR c.other_at > c.conflict_at)"
    )


DECLARATION = Grain("declaration", frozenset({"self_declared", "declaration_check"}), _declarations)
