"""Write a table beside its place and move it there, so that nobody reads half of it."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import csv

from features.errors import RequestError

SUFFIXES = (".parquet", ".csv")


def require_suffix(path: Path) -> None:
    """Refuse a name that does not say what to write.

    Raises
    ------
    RequestError
        If it ends in neither `.parquet` nor `.csv`.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise RequestError(
            en=f"--out must end in {' or '.join(SUFFIXES)}, got '{path.name}'.",
            zh=f"--out 应以 {' 或 '.join(SUFFIXES)} 结尾，现为“{path.name}”。",
        )


def write_table(table: pa.Table, path: Path) -> None:
    """Write Parquet or CSV, as the name says.

    Raises
    ------
    RequestError
        If it cannot be written.
    """
    beside = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix.lower() == ".csv":
            csv.write_csv(table, beside)
        else:
            pq.write_table(table, beside, compression="zstd")
        beside.replace(path)
    except OSError as failed:
        beside.unlink(missing_ok=True)
        raise RequestError(
            en=f"{path} cannot be written: {failed.strerror}.",
            zh=f"无法写入 {path}：{failed.strerror}。",
        ) from failed
