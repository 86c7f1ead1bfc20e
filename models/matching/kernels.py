"""The inner loops of matching, compiled: literals, conditions and rules in plain arrays."""

import numpy as np
import numpy.typing as npt

from models.arrays import FloatArray
from models.shap_kernels import Int32Array, compiled

#: A literal holds of a known value within (or outside) two ends, both included, or of there being one.
WITHIN, OUTSIDE, KNOWN, NOT_KNOWN = range(4)
Int8Array = npt.NDArray[np.int8]
Int16Array = npt.NDArray[np.int16]


@compiled
def _state(value: float, operator: int, low: float, high: float) -> int:
    """0 false, 1 unknown, 2 true."""
    is_known = not np.isnan(value)
    if operator >= KNOWN:
        return 2 if is_known == (operator == KNOWN) else 0
    if not is_known:
        return 1
    return 2 if (low <= value <= high) == (operator == WITHIN) else 0


@compiled
def states_kernel(
    values: FloatArray,
    name: Int32Array,
    operator: Int8Array,
    low: FloatArray,
    high: FloatArray,
    start: Int32Array,
    asked: Int32Array,
    found: Int8Array,
) -> None:
    """State of each condition, the greatest of its literals, for each row of `values`."""
    states = np.empty(len(name), dtype=np.int8)
    for row in range(values.shape[0]):
        for place in range(len(name)):
            states[place] = _state(
                values[row, name[place]], operator[place], low[place], high[place]
            )
        for condition in range(len(start) - 1):
            best = 0
            for place in range(start[condition], start[condition + 1]):
                best = max(best, states[asked[place]])
            found[row, condition] = best


@compiled
def verdicts_kernel(
    states: Int8Array, start: Int32Array, asked: Int32Array, failed: Int16Array, unknown: Int16Array
) -> None:
    """Of one firm: how many conditions of each rule are false, and how many are unknown."""
    # Both counts in one number: the lower half for what fails, the upper for what is unknown.
    counts = np.empty(len(states), dtype=np.uint32)
    for condition in range(len(states)):
        state = states[condition]
        counts[condition] = np.uint32(state == 0) | (np.uint32(state == 1) << np.uint32(16))
    for rule in range(len(start) - 1):
        both = np.uint32(0)
        for place in range(start[rule], start[rule + 1]):
            both += counts[np.uint64(asked[np.uint64(place)])]
        failed[rule] = np.int16(both & np.uint32(0xFFFF))
        unknown[rule] = np.int16(both >> np.uint32(16))
