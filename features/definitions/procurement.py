"""Procurement features 政府采购与政策资金特征: public contracts, awards and support, as published.

Public lists: who is not on them has none. When a contract was broken is not published, so a breach
counts from the day the contract was signed.
"""

from collections.abc import Callable
from datetime import date

from features.definitions.declare import declare
from features.definitions.expressions import count, yuan
from features.registry import RISKIER, SAFER, Aggregate, Feature, Grain
from features.windows import Window, column_name


def _rows(dataset: str, columns: str) -> Callable[[date], str]:
    return lambda _: f"SELECT enterprise_key, {columns} FROM visible_{dataset}"


def _contracts(as_of_date: date) -> str:
    """Signed contracts; one is running until the day delivery is due."""
    return (
        "SELECT enterprise_key, signed_on, amount_fen, coalesce(performance = 'breach', false) AS is_broken, "
        f"coalesce(deliver_due >= DATE '{as_of_date}', false) AS is_running "
        f"FROM visible_gov_contract WHERE signed_on <= DATE '{as_of_date}'"
    )


CONTRACT = Grain(
    "government_contract", frozenset({"gov_contract"}), _contracts, event_date="signed_on"
)
AWARD = Grain(
    "award",
    frozenset({"bid_award"}),
    _rows("bid_award", "awarded_on, amount_fen"),
    event_date="awarded_on",
)
FUND = Grain(
    "support",
    frozenset({"policy_fund"}),
    _rows("policy_fund", "paid_on, amount_fen"),
    event_date="paid_on",
)
_TWO_YEARS = Window(24)

FEATURES: tuple[Feature, ...] = (
    declare(
        column_name("government_contracts", "sum", "24m", "cny"),
        yuan(Aggregate(CONTRACT, "sum(amount_fen)", window=_TWO_YEARS, empty="0")), SAFER, "R23",
        "近24个月政府采购合同金额", "government contracts signed in the last 24 months", missing="zero",
    ),
    declare(
        column_name("government_contracts_running", "count"),
        count(Aggregate(CONTRACT, "count(*)", "is_running AND NOT is_broken")), SAFER, "R23",
        "履约中的政府采购合同数", "government contracts running now", missing="zero",
    ),
    declare(
        column_name("government_contract_breaches", "count", "36m"),
        count(Aggregate(CONTRACT, "count(*)", "is_broken", Window(36), empty="0")), RISKIER, "R23",
        "近36个月签订后违约的政府采购合同数", "government contracts of the last 36 months that were broken",
        missing="zero",
    ),
    declare(
        column_name("bid_awards", "sum", "24m", "cny"),
        yuan(Aggregate(AWARD, "sum(amount_fen)", window=_TWO_YEARS, empty="0")), SAFER, "R23",
        "近24个月中标金额", "bids won in the last 24 months", missing="zero",
    ),
    declare(
        column_name("policy_fund", "sum", "24m", "cny"),
        yuan(Aggregate(FUND, "sum(amount_fen)", window=_TWO_YEARS, empty="0")), SAFER, "R24",
        "近24个月到账政策扶持资金", "policy support paid in the last 24 months", missing="zero",
    ),
)  # fmt: skip
