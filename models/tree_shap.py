"""Exact contributions (SHAP values) of a tree ensemble, from tables.

All a leaf contributes depends on which of its path's distinct features a row agrees with, so the
answers for all 2^d patterns are worked out once and a rating only looks them up. The same loops serve
two games:

* *interventional*: compared with reference firms, seen through the same scope. A withheld feature is
  missing on both sides and gets exactly 0.0; the base is the mean margin of the reference as seen.
* *path-dependent*: compared with the training rows counted in the trees; equals LightGBM's
  `pred_contrib`.

`NUMBA_CACHE_DIR` must be set before this module is first imported if the compiled code is to be kept
elsewhere than beside the source; `warm_up` compiles everything before workers start.
"""

import io
import zipfile
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, cast

import numpy as np
import numpy.typing as npt

from features.errors import BundleError, ModelInputError
from models.arrays import BoolArray, FloatArray, IntArray
from models.shap_kernels import BLOCK, blocks_kernel, patterns_kernel, rows_kernel, tables_kernel
from models.shap_layout import ShapLayout, lay_out
from models.tree_model import TreeEnsemble, read_ensemble

if TYPE_CHECKING:
    from collections.abc import Callable

#: Below, rows are explained one by one: a block costs the same whether it is full or not.
_FEW_ROWS = BLOCK // 4
#: A model of one split, to compile with.
_SMALLEST = """tree
version=v4
num_class=1
num_tree_per_iteration=1
max_feature_idx=0
feature_names=x
tree_sizes=191

Tree=0
num_leaves=2
num_cat=0
split_feature=0
split_gain=1
threshold=0
decision_type=10
left_child=-1
right_child=-2
leaf_value=-1 1
leaf_count=1 1
internal_count=2
is_linear=0
shrinkage=1


end of trees
"""


@dataclass(frozen=True, eq=False)
class LeafPatterns:
    """What is kept of the reference firms: how many show each pattern at each leaf. No rows.

    Parameters
    ----------
    model : str
        `TreeEnsemble.sha256` of the trees they were counted at.
    rows : int
        Reference firms.
    counts : ndarray of shape (sum of 2^d over leaves,)
        Firms by leaf and pattern, as `Paths.pattern_start` lays them out; each leaf's sum to `rows`.
    """

    model: str
    rows: int
    counts: IntArray

    def to_bytes(self) -> bytes:
        """Write as an npz of plain arrays; the same counts always give the same bytes."""
        narrow = np.min_scalar_type(self.rows)
        buffer = io.BytesIO()
        np.savez(
            buffer,
            allow_pickle=False,
            counts=self.counts.astype(narrow),
            model=np.frombuffer(bytes.fromhex(self.model), dtype=np.uint8),
            rows=np.array([self.rows], dtype=np.int64),
        )
        return buffer.getvalue()

    @classmethod
    def from_bytes(cls, content: bytes, ensemble: TreeEnsemble) -> "LeafPatterns":
        """Read what `to_bytes` wrote.

        Raises
        ------
        BundleError
            If the content is damaged or was counted at other trees.
        """
        try:
            with np.load(io.BytesIO(content), allow_pickle=False) as stored:
                model = bytes(stored["model"]).hex()
                rows, counts = int(stored["rows"][0]), stored["counts"]
        except (OSError, ValueError, KeyError, IndexError, EOFError, zipfile.BadZipFile) as broken:
            raise _damaged_patterns() from broken
        if model != ensemble.sha256:
            raise _other_trees()
        starts = ensemble.paths.pattern_start
        if counts.dtype.kind != "u" or counts.shape != (starts[-1],) or rows < 1:
            raise _damaged_patterns()
        counts = counts.astype(np.int64)
        if bool((np.add.reduceat(counts, starts[:-1]) != rows).any()):
            raise _damaged_patterns()
        return cls(model, rows, _fixed_counts(counts))


@dataclass(frozen=True, eq=False)
class ShapTables:
    """Contributions of every twig for every pattern.

    Parameters
    ----------
    ensemble : TreeEnsemble
    hidden : ndarray of shape (k,)
        Features withheld: read as missing in rows and reference alike. None for path-dependent.
    base : float
        Mean margin of the reference seen through the same scope [log-odds].
    values : ndarray
        The tables end to end, as the layout orders them; may be a read-only memory map.
    layout : ShapLayout
    """

    ensemble: TreeEnsemble
    hidden: BoolArray
    base: float
    values: FloatArray
    layout: ShapLayout = field(repr=False)

    @property
    def nbytes(self) -> int:
        """Size of the tables [bytes]."""
        return self.values.nbytes

    @cached_property
    def arrays(self) -> tuple[npt.NDArray[np.generic], ...]:
        """Arguments of the compiled loops between the matrix and the results."""
        of = self.layout
        mask = self.hidden.astype(np.uint8)
        mask.setflags(write=False)
        return (
            mask,
            of.chunks,
            of.node_source,
            of.threshold,
            of.sets,
            self.ensemble.category_words,
            of.joints,
            of.twigs,
            of.bit_slot,
            of.column_feature,
            of.child,
            of.tree_root,
            self.ensemble.leaf_value,
            self.values,
        )


@dataclass(frozen=True, eq=False)
class Contributions:
    """What each feature adds to the margin of each row.

    Parameters
    ----------
    values : ndarray of shape (n, k)
        Contributions [log-odds before calibration], positive = riskier; base + sum = margin.
    margin : ndarray of shape (n,)
        Raw margin, equal to `Booster.predict(raw_score=True)` to the last bit.
    """

    values: FloatArray
    margin: FloatArray


def contributions(tables: ShapTables, matrix: FloatArray) -> Contributions:
    """Explain rows.

    Parameters
    ----------
    tables : ShapTables
    matrix : ndarray of shape (n, k)
        NaN where missing, infinities allowed; columns the tables hide are read as missing whatever
        they hold.

    Returns
    -------
    Contributions
        A row's numbers are the same to the last bit whatever other rows are asked with it.

    Raises
    ------
    ModelInputError
        If the matrix has another width or type.
    """
    tables.ensemble.require_columns(matrix)
    rows = np.ascontiguousarray(matrix)
    found = np.zeros(rows.shape)
    margin = np.empty(len(rows))
    kernel = rows_kernel if len(rows) < _FEW_ROWS else blocks_kernel
    cast("Callable[..., None]", kernel)(rows, *tables.arrays, found, margin)
    return Contributions(found, margin)


def path_dependent_tables(ensemble: TreeEnsemble) -> ShapTables:
    """Tables against the training rows counted in the trees, as LightGBM's `pred_contrib`."""
    none = LeafPatterns(ensemble.sha256, 0, _fixed_counts(np.zeros(1, dtype=np.int64)))
    return _filled(ensemble, none, np.zeros(len(ensemble.feature_names), dtype=bool))


def count_patterns(ensemble: TreeEnsemble, reference: FloatArray) -> LeafPatterns:
    """Count what reference firms answer at each leaf.

    Parameters
    ----------
    ensemble : TreeEnsemble
    reference : ndarray of shape (n, k)
        At full scope; about 1,000 firms.

    Raises
    ------
    ModelInputError
        If there is no row, or the matrix has another width or type.
    """
    ensemble.require_columns(reference)
    if len(reference) == 0:
        raise ModelInputError(
            en="A reference needs at least one firm, got none.", zh="参照样本至少需要一家企业。"
        )
    counts = _counted(ensemble, reference)
    return LeafPatterns(ensemble.sha256, len(reference), _fixed_counts(counts))


def interventional_tables(
    ensemble: TreeEnsemble, patterns: LeafPatterns, hidden: BoolArray
) -> ShapTables:
    """Tables against reference firms seen through a scope.

    Parameters
    ----------
    ensemble : TreeEnsemble
    patterns : LeafPatterns
        Counted at full scope.
    hidden : ndarray of shape (k,)
        Features the scope withholds.

    Returns
    -------
    ShapTables
        Equal to tables counted from reference rows whose hidden features are missing: behind the
        mask the answer to a hidden question is the one a missing value gives, so patterns that
        differ only there are one, and the counts of full scope are enough.

    Raises
    ------
    BundleError
        If the patterns were counted at other trees.
    ModelInputError
        If the mask has another shape or type.
    """
    if patterns.model != ensemble.sha256:
        raise _other_trees()
    if hidden.shape != (len(ensemble.feature_names),) or hidden.dtype != np.bool_:
        raise ModelInputError(
            en=f"The mask needs {len(ensemble.feature_names)} booleans, got {hidden.dtype} of shape "
            f"{hidden.shape}.",
            zh=f"掩码应为 {len(ensemble.feature_names)} 个布尔值，现为 {hidden.dtype}{hidden.shape}。",
        )
    return _filled(ensemble, patterns, hidden)


def warm_up() -> None:
    """Compile all loops, or load them from the cache; call once before workers start."""
    ensemble = read_ensemble(_SMALLEST)
    matrix = np.zeros((BLOCK, 1))
    tables = interventional_tables(
        ensemble, count_patterns(ensemble, matrix), np.zeros(1, dtype=bool)
    )
    contributions(tables, matrix[:1])
    contributions(tables, matrix)
    ensemble.margin(matrix)


def _filled(ensemble: TreeEnsemble, patterns: LeafPatterns, hidden: BoolArray) -> ShapTables:
    layout, paths = lay_out(ensemble), ensemble.paths
    values = np.zeros(layout.table_size)
    missing = _counted(ensemble, np.full((1, len(ensemble.feature_names)), np.nan))
    spots = np.flatnonzero(missing)  # one pattern a leaf
    base = tables_kernel(
        ensemble.leaf_value,
        paths.question_start,
        paths.question_feature,
        paths.cover_ratio,
        paths.pattern_start,
        patterns.counts,
        spots - paths.pattern_start[:-1],
        hidden.astype(np.uint8),
        patterns.rows,
        layout.twigs,
        layout.twig_leaf,
        layout.question_column,
        layout.need_start,
        layout.need,
        values,
    )
    values.setflags(write=False)
    return ShapTables(ensemble, hidden.copy(), base, values, layout)


def _counted(ensemble: TreeEnsemble, matrix: FloatArray) -> IntArray:
    layout, paths = lay_out(ensemble), ensemble.paths
    counts = np.zeros(int(paths.pattern_start[-1]), dtype=np.int64)
    sets = np.flatnonzero(ensemble.is_categorical)
    of_set = (
        sets,
        ensemble.feature[sets],
        ensemble.category_start[sets],
        ensemble.category_count[sets],
    )
    patterns_kernel(
        np.ascontiguousarray(matrix),
        layout.node_source,
        layout.threshold,
        np.column_stack(of_set).astype(np.int32),
        ensemble.category_words,
        paths.question_start,
        paths.step_start,
        paths.step_node,
        paths.step_left,
        paths.pattern_start,
        counts,
    )
    return counts


def _fixed_counts(counts: IntArray) -> IntArray:
    counts.setflags(write=False)
    return counts


def _other_trees() -> BundleError:
    return BundleError(
        en="The reference patterns were counted at other trees. Count them again with this model.",
        zh="参照样本计数与当前模型不符，请用该模型重新计数。",
    )


def _damaged_patterns() -> BundleError:
    return BundleError(
        en="The reference patterns are damaged. Restore the bundle from its source.",
        zh="参照样本计数已损坏，请从来源恢复模型包。",
    )
