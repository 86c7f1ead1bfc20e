"""A model of any table as a folder of data: trees, encoding, line and figures; refused when anything differs.

`model.txt` holds the trees, `encoder.json` how columns become numbers, `report.json` what held-out rows said,
`proof.json` rows with their margins, `manifest.json` everything around them with the SHA-256 of every other file.
No code, no pickle, no row of the table; the levels of its categories are in it.
"""

import json
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from importlib.metadata import version as version_of
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import ConfigDict, Field, FiniteFloat

from features.documents import Document
from models.arrays import FloatArray
from models.bundle_files import parsed, read_file, refuse, sha256
from models.calibration import LogitLine
from models.manifest import Line
from models.proof import proof_values
from models.tree_model import TreeEnsemble, read_ensemble
from models.tree_shap import ShapTables, contributions, path_dependent_tables

MANIFEST = "manifest.json"
#: Every other file of a bundle.
FILES = ("encoder.json", "model.txt", "proof.json", "report.json")

_MARGIN_TOLERANCE = 1e-9


class TableColumn(Document):
    """A column of the table the model reads, with the columns of its matrix."""

    name: str
    kind: str
    matrix: list[str] = Field(min_length=1)
    direction: Literal[-1, 0, 1]


class TableManifest(Document):
    """What a bundle of a table says about itself.

    Parameters
    ----------
    columns : list of TableColumn
        In the order of the matrix.
    dropped : dict of str to str
        Columns that were not learned from and the reason.
    rows : int
        Training rows.
    table : str
        SHA-256 of the training rows as they were read [hex].
    files : dict of str to str
        SHA-256 of every other file.
    """

    format: Literal["table-1"] = "table-1"
    created_at: datetime
    target: str
    positive: str
    shape: str
    columns: list[TableColumn] = Field(min_length=1)
    dropped: dict[str, str]
    rows: int = Field(ge=1)
    table: str
    calibration: Line
    libraries: dict[str, str]
    files: dict[str, str]


class TableProof(Document):
    """Made-up rows and their margins; missing and infinite values are strings."""

    model_config = ConfigDict(extra="forbid", frozen=True, ser_json_inf_nan="strings")

    values: list[list[float]] = Field(min_length=1)
    margin: list[FiniteFloat]


@dataclass(frozen=True)
class Explained:
    """Why rows have their probability, in log-odds.

    Attributes
    ----------
    base : float
        Log-odds of the training rows as the trees count them.
    values : ndarray of shape (n, c)
        What each column of the table adds; with `base` they sum to the row's log-odds.
    """

    base: float
    values: FloatArray


@dataclass(frozen=True)
class TableBundle:
    """A checked model of a table.

    Parameters
    ----------
    path : Path
    id : str
        SHA-256 of the manifest [hex].
    manifest : TableManifest
    model : TreeEnsemble
    encoder : str
        Content of `encoder.json`.
    """

    path: Path
    id: str
    manifest: TableManifest
    model: TreeEnsemble
    encoder: str

    @cached_property
    def line(self) -> LogitLine:
        """Calibration of the margin."""
        return LogitLine(self.manifest.calibration.intercept, self.manifest.calibration.slope)

    @cached_property
    def tables(self) -> ShapTables:
        """Contributions against the training rows counted in the trees."""
        return path_dependent_tables(self.model)

    def log_odds(self, matrix: FloatArray) -> FloatArray:
        """Calibrated log-odds of encoded rows, shape (n,)."""
        return self.line.log_odds(self.model.margin(matrix))

    def probability(self, matrix: FloatArray) -> FloatArray:
        """Calibrated probability of encoded rows of shape (n, k), shape (n,)."""
        return self.line.probability(self.model.margin(matrix))

    def explain(self, matrix: FloatArray) -> Explained:
        """What each column of the table adds to the log-odds of encoded rows."""
        found = contributions(self.tables, matrix).values * self.line.slope
        sizes = [len(column.matrix) for column in self.manifest.columns]
        starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
        base = self.line.intercept + self.line.slope * self.tables.base
        return Explained(float(base), np.add.reduceat(found, starts, axis=1))


@dataclass(frozen=True)
class TableRecipe:
    """Everything a bundle of a table is made from; fields as in `TableManifest`."""

    created_at: datetime
    target: str
    positive: str
    shape: str
    columns: Sequence[TableColumn]
    dropped: Mapping[str, str]
    table: str
    line: LogitLine
    model_text: str
    encoder: str
    report: Mapping[str, object]


def write_table_bundle(
    recipe: TableRecipe, destination: Path, *, sample: FloatArray, rng: np.random.Generator
) -> TableBundle:
    """Write beside the destination, load from there, then take its place.

    Parameters
    ----------
    sample : ndarray of shape (n, k)
        Encoded training rows; proof rows are made of their columns shuffled apart.
    rng : numpy.random.Generator
        Decides the proof rows.

    Raises
    ------
    BundleError
        If parts do not fit together, or the folder cannot be written.
    """
    values = proof_values(sample, rng)
    margin = read_ensemble(recipe.model_text).margin(values)
    proof = TableProof(values=values.tolist(), margin=margin.tolist())
    files = {
        "encoder.json": recipe.encoder.encode(),
        "model.txt": recipe.model_text.encode(),
        "proof.json": proof.model_dump_json().encode(),
        "report.json": json.dumps(recipe.report, ensure_ascii=False, indent=1).encode(),
    }
    manifest = TableManifest(
        created_at=recipe.created_at,
        target=recipe.target,
        positive=recipe.positive,
        shape=recipe.shape,
        columns=list(recipe.columns),
        dropped=dict(recipe.dropped),
        rows=len(sample),
        table=recipe.table,
        calibration=Line(intercept=recipe.line.intercept, slope=recipe.line.slope),
        libraries={name: version_of(name) for name in ("lightgbm", "numba", "numpy")},
        files={name: sha256(content) for name, content in files.items()},
    )
    return _placed({**files, MANIFEST: manifest.model_dump_json(indent=2).encode()}, destination)


def load_table_bundle(path: Path) -> TableBundle:
    """Load a bundle after checking all of it.

    Raises
    ------
    BundleError
        If a file is missing, damaged or not the one the manifest names, or a proof row is answered
        differently.
    """
    text = read_file(path, MANIFEST)
    manifest = parsed(path, MANIFEST, text, TableManifest)
    if set(manifest.files) != set(FILES):
        refuse(path, f"must name the files {', '.join(FILES)}", "清单中的文件名单不完整")
    content = {name: read_file(path, name) for name in FILES}
    for name in FILES:
        if sha256(content[name]) != manifest.files[name]:
            refuse(path, f"holds another {name} than its manifest names", f"的 {name} 与清单不符")
    model = read_ensemble(content["model.txt"].decode("ascii", errors="replace"))
    if sum(len(column.matrix) for column in manifest.columns) != len(model.feature_names):
        refuse(path, "holds trees on other columns than it says", "的模型与清单列不符")
    _require_proof(path, model, parsed(path, "proof.json", content["proof.json"], TableProof))
    return TableBundle(path, sha256(text), manifest, model, content["encoder.json"].decode())


def _placed(files: Mapping[str, bytes], destination: Path) -> TableBundle:
    """Put a folder in place whole; an older bundle there gives way only when the new one loads."""
    workshop: Path | None = None
    try:
        destination.parent.mkdir(parents=True, exist_ok=True)
        workshop = Path(tempfile.mkdtemp(prefix=f".{destination.name}.", dir=destination.parent))
        for name, content in files.items():
            (workshop / name).write_bytes(content)
        bundle = load_table_bundle(workshop)
        workshop.chmod(0o755)
        if destination.exists():
            if not (destination / MANIFEST).exists():
                refuse(
                    destination,
                    "is in the way and is no bundle; choose another folder",
                    "已存在且不是模型包，请另选目录",
                )
            shutil.rmtree(destination)
        workshop.rename(destination)
    except OSError as failed:
        refuse(destination, f"cannot be written: {failed.strerror}", "无法写入", failed)
    finally:
        if workshop is not None:
            shutil.rmtree(workshop, ignore_errors=True)
    return replace(bundle, path=destination)


def _require_proof(path: Path, model: TreeEnsemble, proof: TableProof) -> None:
    """Answer every proof row again; a difference is a different model."""
    width = len(model.feature_names)
    if len(proof.margin) != len(proof.values) or any(len(row) != width for row in proof.values):
        refuse(path, "has proof rows of another shape", "的验证样例形状不符")
    found, expected = model.margin(np.array(proof.values)), np.array(proof.margin)
    differs = np.abs(found - expected) > _MARGIN_TOLERANCE * np.maximum(1, np.abs(expected))
    if differs.any():
        place = int(np.argmax(differs))
        refuse(
            path,
            f"answers proof row {place} with {found[place]:.6g} instead of {expected[place]:.6g}; it does "
            "not compute here as it did where it was written",
            f"对验证样例 {place} 的结果为 {found[place]:.6g}，与写入时的 {expected[place]:.6g} 不同",
        )
