"""Fifty-eight invoice features as a careful pandas user writes them by hand.

Keys become categories once, months are numbers, and every aggregate is a vectorised group-by; this
is the hand-written notebook at its best, not a straw man. Turnover counts valid invoices without
tax; a red invoice has a negative total.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from contest import read_invoices
from meter import Meter

KEY = "enterprise_id"
PARTY = "counterparty_id"
LOW_RATE = 0.035


def months_before(day: pd.Timestamp, months: int) -> pd.Timestamp:
    """Step back some months; a month end stays a month end."""
    earlier = day - pd.DateOffset(months=months)
    return earlier + pd.offsets.MonthEnd(0) if day.is_month_end else earlier


def window(frame: pd.DataFrame, as_of: pd.Timestamp, months: int, prior: int = 0) -> pd.DataFrame:
    """Rows of the months that ended `prior` months before the as-of date."""
    after, until = months_before(as_of, months + prior), months_before(as_of, prior)
    return frame[(frame["invoice_date"] > after) & (frame["invoice_date"] <= until)]


def per_firm(frame: pd.DataFrame):
    """Group by firm, with empty groups for firms that have no row here."""
    return frame.groupby(KEY, observed=False, sort=False)


def turnover(valid: pd.DataFrame, as_of: pd.Timestamp, counts: tuple[int, ...]) -> pd.DataFrame:
    """Add up and count, and compare with the year and the half-year before."""
    out = {}
    for months in (3, 6, 12):
        grouped = per_firm(window(valid, as_of, months))
        out[f"amount_sum_{months}m_cny"] = grouped["amount"].sum()
        if months in counts:
            out[f"invoice_count_{months}m"] = grouped.size()
    before = {
        "3m_yoy": (3, per_firm(window(valid, as_of, 3, prior=12))["amount"].sum()),
        "12m_yoy": (12, per_firm(window(valid, as_of, 12, prior=12))["amount"].sum()),
        "6m_change": (6, per_firm(window(valid, as_of, 6, prior=6))["amount"].sum()),
    }
    for name, (months, base) in before.items():
        out[f"amount_{name}_ratio"] = out[f"amount_sum_{months}m_cny"] / base.where(base > 0) - 1
    return pd.DataFrame(out)


def rhythm(valid: pd.DataFrame, as_of: pd.Timestamp) -> pd.DataFrame:
    """How often, how lately, and the longest silence of the last year."""
    year = window(valid, as_of, 12)
    two_years = window(valid, as_of, 24)
    days = year[[KEY, "invoice_date"]].drop_duplicates().sort_values([KEY, "invoice_date"])
    ever = per_firm(valid)["invoice_date"].agg(["min", "max"])
    start = months_before(as_of, 12)
    within = per_firm(days)["invoice_date"].agg(["min", "max"])
    inner = days.assign(gap=per_firm(days)["invoice_date"].diff())
    gaps = pd.DataFrame(
        {
            "inner": per_firm(inner)["gap"].max(),
            "first": within["min"] - ever["min"].clip(lower=start),
            "last": as_of - within["max"].fillna(start),
        }
    ).where(ever["min"].notna(), other=pd.NaT)
    first = ever["min"]
    return pd.DataFrame(
        {
            "active_months_12m": per_firm(year)["month"].nunique(),
            "active_months_24m": per_firm(two_years)["month"].nunique(),
            "active_days_12m": per_firm(days).size(),
            "invoice_amount_median_12m_cny": per_firm(year)["amount"].median(),
            "history_months": 12 * (as_of.year - first.dt.year) + as_of.month - first.dt.month,
            "days_since_last": (as_of - ever["max"]).dt.days,
            "longest_gap_12m_days": gaps.max(axis=1).dt.days,
        }
    )


def slope(months: pd.DataFrame) -> pd.Series:
    """Least-squares slope over the columns, divided by their mean."""
    time = np.arange(months.shape[1]) - (months.shape[1] - 1) / 2
    mean = months.mean(axis=1)
    return months @ time / (time @ time) / mean.where(mean > 0)


def shape(valid: pd.DataFrame, as_of: pd.Timestamp) -> pd.DataFrame:
    """Trend, variation and season of the monthly sums over complete months."""
    last = as_of.year * 12 + as_of.month - (0 if as_of.is_month_end else 1)
    grid = valid[valid["month"].between(last - 23, last)].pivot_table(
        index=KEY, columns="month", values="amount", aggfunc="sum", fill_value=0, observed=False
    )
    grid = grid.reindex(columns=range(last - 23, last + 1), fill_value=0)
    year, before = grid.iloc[:, 12:], grid.iloc[:, :12]
    mean = year.mean(axis=1).where(lambda value: value > 0)
    return pd.DataFrame(
        {
            "amount_slope_6m_ratio": slope(year.iloc[:, 6:]),
            "amount_slope_12m_ratio": slope(year),
            "amount_cv_12m_ratio": year.std(axis=1) / mean,
            "peak_month_share_12m_ratio": year.max(axis=1) / (12 * mean),
            "season_correlation_24m_ratio": pd.Series(
                correlation(year.to_numpy(), before.to_numpy()), index=grid.index
            ),
        }
    )


def correlation(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Pearson correlation of the rows; missing where one side does not vary."""
    left = left - left.mean(axis=1, keepdims=True)
    right = right - right.mean(axis=1, keepdims=True)
    spread = np.sqrt((left**2).sum(axis=1) * (right**2).sum(axis=1))
    return (left * right).sum(axis=1) / np.where(spread > 0, spread, np.nan)


def parties(valid: pd.DataFrame, as_of: pd.Timestamp) -> pd.DataFrame:
    """Concentration among counterparties, those lost and those new."""
    keys = [KEY, PARTY]
    now, before = (
        window(valid, as_of, 12, prior).groupby(keys, observed=True, sort=False)["amount"].sum()
        for prior in (0, 12)
    )
    both = now.rename("now").to_frame().join(before.rename("before"), how="outer").reset_index()
    both["is_here"], both["was_here"] = both["now"].notna(), both["before"].notna()
    both[["now", "before"]] = both[["now", "before"]].clip(lower=0)
    firms = per_firm(both)
    total, total_before = firms["now"].sum(), firms["before"].sum()
    some, some_before = total.where(total > 0), total_before.where(total_before > 0)
    ranked = both.sort_values("now", ascending=False)
    lost = per_firm(both[both["was_here"] & ~both["is_here"]])["before"].sum()
    new = per_firm(both[both["is_here"] & ~both["was_here"]])["now"].sum()
    return pd.DataFrame(
        {
            "party_count_12m": firms["is_here"].sum(),
            "top1_share_12m_ratio": firms["now"].max() / some,
            "top5_share_12m_ratio": per_firm(per_firm(ranked).head(5))["now"].sum() / some,
            "party_hhi_12m_ratio": per_firm(both.assign(now=both["now"] ** 2))["now"].sum()
            / some**2,
            "party_churn_12m_ratio": lost / some_before,
            "new_party_share_12m_ratio": new / some,
        }
    )


def corrections(frame: pd.DataFrame, as_of: pd.Timestamp) -> pd.DataFrame:
    """Red and void invoices, by number and by amount."""
    year = window(frame, as_of, 12)
    size = year["total"].abs()
    is_red = year["is_valid"] & (year["total"] < 0)
    year = year.assign(
        is_void=~year["is_valid"],
        is_red=is_red,
        size=size,
        void_size=size.where(~year["is_valid"], 0),
        valid_size=size.where(year["is_valid"], 0),
        red_size=size.where(is_red, 0),
    )
    firms = per_firm(year)
    count, sums = firms.size(), firms[["is_void", "is_red", "is_valid"]].sum()
    sizes = firms[["size", "void_size", "valid_size", "red_size"]].sum()
    valid_size = sizes["valid_size"].where(sizes["valid_size"] > 0)
    return pd.DataFrame(
        {
            "red_count_share_12m_ratio": sums["is_red"]
            / sums["is_valid"].where(sums["is_valid"] > 0),
            "red_amount_share_12m_ratio": sizes["red_size"] / valid_size,
            "void_count_share_12m_ratio": sums["is_void"] / count.where(count > 0),
            "void_amount_share_12m_ratio": sizes["void_size"]
            / sizes["size"].where(sizes["size"] > 0),
        }
    )


def tax_rates(valid: pd.DataFrame, as_of: pd.Timestamp) -> pd.DataFrame:
    """Tax rates on positive invoices of the last year, weighted by amount."""
    year = window(valid, as_of, 12)
    year = year[year["amount"] > 0]
    rate = year["tax"] / year["amount"]
    year = year.assign(
        percent=(rate * 100).round(),
        low=year["amount"].where((rate > 0) & (rate <= LOW_RATE), 0),
        zero=year["amount"].where(year["tax"] == 0, 0),
    )
    firms = per_firm(year)
    sums = firms[["amount", "tax", "low", "zero"]].sum()
    amount = sums["amount"].where(sums["amount"] > 0)
    return pd.DataFrame(
        {
            "tax_rate_mean_12m_ratio": sums["tax"] / amount,
            "tax_rate_kinds_12m": firms["percent"].nunique(),
            "low_rate_share_12m_ratio": sums["low"] / amount,
            "zero_rate_share_12m_ratio": sums["zero"] / amount,
        }
    )


def features(data: Path, as_of: pd.Timestamp) -> pd.DataFrame:
    """Build the whole table, one row a firm."""
    raw = {side: read_invoices(data, side) for side in ("sales", "purchase")}
    firms = raw["sales"][KEY].cat.categories.union(raw["purchase"][KEY].cat.categories)
    tables, tax = [], {}
    for side, frame in raw.items():
        known = frame[frame["invoice_date"] <= as_of].assign(
            enterprise_id=lambda rows: rows[KEY].cat.set_categories(firms),
            month=lambda rows: rows["invoice_date"].dt.year * 12 + rows["invoice_date"].dt.month,
        )
        valid = known[known["is_valid"]]
        tax[side] = per_firm(window(valid, as_of, 12))["tax"].sum()
        families = [
            turnover(valid, as_of, counts=(3, 6, 12) if side == "sales" else (12,)),
            rhythm(valid, as_of),
            shape(valid, as_of),
            parties(valid, as_of),
            corrections(known, as_of),
        ]
        if side == "sales":
            families.append(tax_rates(valid, as_of))
        table = pd.concat([family.reindex(firms) for family in families], axis=1)
        if side == "purchase":
            table = table.drop(columns=SALES_ONLY)
        tables.append(table.add_prefix(f"{side}_"))
    table = pd.concat(tables, axis=1)
    sales, bought = table["sales_amount_sum_12m_cny"], table["purchase_amount_sum_12m_cny"]
    some = sales.where(sales > 0)
    return table.assign(
        purchase_to_sales_12m_ratio=bought / some,
        gross_margin_12m_ratio=(sales - bought) / some,
        vat_payable_12m_ratio=(tax["sales"] - tax["purchase"]).reindex(firms) / some,
    ).rename_axis(KEY)


#: Cheap by-products of shared group-bys that only sales report.
SALES_ONLY = [
    "amount_3m_yoy_ratio",
    "active_months_24m",
    "active_days_12m",
    "history_months",
    "amount_slope_6m_ratio",
    "peak_month_share_12m_ratio",
    "season_correlation_24m_ratio",
    "red_amount_share_12m_ratio",
    "void_amount_share_12m_ratio",
]


def main() -> None:
    """Read, compute, write, report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="folder of the contest's Parquet files")
    parser.add_argument("--as-of", type=pd.Timestamp, required=True)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    meter = Meter()
    table = features(arguments.data, arguments.as_of)
    table.reset_index().to_parquet(arguments.out, index=False)
    meter.report(enterprises=len(table), features=table.shape[1])


if __name__ == "__main__":
    main()
