"""The walk of rows down the trees, compiled; `models.tree_model` says what splits mean."""

import numpy as np

from models.arrays import BoolArray, FloatArray
from models.shap_kernels import Int32Array, Uint32Array, compiled, is_in


@compiled
def margins_kernel(  # noqa: PLR0917  plain arrays are what compiles well
    values: FloatArray,
    roots: Int32Array,
    feature: Int32Array,
    threshold: FloatArray,
    left: Int32Array,
    right: Int32Array,
    missing_goes_left: BoolArray,
    zero_is_missing: BoolArray,
    is_categorical: BoolArray,
    category_start: Int32Array,
    category_count: Int32Array,
    category_words: Uint32Array,
    leaf_value: FloatArray,
    margin: FloatArray,
) -> None:
    """Sum of leaves of each row into `margin`, one tree after the other, as LightGBM adds them."""
    for row in range(values.shape[0]):
        total = 0.0
        for tree in range(len(roots)):
            node = roots[tree]
            while node >= 0:
                value = values[row, feature[node]]
                if is_categorical[node]:
                    goes_left = (
                        is_in(value, category_start[node], category_count[node], category_words)
                        == 1
                    )
                elif np.isnan(value) or (zero_is_missing[node] and value == 0.0):
                    goes_left = missing_goes_left[node]
                else:
                    goes_left = value <= threshold[node]
                node = left[node] if goes_left else right[node]
            total += leaf_value[~node]
        margin[row] = total
