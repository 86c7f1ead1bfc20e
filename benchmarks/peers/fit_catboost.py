"""CatBoost on any table, tuned: a random search on the inner folds of every split.

The first trial is the library's own choice of everything. A trial that is behind the median after
an inner fold ends there, as ours do. Text goes in as CatBoost's own categories.
"""

import numpy as np
import pandas as pd
from catboost import CatBoostClassifier, Pool
from tables import Part, run, texts

#: Trees at most, and trees without a better held-out loss before a fit stops.
TREES, PATIENCE = 500, 40
FIXED = {
    "thread_count": 1,
    "verbose": False,
    "allow_writing_files": False,
    "border_count": 64,
    "loss_function": "Logloss",
}


def fit_predict(part: Part, unseen: pd.DataFrame, *, trials: int, seed: int) -> np.ndarray:
    """Search, then fit the best trial on all training rows with the trees it needed."""
    rng = np.random.default_rng(seed)
    candidates = [{}, *(_drawn(rng) for _ in range(trials - 1))]
    names = texts(part.table)
    folds = [
        (
            Pool(part.table.iloc[train], part.outcome[train], cat_features=names),
            Pool(part.table.iloc[test], part.outcome[test], cat_features=names),
        )
        for train, test in part.folds()
    ]
    best, trees = _search(candidates, folds, seed)
    model = CatBoostClassifier(**FIXED, **best, iterations=trees, random_seed=seed)
    model.fit(Pool(part.table, part.outcome, cat_features=names))
    return model.predict_proba(Pool(unseen, cat_features=names))[:, 1]


def _drawn(rng: np.random.Generator) -> dict[str, float | int]:
    return {
        "depth": int(rng.integers(4, 9)),
        "learning_rate": float(np.exp(rng.uniform(np.log(0.04), np.log(0.2)))),
        "l2_leaf_reg": float(np.exp(rng.uniform(np.log(1), np.log(30)))),
        "random_strength": float(np.exp(rng.uniform(np.log(0.1), np.log(10)))),
        "bagging_temperature": float(rng.uniform(0, 1)),
        "rsm": float(rng.uniform(0.3, 1)),
    }


def _search(
    candidates: list[dict[str, float | int]], folds: list[tuple[Pool, Pool]], seed: int
) -> tuple[dict[str, float | int], int]:
    """The candidate with the smallest mean held-out loss, and the trees it needs."""
    before: list[list[float]] = [[] for _ in folds]
    finished = []
    for candidate in candidates:
        losses, trees = [], []
        for step, (train, test) in enumerate(folds):
            model = CatBoostClassifier(**FIXED, **candidate, iterations=TREES, random_seed=seed)
            model.fit(train, eval_set=test, early_stopping_rounds=PATIENCE)
            losses.append(model.get_best_score()["validation"]["Logloss"])
            trees.append(model.get_best_iteration() + 1)
            mean = float(np.mean(losses))
            is_behind = bool(before[step]) and mean > float(np.median(before[step]))
            before[step].append(mean)
            if is_behind and step + 1 < len(folds):
                break
        else:
            finished.append((float(np.mean(losses)), candidate, int(np.mean(trees))))
    _, best, trees = min(finished, key=lambda one: one[0])
    return best, trees


if __name__ == "__main__":
    run(__doc__, fit_predict)
