"""The relations judicial features stand on: suits, enforcement, freezes and pledges, bankruptcy."""

from datetime import date

from features.definitions.expressions import share_ppm
from features.definitions.public_list import entries, is_open, lasts
from features.registry import Grain

#: Words in the cause of a suit that make it one about a loan: 金融借款 from a bank, 民间借贷 from others.
_LOAN_CAUSES = ("金融借款", "民间借贷")
#: SQL predicate over the cause; unknown where none is stated.
ABOUT_LOAN = " OR ".join(f"cause LIKE '%{words}%'" for words in _LOAN_CAUSES)


def _suits(as_of_date: date) -> str:
    """Judgments once they are published; an amount below zero or none stands for not stated."""
    day = f"DATE '{as_of_date}'"
    return (
        "SELECT enterprise_key, judged_on, party_role, "
        f"coalesce({ABOUT_LOAN}, false) AS is_about_loan, "
        "CASE WHEN amount_fen >= 0 THEN amount_fen END AS amount_fen FROM visible_court_judgment "
        f"WHERE judged_on <= {day} AND (published_on IS NULL OR published_on <= {day})"
    )


SUIT = Grain("suit", frozenset({"court_judgment"}), _suits, event_date="judged_on")
EXECUTION = entries("execution", "judgment_debtor", "filed_on", "closed_on", ("target_amount_fen",))
DISHONEST = entries("dishonest_entry", "dishonest_debtor", "published_on", "removed_on")
RESTRICTION = entries("restriction", "consumption_restriction", "ordered_on", "lifted_on")
MORTGAGE = entries(
    "chattel_mortgaged",
    "chattel_mortgage",
    "registered_on",
    "cancelled_on",
    ("secured_amount_fen",),
)
PLEDGE = entries(
    "equity_pledged", "equity_pledge", "registered_on", "cancelled_on",
    (f"{share_ppm('ratio')} AS ratio_ppm",),
)  # fmt: skip
SEIZURE = entries("estate_seized", "realestate_seizure", "seized_on", "released_on")


def _freezes(as_of_date: date) -> str:
    """Equity that is frozen on the day of `as_of`."""
    return (
        "SELECT enterprise_key FROM visible_equity_freeze "
        f"WHERE {is_open('frozen_on', 'released_on', as_of_date)} AND {lasts('until', as_of_date)}"
    )


FREEZE = Grain("equity_frozen", frozenset({"equity_freeze"}), _freezes)


def _bankruptcies(as_of_date: date) -> str:
    """Cases with what is known of them: a court that took it up, and whether it is over."""
    steps = "'accept', 'reorganise', 'settle', 'liquidate'"
    return (
        "SELECT enterprise_key, case_no, "
        f"max(CASE WHEN kind IN ({steps}) THEN 1 ELSE 0 END) AS is_accepted, "
        "max(CASE WHEN kind = 'close' THEN 1 ELSE 0 END) AS is_closed "
        f"FROM visible_bankruptcy_case WHERE event_on <= DATE '{as_of_date}' "
        "GROUP BY enterprise_key, case_no"
    )


BANKRUPTCY = Grain("bankruptcy", frozenset({"bankruptcy_case"}), _bankruptcies)
