"""A bundle asked about a table: the same columns, encoded the same way, in the table's order."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from features.errors import BundleError, TableError
from models.arrays import FloatArray, IntArray
from models.table_bundle import MANIFEST, TableBundle, TableManifest, load_table_bundle
from training.table.encoding import FittedEncoder

#: Name of the probability in what `predict` writes, and what contributions begin with.
PROBABILITY, BASE, CONTRIBUTION = "probability", "base_log_odds", "log_odds:"


@dataclass(frozen=True)
class Scored:
    """Answers to the rows of a table, in its order.

    Attributes
    ----------
    table : pyarrow.Table of n rows
        `row` (from 1), what was to be carried over, `probability`, and where asked for the base and one
        contribution a column.
    ignored : tuple of str
        Columns of the table the model does not read.
    """

    table: pa.Table
    ignored: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class TableScorer:
    """A bundle with the encoder it needs.

    Attributes
    ----------
    bundle : TableBundle
    encoder : FittedEncoder
    """

    bundle: TableBundle
    encoder: FittedEncoder

    def probability(self, table: pa.Table) -> FloatArray:
        """Calibrated probability of every row, shape (n,)."""
        return self.bundle.probability(self.encoder.transform(table))

    def score(self, table: pa.Table, *, carry: Sequence[str] = (), explain: bool = False) -> Scored:
        """Answer every row.

        Parameters
        ----------
        carry : sequence of str
            Columns of the table to put beside the answers.
        explain : bool
            Add what each column contributes to the log-odds.

        Raises
        ------
        TableError
            Naming the columns the model reads and the table lacks.
        """
        read = [column.name for column in self.bundle.manifest.columns]
        _require([*read, *carry], table)
        matrix = self.encoder.transform(table)
        columns: dict[str, pa.Array | pa.ChunkedArray] = {
            "row": arrow_array(np.arange(1, table.num_rows + 1, dtype=np.int64))
        }
        columns.update({name: table[name] for name in carry})
        columns[PROBABILITY] = arrow_array(self.bundle.probability(matrix))
        if explain:
            told = self.bundle.explain(matrix)
            columns[BASE] = arrow_array(np.full(table.num_rows, told.base))
            for place, name in enumerate(read):
                columns[f"{CONTRIBUTION}{name}"] = arrow_array(
                    np.ascontiguousarray(told.values[:, place])
                )
        return Scored(
            pa.table(columns), tuple(n for n in table.column_names if n not in {*read, *carry})
        )


def open_scorer(path: Path) -> TableScorer:
    """Open a bundle, or the folder of a fit that holds one.

    Raises
    ------
    BundleError
        If it is missing or damaged.
    """
    inside = path / "bundle"
    bundle = load_table_bundle(
        path if (path / MANIFEST).exists() or not inside.is_dir() else inside
    )
    encoder = FittedEncoder.from_json(bundle.encoder)
    if [(c.name, list(c.outputs)) for c in encoder.codings] != _told(bundle.manifest):
        raise BundleError(
            en=f"The bundle {path} encodes other columns than its manifest names.",
            zh=f"模型包 {path} 的编码列与清单不符。",
        )
    return TableScorer(bundle, encoder)


def arrow_array(values: FloatArray | IntArray) -> pa.Array:
    """A numpy column as Arrow without loading pandas."""
    kind = pa.float64() if values.dtype == np.float64 else pa.int64()
    return pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(values)])


def _told(manifest: TableManifest) -> list[tuple[str, list[str]]]:
    return [(column.name, column.matrix) for column in manifest.columns]


def _require(names: Sequence[str], table: pa.Table) -> None:
    absent = [name for name in dict.fromkeys(names) if name not in table.column_names]
    if absent:
        raise TableError(
            en=f"The table lacks {len(absent)} columns that are needed: {', '.join(absent)}. Deliver them "
            "(empty cells are allowed), or use another model.",
            zh=f"表中缺少 {len(absent)} 个所需的列：{', '.join(absent)}。请补充这些列（允许空值），或改用其他模型。",
        )
