"""Fifty-six invoice features as a careful pandas user writes them by hand.

The same columns with the same meaning as `features.definitions.invoice`. Keys become categories
once, months are numbers, and every aggregate is a vectorised group-by; this is the hand-written
notebook at its best, not a straw man. Turnover counts valid invoices without tax.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from contest import read_invoices, read_landed
from meter import Meter

KEY = "enterprise_id"
PARTY = "counterparty_id"
LOOK_BACK_MONTHS = 36
DAYS_A_MONTH = 30.4375


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


def share(part: pd.Series, whole: pd.Series) -> pd.Series:
    """Divide where the whole is positive."""
    return part / whole.where(whole > 0)


def clipped(ratio: pd.Series) -> pd.Series:
    """Ratios end at -1 and 10."""
    return ratio.clip(-1, 10)


def turnover(valid: pd.DataFrame, as_of: pd.Timestamp, side: str) -> pd.DataFrame:
    """Add up and count, and compare with the year and the half-year before."""
    amount, count = {}, {}
    for months in (3, 6, 12):
        grouped = per_firm(window(valid, as_of, months))
        amount[months], count[months] = grouped["amount"].sum(), grouped.size()
    out = {f"{side}_amount_sum_{months}m_cny": amount[months] for months in amount}
    year_before = per_firm(window(valid, as_of, 12, prior=12))
    out[f"{side}_invoices_count_12m"] = count[12]
    out[f"{side}_amount_yoy_12m"] = clipped(share(amount[12], year_before["amount"].sum()) - 1)
    if side == "sales":
        quarter = per_firm(window(valid, as_of, 3, prior=12))["amount"].sum()
        half = per_firm(window(valid, as_of, 6, prior=6))["amount"].sum()
        out["sales_invoices_count_3m"], out["sales_invoices_count_6m"] = count[3], count[6]
        out["sales_amount_yoy_3m"] = clipped(share(amount[3], quarter) - 1)
        out["sales_amount_change_6m"] = clipped(share(amount[6], half) - 1)
        out["sales_invoices_yoy_12m"] = clipped(share(count[12], year_before.size()) - 1)
    return pd.DataFrame(out)


def rhythm(valid: pd.DataFrame, as_of: pd.Timestamp, side: str) -> pd.DataFrame:
    """How often, how lately, and the longest silence of the last year."""
    positive = valid[valid["amount"] > 0]
    year = window(positive, as_of, 12)
    days = year[[KEY, "invoice_date"]].drop_duplicates().sort_values([KEY, "invoice_date"])
    ever = per_firm(positive)["invoice_date"].agg(["min", "max"])
    within = per_firm(days)["invoice_date"].agg(["min", "max"])
    inner = days.assign(gap=per_firm(days)["invoice_date"].diff())
    start = months_before(as_of, 12)
    gaps = pd.DataFrame(
        {
            "inner": per_firm(inner)["gap"].max(),
            "first": within["min"] - ever["min"].clip(lower=start),
            "last": as_of - within["max"].fillna(start),
        }
    ).where(ever["min"].notna(), other=pd.NaT)
    out = {
        f"{side}_days_since_last": (as_of - ever["max"]).dt.days,
        f"{side}_gap_max_12m_days": gaps.max(axis=1).dt.days,
    }
    if side == "sales":
        out["sales_active_days_count_12m"] = per_firm(days).size()
        out["sales_invoice_amount_median_12m_cny"] = per_firm(year)["amount"].median()
        out["sales_history_months"] = (as_of - ever["min"]).dt.days / DAYS_A_MONTH
    return pd.DataFrame(out)


def slope(months: pd.DataFrame) -> pd.Series:
    """Least-squares slope over the columns, divided by their mean."""
    time = np.arange(months.shape[1]) - (months.shape[1] - 1) / 2
    return clipped(share(months @ time / (time @ time), months.mean(axis=1)))


def shape(valid: pd.DataFrame, as_of: pd.Timestamp, side: str) -> pd.DataFrame:
    """Trend, variation and season of the monthly sums over complete months."""
    last = as_of.year * 12 + as_of.month - (0 if as_of.is_month_end else 1)
    complete = valid[valid["month"].between(last - 23, last)]
    grid = complete.pivot_table(
        index=KEY, columns="month", values="amount", aggfunc="sum", fill_value=0, observed=False
    ).reindex(columns=range(last - 23, last + 1), fill_value=0)
    year, before = grid.iloc[:, 12:], grid.iloc[:, :12]
    active = per_firm(complete[complete["month"] > last - 12])["month"].nunique()
    out = {
        f"{side}_active_months_count_12m": active,
        f"{side}_amount_slope_12m": slope(year),
        f"{side}_amount_cv_12m": share(year.std(axis=1, ddof=0), year.mean(axis=1)),
    }
    if side == "sales":
        total = year.sum(axis=1)
        both = (total > 0) & (before.sum(axis=1) > 0)
        season = pd.Series(correlation(year.to_numpy(), before.to_numpy()), index=grid.index)
        out["sales_active_months_count_24m"] = per_firm(complete)["month"].nunique()
        out["sales_amount_slope_6m"] = slope(year.iloc[:, 6:])
        out["sales_peak_month_share_12m"] = share(year.max(axis=1), total).clip(upper=1)
        out["sales_season_correlation_24m"] = season.where(both)
    return pd.DataFrame(out)


def correlation(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Pearson correlation of the rows; missing where one side does not vary."""
    left = left - left.mean(axis=1, keepdims=True)
    right = right - right.mean(axis=1, keepdims=True)
    spread = np.sqrt((left**2).sum(axis=1) * (right**2).sum(axis=1))
    return (left * right).sum(axis=1) / np.where(spread > 0, spread, np.nan)


def parties(valid: pd.DataFrame, as_of: pd.Timestamp, party: str) -> pd.DataFrame:
    """Concentration among counterparties, those lost and those new."""
    now, before = (
        window(valid, as_of, 12, prior)
        .groupby([KEY, PARTY], observed=True, sort=False)["amount"]
        .sum()
        .round(2)  # a buyer whose red notes cancel all is worth 0, not the rest of a float sum
        .clip(lower=0)
        for prior in (0, 12)
    )
    both = pd.DataFrame({"now": now, "before": before}).fillna(0).reset_index()
    firms = per_firm(both)
    total, total_before = firms["now"].sum(), firms["before"].sum()
    out = {
        f"{party}_count_12m": (both["now"] > 0).groupby(both[KEY], observed=False).sum(),
        f"{party}_top1_share_12m": share(firms["now"].max(), total),
        f"{party}_hhi_12m": share(
            per_firm(both.assign(now=both["now"] ** 2))["now"].sum(), total**2
        ),
        f"{party}_churn_12m": share(per_firm(both[both["now"] == 0])["before"].sum(), total_before),
    }
    if party == "buyer":
        five = per_firm(both.sort_values("now", ascending=False)).head(5)
        new = per_firm(both[both["before"] == 0])["now"].sum()
        out["buyer_top5_share_12m"] = share(per_firm(five)["now"].sum(), total)
        out["buyer_new_share_12m"] = share(new, total)
    return pd.DataFrame(out)


def corrections(known: pd.DataFrame, as_of: pd.Timestamp, side: str) -> pd.DataFrame:
    """Red and void invoices, by number and by amount."""
    year = window(known, as_of, 12)
    is_red = year["is_valid"] & (year["amount"] < 0)
    firms = per_firm(year.assign(is_void=~year["is_valid"], is_red=is_red))
    count, sums = firms.size(), firms[["is_valid", "is_void", "is_red"]].sum()
    out = {
        f"{side}_red_count_share_12m": share(sums["is_red"], sums["is_valid"]),
        f"{side}_void_count_share_12m": share(sums["is_void"], count),
    }
    if side == "sales":
        taken_back = -per_firm(year[is_red])["amount"].sum()
        sold = per_firm(year[year["is_valid"] & (year["amount"] > 0)])["amount"].sum()
        out["sales_red_amount_share_12m"] = share(taken_back, sold)
    return pd.DataFrame(out)


def tax_rates(valid: pd.DataFrame, as_of: pd.Timestamp, side: str) -> pd.DataFrame:
    """Tax rates on positive invoices of the last year, weighted by amount."""
    year = window(valid, as_of, 12)
    year = year[year["amount"] > 0]
    percent = (100 * year["tax"] / year["amount"]).round()
    year = year.assign(
        percent=percent,
        low=year["amount"].where(percent.between(1, 3), 0),
        zero=year["amount"].where(percent == 0, 0),
    )
    firms = per_firm(year)
    sums = firms[["amount", "tax", "low", "zero"]].sum()
    out = {
        f"{side}_tax_rate_mean_12m": share(sums["tax"], sums["amount"]),
        f"{side}_zero_rate_share_12m": share(sums["zero"], sums["amount"]),
    }
    if side == "sales":
        out["sales_tax_rate_kinds_count_12m"] = firms["percent"].nunique()
        out["sales_low_rate_share_12m"] = share(sums["low"], sums["amount"])
    return pd.DataFrame(out)


def features(raw: dict[str, pd.DataFrame], as_of: pd.Timestamp) -> pd.DataFrame:
    """Build the whole table, one row a firm, from the invoices of each direction."""
    firms = raw["sales"][KEY].cat.categories.union(raw["purchase"][KEY].cat.categories)
    families, tax = [], {}
    for (side, frame), party in zip(raw.items(), ("buyer", "supplier"), strict=True):
        known = window(frame, as_of, LOOK_BACK_MONTHS).assign(
            enterprise_id=lambda rows: rows[KEY].cat.set_categories(firms),
            month=lambda rows: rows["invoice_date"].dt.year * 12 + rows["invoice_date"].dt.month,
        )
        valid = known[known["is_valid"]]
        tax[side] = per_firm(window(valid, as_of, 12))["tax"].sum()
        families += [
            turnover(valid, as_of, side),
            rhythm(valid, as_of, side),
            shape(valid, as_of, side),
            parties(valid, as_of, party),
            corrections(known, as_of, side),
            tax_rates(valid, as_of, side),
        ]
    table = pd.concat([family.reindex(firms) for family in families], axis=1)
    sold, bought = table["sales_amount_sum_12m_cny"], table["purchase_amount_sum_12m_cny"]
    return table.assign(
        purchase_to_sales_ratio_12m=clipped(share(bought, sold)),
        gross_margin_amount_sum_12m_cny=sold - bought,
        vat_payable_ratio_12m=clipped(share((tax["sales"] - tax["purchase"]).reindex(firms), sold)),
    ).rename_axis(KEY)


def main() -> None:
    """Read, compute, write, report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "data", type=Path, help="folder of the contest's Parquet files, or of a lake's"
    )
    parser.add_argument("--as-of", type=pd.Timestamp, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument(
        "--once", action="store_true", help="drop repeated invoices first, to compare values"
    )
    parser.add_argument("--lake", action="store_true", help="the data are a lake's invoices")
    arguments = parser.parse_args()
    meter = Meter()
    sides = ("sales", "purchase")
    if arguments.lake:
        end = arguments.as_of + pd.Timedelta(days=1)
        raw = {side: read_landed(arguments.data, side, end) for side in sides}
    else:
        raw = {side: read_invoices(arguments.data, side, is_once=arguments.once) for side in sides}
    table = features(raw, arguments.as_of)
    table.reset_index().to_parquet(arguments.out, index=False)
    meter.report(enterprises=len(table), features=table.shape[1])


if __name__ == "__main__":
    main()
