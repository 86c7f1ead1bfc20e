"""The relations facts of courts and encumbered property stand on."""

from collections.abc import Callable
from datetime import date

from features.definitions.expressions import share_ppm
from features.definitions.judicial_grains import ABOUT_LOAN
from features.definitions.public_list import is_open, lasts
from features.facts.shapes import news
from features.registry import Grain
from features.windows import months_before

NEW_EXECUTION = news(
    "execution_new", "judgment_debtor", "filed_on", "closed_on", ("target_amount_fen",)
)
NEW_DISHONEST = news("dishonest_new", "dishonest_debtor", "published_on", "removed_on")
NEW_RESTRICTION = news("restriction_new", "consumption_restriction", "ordered_on", "lifted_on")
NEW_FREEZE = news("equity_freeze_new", "equity_freeze", "frozen_on", "released_on")
NEW_SEIZURE = news("estate_seizure_new", "realestate_seizure", "seized_on", "released_on")
NEW_SUIT = news(
    "suit_new", "court_judgment", "judged_on",
    columns=("party_role", f"coalesce({ABOUT_LOAN}, false) AS is_about_loan"),
)  # fmt: skip
NEW_MORTGAGE = news(
    "chattel_mortgage_new", "chattel_mortgage", "registered_on", "cancelled_on",
    ("secured_amount_fen",),
)  # fmt: skip
#: Statuses of a firm that pull others down: revoked, in liquidation, ordered to close, rescinded. One
#: that was cancelled has left in good order.
_FALLEN = ("3", "7", "9", "10")
#: Assets of an older year say nothing of today (see features/definitions/finance.py) [years].
_REPORT_HOLDS = 2


def _applied(as_of_date: date) -> str:
    """Bankruptcy cases that anybody applied for, and whether each is over."""
    return (
        "SELECT enterprise_key, case_no, max(CASE WHEN kind = 'close' THEN 1 ELSE 0 END) = 1 AS is_closed "
        f"FROM visible_bankruptcy_case WHERE event_on <= DATE '{as_of_date}' "
        "GROUP BY enterprise_key, case_no HAVING max(CASE WHEN kind = 'apply' THEN 1 ELSE 0 END) = 1"
    )


APPLIED = Grain("bankruptcy_applied", frozenset({"bankruptcy_case"}), _applied)


def _frozen(as_of_date: date) -> str:
    """Equity that is frozen on the day, with its amount."""
    return (
        "SELECT enterprise_key, amount_fen FROM visible_equity_freeze "
        f"WHERE {is_open('frozen_on', 'released_on', as_of_date)} AND {lasts('until', as_of_date)}"
    )


FROZEN = Grain("equity_frozen_amount", frozenset({"equity_freeze"}), _frozen)


def _pledged(as_of_date: date) -> str:
    """Pledges of equity that stand now, or stood six months ago."""
    then = months_before(as_of_date, 6)
    return (
        f"SELECT enterprise_key, {share_ppm('ratio')} AS ratio_ppm, "
        f"{is_open('registered_on', 'cancelled_on', as_of_date)} AS is_now, "
        f"{is_open('registered_on', 'cancelled_on', then)} AS is_then FROM visible_equity_pledge"
    )


PLEDGED = Grain("equity_pledged_then", frozenset({"equity_pledge"}), _pledged)


def _assets(dataset: str) -> Callable[[date], str]:
    def select(as_of_date: date) -> str:
        """Assets of the annual reports that still hold; 0 `years_before` is the latest."""
        latest = (
            "SELECT enterprise_key, report_year, assets_fen, "
            "max(report_year) OVER (PARTITION BY enterprise_key) AS latest_year "
            f"FROM visible_{dataset} WHERE filed_on <= DATE '{as_of_date}'"
        )
        return (
            f"SELECT enterprise_key, latest_year - report_year AS years_before, assets_fen FROM ({latest}) "
            f"AS filed WHERE latest_year >= {as_of_date.year - _REPORT_HOLDS}"
        )

    return select


SHOWN_ASSETS = Grain("assets_shown", frozenset({"reg_annual_report"}), _assets("reg_annual_report"))
FILED_ASSETS = Grain("assets_filed", frozenset({"annual_figures"}), _assets("annual_figures"))


def _holdings(as_of_date: date) -> str:
    """Shares held in any firm by holders known by token or code, never by name."""
    held = f"FROM everyone_reg_shareholder WHERE {is_open('from_date', 'to_date', as_of_date)}"
    shares = share_ppm("share_ratio")
    return (
        "SELECT enterprise_key, tie, sum(ppm) AS ppm FROM ("
        f"SELECT enterprise_key, concat('person ', holder_id_no_token) AS tie, {shares} AS ppm {held} "
        "AND holder_id_no_token IS NOT NULL "
        f"UNION ALL SELECT enterprise_key, concat('enterprise ', holder_uscc) AS tie, {shares} AS ppm {held} "
        "AND holder_uscc IS NOT NULL) AS held GROUP BY enterprise_key, tie"
    )


HOLDING = Grain("holding", frozenset({"reg_shareholder"}), _holdings)


def _related(as_of_date: date) -> str:
    """Other firms in trouble with a common holder, and the smaller of its two shares."""
    dishonest = (
        "SELECT enterprise_key FROM everyone_dishonest_debtor "
        f"WHERE {is_open('published_on', 'removed_on', as_of_date)}"
    )
    fallen = f"SELECT enterprise_key FROM everyone_reg_basic WHERE reg_status IN {_FALLEN}"
    return (
        "SELECT own.enterprise_key, "
        "CASE WHEN own.ppm <= other.ppm THEN own.ppm WHEN own.ppm > other.ppm THEN other.ppm END AS share_ppm "
        "FROM holding AS own JOIN (SELECT * FROM holding "
        f"WHERE enterprise_key IN ({dishonest} UNION {fallen})) AS other "
        "ON own.tie = other.tie AND own.enterprise_key <> other.enterprise_key "
        "WHERE own.enterprise_key IN (SELECT enterprise_key FROM enterprise)"
    )


RELATED = Grain(
    "related_in_trouble",
    frozenset({"reg_basic", "reg_shareholder", "dishonest_debtor"}),
    _related,
    parents=(HOLDING,),
)
