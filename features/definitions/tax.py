"""Tax features 纳税特征: what a firm files and pays, how it is graded, and what it owes.

Filings and grades are the firm's own data: without them nothing is known. Arrears, lost contact and
grave violations are public lists: who is not on them owes nothing that is known.
"""

from features.definitions.declare import declare
from features.definitions.expressions import (
    Value,
    change,
    clipped,
    count,
    days,
    flag,
    level,
    quotient,
    ratio,
    yuan,
)
from features.definitions.tax_grains import FILING, GRADE, NAMED_A, NOT_FOUND, NOTICE, VIOLATION
from features.registry import RISKIER, SAFER, Aggregate, Feature
from features.windows import Window, column_name

#: A list is published once a year and can be some months on its way to us.
A_LIST_HOLDS = Window(16)
_YEAR = "month_no < 12"
_COMPARED = f"{_YEAR} AND before_fen IS NOT NULL"


def _filed(sql: str, where: str = _YEAR) -> Aggregate:
    return Aggregate(FILING, sql, where)


_DECLARED = [
    declare(
        column_name("vat_sales", "sum", "12m", "cny"),
        yuan(_filed("sum(vat_sales_fen)")), SAFER, "R07",
        "最近12个月申报增值税销售额", "sales filed for VAT in the latest 12 months",
    ),
    declare(
        column_name("vat_sales", "yoy", "12m"),
        change(
            _filed("sum(vat_sales_fen)", _COMPARED), _filed("sum(before_fen)", _COMPARED)
        ),
        SAFER, "R27",
        "最近12个月申报销售额同比", "sales filed in the latest 12 months against a year earlier",
    ),
    declare(
        column_name("tax_paid", "sum", "12m", "cny"),
        yuan(_filed("sum(paid_fen)")), SAFER, "R10",
        "最近12个月缴纳增值税和企业所得税", "VAT and income tax paid in the latest 12 months",
    ),
    declare(
        column_name("tax_paid", "mean", "24m", "cny"),
        Value(
            "cny", "{paid} / (100 * ({oldest} + 1))",
            {"paid": _filed("sum(paid_fen)", ""), "oldest": _filed("max(month_no)", "")},
        ),
        SAFER, "R10",
        "最近24个月月均缴税", "tax paid a month over the latest 24 months",
    ),
    declare(
        column_name("tax_burden", "ratio", "12m"),
        ratio(
            clipped(f"({quotient('{paid}', '{sales}')})"),
            paid=_filed("sum(paid_fen)"), sales=_filed("sum(vat_sales_fen)"),
        ),
        SAFER, "R10",
        "最近12个月税负率", "tax paid over sales filed in the latest 12 months",
    ),
]  # fmt: skip

_DISCIPLINE = [
    declare(
        column_name("tax_zero_filings", "count", "12m"),
        count(_filed("count(*)", f"{_YEAR} AND zero_filing")), RISKIER, "R10",
        "最近12个月零申报月数", "months filed as zero, of the latest 12",
    ),
    declare(
        column_name("tax_late_filings", "count", "12m"),
        count(_filed("count(*)", f"{_YEAR} AND late_days > 0")), RISKIER, "R10",
        "最近12个月逾期申报次数", "late tax filings in the latest 12 months",
    ),
    declare(
        column_name("tax_late_filing", "max", "12m", "days"),
        days(_filed("max(late_days)")), RISKIER, "R10",
        "最近12个月申报最长逾期天数", "longest delay of a tax filing in the latest 12 months",
    ),
]  # fmt: skip

_GRADES = [
    declare(
        column_name("tax_grade", "level"),
        level("{halves} / 2", halves=Aggregate(GRADE, "max(half_steps)", "years_before = 0")),
        RISKIER, "R10",
        "纳税缴费信用等级", "tax credit grade (A 1, B 2, M 2.5, C 4, D 5)",
    ),
    declare(
        column_name("tax_grade", "change", "12m"),
        level(
            "({now} - {before}) / 2",
            now=Aggregate(GRADE, "max(half_steps)", "years_before = 0"),
            before=Aggregate(GRADE, "max(half_steps)", "years_before = 1"),
        ),
        RISKIER, "R10",
        "纳税缴费信用等级较上年度变化", "tax credit grade against the year before",
    ),
    declare(
        column_name("tax_a_list", "flag", "16m"),
        flag(Aggregate(NAMED_A, "count(*)", window=A_LIST_HOLDS, empty="0")), SAFER, "R10",
        "在最近公布的纳税信用A级名单内", "on the latest public list of grade A taxpayers",
        missing="zero",
    ),
]  # fmt: skip

_PUBLIC = [
    declare(
        column_name("tax_arrears", "now", unit="cny"),
        yuan(Aggregate(NOTICE, "sum(arrears_fen)", "is_latest AND is_open", Window(24), empty="0")),
        RISKIER, "R11",
        "公告欠税余额", "tax arrears by the latest public notices", missing="zero",
    ),
    declare(
        column_name("tax_arrears", "flag", "24m"),
        flag(Aggregate(NOTICE, "count(*)", window=Window(24), empty="0")), RISKIER, "R11",
        "近24个月有欠税公告", "a public notice of tax arrears in the last 24 months", missing="zero",
    ),
    declare(
        column_name("tax_nonnormal", "now"),
        flag(Aggregate(NOT_FOUND, "count(*)")), RISKIER, "R11",
        "当前为税务非正常户", "out of contact with the tax authority now", missing="zero",
    ),
    declare(
        column_name("tax_major_violation", "now"),
        flag(Aggregate(VIOLATION, "count(*)")), RISKIER, "R11",
        "当前在重大税收违法失信主体名单", "on the list of major tax violations now", missing="zero",
    ),
]  # fmt: skip

FEATURES: tuple[Feature, ...] = (*_DECLARED, *_DISCIPLINE, *_GRADES, *_PUBLIC)
