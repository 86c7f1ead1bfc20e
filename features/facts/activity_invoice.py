"""Invoice facts 发票事实: a silence against the firm's habit, red notes, and a large buyer gone."""

from features.definitions.declare import declare
from features.definitions.expressions import Value, clipped, days, quotient, ratio
from features.definitions.invoice_grains import DAY, LINE
from features.definitions.invoice_month import MONTH
from features.definitions.month_grid import LATE_MONTHS
from features.facts.activity_invoice_grains import FORMER_TOP, GAP, RED, RED_TABLE
from features.registry import RISKIER, SAFER, Aggregate, Feature, Grain
from features.windows import Window, column_name

_LATE = "month_no < 3"
#: No sale is a silence only while something else still arrives: what was bought, or the table with its zeros.
#: Else nobody can tell a firm that stopped from a delivery that did.
_DELIVERED_MONTHS = 2
_USUAL_GAP = "(CASE WHEN {season} > {gap} THEN {season} ELSE {gap} END)"


def _red_share(months: Grain) -> Value:
    """Taken back by red notes, over what was invoiced."""
    return ratio(
        clipped(f"({quotient('{red}', '{sold}')})"),
        red=Aggregate(months, "sum(red_fen)", _LATE),
        sold=Aggregate(months, "sum(sold_fen)", _LATE),
    )


def _red_to_usual(months: Grain) -> Value:
    """The same over its median month of the year before; red notes against none ever end at 10."""
    share = "(1000000 * CAST({red} AS DOUBLE) / {sold})"
    return ratio(
        clipped(
            f"(CASE WHEN {{sold}} > 0 AND {{usual}} > 0 THEN {share} / {{usual}} "
            "WHEN {sold} > 0 AND {usual} = 0 AND {red} > 0 THEN 10 "
            "WHEN {sold} > 0 AND {usual} = 0 THEN 0 END)"
        ),
        red=Aggregate(months, "sum(red_fen)", _LATE),
        sold=Aggregate(months, "sum(sold_fen)", _LATE),
        usual=Aggregate(months, "min(red_ppm)", "is_usual AND place * 2 >= months"),
    )


def _red(months: Grain, name: str, zh: str, en: str) -> list[Feature]:
    return [
        declare(
            column_name(f"{name}_red_amount", "share", "3m"), _red_share(months), RISKIER, "R09",
            f"近3个整月红冲金额占比{zh}", f"share taken back by red notes in 3 whole months{en}",
            is_recency=True,
        ),
        declare(
            column_name(f"{name}_red_to_usual", "ratio", "3m"), _red_to_usual(months), RISKIER, "R09",
            f"近3个整月红冲占比与此前12个月月度中位数之比{zh}",
            f"share taken back in 3 whole months over its median month of the year before{en}",
            is_recency=True,
        ),
    ]  # fmt: skip


_SILENCE = [
    declare(
        column_name("sales_silence_to_usual_gap", "ratio", "24m"),
        ratio(
            clipped(f"({quotient('{silence}', _USUAL_GAP)})"),
            silence=Aggregate(DAY, "min(days_ago)", "is_sale"),
            gap=Aggregate(GAP, "min(gap_days)", "place * 100 >= gaps * 95"),
            season=Aggregate(GAP, "max(gap_days)", "is_season"),
        ),
        RISKIER, "R28",
        "距最近一次开票天数与惯常开票间隔之比（近24个月95分位，或去年同期间隔，取长者）",
        "days since the last sales invoice over the usual gap: the 95th percentile of 24 months, or the gap of "
        "the same season last year if longer",
        is_recency=True,
    ),
    declare(
        column_name("sales_silence", "days"),
        Value(
            "days", "CASE WHEN {bought} > 0 OR {tabled} > 0 THEN {silence} END",
            {
                "silence": Aggregate(DAY, "min(days_ago)", "is_sale"),
                "bought": Aggregate(LINE, "count(*)", "NOT is_sale", Window(_DELIVERED_MONTHS)),
                "tabled": Aggregate(MONTH, "count(*)", f"age < {_DELIVERED_MONTHS}"),
            },
        ),
        RISKIER, "R28",
        "距最近一次开票天数（仅当发票数据仍在更新）", "days since the last sales invoice, where invoices are still delivered",
        is_recency=True,
    ),
    declare(
        column_name("monthly_sales_silence", "months"),
        Value(
            "months", "CASE WHEN {tabled} > 0 THEN coalesce({last}, {oldest} + 1) END",
            {
                "last": Aggregate(MONTH, "min(month_no)", "out_amount_fen > 0"),
                "oldest": Aggregate(MONTH, "max(month_no)"),
                "tabled": Aggregate(MONTH, "count(*)", f"age < {LATE_MONTHS}"),
            },
        ),
        RISKIER, "R28",
        "截至最近一月连续无销项的整月数（月表，仅当仍在更新）",
        "whole months without sales up to the latest (monthly table, where it is still delivered)",
        is_recency=True,
    ),
    declare(
        column_name("monthly_sales_habit", "count", "12m"),
        Value(
            "count", "CASE WHEN {tabled} > 0 THEN {sold} END",
            {
                "sold": Aggregate(MONTH, "count(*)", "month_no < 12 AND out_amount_fen > 0"),
                "tabled": Aggregate(MONTH, "count(*)", f"age < {LATE_MONTHS}"),
            },
        ),
        SAFER, "R07",
        "近12个整月有销项的月数（月表，仅当仍在更新）",
        "months with sales, of 12 whole ones (monthly table, where it is still delivered)",
    ),
]  # fmt: skip

_BUYER = [
    declare(
        column_name("former_top_buyer", "share", "12m"),
        ratio("{ppm} / 1000000", ppm=Aggregate(FORMER_TOP, "max(share_ppm)")), RISKIER, "R08",
        "截至三个月前的一年中第一大购方占比", "share of the largest buyer in the year that ended 3 months ago",
    ),
    declare(
        column_name("former_top_buyer", "silent", unit="days"),
        days(Aggregate(FORMER_TOP, "max(silent_days)")), RISKIER, "R08",
        "该第一大购方距最近一次开票天数", "days since the last invoice to that buyer",
        is_recency=True,
    ),
]  # fmt: skip

FACTS: tuple[Feature, ...] = (
    *_SILENCE,
    *_red(RED, "sales", "", ""),
    *_red(RED_TABLE, "monthly_sales", "（月表）", " (monthly table)"),
    *_BUYER,
)
