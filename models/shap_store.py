"""Contribution tables on disk, shared by all workers as one memory map.

A folder per bundle holds, for each scope mask, a small JSON that names the table's file by its
SHA-256. Writing ends with the JSON being replaced in one step; tables are a function of model,
patterns and mask, so two workers that write at once write the same. What does not fit its checksum is
built again, never used.
"""

import hashlib
import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import numpy as np

from features.errors import BundleError
from models.arrays import BoolArray, FloatArray
from models.shap_layout import lay_out
from models.tree_model import TreeEnsemble
from models.tree_shap import LeafPatterns, ShapTables, interventional_tables

#: Changes whenever the same model would give tables laid out differently.
FORMAT = 1


def stored_tables(
    folder: Path, ensemble: TreeEnsemble, patterns: LeafPatterns, hidden: BoolArray
) -> ShapTables:
    """Tables of one scope, from disk if they are whole there, else built and written.

    Parameters
    ----------
    folder : Path
        Of one bundle, named by its id; made if absent.
    ensemble : TreeEnsemble
    patterns : LeafPatterns
    hidden : ndarray of shape (k,)
        Features the scope withholds.

    Returns
    -------
    ShapTables
        Memory-mapped read-only.

    Raises
    ------
    BundleError
        If the folder cannot be written, or the patterns were counted at other trees.
    """
    found = load_tables(folder, ensemble, patterns, hidden)
    if found is not None:
        return found
    save_tables(folder, interventional_tables(ensemble, patterns, hidden), patterns)
    found = load_tables(folder, ensemble, patterns, hidden)
    if found is None:
        raise BundleError(
            en=f"The tables written to {folder} cannot be read back. Check the disk.",
            zh=f"写入 {folder} 的表无法读回，请检查磁盘。",
        )
    return found


def save_tables(folder: Path, tables: ShapTables, patterns: LeafPatterns) -> None:
    """Write tables whole or not at all.

    Raises
    ------
    BundleError
        If the folder cannot be written.
    """
    digest = _sha256(tables.values)
    about = {
        **_identity(tables.ensemble, patterns),
        "hidden": np.flatnonzero(tables.hidden).tolist(),
        "base": tables.base.hex(),
        "table": digest,
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _write(folder / f"{digest}.npy", lambda file: np.save(file, tables.values))
        text = json.dumps(about, indent=1).encode()
        _write(_about(folder, tables.hidden), lambda file: file.write(text))
    except OSError as failed:
        raise BundleError(
            en=f"Tables cannot be written to {folder}: {failed.strerror}. Free space or rights.",
            zh=f"无法将表写入 {folder}，请检查磁盘空间与权限。",
        ) from failed


def load_tables(
    folder: Path, ensemble: TreeEnsemble, patterns: LeafPatterns, hidden: BoolArray
) -> ShapTables | None:
    """Tables of one scope as memory map; None if absent, damaged, or of another model."""
    layout = lay_out(ensemble)
    try:
        about = json.loads(_about(folder, hidden).read_bytes())
        digest, base = str(about["table"]), float.fromhex(about["base"])
        mapped = np.load(folder / f"{digest}.npy", mmap_mode="r", allow_pickle=False)
        same = all(about[key] == value for key, value in _identity(ensemble, patterns).items())
        is_mask = about["hidden"] == np.flatnonzero(hidden).tolist()
    except (OSError, ValueError, KeyError, TypeError, EOFError):
        return None
    # A plain array over the map: compiled functions know no subclasses.
    values: FloatArray = np.asarray(mapped)
    is_shaped = values.dtype == np.float64 and values.shape == (layout.table_size,)
    if not (same and is_mask and is_shaped) or _sha256(values) != digest:
        return None
    return ShapTables(ensemble, hidden.copy(), base, values, layout)


def _identity(ensemble: TreeEnsemble, patterns: LeafPatterns) -> dict[str, str | int]:
    counted = hashlib.sha256(np.ascontiguousarray(patterns.counts).data).hexdigest()
    return {"format": FORMAT, "model": ensemble.sha256, "patterns": counted, "rows": patterns.rows}


def _about(folder: Path, hidden: BoolArray) -> Path:
    """The JSON of a mask; its name is a hash because a mask may be longer than a file name."""
    return folder / f"{hashlib.sha256(np.packbits(hidden).data).hexdigest()[:16]}.json"


def _sha256(values: FloatArray) -> str:
    return hashlib.sha256(np.ascontiguousarray(values).data).hexdigest()


def _write(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Write beside the path, force it to disk, then move it into place."""
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name[:16]}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
