"""Registration features 登记注册特征: age, capital, owners, changes, licences and recognition.

Region and industry are codes without an order; they are left to training, which can group them, and
are no features here.
"""

from features.definitions.declare import declare
from features.definitions.expressions import (
    Value,
    clipped,
    count,
    quotient,
    ratio,
    yuan,
)
from features.definitions.registration_grains import (
    CERTIFICATE,
    CHANGE,
    DECLARATION,
    ENDED,
    HOLDER,
    HONOUR,
    LICENCE,
    REGISTER,
    REPORT,
)
from features.registry import FREE, RISKIER, SAFER, Aggregate, Direction, Feature
from features.windows import Window, column_name

_YEAR, _TWO_YEARS, _THREE_YEARS = Window(12), Window(24), Window(36)


def _is_entity(entity_type: str) -> Value:
    said = f"max(CASE WHEN entity_type = '{entity_type}' THEN 1 ELSE 0 END)"
    return Value("flag", "{is}", {"is": Aggregate(REGISTER, said, "entity_type IS NOT NULL")})


_ENTRY = [
    declare(
        column_name("enterprise_age", "months"),
        Value("months", "{months}", {"months": Aggregate(REGISTER, "max(age_months)")}),
        SAFER, "R01",
        "成立月数", "whole months since the enterprise was established",
    ),
    declare(
        column_name("entity_individual", "flag"), _is_entity("individual"), FREE, "R01",
        "个体工商户", "an individual business",
    ),
    declare(
        column_name("entity_cooperative", "flag"), _is_entity("coop"), FREE, "R01",
        "农民专业合作社", "a farmers' cooperative",
    ),
    declare(
        column_name("registered_capital", "now", unit="cny"),
        yuan(Aggregate(REGISTER, "max(capital_fen)")), SAFER, "R02",
        "注册资本", "registered capital",
    ),
    declare(
        column_name("paid_in_capital", "ratio"),
        ratio(
            quotient("{paid}", "{all}"),
            paid=Aggregate(REGISTER, "max(paid_fen)"), all=Aggregate(REGISTER, "max(capital_fen)"),
        ),
        SAFER, "R02",
        "实缴资本占注册资本比", "paid-in over registered capital, at most 1",
    ),
]  # fmt: skip

_OWNERS = [
    declare(
        column_name("shareholder_paid_in", "ratio"),
        ratio(
            clipped(f"({quotient('{paid}', '{all}')})"),
            paid=Aggregate(HOLDER, "sum(paid_fen)"), all=Aggregate(HOLDER, "sum(subscribed_fen)"),
        ),
        SAFER, "R02",
        "股东实缴占认缴比", "paid in over subscribed by the shareholders",
    ),
    declare(
        column_name("shareholders", "count"), count(Aggregate(HOLDER, "count(*)")), FREE, "R02",
        "股东数", "shareholders",
    ),
    declare(
        column_name("shareholder_top1", "share"),
        ratio(
            clipped("(CAST({ppm} AS DOUBLE) / 1000000)"), ppm=Aggregate(HOLDER, "max(share_ppm)")
        ),
        FREE, "R02",
        "第一大股东持股比例", "share held by the largest shareholder",
    ),
]  # fmt: skip


def _changes(measure: str, item: str, window: Window, zh: str, en: str, way: Direction) -> Feature:
    made = Aggregate(CHANGE, "count(*)", f"change_item = '{item}'", window, empty="0")
    return declare(
        column_name(measure, "count", window.name), count(made), way, "R03",
        f"近{window.months}个月{zh}次数", f"{en} in the last {window.months} months", missing="zero",
    )  # fmt: skip


_CHANGES = [
    _changes("legal_rep_changes", "legal_rep", _TWO_YEARS, "法定代表人变更", "changes of the legal representative", RISKIER),
    _changes("address_changes", "address", _TWO_YEARS, "住所变更", "changes of address", RISKIER),
    _changes("capital_reductions", "capital_down", _TWO_YEARS, "减资", "reductions of capital", RISKIER),
    _changes("shareholder_changes", "shareholder", _YEAR, "股东变更", "changes of shareholders", RISKIER),
    _changes("name_changes", "name", _THREE_YEARS, "名称变更", "changes of name", FREE),
]  # fmt: skip

_ENDED = declare(
    column_name("registration_ended", "now"),
    Value(
        "flag", "{ended}",
        {"ended": Aggregate(REGISTER, f"max(CASE WHEN reg_status IN {ENDED} THEN 1 ELSE 0 END)",
                            "reg_status IS NOT NULL")},
    ),
    RISKIER, "R04",
    "登记状态为吊销、注销、清算、责令关闭或撤销",
    "revoked, cancelled, in liquidation, ordered to close or rescinded on the register",
)  # fmt: skip

_DUTY = declare(
    column_name("annual_report_late", "flag"),
    Value(
        "flag", "CASE WHEN {n} > 0 THEN 0 WHEN {n} = 0 THEN 1 END",
        {"n": Aggregate(REPORT, "count(*)", "is_in_time")},
    ),
    RISKIER, "R04",
    "最近应报年度的年报未按期报送", "the last annual report due was not filed in time",
)  # fmt: skip

_STANDING = [
    declare(
        column_name("licences_valid", "count"), count(Aggregate(LICENCE, "count(*)")), SAFER, "R24",
        "有效行政许可数", "licences valid now", missing="zero",
    ),
    declare(
        column_name("licences_expiring", "count", "90d"),
        count(Aggregate(LICENCE, "count(*)", "is_expiring")), RISKIER, "R24",
        "90天内到期的行政许可数", "valid licences that expire within 90 days", missing="zero",
    ),
    declare(
        column_name("qualifications_valid", "count"), count(Aggregate(CERTIFICATE, "count(*)")),
        SAFER, "R24",
        "有效资质证书数", "qualification certificates valid now", missing="zero",
    ),
    declare(
        column_name("honours", "count", "36m"),
        count(Aggregate(HONOUR, "count(*)", window=_THREE_YEARS, empty="0")), SAFER, "R24",
        "近36个月表彰荣誉次数", "honours awarded in the last 36 months", missing="zero",
    ),
    declare(
        column_name("self_declarations", "count"), count(Aggregate(DECLARATION, "count(*)")),
        SAFER, "R24",
        "未发现不一致的自主申报数", "own declarations that no check contradicts", missing="zero",
    ),
]  # fmt: skip

FEATURES: tuple[Feature, ...] = (*_ENTRY, *_OWNERS, *_CHANGES, _ENDED, _DUTY, *_STANDING)
