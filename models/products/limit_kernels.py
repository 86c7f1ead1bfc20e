"""Limits of every product for one firm, compiled: first the sums that bind a ceiling, then the caps."""

import numpy as np

from models.arrays import FloatArray
from models.matching.conditions import Int32Array
from models.matching.kernels import Int8Array
from models.shap_kernels import compiled


@compiled
def sums_kernel(  # noqa: PLR0917 - a kernel has no objects to pass
    bounded: Int32Array,
    bound: Int32Array,
    part: Int32Array,
    times: FloatArray,
    place: Int32Array,
    values: FloatArray,
    share: FloatArray,
    least: FloatArray,
    most: FloatArray,
) -> None:
    """Bring each ceiling down to its sums; one with an unknown fact may leave nothing at all.

    The sums of ceiling `bounded[k]` are those from `bound[k]`, each multiplied by `share` of the ceiling.
    """
    for number in range(len(bounded)):
        ceiling = bounded[number]
        for one in range(bound[number], bound[number + 1]):
            total = 0.0
            for piece in range(part[one], part[one + 1]):
                total += times[piece] * values[place[piece]]
            total *= share[ceiling]
            if np.isnan(total):
                least[ceiling] = 0.0
            elif total < most[ceiling]:
                most[ceiling] = total if total > 0.0 else 0.0
        least[ceiling] = min(least[ceiling], most[ceiling])


@compiled
def caps_kernel(
    capped: Int32Array, start: Int32Array, states: Int8Array, least: FloatArray, most: FloatArray
) -> None:
    """Bring each product down to the first of its caps that holds.

    The caps of product `capped[k]` are those from `start[k]`; their ceilings stand behind all products'.
    `states` says of each whether it does not hold (0), may (1) or does (2): each that may counts
    as possible, and so does the product's own ceiling while none is sure.
    """
    first = len(least) - len(states)
    for number in range(len(capped)):
        product = capped[number]
        low, high, is_settled = np.inf, 0.0, False
        for cap in range(start[number], start[number + 1]):
            if not is_settled and states[cap] > 0:
                one_low, one_high = least[first + cap], most[first + cap]
                low = one_low if one_low < low else low
                high = one_high if one_high > high else high
                is_settled = states[cap] > 1
        least[product] = min(least[product], low)
        if is_settled and high < most[product]:
            most[product] = high
