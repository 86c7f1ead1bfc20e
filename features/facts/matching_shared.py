"""Facts of records shared under consent that products ask about: taxes, sales, electricity, loans, carbon.

What these records cannot say: whether the name on a meter is the firm's (no name is delivered), how large a
settlement of medical insurance or an order of tobacco was, and what an export refund still owes.
"""

from datetime import date

from features.definitions.declare import declare
from features.definitions.expressions import Value, change, flag, yuan
from features.definitions.invoice_grains import HALF_YEAR, SALES, turnover
from features.definitions.loans_grains import ACCOUNT, LOANS
from features.definitions.month_grid import age_of, on_grid
from features.definitions.tax_grains import FILING
from features.definitions.utility_grains import ELECTRICITY
from features.facts.shapes import NO_DIRECTION
from features.registry import Aggregate, Feature, Grain
from features.windows import Window, column_name

#: A carbon account older than this says nothing of today.
_ACCOUNT_HOLDS = Window(12)


def _bills(as_of_date: date) -> str:
    """Bills of electricity on a grid of two years; one meter under two numbers counts once."""
    metered = (
        f"SELECT DISTINCT enterprise_key, {age_of(as_of_date)} AS age, usage, billed_fen, paid_fen, arrears_fen, "
        f"value_grade FROM visible_{ELECTRICITY}"
    )
    return on_grid(metered)


def _months_after(day: str, months: str) -> str:
    """SQL: so many months after a day, the last of its month where there is no such day; on either engine."""
    count = f"(year({day}) * 12 + month({day}) - 1 + CAST({months} AS INTEGER))"
    first = f"make_date(CAST(floor({count} / 12) AS INTEGER), CAST({count} % 12 AS INTEGER) + 1, 1)"
    return f"make_date(year({first}), month({first}), least(day({day}), day(last_day({first}))))"


def _due(as_of_date: date) -> str:
    """Days until running loans fall due; one that is past its term by then is no more to renew."""
    return (
        f"SELECT enterprise_key, date_diff('day', DATE '{as_of_date}', due_on) AS days FROM ("
        f"SELECT a.enterprise_key, {_months_after('CAST(l.granted_at AS DATE)', 'l.term_months')} AS due_on "
        f"FROM loan AS a JOIN visible_{LOANS} AS l ON l.enterprise_key = a.enterprise_key AND l.loan_id = a.loan_id "
        f"WHERE a.is_running) AS dated WHERE due_on >= DATE '{as_of_date}'"
    )


def _carbon(as_of_date: date) -> str:
    """The latest quarter of a carbon account."""
    return (
        "SELECT enterprise_key, coalesce(array_length(green_project_ids), 0) AS projects, "
        f"label_cert_until >= DATE '{as_of_date}' AS has_label FROM (SELECT *, row_number() OVER "
        "(PARTITION BY enterprise_key ORDER BY period_end DESC) AS place FROM visible_carbon_account "
        f"WHERE {_ACCOUNT_HOLDS.covers('period_end', as_of_date)}) AS quarters WHERE place = 1"
    )


_BILL = Grain("electricity_bill", frozenset({ELECTRICITY}), _bills)
_DUE = Grain("loan_due", frozenset({LOANS}), _due, parents=(ACCOUNT,))
_CARBON = Grain("carbon_account_latest", frozenset({"carbon_account"}), _carbon)


def _any(holds: str, grain: Grain) -> Value:
    """Whether a condition holds for a row: unknown without a row that can tell."""
    return flag(Aggregate(grain, f"sum(CASE WHEN {holds} THEN 1 WHEN NOT ({holds}) THEN 0 END)"))


FACTS: tuple[Feature, ...] = (
    declare(
        column_name("tax_paid", "sum", "3m", "cny"), yuan(Aggregate(FILING, "sum(paid_fen)", "month_no < 3")),
        NO_DIRECTION, "R10", "最近3个月缴纳增值税和企业所得税", "VAT and income tax paid in the latest 3 months",
        is_recency=True,
    ),
    declare(
        column_name("sales_amount", "yoy", "6m"),
        change(turnover(SALES, HALF_YEAR), turnover(SALES, Window(6, offset=12))),
        NO_DIRECTION, "R27", "近6个月销项金额同比", "sales amount in the last 6 months against a year earlier",
    ),
    declare(
        column_name("electricity_billed", "sum", "24m", "cny"), yuan(Aggregate(_BILL, "sum(billed_fen)")),
        NO_DIRECTION, "R06", "最近24个月应缴电费", "electricity billed in the latest 24 months",
    ),
    declare(
        column_name("electricity_high_energy", "flag", "12m"),
        flag(
            Aggregate(
                _BILL, "sum(CASE WHEN value_grade = 'high_energy' THEN 1 ELSE 0 END)",
                "month_no < 12 AND value_grade IS NOT NULL",
            )
        ),
        NO_DIRECTION, "R05", "最近12个月用电价值等级含高耗能用电", "electricity graded as high energy use in the latest 12 months",
    ),
    declare(
        column_name("loan_due", "next", unit="days"),
        Value("days", "{days}", {"days": Aggregate(_DUE, "min(days)")}),
        NO_DIRECTION, "R14", "距最近一笔未结清贷款到期的天数", "days until the next running loan falls due",
    ),
    declare(
        column_name("carbon_account", "now"), _any("true", _CARBON),
        NO_DIRECTION, "R22", "近12个月有碳账户", "has a carbon account of the last 12 months",
    ),
    declare(
        column_name("carbon_green_projects", "now"), _any("projects > 0", _CARBON),
        NO_DIRECTION, "R22", "碳账户登记有绿色项目", "the carbon account names a green project",
    ),
    declare(
        column_name("carbon_label", "now"), _any("has_label", _CARBON),
        NO_DIRECTION, "R22", "碳标识在有效期内", "a carbon label is valid",
    ),
)  # fmt: skip
