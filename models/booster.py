"""The one seam to LightGBM: a model text in, contributions to the margin out.

LightGBM's own reader runs past the end of a text that was cut short or bent and takes the process
down with it, so the shape of the text is checked here before the library sees a byte of it.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from features.errors import BundleError
from models.arrays import FloatArray

if TYPE_CHECKING:
    import lightgbm as lgb

#: Without any of these LightGBM ends the process instead of raising.
_TREE_KEYS = frozenset(
    {
        "num_leaves",
        "num_cat",
        "split_feature",
        "threshold",
        "decision_type",
        "left_child",
        "right_child",
        "leaf_value",
        "leaf_count",
        "internal_value",
        "internal_count",
        "shrinkage",
    }
)


@dataclass(frozen=True)
class TreeModel:
    """An ensemble of trees that explains itself.

    Parameters
    ----------
    booster : lightgbm.Booster
        Never leaves this module.
    """

    booster: "lgb.Booster"

    @cached_property
    def feature_names(self) -> tuple[str, ...]:
        """Columns in order."""
        return tuple(self.booster.feature_name())

    @cached_property
    def gains(self) -> FloatArray:
        """Loss reduction of all splits on each feature in training, shape (k,)."""
        return np.asarray(self.booster.feature_importance("gain"), dtype=np.float64)

    @cached_property
    def base_margin(self) -> float:
        """Mean margin of the training sample, the last column of every contribution."""
        return float(self.contributions(np.zeros((1, len(self.feature_names))))[0, -1])

    def contributions(self, matrix: FloatArray) -> FloatArray:
        """Contribution of each feature to the raw margin, and the base in the last column.

        Parameters
        ----------
        matrix : ndarray of shape (n, k)
            Feature values; NaN where missing, infinities allowed.

        Returns
        -------
        ndarray of shape (n, k + 1)
            Path-dependent SHAP values [log-odds before calibration]; a row's values never depend on
            the other rows.
        """
        if matrix.shape[0] == 0:
            return np.empty((0, len(self.feature_names) + 1))
        found = self.booster.predict(matrix, pred_contrib=True, num_threads=1)
        return np.asarray(found, dtype=np.float64)


def read_model(text: str) -> TreeModel:
    """Read a LightGBM model text.

    Raises
    ------
    BundleError
        If the text is not a whole model of one output.
    """
    import lightgbm as lgb  # noqa: PLC0415 - takes seconds; only who reads a model pays for it

    problem = _damage(text)
    if problem:
        raise BundleError(
            en=f"The model text is damaged: {problem}.", zh=f"模型文件已损坏：{problem}。"
        )
    return TreeModel(lgb.Booster(model_str=text))


def _damage(text: str) -> str:
    """Say what is wrong with the shape of a model text, or nothing."""
    head, found, _ = text.partition("\nTree=0\n")
    if not found or not text.startswith("tree\n"):
        return "its header or first tree is missing"
    pairs = (line.partition("=") for line in head.splitlines())
    keys = {key: value for key, _, value in pairs}
    if keys.get("num_class") != "1" or keys.get("num_tree_per_iteration") != "1":
        return "it is no model of one output"
    try:
        sizes = [int(size) for size in keys.get("tree_sizes", "").split()]
    except ValueError:
        return "its tree sizes are no numbers"
    start = len(head) + 1
    for number, size in enumerate(sizes):
        if not text.startswith(f"Tree={number}\n", start):
            return f"tree {number} is not where it should be"
        keys = {line.partition("=")[0] for line in text[start : start + size].splitlines()}
        if not keys >= _TREE_KEYS:
            return f"tree {number} lacks {', '.join(sorted(_TREE_KEYS - keys))}"
        start += size
    return "" if text.startswith("end of trees", start) else "trees are missing at its end"
