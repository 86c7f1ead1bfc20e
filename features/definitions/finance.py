"""Financial features 财务特征: the figures of the annual report, once they are filed.

One source: what the firm reports to the register and shares with consent. The latest year counts
while it is no older than the year before last; an older one says nothing about today. The size of
assets is plain yuan: trees do not care for logarithms, and readers do not think in them.
"""

from datetime import date

from features.definitions.declare import declare
from features.definitions.expressions import change, clipped, quotient, ratio, yuan
from features.registry import RISKIER, SAFER, Aggregate, Feature, Grain
from features.windows import column_name

_DATASET = "annual_figures"
#: Reports are due by 30 June, so in June the latest year on file can be the year before last.
_REPORT_HOLDS = 2


def _reports(as_of_date: date) -> str:
    """Filed reports; `years_before` is 0 for the latest one, if it still holds."""
    latest = (
        "SELECT *, max(report_year) OVER (PARTITION BY enterprise_key) AS latest_year "
        f"FROM visible_{_DATASET} WHERE filed_on <= DATE '{as_of_date}'"
    )
    return (
        "SELECT enterprise_key, latest_year - report_year AS years_before, assets_fen, "
        "liabilities_fen, equity_fen, revenue_fen, net_profit_fen, ext_guarantee_fen "
        f"FROM ({latest}) AS filed WHERE latest_year >= {as_of_date.year - _REPORT_HOLDS}"
    )


REPORT = Grain("annual_report_figures", frozenset({_DATASET}), _reports)


def _latest(column: str, years_before: int = 0) -> Aggregate:
    return Aggregate(REPORT, f"max({column})", f"years_before = {years_before}")


def _borne(burden: str, base: str) -> str:
    """A burden over what bears it: nothing bears nothing at 0, and a burden on nothing ends at 10."""
    return clipped(
        f"(CASE WHEN {base} > 0 THEN {burden} / {base} WHEN {burden} > 0 AND {base} <= 0 THEN 10 "
        f"WHEN {burden} = 0 AND {base} <= 0 THEN 0 END)"
    )


FEATURES: tuple[Feature, ...] = (
    declare(
        column_name("debt", "ratio"),
        ratio(_borne("{debt}", "{assets}"), debt=_latest("liabilities_fen"), assets=_latest("assets_fen")),
        RISKIER, "R33", "资产负债率（年报）", "liabilities over assets (annual report)",
    ),
    declare(
        column_name("net_margin", "ratio"),
        ratio(
            clipped(f"({quotient('{profit}', '{revenue}')})"),
            profit=_latest("net_profit_fen"), revenue=_latest("revenue_fen"),
        ),
        SAFER, "R33", "净利率（年报）", "net profit over revenue (annual report)",
    ),
    declare(
        column_name("annual_revenue", "yoy", "12m"),
        change(_latest("revenue_fen"), _latest("revenue_fen", 1)),
        SAFER, "R33", "营业收入同比（年报）", "revenue against the year before (annual report)",
    ),
    declare(
        column_name("assets", "latest", unit="cny"),
        yuan(_latest("assets_fen")),
        SAFER, "R33", "资产总额（年报）", "total assets (annual report)",
    ),
    declare(
        column_name("guarantees_given", "ratio"),
        ratio(
            _borne("{given}", "{equity}"),
            given=_latest("ext_guarantee_fen"), equity=_latest("equity_fen"),
        ),
        RISKIER, "R33", "对外担保与所有者权益之比（年报）", "guarantees given over equity (annual report)",
    ),
)  # fmt: skip
