"""The trade's scorecard on any table: optimal WoE bins and a logistic regression.

Bins are fitted on the training rows of each split; the penalty is the best of a few on its inner
folds, by log loss.
"""

import numpy as np
import pandas as pd
from optbinning import BinningProcess
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from tables import Part, run, texts

#: Inverse penalties tried; the library's default is 1.
PENALTIES = (1.0, 0.1, 0.01, 0.001)


def fit_predict(part: Part, unseen: pd.DataFrame, *, trials: int, seed: int) -> np.ndarray:
    """Bin, choose the penalty, regress; missing values and levels never seen are bins of their own."""
    del trials, seed
    binning = BinningProcess(
        variable_names=list(part.table), categorical_variables=texts(part.table)
    )
    weigh = {"metric": "woe", "metric_missing": "empirical"}
    seen = binning.fit(part.table, part.outcome).transform(part.table, **weigh).to_numpy()
    losses = [_loss(seen, part, penalty) for penalty in PENALTIES]
    model = _model(PENALTIES[int(np.argmin(losses))]).fit(seen, part.outcome)
    return model.predict_proba(binning.transform(unseen, **weigh).to_numpy())[:, 1]


def _model(inverse_penalty: float) -> LogisticRegression:
    return LogisticRegression(C=inverse_penalty, max_iter=2000)


def _loss(seen: np.ndarray, part: Part, inverse_penalty: float) -> float:
    return float(
        np.mean(
            [
                log_loss(
                    part.outcome[test],
                    _model(inverse_penalty)
                    .fit(seen[train], part.outcome[train])
                    .predict_proba(seen[test])[:, 1],
                )
                for train, test in part.folds()
            ]
        )
    )


if __name__ == "__main__":
    run(__doc__, fit_predict)
