"""Facts of authorities: new penalties and coercion, lists, colour grades, taxes and public contracts."""

from features.definitions.compliance_grains import CUSTOMS, ENVIRONMENT
from features.definitions.declare import declare
from features.definitions.expressions import Value, count, days, flag, yuan
from features.definitions.tax import A_LIST_HOLDS
from features.definitions.tax_grains import FILING, GRADE, NAMED_A
from features.facts.public_authorities_grains import (
    ABNORMAL,
    ARREARS_QUARTER,
    CARBON,
    LATE_CONTRACT,
    NEW_ABNORMAL,
    NEW_BREACH,
    NEW_COERCION,
    NEW_GRADE,
    NEW_NONNORMAL,
    NEW_PENALTY,
    NEW_SERIOUS,
    NEW_VIOLATION,
    UNPAID,
)
from features.facts.shapes import NEWS, NO_DIRECTION, borne
from features.registry import Aggregate, Feature, Grain
from features.windows import Window, column_name


def _new(measure: str, grain: Grain, where: str, group: str, zh: str, en: str) -> Feature:
    return declare(
        column_name(measure, "count", NEWS.name), count(Aggregate(grain, "count(*)", where)),
        NO_DIRECTION, group, f"近1个月新增{zh}数", f"{en} learnt of in the last month", missing="zero",
    )  # fmt: skip


_PENALTIES = [
    _new("admin_penalties_new", NEW_PENALTY, "", "R16", "行政处罚（不含轻微）", "penalties, minor ones left out,"),
    _new("admin_penalties_new_serious", NEW_PENALTY, "is_serious", "R16", "严重行政处罚", "serious penalties"),
    _new(
        "admin_penalties_new_safety_serious", NEW_PENALTY, "is_serious AND domain = 'safety'", "R16",
        "严重安全生产处罚", "serious work safety penalties",
    ),
    _new(
        "admin_penalties_new_closing", NEW_PENALTY, "is_closing", "R16",
        "吊销许可、限制经营、责令停产停业或关闭的处罚",
        "penalties that revoke a licence, restrict, stop or close the business",
    ),
    declare(
        column_name("admin_penalties_new_fine", "max", NEWS.name, "cny"),
        yuan(Aggregate(NEW_PENALTY, "max(fine_fen)")),
        NO_DIRECTION, "R16", "近1个月新增行政处罚的最高单笔罚款", "largest fine of the penalties learnt of in the last month",
        missing="zero",
    ),
    declare(
        column_name("admin_penalties_new_fine_over_sales", "ratio", NEWS.name),
        borne(
            Aggregate(NEW_PENALTY, "max(fine_fen)"),
            Aggregate(FILING, "sum(vat_sales_fen)", "month_no < 12"),
            Aggregate(NEW_PENALTY, "count(fine_fen)"),
        ),
        NO_DIRECTION, "R16", "近1个月最高单笔罚款与最近12个月申报销售额之比",
        "largest fine learnt of in the last month over sales filed in 12", missing="stated",
    ),
    _new(
        "admin_coercions_new_taking", NEW_COERCION, "method IN ('b', 'c')", "R16",
        "划拨存款或拍卖财物的行政强制", "measures of coercion that take deposits or sell goods",
    ),
]  # fmt: skip

_STEP = {"step": Aggregate(ENVIRONMENT, "max(step)", "place = 1")}
_GRADES = [
    _new(
        "abnormal_unreachable_new", NEW_ABNORMAL, "reason = 'unreachable_address'", "R04",
        "因住所无法联系列入经营异常名录（未移出）", "entries on the list of abnormal operations, not found at its address,",
    ),
    _new(
        "serious_dishonest_list_new", NEW_SERIOUS, "", "R16", "列入严重失信主体名单（未移出）",
        "entries on lists of serious dishonesty",
    ),
    declare(
        column_name("abnormal_unreachable", "now"),
        flag(Aggregate(ABNORMAL, "count(*)", "is_now AND reason = 'unreachable_address'")),
        NO_DIRECTION, "R04", "当前因住所无法联系列入经营异常名录",
        "on the list of abnormal operations now, not found at its address", missing="zero",
    ),
    declare(
        column_name("environment_red_or_black", "now"),
        Value("flag", "CASE WHEN {step} >= 4 THEN 1 ELSE 0 END", _STEP),
        NO_DIRECTION, "R20", "环境信用评价为红牌或黑牌", "environmental credit is red or black", missing="zero",
    ),
    declare(
        column_name("environment_yellow", "now"),
        Value("flag", "CASE WHEN {step} = 3 THEN 1 ELSE 0 END", _STEP),
        NO_DIRECTION, "R20", "环境信用评价为黄牌", "environmental credit is yellow", missing="zero",
    ),
    declare(
        column_name("environment_grade_steps_down", "count"),
        Value(
            "count", "CASE WHEN {step} > {before} THEN {step} - {before} ELSE 0 END",
            {**_STEP, "before": Aggregate(ENVIRONMENT, "max(step)", "place = 2")},
        ),
        NO_DIRECTION, "R20", "环境信用评价较上次下降的级数", "steps environmental credit fell since the evaluation before",
        missing="zero",
    ),
    declare(
        column_name("customs_dishonest", "now"),
        Value(
            "flag", "CASE WHEN {step} >= 4 THEN 1 ELSE 0 END",
            {"step": Aggregate(CUSTOMS, "max(step)", "place = 1")},
        ),
        NO_DIRECTION, "R20", "海关信用为失信企业或严重失信主体", "customs credit is dishonest or seriously so",
        missing="zero",
    ),
    declare(
        column_name("carbon_fell_to_red", "now"),
        Value(
            "flag",
            "CASE WHEN {now} < 4 THEN 0 WHEN {now} = 4 AND {before} < 4 THEN 1 WHEN {now} = {before} THEN 0 END",
            {
                "now": Aggregate(CARBON, "max(step)", "place = 1"),
                "before": Aggregate(CARBON, "max(step)", "place = 2"),
            },
        ),
        NO_DIRECTION, "R22", "碳账户等级本季降为红", "the carbon grade fell to red in the latest quarter",
    ),
    declare(
        column_name("carbon_label_lapsed", "now"),
        flag(Aggregate(CARBON, "sum(CASE WHEN is_lapsed THEN 1 ELSE 0 END)", "place = 1")),
        NO_DIRECTION, "R22", "碳标识已过有效期", "the carbon label has lapsed",
    ),
]  # fmt: skip

_TAX = [
    _new("tax_grades_new", NEW_GRADE, "", "R10", "公布的纳税缴费信用等级", "tax credit grades"),
    _new("tax_nonnormal_new", NEW_NONNORMAL, "", "R11", "税务非正常户认定（未解除）", "declarations as non-normal, not lifted,"),
    _new("tax_major_violation_new", NEW_VIOLATION, "", "R11", "重大税收违法失信主体公布（未撤下）", "entries on the list of major tax violations"),
    declare(
        column_name("tax_grade_steps_down", "count", "12m"),
        Value(
            "count", "CASE WHEN {now} > {before} THEN ({now} - {before}) / 2 WHEN {now} <= {before} THEN 0 END",
            {
                "now": Aggregate(GRADE, "max(half_steps)", "years_before = 0"),
                "before": Aggregate(GRADE, "max(half_steps)", "years_before = 1"),
            },
        ),
        NO_DIRECTION, "R10", "纳税缴费信用等级较上年度下降的级数", "steps the tax credit grade fell against the year before",
    ),
    declare(
        column_name("tax_a_list_lost", "now"),
        Value(
            "flag", "CASE WHEN {now} > 0 THEN 0 WHEN {before} > 0 THEN 1 END",
            {
                "now": Aggregate(NAMED_A, "count(*)", window=A_LIST_HOLDS),
                "before": Aggregate(NAMED_A, "count(*)", window=Window(12, A_LIST_HOLDS.months)),
            },
        ),
        NO_DIRECTION, "R10", "曾在纳税信用A级名单内，最近名单已无（从未在名单内则未知）",
        "was on the list of grade A taxpayers and is not on the latest; unknown if it was on neither",
    ),
    declare(
        column_name("tax_arrears_second_quarter", "now"),
        Value(
            "flag", "CASE WHEN {latest} > 0 AND {before} > 0 THEN 1 ELSE 0 END",
            {
                "latest": Aggregate(ARREARS_QUARTER, "count(*)", "quarters_before = 0 AND is_open AND is_recent"),
                "before": Aggregate(ARREARS_QUARTER, "count(*)", "quarters_before = 1"),
            },
        ),
        NO_DIRECTION, "R11", "连续两个季度欠税公告且仍未清缴", "tax arrears in notices of two quarters in a row, not yet cleared",
        missing="zero",
    ),
]  # fmt: skip

_CONTRACTS = [
    _new("government_contract_breaches_new", NEW_BREACH, "", "R23", "政府采购合同违约", "broken government contracts"),
    declare(
        column_name("government_contract_delay", "max", unit="days"),
        days(Aggregate(LATE_CONTRACT, "max(late_days)")),
        NO_DIRECTION, "R23", "政府采购合同延期履约的最长天数", "longest delay of a government contract", missing="zero",
    ),
    declare(
        column_name("government_payment_overdue", "max", unit="days"),
        days(Aggregate(UNPAID, "max(overdue_days)")),
        NO_DIRECTION, "R23", "政府采购合同应付未付款的最长天数", "longest time a public buyer has owed a payment that fell due",
        missing="zero",
    ),
]  # fmt: skip

AUTHORITY_FACTS: tuple[Feature, ...] = (*_PENALTIES, *_GRADES, *_TAX, *_CONTRACTS)
