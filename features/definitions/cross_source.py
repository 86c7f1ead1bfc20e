"""Features that hold two sources against each other 跨源比对特征.

Each reads both datasets, so a scope that closes either leaves it unknown. Ratios against peers of an
industry need other firms' rows and are left out.
"""

from datetime import date

from features.definitions.declare import declare
from features.definitions.expressions import Value, clipped, ratio
from features.definitions.month_grid import age_of, newest, on_grid
from features.definitions.utility_grains import POWER_GRID
from features.registry import FREE, RISKIER, Aggregate, Feature, Grain
from features.windows import column_name

_SOURCES = {"invoice_month": "out_amount_fen", "tax_filing_month": "vat_sales_fen"}


def _both(as_of_date: date) -> str:
    """Twelve months up to the latest that both sources have, no further back than both reach.

    Sums are compared, not single months: a firm that files by the quarter puts three months in one.
    """
    invoiced, filed = _SOURCES.items()
    age = age_of(as_of_date)
    rows = " UNION ALL ".join(
        f"SELECT enterprise_key, {age} AS age, {out} AS invoiced_fen, {sales} AS filed_fen "
        f"FROM visible_{dataset} WHERE {column} IS NOT NULL"
        for (dataset, column), out, sales in (
            (invoiced, invoiced[1], "CAST(NULL AS BIGINT)"),
            (filed, "CAST(NULL AS BIGINT)", filed[1]),
        )
    )
    ends = ", ".join(
        f"{newest('age', f'{source}_fen IS NOT NULL')} AS {source}_newest, "
        f"max(CASE WHEN {source}_fen IS NOT NULL THEN age END) OVER (PARTITION BY enterprise_key) AS {source}_oldest"
        for source in ("invoiced", "filed")
    )
    newest_of_both = (
        "CASE WHEN invoiced_newest > filed_newest THEN invoiced_newest ELSE filed_newest END"
    )
    return (
        f"SELECT enterprise_key, invoiced_fen, filed_fen FROM (SELECT *, {ends} FROM ({rows}) AS both_rows "
        "WHERE age >= 0) AS dated "
        "WHERE age >= invoiced_newest AND age >= filed_newest "
        f"AND age <= invoiced_oldest AND age <= filed_oldest AND age < {newest_of_both} + 12"
    )


SALES_TWICE = Grain("sales_invoiced_and_filed", frozenset(_SOURCES), _both)


def _heads(as_of_date: date) -> str:
    rows = f"SELECT enterprise_key, {age_of(as_of_date)} AS age, insured FROM visible_pension_month"
    return f"SELECT enterprise_key, insured FROM ({on_grid(rows)}) AS placed WHERE month_no = 0"


HEADS = Grain("insured_latest", frozenset({"pension_month"}), _heads)

FEATURES: tuple[Feature, ...] = (
    declare(
        column_name("invoiced_to_filed_sales", "gap", "12m"),
        ratio(
            clipped(
                "(CASE WHEN {invoiced} > {filed} AND {invoiced} > 0 THEN ({invoiced} - {filed}) / {invoiced} "
                "WHEN {filed} > 0 THEN ({invoiced} - {filed}) / {filed} END)"
            ),
            invoiced=Aggregate(SALES_TWICE, "sum(invoiced_fen)"),
            filed=Aggregate(SALES_TWICE, "sum(filed_fen)"),
        ),
        RISKIER, "R09",
        "最近12个月开票金额超出申报销售额的比例", "invoiced beyond filed sales in the latest 12 months",
    ),
    declare(
        column_name("electricity_per_employee", "mean", "3m", "kwh"),
        Value(
            "kwh", "CASE WHEN {heads} > 0 THEN {usage} / (100 * {n} * {heads}) END",
            {
                "usage": Aggregate(POWER_GRID, "sum(usage_c)", "month_no < 3"),
                "n": Aggregate(POWER_GRID, "count(*)", "month_no < 3"),
                "heads": Aggregate(HEADS, "max(insured)"),
            },
        ),
        FREE, "R05",
        "最近3个月人均月用电量", "monthly electricity per insured employee in the latest 3 months",
        is_recency=True,
    ),
)  # fmt: skip
