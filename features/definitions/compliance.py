"""Compliance features 合规特征: penalties, coercion, lists and grades of the authorities.

Public records, so a firm without one has none. Repaired and expired ones never arrive here, and
minor penalties carry no weight. A firm that is in no grading scheme has no grade.
"""

from features.definitions.compliance_grains import (
    ABNORMAL,
    CHECK,
    COERCION,
    CUSTOMS,
    ENVIRONMENT,
    LONG_SINCE,
    LOOK_BACK,
    PENALTY,
    SERIOUS,
)
from features.definitions.declare import declare
from features.definitions.expressions import Value, count, flag, level, yuan
from features.registry import RISKIER, SAFER, Aggregate, Feature, Grain
from features.windows import Window, column_name

_YEAR = Window(12)


def _count(
    measure: str, grain: Grain, group: str, zh: str, en: str, *, where: str = "", window: Window = LOOK_BACK
) -> Feature:  # fmt: skip
    """A number of records in a window; the fewer the better."""
    records = Aggregate(grain, "count(*)", where, window, empty="0")
    return declare(
        column_name(measure, "count", window.name), count(records), RISKIER, group,
        f"近{window.months}个月{zh}次数", f"{en} in the last {window.months} months", missing="zero",
    )  # fmt: skip


_PENALTIES = [
    _count("admin_penalties", PENALTY, "R16", "行政处罚（不含轻微）", "penalties, minor ones left out,", window=_YEAR),
    _count("admin_penalties", PENALTY, "R16", "行政处罚（不含轻微）", "penalties, minor ones left out,"),
    _count("admin_penalties_serious", PENALTY, "R16", "严重行政处罚", "serious penalties", where="is_serious"),
    _count("admin_penalties_safety", PENALTY, "R16", "安全生产处罚", "work safety penalties", where="domain = 'safety'"),
    _count("admin_penalties_environment", PENALTY, "R16", "生态环境处罚", "environmental penalties", where="domain = 'env'"),
    declare(
        column_name("admin_penalties_amount", "sum", "36m", "cny"),
        yuan(Aggregate(PENALTY, "sum(amount_fen)", window=LOOK_BACK, empty="0")), RISKIER, "R16",
        "近36个月罚没金额", "fines and confiscations in the last 36 months", missing="zero",
    ),
    declare(
        column_name("admin_penalty", "months_since_last"),
        Value(
            "months",
            f"CASE WHEN {{months}} < {LONG_SINCE} THEN {{months}} ELSE {LONG_SINCE} END",
            {"months": Aggregate(PENALTY, "min(months_ago)")},
        ),
        SAFER, "R16",
        f"距最近一次行政处罚的月数（无处罚或更早为{LONG_SINCE}）",
        f"months since the last penalty, {LONG_SINCE} where it is longer or there is none",
        missing="stated", is_recency=True,
    ),
    _count("admin_coercions", COERCION, "R16", "行政强制", "measures of coercion"),
    declare(
        column_name("serious_dishonest_list", "now"),
        flag(Aggregate(SERIOUS, "count(*)", "is_now")), RISKIER, "R16",
        "当前在严重失信主体名单", "on a list of serious dishonesty now", missing="zero",
    ),
]  # fmt: skip

_LISTED = [
    declare(
        column_name("abnormal_list", "now"),
        flag(Aggregate(ABNORMAL, "count(*)", "is_now")), RISKIER, "R04",
        "当前在经营异常名录", "on the list of abnormal operations now", missing="zero",
    ),
    _count("abnormal_list", ABNORMAL, "R04", "列入经营异常名录", "entries on the list of abnormal operations"),
    _count(
        "spot_check_failures", CHECK, "R04", "抽查查无下落或不予配合",
        "spot checks at which the firm was not found or refused", where="result IN ('not_found', 'refuse')",
    ),
]  # fmt: skip

_GRADES = [
    declare(
        column_name("environment_grade", "level"),
        level("{step}", step=Aggregate(ENVIRONMENT, "max(step)", "place = 1")), RISKIER, "R20",
        "环境信用等级", "environmental credit grade (green 1, blue 2, yellow 3, red 4, black 5)",
    ),
    declare(
        column_name("customs_grade", "level"),
        level("{step}", step=Aggregate(CUSTOMS, "max(step)", "place = 1")), RISKIER, "R20",
        "海关信用等级",
        "customs credit grade (advanced 1, certified 2, regular 3, dishonest 4, seriously so 5)",
    ),
]  # fmt: skip

FEATURES: tuple[Feature, ...] = (*_PENALTIES, *_LISTED, *_GRADES)
