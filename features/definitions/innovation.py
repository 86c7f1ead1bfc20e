"""Innovation features 创新特征: rights a firm holds, and what it does in research.

Patents, trade marks and their pledges are on public registers: no entry is none. Research is shared
under consent as a state on a day: the latest of the last twelve months counts, an older one says
nothing of today.
"""

from datetime import date

from features.definitions.declare import declare
from features.definitions.expressions import Value, count, flag, yuan
from features.registry import FREE, SAFER, Aggregate, Direction, Feature, Grain
from features.windows import Window, column_name

_STATE_HOLDS = Window(12)
#: Public funds are listed by calendar year: this one and so many less one before.
_FUND_YEARS = 3


def _patents(as_of_date: date) -> str:
    """Granted patents; a pending application has no grant yet."""
    return (
        "SELECT enterprise_key, kind, status, granted_on FROM visible_patent "
        f"WHERE granted_on <= DATE '{as_of_date}'"
    )


def _trademarks(as_of_date: date) -> str:
    """Trade marks in force."""
    return (
        "SELECT enterprise_key FROM visible_trademark WHERE status = 'valid' "
        f"AND registered_on <= DATE '{as_of_date}' "
        f"AND (expires_on IS NULL OR expires_on > DATE '{as_of_date}')"
    )


def _pledges(as_of_date: date) -> str:
    """Pledges in force; one cancelled later was in force then."""
    return (
        f"SELECT enterprise_key FROM visible_ip_pledge WHERE registered_on <= DATE '{as_of_date}' "
        f"AND (cancelled_on IS NULL OR cancelled_on > DATE '{as_of_date}')"
    )


def _research(as_of_date: date) -> str:
    """The latest state; titles only while they are valid."""
    return (
        "SELECT enterprise_key, gov_funds, "
        f"CASE WHEN hnte_valid_to < DATE '{as_of_date}' THEN false ELSE is_hnte END AS is_hnte, is_tech_sme, "
        "CASE WHEN standards IS NOT NULL THEN array_length(standards) END AS standards, tech_contract_amount_fen "
        "FROM (SELECT *, row_number() OVER (PARTITION BY enterprise_key ORDER BY stat_date DESC) AS place "
        f"FROM visible_tech_rnd WHERE {_STATE_HOLDS.covers('stat_date', as_of_date)}) AS states WHERE place = 1"
    )


def _funds(as_of_date: date) -> str:
    """Entries `amount/year/level` of the latest list, in whole fen; what cannot be read is left out."""
    entries = "SELECT enterprise_key, unnest(gov_funds) AS entry FROM research"
    parts = (
        "SELECT enterprise_key, CAST(round(TRY_CAST(split_part(entry, '/', 1) AS DOUBLE) * 100) AS BIGINT) "
        f"AS amount_fen, TRY_CAST(split_part(entry, '/', 2) AS INTEGER) AS fund_year FROM ({entries}) AS listed"
    )
    first = as_of_date.year - _FUND_YEARS + 1
    return f"SELECT enterprise_key, amount_fen FROM ({parts}) AS read WHERE fund_year BETWEEN {first} AND {as_of_date.year}"


_PATENT = Grain("patent_granted", frozenset({"patent"}), _patents, event_date="granted_on")
_TRADEMARK = Grain("trademark_valid", frozenset({"trademark"}), _trademarks)
_PLEDGE = Grain("ip_pledge_open", frozenset({"ip_pledge"}), _pledges)
_RESEARCH = Grain("research", frozenset({"tech_rnd"}), _research)
_FUND = Grain("research_fund", frozenset({"tech_rnd"}), _funds, parents=(_RESEARCH,))


def _held(name: str, value: Value, direction: Direction, zh: str, en: str) -> Feature:
    """A right on a public register."""
    return declare(name, value, direction, "R21", zh, en, missing="zero")


def _titled(column: str) -> Value:
    return flag(
        Aggregate(_RESEARCH, f"sum(CASE WHEN {column} THEN 1 WHEN NOT {column} THEN 0 END)")
    )


FEATURES: tuple[Feature, ...] = (
    _held(
        column_name("invention_patents", "count"),
        count(Aggregate(_PATENT, "count(*)", "kind = 'invention' AND status = 'valid'")), SAFER,
        "有效发明专利数", "invention patents in force",
    ),
    _held(
        column_name("patents", "count", "36m"),
        count(Aggregate(_PATENT, "count(*)", "status <> 'invalid'", Window(36))), SAFER,
        "近36个月授权专利数", "patents granted in 36 months",
    ),
    _held(
        column_name("trademarks", "count"), count(Aggregate(_TRADEMARK, "count(*)")), SAFER,
        "有效注册商标数", "trade marks in force",
    ),
    _held(
        column_name("ip_pledged", "flag"), flag(Aggregate(_PLEDGE, "count(*)")), SAFER,
        "当前有知识产权质押", "intellectual property is pledged",
    ),
    declare(
        column_name("high_tech_enterprise", "flag"), _titled("is_hnte"), SAFER, "R21",
        "高新技术企业（有效期内）", "high and new technology enterprise, in force",
    ),
    declare(
        column_name("tech_sme", "flag"), _titled("is_tech_sme"), SAFER, "R21",
        "科技型中小企业", "technology SME",
    ),
    declare(
        column_name("research_funds", "sum", "3y", "cny"),
        Value(
            "cny", "({listed} + {fen}) / 100",
            {
                "listed": Aggregate(_RESEARCH, "max(CASE WHEN gov_funds IS NOT NULL THEN 0 END)"),
                "fen": Aggregate(_FUND, "sum(amount_fen)", empty="0"),
            },
        ),
        SAFER, "R21",
        "近3个年度政府科技资金", "public research funds of 3 calendar years",
    ),
    declare(
        column_name("standards", "count"), count(Aggregate(_RESEARCH, "max(standards)")), SAFER, "R21",
        "参与制定标准数", "standards the firm took part in",
    ),
    declare(
        column_name("tech_contracts", "latest", unit="cny"),
        yuan(Aggregate(_RESEARCH, "max(tech_contract_amount_fen)")), FREE, "R21",
        "技术合同成交额", "technology contracts on the latest list",
    ),
)  # fmt: skip
