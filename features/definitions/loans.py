"""Loan features 融资履约特征: what a firm owes, to whom, and whether it pays on time.

Lenders report loans and their months under the consent scope `loan`. The months of a loan that lie
after `as_of` are the outcome, not a feature; they have not arrived by then. Applications are the
platform's own records: a lender's look never opens them, so the feature is unknown there, and only
the firm's own report shows it. Visits and lists that brought a need are no sign of distress and
do not count. Three calendar months stand for the usual ninety days.
"""

from features.definitions.declare import declare
from features.definitions.expressions import (
    Value,
    count,
    days,
    flag,
    quotient,
    ratio,
    share,
    yuan,
)
from features.definitions.loans_grains import ACCOUNT, LATEST, NEED, OWED, SNAPSHOT
from features.registry import FREE, RISKIER, SAFER, Aggregate, Feature
from features.windows import Window, column_name

_YEAR, _OVERDUE = "month_no < 12", "dpd > 0"


def _running(sql: str, where: str = "is_running") -> Aggregate:
    return Aggregate(ACCOUNT, sql, where, empty="0")


_DEBT = [
    declare(
        column_name("loans_running", "count"), count(_running("count(*)")), RISKIER, "R14",
        "未结清贷款笔数", "loans not settled",
    ),
    declare(
        column_name("loan_balance", "sum", unit="cny"),
        yuan(Aggregate(OWED, "sum(owed_fen)", empty="0")), RISKIER, "R14",
        "贷款余额", "balance of loans not settled",
    ),
    declare(
        column_name("loan_lenders", "count"), count(_running("count(DISTINCT lender)")), RISKIER, "R14",
        "未结清贷款的放款机构数", "lenders of loans not settled",
    ),
    declare(
        column_name("loan_rate", "mean"),
        ratio(
            quotient("{ppm}", "({n} * 1000000)"),
            ppm=Aggregate(ACCOUNT, "sum(rate_ppm)", "is_running"),
            n=Aggregate(ACCOUNT, "count(rate_ppm)", "is_running"),
        ),
        RISKIER, "R14",
        "未结清贷款平均年利率", "mean yearly rate of loans not settled",
    ),
    declare(
        column_name("loan_renewals", "count", "36m"),
        count(Aggregate(ACCOUNT, "count(*)", "place > 1", Window(36), empty="0")), FREE, "R14",
        "近36个月同一机构再次放款的笔数", "loans of 36 months by a lender that had lent before",
    ),
    declare(
        column_name("loan_ever", "flag"), flag(Aggregate(ACCOUNT, "count(*)")), FREE, "R14",
        "曾获得贷款（否则为首贷户）", "ever had a loan, if not the next is the first", missing="zero",
    ),
]  # fmt: skip

_ON_TIME = [
    declare(
        column_name("loan_days_past_due", "max", "12m", "days"),
        days(Aggregate(SNAPSHOT, "max(dpd)", _YEAR, empty="0")), RISKIER, "R14",
        "最近12个月最长逾期天数", "most days past due in the latest 12 months",
    ),
    declare(
        column_name("loan_overdue_months", "count", "12m"),
        count(Aggregate(SNAPSHOT, "count(DISTINCT month_no)", f"{_YEAR} AND {_OVERDUE}")), RISKIER, "R14",
        "最近12个月有逾期的月数", "months with a loan overdue, of the latest 12",
    ),
    declare(
        column_name("loan_overdue", "months_since_last"),
        Value("months", "{age}", {"age": Aggregate(SNAPSHOT, "min(age)", _OVERDUE)}), SAFER, "R14",
        "距最近一次逾期的月数", "months since a loan was last overdue", is_recency=True,
    ),
    declare(
        column_name("loan_on_time", "share", "24m"),
        share(Aggregate(SNAPSHOT, "count(*)", f"NOT {_OVERDUE}"), Aggregate(SNAPSHOT, "count(*)")),
        SAFER, "R14",
        "最近24个月按时还款的贷款月占比", "share of loan months paid on time in 24 months",
    ),
    declare(
        column_name("loan_default", "now"), flag(Aggregate(LATEST, "count(*)", "is_default")),
        RISKIER, "R14",
        "最近一次报送有贷款处于违约状态",
        "a loan is in default by its latest report: over 90 days late, substandard or worse, written off, "
        "paid by the guarantor or restructured",
    ),
]  # fmt: skip

_APPLICATIONS = declare(
    column_name("financing_needs", "count", "3m"),
    count(Aggregate(NEED, "count(*)", window=Window(3), empty="0")), RISKIER, "R15",
    "近3个月自主提交的融资需求数", "financing needs the firm submitted itself in 3 months",
    missing="zero", is_recency=True,
)  # fmt: skip

FEATURES: tuple[Feature, ...] = (*_DEBT, *_ON_TIME, _APPLICATIONS)
