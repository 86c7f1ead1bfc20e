"""Facts of public records that products ask about: contracts and bids, lists by their kind, who leads.

What these records cannot say: whether a bid has become a contract (a bid of three months stands for an open
one), and whether a list of bidding misconduct exists beside that of procurement. No penalty is marked as one
of medical insurance.
"""

from datetime import date

from features.definitions.compliance_grains import CUSTOMS
from features.definitions.declare import declare
from features.definitions.expressions import (
    Value,
    clipped,
    count,
    days,
    flag,
    ratio,
    share_ppm,
    whole_months_since,
    yuan,
)
from features.definitions.procurement import AWARD
from features.definitions.public_list import entries, is_open
from features.facts.shapes import NO_DIRECTION, stated
from features.registry import Aggregate, Feature, Grain
from features.windows import Window, column_name

#: A public contract older than this is over.
_CONTRACT_LASTS = Window(36)
_QUARTER, _YEAR, _TWO_YEARS = Window(3), Window(12), Window(24)


def _unpaid(as_of_date: date) -> str:
    """Contracts that were not broken, with what the buyer still owes beside what it retains."""
    due = "amount_fen - CAST(round(amount_fen * coalesce(retention_ratio, 0)) AS BIGINT) - paid_amount_fen"
    return (
        f"SELECT enterprise_key, CASE WHEN {due} > 0 THEN {due} WHEN {due} <= 0 THEN 0 END AS unpaid_fen "
        f"FROM visible_gov_contract WHERE {_CONTRACT_LASTS.covers('signed_on', as_of_date)} "
        "AND coalesce(performance <> 'breach', true)"
    )


def _awards_ago(as_of_date: date) -> str:
    day = f"DATE '{as_of_date}'"
    return (
        f"SELECT enterprise_key, date_diff('day', awarded_on, {day}) AS days_ago "
        f"FROM visible_bid_award WHERE awarded_on <= {day}"
    )


def _leaders(as_of_date: date) -> str:
    """Who represents the firm now, and for how long."""
    months = whole_months_since("from_date", as_of_date)
    return (
        f"SELECT enterprise_key, {months} AS tenure_months FROM visible_reg_key_person "
        f"WHERE position = 'legal_rep' AND {is_open('from_date', 'to_date', as_of_date)}"
    )


def _own_shares(as_of_date: date) -> str:
    """Shares with `is_own` where the legal representative holds them; NULL where a person is not identified."""
    return (
        "SELECT s.enterprise_key, CASE WHEN r.legal_rep_id_no_token IS NULL THEN NULL "
        "WHEN s.holder_kind <> 'person' THEN false ELSE s.holder_id_no_token = r.legal_rep_id_no_token END AS is_own, "
        f"{share_ppm('s.share_ratio')} AS ppm FROM visible_reg_shareholder AS s "
        "JOIN visible_reg_basic AS r ON r.enterprise_key = s.enterprise_key "
        f"WHERE {is_open('s.from_date', 's.to_date', as_of_date)}"
    )


_UNPAID = Grain("government_contract_unpaid", frozenset({"gov_contract"}), _unpaid)
_AWARD_AGO = Grain("award_ago", frozenset({"bid_award"}), _awards_ago)
_LEADER = Grain("legal_rep_tenure", frozenset({"reg_key_person"}), _leaders)
_OWN_SHARE = Grain("legal_rep_share", frozenset({"reg_basic", "reg_shareholder"}), _own_shares)
_LISTED = entries(
    "serious_list_kind", "serious_dishonest_list", "listed_on", "removed_on", columns=("list_name",)
)
_VIOLATION = entries("tax_violation_entry", "tax_major_violation", "published_on")
_TAX_PENALTY = Grain(
    "tax_penalty",
    frozenset({"admin_penalty"}),
    lambda day: (
        f"SELECT enterprise_key FROM visible_admin_penalty WHERE domain = 'tax' "
        f"AND (severity IS NULL OR severity <> 'minor') AND {_TWO_YEARS.covers('decided_on', day)}"
    ),
)

_CONTRACTS = [
    declare(
        column_name("government_contract_unpaid", "sum", unit="cny"),
        stated("cny", "{v} / 100", _UNPAID, "sum(unpaid_fen)"),
        NO_DIRECTION, "R23", "近36个月政府采购合同扣除质保金后的待付金额",
        "what public buyers still owe on contracts of 36 months, beside what they retain", missing="stated",
    ),
    declare(
        column_name("bid_awards", "count", _YEAR.name), count(Aggregate(AWARD, "count(*)", window=_YEAR, empty="0")),
        NO_DIRECTION, "R23", "近12个月中标次数", "bids won in the last 12 months", missing="zero",
    ),
    declare(
        column_name("bid_awards", "sum", _QUARTER.name, "cny"),
        yuan(Aggregate(AWARD, "sum(amount_fen)", window=_QUARTER, empty="0")),
        NO_DIRECTION, "R23", "近3个月中标金额", "bids won in the last 3 months", missing="zero",
    ),
    declare(
        column_name("bid_award", "since_last", unit="days"), days(Aggregate(_AWARD_AGO, "min(days_ago)")),
        NO_DIRECTION, "R23", "距最近一次中标的天数", "days since the last bid won",
    ),
]  # fmt: skip


def _on_list(kind: str, zh: str, en: str) -> Feature:
    return declare(
        column_name(f"serious_list_{kind}", "now"),
        flag(Aggregate(_LISTED, "count(*)", f"is_now AND list_name = '{kind}'")),
        NO_DIRECTION, "R17", f"当前在{zh}失信名单", f"on a list of serious dishonesty now: {en}", missing="zero",
    )  # fmt: skip


_LISTS = [
    _on_list("procurement", "政府采购严重违法", "public procurement"),
    _on_list("wages", "拖欠农民工工资", "unpaid wages"),
    declare(
        column_name("tax_major_violation", "flag", _TWO_YEARS.name),
        flag(Aggregate(_VIOLATION, "count(*)", window=_TWO_YEARS, empty="0")),
        NO_DIRECTION, "R11", "近24个月列入过重大税收违法名单", "put on the list of major tax violations in the last 24 months",
        missing="zero",
    ),
    declare(
        column_name("admin_penalties_tax", "count", _TWO_YEARS.name), count(Aggregate(_TAX_PENALTY, "count(*)")),
        NO_DIRECTION, "R16", "近24个月税务行政处罚数（不含轻微）", "tax penalties, minor ones left out, in the last 24 months",
        missing="zero",
    ),
    declare(
        column_name("customs_registered", "now"), flag(Aggregate(CUSTOMS, "count(*)")),
        NO_DIRECTION, "R20", "在海关备案并有信用等级", "registered with customs, which grades its credit", missing="zero",
    ),
]  # fmt: skip

_LEADERS = [
    declare(
        column_name("legal_rep_tenure", "months"),
        Value("months", "{months}", {"months": Aggregate(_LEADER, "min(tenure_months)")}),
        NO_DIRECTION, "R03", "现任法定代表人任职月数", "whole months the legal representative has been in office",
    ),
    declare(
        column_name("legal_rep", "share"),
        ratio(
            clipped(
                "(CASE WHEN {own} > 0 THEN CAST({ppm} AS DOUBLE) / 1000000 WHEN {own} = 0 AND {told} = {n} THEN 0 END)"
            ),
            own=Aggregate(_OWN_SHARE, "sum(CASE WHEN is_own THEN 1 ELSE 0 END)"),
            ppm=Aggregate(_OWN_SHARE, "sum(ppm)", "is_own"),
            told=Aggregate(_OWN_SHARE, "count(is_own)"),
            n=Aggregate(_OWN_SHARE, "count(*)"),
        ),
        NO_DIRECTION, "R02", "法定代表人持股比例", "share held by the legal representative",
    ),
]  # fmt: skip

FACTS: tuple[Feature, ...] = (*_CONTRACTS, *_LISTS, *_LEADERS)
