"""Facts of courts and encumbered property: what is new, what is pledged or frozen, whom it touches."""

from features.definitions.declare import declare
from features.definitions.expressions import Value, count, flag
from features.definitions.judicial_grains import SUIT
from features.definitions.registration_grains import REGISTER
from features.definitions.tax_grains import FILING
from features.facts.public_courts_grains import (
    APPLIED,
    FILED_ASSETS,
    FROZEN,
    NEW_DISHONEST,
    NEW_EXECUTION,
    NEW_FREEZE,
    NEW_MORTGAGE,
    NEW_RESTRICTION,
    NEW_SEIZURE,
    NEW_SUIT,
    PLEDGED,
    RELATED,
    SHOWN_ASSETS,
)
from features.facts.shapes import NEWS, NO_DIRECTION, borne, stated
from features.registry import Aggregate, Feature, Grain
from features.windows import Window, column_name

_HALF_YEAR = Window(6)
_WHOLE = 1_000_000
_CAPPED = f"CASE WHEN {{v}} > {_WHOLE} THEN 1 ELSE CAST({{v}} AS DOUBLE) / {_WHOLE} END"


def _over_assets(measure: str, assets: Grain, zh: str, en: str) -> Feature:
    return declare(
        column_name(measure, "ratio", NEWS.name),
        borne(
            Aggregate(NEW_MORTGAGE, "sum(secured_amount_fen)"),
            Aggregate(assets, "max(assets_fen)", "years_before = 0"),
            Aggregate(NEW_MORTGAGE, "count(*)"),
        ),
        NO_DIRECTION, "R19", zh, en, missing="stated",
    )  # fmt: skip


def _news(measure: str, grain: Grain, group: str, zh: str, en: str, where: str = "") -> Feature:
    return declare(
        column_name(measure, "count", NEWS.name), count(Aggregate(grain, "count(*)", where)),
        NO_DIRECTION, group, f"近1个月新增{zh}数", f"{en} learnt of in the last month", missing="zero",
    )  # fmt: skip


_ENFORCEMENT = [
    _news("executions_new", NEW_EXECUTION, "R17", "被执行案件", "enforcement cases"),
    declare(
        column_name("executions_new_amount", "sum", NEWS.name, "cny"),
        stated("cny", "{v} / 100", NEW_EXECUTION, "sum(target_amount_fen)"),
        NO_DIRECTION, "R17", "近1个月新增被执行标的金额", "amounts of enforcement cases learnt of in the last month",
        missing="stated",
    ),
    _news("dishonest_debtor_new", NEW_DISHONEST, "R17", "列入失信被执行人（未移出）", "entries on the list of dishonest debtors"),
    _news("consumption_restrictions_new", NEW_RESTRICTION, "R17", "限制消费令（未解除）", "consumption restrictions"),
    declare(
        column_name("bankruptcy_applied", "now"),
        flag(Aggregate(APPLIED, "count(*)", "NOT is_closed")),
        NO_DIRECTION, "R17", "有未终结的破产或重整申请", "a bankruptcy case is applied for and not closed",
        missing="zero",
    ),
]  # fmt: skip

_ENCUMBERED = [
    _news("equity_freezes_new", NEW_FREEZE, "R19", "股权冻结（未解除）", "freezes of equity"),
    _news("realestate_seizures_new", NEW_SEIZURE, "R19", "不动产查封（未解除）", "seizures of real estate"),
    declare(
        column_name("equity_frozen", "share"),
        Value(
            "ratio",
            "CASE WHEN {n} > 0 THEN CASE WHEN {v} > {all} THEN 1 WHEN {all} > 0 THEN {v} / {all} END ELSE 0 END",
            {
                "n": Aggregate(FROZEN, "count(*)"),
                "v": Aggregate(FROZEN, "sum(amount_fen)"),
                "all": Aggregate(REGISTER, "max(capital_fen)"),
            },
        ),
        NO_DIRECTION, "R19", "当前冻结股权占注册资本比例", "equity frozen now over registered capital",
        missing="stated",
    ),
    declare(
        column_name("equity_pledged", "change", "6m"),
        Value(
            "ratio",
            "CASE WHEN {n} > 0 THEN CASE WHEN {told} > 0 THEN CAST(("
            f"CASE WHEN {{now}} > {_WHOLE} THEN {_WHOLE} ELSE {{now}} END - "
            f"CASE WHEN {{then}} > {_WHOLE} THEN {_WHOLE} ELSE {{then}} END) AS DOUBLE) / {_WHOLE} END ELSE 0 END",
            {
                "n": Aggregate(PLEDGED, "count(*)", "is_now OR is_then"),
                "told": Aggregate(PLEDGED, "count(ratio_ppm)", "is_now OR is_then"),
                "now": Aggregate(PLEDGED, "sum(ratio_ppm)", "is_now", empty="0"),
                "then": Aggregate(PLEDGED, "sum(ratio_ppm)", "is_then", empty="0"),
            },
        ),
        NO_DIRECTION, "R19", "股权出质比例较6个月前的变化", "share of the equity pledged now less that of six months ago",
        missing="stated",
    ),
    _over_assets(
        "chattel_mortgages_new_over_shown_assets", SHOWN_ASSETS,
        "近1个月新增动产抵押担保额与年报公示资产之比", "debt newly secured by chattel mortgages over the assets shown in the annual report",
    ),
    _over_assets(
        "chattel_mortgages_new_over_assets", FILED_ASSETS,
        "近1个月新增动产抵押担保额与年报资产之比", "debt newly secured by chattel mortgages over the assets filed",
    ),
]  # fmt: skip

_DEFENDANT = "party_role = 'defendant'"
_SUITS = [
    _news("suits_loan_new", NEW_SUIT, "R18", "作为被告的借款纠纷判决", "judgments about loans as defendant", f"{_DEFENDANT} AND is_about_loan"),
    declare(
        column_name("suits_defendant", "count", "6m"),
        count(Aggregate(SUIT, "count(*)", _DEFENDANT, _HALF_YEAR)),
        NO_DIRECTION, "R18", "近6个月作为被告的诉讼件数", "suits as defendant judged in the last 6 months",
        missing="zero",
    ),
    declare(
        column_name("suits_loan", "count", "6m"),
        count(Aggregate(SUIT, "count(*)", f"{_DEFENDANT} AND is_about_loan", _HALF_YEAR)),
        NO_DIRECTION, "R18", "近6个月作为被告的借款纠纷件数", "suits about loans as defendant judged in the last 6 months",
        missing="zero",
    ),
    declare(
        column_name("suits_defendant_over_sales", "ratio", "6m"),
        borne(
            Aggregate(SUIT, "sum(amount_fen)", _DEFENDANT, _HALF_YEAR),
            Aggregate(FILING, "sum(vat_sales_fen)", "month_no < 12"),
            Aggregate(SUIT, "count(*)", _DEFENDANT, _HALF_YEAR),
        ),
        NO_DIRECTION, "R18", "近6个月作为被告的涉案金额与最近12个月申报销售额之比",
        "amounts at issue as defendant in 6 months over sales filed in 12", missing="stated",
    ),
]  # fmt: skip

_RELATED = declare(
    column_name("related_in_trouble", "max", "share"),
    stated("ratio", _CAPPED, RELATED, "max(share_ppm)"),
    NO_DIRECTION, "R26", "与失信、吊销、清算等企业共同股东的最高持股比例",
    "largest share held in common with a firm that is dishonest, revoked, closed or in liquidation",
    missing="stated",
)  # fmt: skip

COURT_FACTS: tuple[Feature, ...] = (*_ENFORCEMENT, *_ENCUMBERED, *_SUITS, _RELATED)
