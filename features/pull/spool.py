"""Rows that never were a file, landed as if they were one: the spool lives in memory.

Answers may hold persons' data in plain, so they are never written to a disk. A file of the memory
(`memfd`) has a path that every reader can open; a process that is killed leaves nothing but, at
most, a name that leads nowhere.
"""

import csv
import os
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from features.ingest import Delivery, ingest_files
from features.lake import Lake
from features.mapping import Mapping
from features.vault import Vault

Row = dict[str, str | None]


@contextmanager
def spooled(rows: Iterable[Row], columns: Sequence[str], name: str) -> Generator[Path]:
    """Path of a CSV in memory with these rows; gone when the context ends.

    Parameters
    ----------
    name : str
        What the batch's file will be called.
    """
    descriptor = os.memfd_create("spool")
    try:
        with open(descriptor, "w", encoding="utf-8", newline="", closefd=False) as text:
            writer = csv.writer(text, lineterminator="\n")
            writer.writerow(columns)
            writer.writerows([row[column] for column in columns] for row in rows)
        with TemporaryDirectory(prefix="xinqiao-") as folder:
            path = Path(folder) / f"{name}.csv"
            path.symlink_to(f"/proc/{os.getpid()}/fd/{descriptor}")
            yield path
    finally:
        os.close(descriptor)


def land_rows(
    rows: Sequence[Row],
    mapping: Mapping,
    lake: Lake,
    vault: Vault,
    *,
    now: datetime,
    name: str,
    max_rejected_share: float = 0.5,
) -> Delivery:
    """Land rows of text with one commit, through the same checks as a delivered file.

    Parameters
    ----------
    rows : sequence of dict
        All with the same keys, which the mapping reads.

    Raises
    ------
    XinqiaoError
        As `features.ingest.ingest_files`; then nothing has landed.
    """
    form = {"format": "csv", "encoding": "utf-8", "delimiter": ",", "header_line": 1}
    as_csv = replace(mapping, file=mapping.file.model_copy(update=form))
    with spooled(rows, list(rows[0]), name) as path:
        return ingest_files(
            [path], as_csv, lake, vault, now=now, max_rejected_share=max_rejected_share
        )[0]
