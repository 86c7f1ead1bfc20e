"""Judicial features 司法特征: suits, enforcement, encumbered property, bankruptcy and related firms.

Court records are public and a firm without one has none, except the seizure of real estate, which is
seen only with consent. An amount that no record states is unknown, not zero.
"""

from features.definitions.declare import declare
from features.definitions.expressions import Value, count, flag
from features.definitions.judicial_grains import (
    BANKRUPTCY,
    DISHONEST,
    EXECUTION,
    FREEZE,
    MORTGAGE,
    PLEDGE,
    RESTRICTION,
    SEIZURE,
    SUIT,
)
from features.definitions.related_grains import RELATED
from features.registry import FREE, RISKIER, Aggregate, Direction, Feature, Grain, Unit
from features.windows import Window, column_name

_TWO_YEARS, _THREE_YEARS = Window(24), Window(36)


def _stated(
    unit: Unit, value: str, grain: Grain, column: str, where: str, window: Window | None = None
) -> Value:
    """A sum of what records state: 0 without a record, unknown where none of them states it."""
    of = {
        "n": Aggregate(grain, "count(*)", where, window),
        "sum": Aggregate(grain, f"sum({column})", where, window),
    }
    return Value(unit, f"CASE WHEN {{n}} > 0 THEN {value} ELSE 0 END", of)


def _suits(
    measure: str, where: str, window: Window, zh: str, en: str, direction: Direction = RISKIER
) -> Feature:
    return declare(
        column_name(measure, "count", window.name),
        count(Aggregate(SUIT, "count(*)", where, window, empty="0")), direction, "R18",
        f"近{window.months}个月{zh}件数", f"{en} judged in the last {window.months} months", missing="zero",
    )  # fmt: skip


_SUITS = [
    _suits("suits_defendant", "party_role = 'defendant'", _TWO_YEARS, "作为被告的诉讼", "suits as defendant"),
    declare(
        column_name("suits_defendant_amount", "sum", "24m", "cny"),
        _stated("cny", "{sum} / 100", SUIT, "amount_fen", "party_role = 'defendant'", _TWO_YEARS),
        RISKIER, "R18",
        "近24个月作为被告的涉案金额", "amounts at issue as defendant, judged in the last 24 months",
        missing="stated",
    ),
    _suits("suits_plaintiff", "party_role = 'plaintiff'", _TWO_YEARS, "作为原告的诉讼", "suits as plaintiff", FREE),
    _suits(
        "suits_loan", "party_role = 'defendant' AND is_about_loan", _THREE_YEARS,
        "作为被告的借款纠纷", "suits about loans as defendant",
    ),
]  # fmt: skip

_ENFORCEMENT = [
    declare(
        column_name("executions", "count", "24m"),
        count(Aggregate(EXECUTION, "count(*)", window=_TWO_YEARS, empty="0")), RISKIER, "R17",
        "近24个月被执行案件数", "enforcement cases filed in the last 24 months", missing="zero",
    ),
    declare(
        column_name("executions_amount", "sum", "24m", "cny"),
        _stated("cny", "{sum} / 100", EXECUTION, "target_amount_fen", "", _TWO_YEARS), RISKIER, "R17",
        "近24个月被执行标的金额", "amounts enforced in cases of the last 24 months", missing="stated",
    ),
    declare(
        column_name("dishonest_debtor", "now"),
        flag(Aggregate(DISHONEST, "count(*)", "is_now")), RISKIER, "R17",
        "当前为失信被执行人", "on the list of dishonest debtors now", missing="zero",
    ),
    declare(
        column_name("dishonest_debtor", "flag", "36m"),
        flag(Aggregate(DISHONEST, "count(*)", window=_THREE_YEARS, empty="0")), RISKIER, "R17",
        "近36个月曾列为失信被执行人", "put on the list of dishonest debtors in the last 36 months",
        missing="zero",
    ),
    declare(
        column_name("consumption_restriction", "now"),
        flag(Aggregate(RESTRICTION, "count(*)", "is_now")), RISKIER, "R17",
        "当前被限制消费", "under a consumption restriction now", missing="zero",
    ),
    declare(
        column_name("bankruptcy_accepted", "now"),
        flag(Aggregate(BANKRUPTCY, "count(*)", "is_accepted = 1 AND is_closed = 0")), RISKIER, "R17",
        "破产案件已受理且未终结", "in a bankruptcy case that a court has accepted and not closed",
        missing="zero",
    ),
]  # fmt: skip

_ENCUMBERED = [
    declare(
        column_name("equity_freeze", "now"), flag(Aggregate(FREEZE, "count(*)")), RISKIER, "R19",
        "当前有股权冻结", "equity in the firm is frozen now", missing="zero",
    ),
    declare(
        column_name("equity_pledged", "share"),
        _stated(
            "ratio",
            "CASE WHEN {sum} > 1000000 THEN 1 ELSE CAST({sum} AS DOUBLE) / 1000000 END",
            PLEDGE, "ratio_ppm", "is_now",
        ),
        RISKIER, "R19",
        "当前股权出质比例", "share of the firm's equity that is pledged now", missing="stated",
    ),
    declare(
        column_name("chattel_mortgages", "now", unit="cny"),
        _stated("cny", "{sum} / 100", MORTGAGE, "secured_amount_fen", "is_now"), RISKIER, "R19",
        "当前动产抵押担保债权金额", "debt secured by chattel mortgages now", missing="stated",
    ),
    declare(
        column_name("realestate_seizure", "now"),
        flag(Aggregate(SEIZURE, "count(*)", "is_now")), RISKIER, "R19",
        "当前有不动产查封", "real estate is seized now", missing="zero",
    ),
]  # fmt: skip

_RELATED = declare(
    column_name("related_dishonest", "count"),
    count(Aggregate(RELATED, "count(DISTINCT related_key)")), RISKIER, "R26",
    "法定代表人或大股东相同的失信被执行企业数",
    "dishonest debtors with the same legal representative or large shareholder", missing="zero",
)  # fmt: skip

FEATURES: tuple[Feature, ...] = (*_SUITS, *_ENFORCEMENT, *_ENCUMBERED, _RELATED)
