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
            node = int(roots[tree])
            while node >= 0:
                value = float(values[row, int(feature[node])])
                if is_categorical[node]:
                    start, count = int(category_start[node]), int(category_count[node])
                    goes_left = is_in(value, start, count, category_words) == 1
                elif np.isnan(value) or (zero_is_missing[node] and value == 0.0):
                    goes_left = missing_goes_left[node]
                else:
                    goes_left = value <= threshold[node]
                node = int(left[node]) if goes_left else int(right[node])
            total += leaf_value[~node]
        margin[row] = total
