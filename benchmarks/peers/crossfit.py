"""Out-of-fold predictions on given folds, the same way for every peer model."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
from sklearn.metrics import roc_auc_score

#: (training table, training labels, table to score) -> probability of default.
FitPredict = Callable[[pd.DataFrame, pd.Series, pd.DataFrame], "pd.Series"]


def out_of_fold(
    table: pd.DataFrame, labels: pd.Series, folds: pd.DataFrame, fit_predict: FitPredict
) -> pd.DataFrame:
    """Score each firm of each repeat by a model that was fitted on the repeat's other folds.

    Parameters
    ----------
    table : DataFrame of shape (n_firms, n_features)
    labels : Series of shape (n_firms,)
        1 for default; both are indexed by enterprise.
    folds : DataFrame
        `enterprise_id, repeat, fold`: the fold in which the firm is held out.
    fit_predict : callable

    Returns
    -------
    DataFrame
        The folds with `probability`.
    """
    parts = []
    for _, repeat in folds.groupby("repeat"):
        for fold, held_out in repeat.groupby("fold"):
            train = repeat.loc[repeat["fold"] != fold, "enterprise_id"]
            test = held_out["enterprise_id"]
            probability = fit_predict(table.loc[train], labels.loc[train], table.loc[test])
            parts.append(held_out.assign(probability=probability))
    return pd.concat(parts, ignore_index=True)


def discrimination(predictions: pd.DataFrame, labels: pd.Series) -> dict[str, float]:
    """Mean AUC over repeats (each pooled over its folds), and mean and SD over single folds."""
    frame = predictions.assign(label=predictions["enterprise_id"].map(labels))
    pooled = [roc_auc_score(one["label"], one["probability"]) for _, one in frame.groupby("repeat")]
    single = pd.Series(
        [
            roc_auc_score(one["label"], one["probability"])
            for _, one in frame.groupby(["repeat", "fold"])
            if one["label"].nunique() > 1
        ]
    )
    return {
        "auc": round(sum(pooled) / len(pooled), 4),
        "auc_fold_mean": round(single.mean(), 4),
        "auc_fold_sd": round(single.std(), 4),
    }


def read_folds(path: Path, labels: pd.Series) -> pd.DataFrame:
    """Folds as given; every firm must carry a label."""
    folds = pd.read_parquet(path, columns=["enterprise_id", "repeat", "fold"])
    strangers = sorted(set(folds["enterprise_id"]) - set(labels.index))
    if strangers:
        raise SystemExit(f"{path.name}: {len(strangers)} firms have no label: {strangers[:3]} …")
    return folds
