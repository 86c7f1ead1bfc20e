"""The compiled loops of `models.tree_shap`: float64, one thread, no fast-math.

Additions to a row's contributions are made twig by twig in the order of the layout, in the row
kernel and in the block kernel alike, so a row's numbers never depend on its company.

Arrays are flat and indices in the hot loops unsigned: row views of two-dimensional arrays were
measured to cost many times the work, tests for negative indices a part of it. The compiled code is kept in
the folder `NUMBA_CACHE_DIR` names when this module is first imported, or beside the source.
"""

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar, cast

import numba
import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from models.arrays import FloatArray, IntArray

Int32Array = npt.NDArray[np.int32]
Uint8Array = npt.NDArray[np.uint8]
Uint32Array = npt.NDArray[np.uint32]

P = ParamSpec("P")
R = TypeVar("R")

#: Rows that share one pass over the trees.
BLOCK = 64

_BLOCK = np.int64(BLOCK)
_CODE_END = 2.0**31
_ONE = np.uint8(1)
_ZERO_BAND = float(np.float32(1e-35))


def compiled(function: Callable[P, R]) -> Callable[P, R]:
    """Compile for this machine; the type of the plain function stays."""
    compile_ = numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=False)
    return cast("Callable[P, R]", compile_(function))


def _ask_for(_: Any, array: Any, index: Any) -> Any:
    """Ask for the memory behind an array's number without waiting for it (numba writes it)."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        place = builder.bitcast(builder.gep(data, [arguments[1]]), ir.IntType(8).as_pointer())
        kind = ir.FunctionType(ir.VoidType(), [place.type, *[ir.IntType(32)] * 3])
        function = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0i8")
        # To read, to keep in all caches, as data.
        builder.call(function, [place, *(ir.IntType(32)(value) for value in (0, 3, 1))])
        return context.get_dummy_value()

    return types.void(array, index), generate


_prefetch = cast("Callable[[FloatArray, np.uint64], None]", intrinsic(_ask_for))


@compiled
def is_in(value: float, start: int, count: int, words: Uint32Array) -> np.uint8:
    """1 if the category of this code is in the set; the cast is to a 32-bit integer."""
    if not (value > -1.0 and value < _CODE_END):
        return np.uint8(0)
    code = np.int64(value)
    if (code >> 5) >= count:
        return np.uint8(0)
    return np.uint8((words[start + (code >> 5)] >> np.uint32(code & 31)) & np.uint32(1))


@compiled
def _read_row(matrix: FloatArray, row: int, hidden: Uint8Array, values: FloatArray) -> None:
    """Copy a row as the splits see it: near-zero is zero, what is withheld is missing.

    `values` holds the row four times, so that every numeric split is one comparison: a missing value
    goes right as NaN or left as -inf, and in the last two copies 0 is missing too.
    """
    columns = len(hidden)
    for column in range(columns):
        value = matrix[row, column]
        if hidden[column]:
            value = np.nan
        if abs(value) <= _ZERO_BAND:
            value = 0.0
        is_missing = np.isnan(value)
        values[column] = value
        values[columns + column] = -np.inf if is_missing else value
        is_missing |= value == 0.0
        values[2 * columns + column] = np.nan if is_missing else value
        values[3 * columns + column] = -np.inf if is_missing else value


@compiled
def _scratch(chunks: Int32Array) -> tuple[int, int]:
    """Slots and twigs of the largest chunk."""
    slots, twigs = 0, 0
    for chunk in range(len(chunks) - 1):
        used = chunks[chunk + 1] - chunks[chunk]
        slots = max(slots, int(used[1] + used[2] + used[3]))
        twigs = max(twigs, int(used[5]))
    return slots, twigs


@compiled
def rows_kernel(  # noqa: C901, PLR0917  one loop nest and plain arrays are what compiles well
    matrix: FloatArray,
    hidden: Uint8Array,
    chunks: Int32Array,
    node_source: Uint32Array,
    threshold: FloatArray,
    sets: Int32Array,
    words: Uint32Array,
    joints: Int32Array,
    twigs: Int32Array,
    bit_slot: Uint32Array,
    column_feature: Uint32Array,
    child: Uint32Array,
    tree_root: Uint32Array,
    leaf_value: FloatArray,
    table: FloatArray,
    found: FloatArray,
    margin: FloatArray,
) -> None:
    """Contributions and margins, one row after the other; arguments as in `ShapLayout`."""
    columns = len(hidden)
    values = np.empty(4 * columns)
    slots, most_twigs = _scratch(chunks)
    out = np.zeros(slots, dtype=np.uint8)
    place = np.empty(most_twigs, dtype=np.uint32)
    for row in range(len(matrix)):
        _read_row(matrix, row, hidden, values)
        total = 0.0
        for chunk in range(len(chunks) - 1):
            first_tree, first_node, first_leaf = (
                chunks[chunk, 0],
                chunks[chunk, 1],
                chunks[chunk, 2],
            )
            first_joint, first_set, first_twig = (
                chunks[chunk, 3],
                chunks[chunk, 4],
                chunks[chunk, 5],
            )
            nodes = chunks[chunk + 1, 1] - first_node
            leaves = chunks[chunk + 1, 2] - first_leaf
            for node in range(nodes):
                own = np.uint64(first_node + node)
                value = values[np.uint64(node_source[own])]
                out[np.uint64(node)] = value <= threshold[own]
            for number in range(first_set, chunks[chunk + 1, 4]):
                value = float(values[sets[number, 1]])
                out[sets[number, 0]] = is_in(value, sets[number, 2], sets[number, 3], words)
            joint_slot = nodes + leaves - first_joint
            for number in range(first_joint, chunks[chunk + 1, 3]):
                out[joint_slot + number] = (
                    out[joints[number, 0]] ^ np.uint8(joints[number, 1])
                ) & (out[joints[number, 2]] ^ np.uint8(joints[number, 3]))
            here = chunks[chunk + 1, 5] - first_twig
            for twig in range(here):
                pattern = np.uint32(0)
                first_bit = twigs[first_twig + twig, 0]
                for bit in range(twigs[first_twig + twig + 1, 0] - first_bit):
                    slot = np.uint64(bit_slot[np.uint64(first_bit + bit)])
                    pattern |= np.uint32(out[slot]) << np.uint32(bit)
                width = twigs[first_twig + twig + 1, 1] - twigs[first_twig + twig, 1]
                start = np.uint32(twigs[first_twig + twig, 2]) + pattern * np.uint32(width)
                place[twig] = start
                # Rows of the table lie anywhere in memory: many waits must overlap.
                _prefetch(table, np.uint64(start))
                _prefetch(table, np.uint64(start) + np.uint64(width - 1))
            for twig in range(here):
                start = np.uint64(place[twig])
                first_column = twigs[first_twig + twig, 1]
                for column in range(twigs[first_twig + twig + 1, 1] - first_column):
                    feature = np.uint64(column_feature[np.uint64(first_column + column)])
                    found[row, feature] += table[start + np.uint64(column)]
            first_child = 2 * (first_node + first_leaf)
            for tree in range(first_tree, chunks[chunk + 1, 0]):
                at = np.uint64(tree_root[tree])
                for _ in range(chunks[chunk, 6]):
                    step = np.uint64(first_child) + np.uint64(2) * at + np.uint64(out[at])
                    at = np.uint64(child[step])
                total += leaf_value[np.uint64(first_leaf - nodes) + at]
        margin[row] = total


@compiled
def blocks_kernel(  # noqa: C901, PLR0912, PLR0917  as above
    matrix: FloatArray,
    hidden: Uint8Array,
    chunks: Int32Array,
    node_source: Uint32Array,
    threshold: FloatArray,
    sets: Int32Array,
    words: Uint32Array,
    joints: Int32Array,
    twigs: Int32Array,
    bit_slot: Uint32Array,
    column_feature: Uint32Array,
    child: Uint32Array,
    tree_root: Uint32Array,
    leaf_value: FloatArray,
    table: FloatArray,
    found: FloatArray,
    margin: FloatArray,
) -> None:
    """Do the same for blocks of rows, trees outer; arguments as in `rows_kernel`."""
    columns = len(hidden)
    slots, _ = _scratch(chunks)
    row_values = np.empty(4 * columns)
    values = np.zeros(4 * columns * _BLOCK)
    out = np.zeros(slots * _BLOCK, dtype=np.uint8)
    sums = np.empty(columns * _BLOCK)
    place = np.empty(_BLOCK, dtype=np.uint32)
    total = np.empty(_BLOCK)
    for first_row in range(0, len(matrix), _BLOCK):
        rows = min(_BLOCK, len(matrix) - first_row)
        for row in range(rows):
            _read_row(matrix, first_row + row, hidden, row_values)
            for source in range(4 * columns):
                values[source * _BLOCK + row] = row_values[source]
        sums[:] = 0.0
        total[:] = 0.0
        for chunk in range(len(chunks) - 1):
            first_tree, first_node, first_leaf = (
                chunks[chunk, 0],
                chunks[chunk, 1],
                chunks[chunk, 2],
            )
            first_joint, first_set, first_twig = (
                chunks[chunk, 3],
                chunks[chunk, 4],
                chunks[chunk, 5],
            )
            nodes = chunks[chunk + 1, 1] - first_node
            leaves = chunks[chunk + 1, 2] - first_leaf
            for node in range(nodes):
                start = np.int64(node_source[first_node + node]) * _BLOCK
                limit = threshold[first_node + node]
                for row in range(_BLOCK):
                    out[node * _BLOCK + row] = values[start + row] <= limit
            for number in range(first_set, chunks[chunk + 1, 4]):
                for row in range(_BLOCK):
                    value = float(values[sets[number, 1] * _BLOCK + row])
                    goes_left = is_in(value, sets[number, 2], sets[number, 3], words)
                    out[sets[number, 0] * _BLOCK + row] = goes_left
            joint_slot = nodes + leaves - first_joint
            for number in range(first_joint, chunks[chunk + 1, 3]):
                one, other = joints[number, 0] * _BLOCK, joints[number, 2] * _BLOCK
                flip, flop = np.uint8(joints[number, 1]), np.uint8(joints[number, 3])
                for row in range(_BLOCK):
                    out[(joint_slot + number) * _BLOCK + row] = (out[one + row] ^ flip) & (
                        out[other + row] ^ flop
                    )
            for twig in range(first_twig, chunks[chunk + 1, 5]):
                place[:] = 0
                first_bit = twigs[twig, 0]
                for bit in range(twigs[twig + 1, 0] - first_bit):
                    slot = np.int64(bit_slot[first_bit + bit]) * _BLOCK
                    for row in range(_BLOCK):
                        place[row] |= np.uint32(out[slot + row]) << np.uint32(bit)
                first_column = twigs[twig, 1]
                width = twigs[twig + 1, 1] - first_column
                for row in range(_BLOCK):
                    place[row] = np.uint32(twigs[twig, 2]) + place[row] * np.uint32(width)
                for column in range(width):
                    start = np.int64(column_feature[first_column + column]) * _BLOCK
                    for row in range(_BLOCK):
                        sums[start + row] += table[np.uint64(place[row]) + np.uint64(column)]
            first_child = 2 * (first_node + first_leaf)
            for tree in range(first_tree, chunks[chunk + 1, 0]):
                for row in range(rows):
                    at = np.uint64(tree_root[tree])
                    for _ in range(chunks[chunk, 6]):
                        way = out[at * np.uint64(_BLOCK) + np.uint64(row)]
                        step = np.uint64(first_child) + np.uint64(2) * at + np.uint64(way)
                        at = np.uint64(child[step])
                    total[row] += leaf_value[np.uint64(first_leaf - nodes) + at]
        for row in range(rows):
            margin[first_row + row] = total[row]
            for column in range(columns):
                found[first_row + row, column] = sums[column * _BLOCK + row]


@compiled
def patterns_kernel(  # noqa: PLR0917  as above
    matrix: FloatArray,
    node_source: Uint32Array,
    threshold: FloatArray,
    sets: Int32Array,
    words: Uint32Array,
    question_start: IntArray,
    step_start: IntArray,
    step_node: Int32Array,
    step_left: Uint8Array,
    pattern_start: IntArray,
    counts: IntArray,
) -> None:
    """Count the patterns of each leaf over all rows; `sets` names splits of the whole ensemble."""
    columns = matrix.shape[1]
    values = np.empty(4 * columns)
    none = np.zeros(columns, dtype=np.uint8)
    out = np.empty(len(threshold), dtype=np.uint8)
    for row in range(len(matrix)):
        _read_row(matrix, row, none, values)
        for node in range(len(threshold)):
            out[node] = values[node_source[node]] <= threshold[node]
        for number in range(len(sets)):
            value = float(values[sets[number, 1]])
            out[sets[number, 0]] = is_in(value, sets[number, 2], sets[number, 3], words)
        for leaf in range(len(question_start) - 1):
            pattern = 0
            for question in range(question_start[leaf], question_start[leaf + 1]):
                agrees = 1
                for step in range(step_start[question], step_start[question + 1]):
                    if out[step_node[step]] != step_left[step]:
                        agrees = 0
                pattern |= agrees << (question - question_start[leaf])
            counts[pattern_start[leaf] + pattern] += 1


@compiled
def _weights(most: int) -> FloatArray:
    """Shapley weights p! q! / (p + q + 1)!, row p, column q."""
    found = np.empty((most + 1, most + 1))
    for p in range(most + 1):
        found[p, 0] = 1.0 / (p + 1)
        for q in range(1, most + 1):
            found[p, q] = found[p, q - 1] * q / (p + q + 1)
    return found


@compiled
def _bits_of(number: int) -> int:
    bits = 0
    while number:
        number &= number - 1
        bits += 1
    return bits


@compiled
def interventional_leaf(  # noqa: C901  as above
    size: int, value: float, counts: IntArray, rows: int, weights: FloatArray, found: FloatArray
) -> float:
    """Table of one leaf against reference rows; returns its share of the base.

    Against one reference row the leaf pays out if every feature in which the row alone agrees is
    taken from the row, and every feature in which the reference alone agrees from the reference; if
    neither agrees somewhere it never does. With p and q such features, each of the p gets
    (p-1)! q! / (p+q)! of the leaf's value and each of the q loses p! (q-1)! / (p+q)!.
    """
    full = (1 << size) - 1
    scale = value / rows
    for pattern in range(full + 1):
        for feature in range(size):
            found[pattern * size + feature] = 0.0
        lost = 0.0
        lacking = size - _bits_of(pattern)
        shared = pattern
        while True:
            cases = counts[(full ^ pattern) | shared]
            alone = pattern ^ shared
            holding = _bits_of(alone)
            if cases > 0 and holding > 0:
                gain = cases * weights[holding - 1, lacking]
                for feature in range(size):
                    if (alone >> feature) & 1:
                        found[pattern * size + feature] += gain
            if cases > 0 and lacking > 0:
                lost += cases * weights[holding, lacking - 1]
            if shared == 0:
                break
            shared = (shared - 1) & pattern
        for feature in range(size):
            if (pattern >> feature) & 1:
                found[pattern * size + feature] *= scale
            else:
                found[pattern * size + feature] = -lost * scale
    return counts[full] * scale


@compiled
def path_dependent_leaf(
    size: int, value: float, ratio: FloatArray, weights: FloatArray, found: FloatArray
) -> float:
    """Table of one leaf against its own covers; returns its share of the base.

    A feature taken from the row counts 1 if the row agrees and 0 if not; one left open counts its
    cover ratio. The polynomial in t of all other features, product of (agrees * t + ratio), holds
    the sum over coalitions of each size.
    """
    terms = np.empty(size + 1)
    for pattern in range(1 << size):
        for feature in range(size):
            terms[:] = 0.0
            terms[0] = 1.0
            for other in range(size):
                if other == feature:
                    continue
                agrees = float((pattern >> other) & 1)
                for power in range(size - 1, 0, -1):
                    terms[power] = terms[power] * ratio[other] + terms[power - 1] * agrees
                terms[0] *= ratio[other]
            share = 0.0
            for power in range(size):
                share += terms[power] * weights[power, size - 1 - power]
            own = float((pattern >> feature) & 1) - ratio[feature]
            found[pattern * size + feature] = value * own * share
    base = value
    for feature in range(size):
        base *= ratio[feature]
    return base


@compiled
def tables_kernel(  # noqa: C901, PLR0917  as above
    leaf_value: FloatArray,
    question_start: IntArray,
    question_feature: Int32Array,
    cover_ratio: FloatArray,
    pattern_start: IntArray,
    counts: IntArray,
    missing_pattern: IntArray,
    hidden: Uint8Array,
    rows: int,
    twigs: Int32Array,
    twig_leaf: Int32Array,
    question_column: Int32Array,
    need_start: Int32Array,
    need: Int32Array,
    table: FloatArray,
) -> float:
    """Fill the tables of all twigs; without reference rows against covers. Returns the base."""
    most = 0
    for leaf in range(len(leaf_value)):
        most = max(most, question_start[leaf + 1] - question_start[leaf])
    weights = _weights(most + 1)
    found = np.empty((1 << most) * max(most, 1))
    seen = np.empty(1 << most, dtype=np.int64)
    base = 0.0
    for twig in range(len(twigs) - 1):
        patterns = 1 << (twigs[twig + 1, 0] - twigs[twig, 0])
        width = twigs[twig + 1, 1] - twigs[twig, 1]
        for number in range(twigs[twig, 3], twigs[twig + 1, 3]):
            leaf = twig_leaf[number]
            first = question_start[leaf]
            size = int(question_start[leaf + 1] - first)
            value = float(leaf_value[leaf])
            if rows > 0:
                mask = 0
                for feature in range(size):
                    mask |= np.int64(hidden[question_feature[first + feature]]) << feature
                fixed = missing_pattern[leaf] & mask
                seen[:] = 0
                for pattern in range(1 << size):
                    seen[(pattern & ~mask) | fixed] += counts[pattern_start[leaf] + pattern]
                base += interventional_leaf(size, value, seen, rows, weights, found)
            else:
                ratio = cover_ratio[first : first + size]
                base += path_dependent_leaf(size, value, ratio, weights, found)
            for pattern in range(patterns):
                own = 0
                for feature in range(size):
                    agrees = 1
                    for step in range(need_start[first + feature], need_start[first + feature + 1]):
                        if ((pattern >> need[step, 0]) & 1) != need[step, 1]:
                            agrees = 0
                    own |= agrees << feature
                start = twigs[twig, 2] + pattern * width
                for feature in range(size):
                    table[start + question_column[first + feature]] += found[own * size + feature]
    return base
