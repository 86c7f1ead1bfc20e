"""The afternoon's model: library-default LightGBM on twenty-six sums, counts and shares."""

import argparse
from pathlib import Path

import lightgbm
import pandas as pd
from contest import read_invoices, read_labels
from crossfit import discrimination, out_of_fold, read_folds
from meter import Meter

KEY = "enterprise_id"


def simple_features(frame: pd.DataFrame, until: pd.Timestamp) -> pd.DataFrame:
    """Thirteen features of one direction over the firm's whole history."""
    valid = frame[frame["is_valid"]]
    firms = valid.groupby(KEY, observed=True)
    amount, days = firms["amount"], firms["invoice_date"].agg(["min", "max"])
    monthly = (
        valid.groupby([KEY, valid["invoice_date"].dt.to_period("M")], observed=True)["amount"].sum()
    ).groupby(KEY, observed=True)
    by_party = valid.groupby([KEY, "counterparty_id"], observed=True)["amount"].sum()
    total = amount.sum()
    return pd.DataFrame(
        {
            "amount_total": total,
            "invoice_count": firms.size(),
            "amount_mean": amount.mean(),
            "amount_median": amount.median(),
            "amount_std": amount.std(),
            "party_count": firms["counterparty_id"].nunique(),
            "top1_share": by_party.groupby(KEY, observed=True).max() / total,
            "void_share": 1 - frame.groupby(KEY, observed=True)["is_valid"].mean(),
            "red_share": (valid["total"] < 0).groupby(valid[KEY], observed=True).mean(),
            "span_days": (days["max"] - days["min"]).dt.days,
            "recency_days": (until - days["max"]).dt.days,
            "tax_rate": firms["tax"].sum() / total,
            "monthly_std": monthly.std(),
        }
    )


def table_of(data: Path) -> pd.DataFrame:
    """Features of the labelled firms, sales and purchases side by side."""
    raw = {side: read_invoices(data, side, sets=("with_record",)) for side in ("sales", "purchase")}
    until = max(frame["invoice_date"].max() for frame in raw.values())
    sides = [
        simple_features(frame, until).rename(index=str).add_prefix(f"{side}_")
        for side, frame in raw.items()
    ]
    return pd.concat(sides, axis=1)


def fit_predict(
    table: pd.DataFrame, labels: pd.Series, unseen: pd.DataFrame, threads: int
) -> pd.Series:
    """Fit with the library's defaults and score the held-out firms."""
    model = lightgbm.LGBMClassifier(n_jobs=threads, verbose=-1)
    return model.fit(table, labels).predict_proba(unseen)[:, 1]


def main() -> None:
    """Read, cross-fit, write, report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="folder of the contest's Parquet files")
    parser.add_argument("--folds", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    meter = Meter()
    labels = read_labels(arguments.data)
    folds = read_folds(arguments.folds, labels)
    table = table_of(arguments.data).reindex(labels.index)
    predictions = out_of_fold(
        table, labels, folds, lambda *parts: fit_predict(*parts, threads=arguments.threads)
    )
    predictions.to_parquet(arguments.out, index=False)
    meter.report(features=table.shape[1], **discrimination(predictions, labels))


if __name__ == "__main__":
    main()
