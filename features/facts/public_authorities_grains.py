"""The relations facts of authorities stand on: news, quarters of arrears and of carbon, contracts."""

from datetime import date

from features.definitions.public_list import entries
from features.facts.shapes import learnt_lately, news
from features.registry import Grain
from features.windows import Window

_CLOSING = ("3c", "4a", "4b", "4c")
NEW_PENALTY = news(
    "penalty_new", "admin_penalty", "decided_on",
    columns=(
        "domain",
        "severity = 'serious' AS is_serious",
        f"coalesce(list_has_any(penalty_kinds, {list(_CLOSING)}), false) AS is_closing",
        "fine_amount_fen AS fine_fen",
    ),
    where="severity IS NULL OR severity <> 'minor'",
)  # fmt: skip
ABNORMAL = entries(
    "abnormal_reason", "abnormal_list", "listed_on", "removed_on", columns=("reason",)
)
NEW_ABNORMAL = news("abnormal_new", "abnormal_list", "listed_on", "removed_on", ("reason",))
NEW_SERIOUS = news("serious_new", "serious_dishonest_list", "listed_on", "removed_on")
NEW_NONNORMAL = news("nonnormal_new", "tax_nonnormal", "declared_on", "lifted_on")
NEW_VIOLATION = news("violation_new", "tax_major_violation", "published_on", "removed_on")
NEW_GRADE = news("tax_grade_new", "tax_credit_rating", "published_on")
NEW_COERCION = news("coercion_new", "admin_coercion", "executed_on", columns=("method",))

#: Contracts and quarters older than this are over.
_CONTRACT_LASTS, _ACCOUNT_HOLDS = Window(36), Window(12)
#: An open notice counts while it is no older [quarters].
_NOTICE_HOLDS = 2


def _arrears(as_of_date: date) -> str:
    """Quarters with a notice of arrears, counted back from the firm's latest."""
    quarter = "year(notice_on) * 4 + quarter(notice_on)"
    today = as_of_date.year * 4 + (as_of_date.month + 2) // 3
    latest = "max(number) OVER (PARTITION BY enterprise_key)"
    return (
        f"SELECT enterprise_key, is_open, {latest} - number AS quarters_before, "
        f"{latest} >= {today - _NOTICE_HOLDS} AS is_recent FROM ("
        f"SELECT enterprise_key, {quarter} AS number, "
        f"cleared_on IS NULL OR cleared_on > DATE '{as_of_date}' AS is_open "
        f"FROM visible_tax_arrears_notice WHERE notice_on <= DATE '{as_of_date}') AS noticed"
    )


ARREARS_QUARTER = Grain("arrears_quarter", frozenset({"tax_arrears_notice"}), _arrears)


def _carbon(as_of_date: date) -> str:
    """Quarters of the carbon account, 1 the latest that still holds; steps 1 deep green to 4 red."""
    steps = "CASE grade WHEN 'deep_green' THEN 1 WHEN 'light_green' THEN 2 WHEN 'yellow' THEN 3 WHEN 'red' THEN 4 END"
    return (
        f"SELECT enterprise_key, {steps} AS step, "
        f"coalesce(label_cert_until < DATE '{as_of_date}', false) AS is_lapsed, "
        "rank() OVER (PARTITION BY enterprise_key ORDER BY period_end DESC) AS place "
        f"FROM visible_carbon_account WHERE {_ACCOUNT_HOLDS.covers('period_end', as_of_date)}"
    )


CARBON = Grain("carbon_latest", frozenset({"carbon_account"}), _carbon)


def _breaches(as_of_date: date) -> str:
    """Contracts that we learnt within the month are broken, whenever they were signed."""
    signed = _CONTRACT_LASTS.covers("signed_on", as_of_date)
    return (
        "SELECT enterprise_key FROM visible_gov_contract WHERE performance = 'breach' "
        f"AND {learnt_lately(as_of_date)} AND {signed}"
    )


NEW_BREACH = Grain("contract_breach_new", frozenset({"gov_contract"}), _breaches)


def _late(as_of_date: date) -> str:
    """Contracts performed late, by the days since delivery was due, for a year."""
    return (
        f"SELECT enterprise_key, date_diff('day', deliver_due, DATE '{as_of_date}') AS late_days "
        f"FROM visible_gov_contract WHERE performance = 'delay' AND {Window(12).covers('deliver_due', as_of_date)}"
    )


LATE_CONTRACT = Grain("contract_late", frozenset({"gov_contract"}), _late)


def _unpaid(as_of_date: date) -> str:
    """Instalments `due/amount` of the plan that fell due and that what was paid does not cover.

    The day of acceptance is not delivered; the plan's day stands for it.
    """
    planned = (
        "SELECT enterprise_key, contract_no, paid_amount_fen, "
        "TRY_CAST(split_part(entry, '/', 1) AS DATE) AS due_on, "
        "CAST(round(TRY_CAST(split_part(entry, '/', 2) AS DOUBLE) * 100) AS BIGINT) AS part_fen FROM ("
        "SELECT enterprise_key, contract_no, paid_amount_fen, unnest(pay_plan) AS entry "
        "FROM visible_gov_contract WHERE paid_amount_fen IS NOT NULL "
        f"AND {_CONTRACT_LASTS.covers('signed_on', as_of_date)}) AS listed"
    )
    owed = (
        "SELECT enterprise_key, due_on, paid_amount_fen, sum(part_fen) OVER ("
        f"PARTITION BY enterprise_key, contract_no ORDER BY due_on) AS owed_fen FROM ({planned}) AS planned"
    )
    return (
        f"SELECT enterprise_key, date_diff('day', due_on, DATE '{as_of_date}') AS overdue_days "
        f"FROM ({owed}) AS owed WHERE due_on < DATE '{as_of_date}' AND owed_fen > paid_amount_fen"
    )


UNPAID = Grain("contract_unpaid", frozenset({"gov_contract"}), _unpaid)
