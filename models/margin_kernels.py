"""The walk of rows down the trees, compiled; `models.tree_model` says what splits mean."""

import numpy as np

from models.arrays import BoolArray, FloatArray
from models.shap_kernels import Int32Array, Uint32Array, compiled, is_in

#: LightGBM's dense reader takes smaller values for 0; the constant is a float32 there.
ZERO_BAND = float(np.float32(1e-35))


@compiled
def margins_kernel(  # noqa: PLR0917  plain arrays are what compiles well
    values: FloatArray,
    is_open: BoolArray,
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
    """Sum of leaves of each row into `margin`, one tree after the other, as LightGBM adds them.

    Each row of `is_open` is one look, shape (d, k): columns that are not open are missing in it. `margin` has
    shape (d, n).
    """
    for row in range(values.shape[0]):
        for look in range(is_open.shape[0]):
            total = 0.0
            for tree in range(len(roots)):
                node = int(roots[tree])
                while node >= 0:
                    column = int(feature[node])
                    value = float(values[row, column]) if is_open[look, column] else np.nan
                    if abs(value) <= ZERO_BAND:
                        value = 0.0
                    if is_categorical[node]:
                        start, count = int(category_start[node]), int(category_count[node])
                        goes_left = is_in(value, start, count, category_words) == 1
                    elif np.isnan(value) or (zero_is_missing[node] and value == 0.0):
                        goes_left = missing_goes_left[node]
                    else:
                        goes_left = value <= threshold[node]
                    node = int(left[node]) if goes_left else int(right[node])
                total += leaf_value[~node]
            margin[look, row] = total
