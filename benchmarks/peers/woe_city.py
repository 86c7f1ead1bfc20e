"""The trade's scorecard on a city's panel: WoE bins and a logistic regression, fitted on development."""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from meter import Meter
from optbinning import BinningProcess
from sklearn.linear_model import LogisticRegression

LABEL = "is_default"
INVERSE_PENALTY = 0.01


def main() -> None:
    """Bin and regress on the earlier rows, write probabilities of the later ones."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("development", type=Path, help="Parquet: is_default + columns")
    parser.add_argument("later", type=Path, help="Parquet: columns")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    meter = Meter()
    seen = pd.read_parquet(arguments.development)
    label = seen.pop(LABEL).to_numpy().astype(int)
    # A column without two values has no bins.
    seen = seen.loc[:, seen.nunique() > 1]
    binning = BinningProcess(variable_names=list(seen.columns))
    weigh = {"metric": "woe", "metric_missing": "empirical"}
    model = LogisticRegression(C=INVERSE_PENALTY, max_iter=1000)
    model.fit(binning.fit(seen, label).transform(seen, **weigh), label)
    later = pd.read_parquet(arguments.later)[list(seen.columns)]
    probability = model.predict_proba(binning.transform(later, **weigh))[:, 1]
    pd.DataFrame({"probability": np.asarray(probability)}).to_parquet(arguments.out, index=False)
    meter.report(features=seen.shape[1])


if __name__ == "__main__":
    main()
