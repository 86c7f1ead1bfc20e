"""Social-insurance features 社保公积金特征: how many people a firm pays for, and whether it does.

Each fund is its own source: they disagree by habit (a firm may insure in one and not deposit in
another), so no feature adds them up. A month that was not delivered is no month without staff:
comparisons take delivered months only, and without a month in the last three nothing is said. Whether
a firm is in arrears is what the fund states in its latest filing.
"""

from features.definitions.declare import declare
from features.definitions.expressions import (
    Value,
    change,
    clipped,
    count,
    flag,
    quotient,
    ratio,
)
from features.definitions.social_insurance_grains import (
    HOUSING,
    MEDICAL,
    PENSION,
    Fund,
    filing_of,
    month_grid_of,
    run_of,
)
from features.registry import RISKIER, SAFER, Aggregate, Feature, Grain
from features.windows import column_name

#: A line through fewer months says more of the months that are missing than of the firm.
_MONTHS_OF_A_SLOPE = 6
_QUARTER, _YEAR = "month_no < 3", "month_no < 12"
#: Months of the latest three that were delivered in both years.
_BOTH_YEARS = f"{_QUARTER} AND heads_before IS NOT NULL"


def _against_quarter(months: Grain) -> Value:
    """The latest month against the mean of the three before, of those delivered."""
    return ratio(
        clipped(f"({quotient('{now} * {n}', '{before}')} - 1)"),
        now=Aggregate(months, "sum(heads)", "month_no = 0"),
        before=Aggregate(months, "sum(heads)", "month_no BETWEEN 1 AND 3"),
        n=Aggregate(months, "count(*)", "month_no BETWEEN 1 AND 3"),
    )


def _slope(months: Grain) -> Value:
    """OLS slope of heads over the delivered months of a year, over their mean [1/month]."""
    spread = "({n} * {xx} - {x} * {x})"
    relative = f"({{n}} * {{xy}} - {{x}} * {{y}}) * {{n}} / ({spread} * {{y}})"
    enough = f"{{n}} >= {_MONTHS_OF_A_SLOPE} AND {{y}} > 0"
    place = "(11 - month_no)"
    return ratio(
        clipped(f"(CASE WHEN {enough} THEN {relative} END)"),
        n=Aggregate(months, "count(*)", _YEAR),
        x=Aggregate(months, f"sum{place}", _YEAR),
        y=Aggregate(months, "sum(heads)", _YEAR),
        xx=Aggregate(months, f"sum({place} * {place})", _YEAR),
        xy=Aggregate(months, f"sum({place} * heads)", _YEAR),
    )


def _per_head(months: Grain) -> Value:
    """Contributions of the latest three months over their heads [yuan a head and month]."""
    return Value(
        "cny",
        quotient("{paid}", "({heads} * 100)"),
        {
            "paid": Aggregate(months, "sum(paid_fen)", _QUARTER),
            "heads": Aggregate(months, "sum(heads)", _QUARTER),
        },
    )


def _per_head_growth(months: Grain) -> Value:
    """The same against a year before: the base of contributions is set anew once a year."""
    growth = quotient("{paid} * {heads_before}", "(CAST({heads} AS DOUBLE) * {paid_before})")
    return ratio(
        clipped(f"({growth} - 1)"),
        paid=Aggregate(months, "sum(paid_fen)", _BOTH_YEARS),
        heads=Aggregate(months, "sum(heads)", _BOTH_YEARS),
        paid_before=Aggregate(months, "sum(paid_before)", _BOTH_YEARS),
        heads_before=Aggregate(months, "sum(heads_before)", _BOTH_YEARS),
    )


def _heads(fund: Fund) -> list[Feature]:
    months, name, group = month_grid_of(fund), f"{fund.name}_{fund.heads}", fund.group
    return [
        declare(
            column_name(name, "count"),
            count(Aggregate(months, "sum(heads)", "month_no = 0")), SAFER, group,
            f"最近一月{fund.heads_zh}", f"{fund.heads_en} in the latest month",
        ),
        declare(
            column_name(name, "change", "3m"), _against_quarter(months), SAFER, group,
            f"最近一月{fund.heads_zh}与此前3个月均值相比", f"{fund.heads_en} against the 3 months before",
            is_recency=True,
        ),
        declare(
            column_name(name, "yoy", "3m"),
            change(
                Aggregate(months, "sum(heads)", _BOTH_YEARS),
                Aggregate(months, "sum(heads_before)", _BOTH_YEARS),
            ),
            SAFER, group,
            f"最近3个月{fund.heads_zh}同比", f"{fund.heads_en} of the latest 3 months against a year earlier",
            is_recency=True,
        ),
        declare(
            column_name(name, "slope", "12m"), _slope(months), SAFER, group,
            f"最近12个月{fund.heads_zh}月度趋势", f"monthly trend of {fund.heads_en} over 12 months",
        ),
    ]  # fmt: skip


def _payment(fund: Fund) -> list[Feature]:
    months, group = month_grid_of(fund), fund.group
    return [
        declare(
            column_name(f"{fund.name}_per_head", "mean", "3m", "cny"), _per_head(months), SAFER, group,
            f"最近3个月{fund.zh}人均缴费", f"{fund.en} paid per head and month, latest 3 months",
            is_recency=True,
        ),
        declare(
            column_name(f"{fund.name}_per_head", "yoy", "3m"), _per_head_growth(months), SAFER, group,
            f"最近3个月{fund.zh}人均缴费同比", f"{fund.en} paid per head against a year earlier",
            is_recency=True,
        ),
        declare(
            column_name(f"{fund.name}_paid_run", "months", "24m"),
            Value("months", "{n}", {"n": Aggregate(run_of(fund), "count(*)", "breaks = 0")}),
            SAFER, group,
            f"{fund.zh}截至最近一月的连续缴费月数", f"months of {fund.en} paid in one run up to the latest",
        ),
        declare(
            column_name(f"{fund.name}_arrears", "flag"),
            flag(Aggregate(filing_of(fund), "sum(CASE WHEN in_arrears THEN 1 ELSE 0 END)")), RISKIER, group,
            f"{fund.zh}当前欠费", f"in arrears with {fund.en} by the latest filing",
        ),
    ]  # fmt: skip


_DEFERRED = declare(
    column_name("medical_deferred_months", "count", "6m"),
    count(Aggregate(month_grid_of(MEDICAL), "count(*)", "month_no < 6 AND deferred_fen > 0")),
    RISKIER, "R12",
    "最近6个月医疗保险缓缴月数", "months with medical insurance deferred, of the latest 6",
)  # fmt: skip

FEATURES: tuple[Feature, ...] = (
    *(
        feature
        for fund in (PENSION, MEDICAL, HOUSING)
        for feature in (*_heads(fund), *_payment(fund))
    ),
    _DEFERRED,
)
