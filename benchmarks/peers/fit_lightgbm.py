"""The afternoon's model on any table: library-default LightGBM, text as its native categories."""

import lightgbm
import numpy as np
import pandas as pd
from tables import Part, run, texts


def fit_predict(part: Part, unseen: pd.DataFrame, *, trials: int, seed: int) -> np.ndarray:
    """Fit with the library's defaults; nothing is chosen, so there is nothing to try."""
    del trials
    seen, unseen = part.table.copy(), unseen.copy()
    for name in texts(seen):
        seen[name] = seen[name].astype("category")
        known = seen[name].cat.categories
        unseen[name] = (
            unseen[name].where(unseen[name].isin(known)).astype(pd.CategoricalDtype(known))
        )
    model = lightgbm.LGBMClassifier(n_jobs=1, verbose=-1, random_state=seed)
    return model.fit(seen, part.outcome).predict_proba(unseen)[:, 1]


if __name__ == "__main__":
    run(__doc__, fit_predict)
