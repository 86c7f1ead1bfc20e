"""Small files of a dataset become one: fewer to open, the same rows.

A monthly delivery makes a file a month. Merging changes where a row lies and nothing else: its values,
its row id and the rows it superseded stay, since looks at earlier days need them.
"""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from features import landing
from features.contracts import Catalogue, Dataset
from features.engine import connect, parquet
from features.lake import RETIRED_COLUMNS, Lake, LakeWriter
from features.segments import Rewrite, Segment, stored_columns

#: Files from this size on are left alone [rows]; merging them again would cost more than it saves.
LARGE_ROWS = 5_000_000

Progress = Callable[[str, int, int], None]


def compact(
    lake: Lake,
    catalogue: Catalogue,
    dataset: str | None = None,
    *,
    now: datetime,
    on_progress: Progress | None = None,
) -> list[Rewrite]:
    """Merge the small files of one dataset, or of all, with one commit.

    Files of different contracts are not merged: a column that has gone from the catalogue stays in
    its files. The files replaced are removed by the next writer, so that open views can end.

    Parameters
    ----------
    dataset : str, optional
        All datasets when omitted.
    on_progress : callable
        Told `(dataset, datasets done, datasets in all)`.

    Returns
    -------
    list of Rewrite
        What was merged; empty when there was nothing to merge.

    Raises
    ------
    CatalogueError
        If there is no such dataset.
    LakeError
        If the lake is busy or cannot be written.
    """
    chosen = [catalogue[dataset]] if dataset is not None else list(catalogue)
    rewrites: list[Rewrite] = []
    with lake.writing() as writer:
        for done, one in enumerate(chosen):
            if on_progress is not None:
                on_progress(one.name, done, len(chosen))
            for place, group in enumerate(_groups(writer.view.segments_of(one.name))):
                rewrites.append(_merge(writer, one, group, place))
        if rewrites:
            writer.commit([], now=now, rewrites=rewrites)
    return rewrites


def _groups(segments: list[Segment]) -> list[list[Segment]]:
    """Small files of equal columns; a file whose columns are not on record stays alone."""
    groups: dict[str, list[Segment]] = {}
    for segment in segments:
        if segment.rows < LARGE_ROWS and segment.contract:
            groups.setdefault(segment.contract, []).append(segment)
    return [group for group in groups.values() if len(group) > 1]


def _merge(writer: LakeWriter, dataset: Dataset, group: list[Segment], place: int) -> Rewrite:
    stem = f"compact-{writer.view.version + 1:08d}-{place}"
    data = [writer.root / str(segment.data) for segment in group if segment.rows]
    retired = [writer.root / segment.retired for segment in group if segment.retired]
    rows = sum(segment.rows for segment in group)
    return Rewrite(
        dataset=dataset.name,
        batches=tuple(number for segment in group for number in segment.batches),
        data=copy_rows(writer, dataset, data, stem) if rows else None,
        retired=copy_retired(writer, dataset, retired, stem) if retired else None,
        rows=rows,
        deleted=0,
        reason="compact",
        contract=group[0].contract,
    )


def copy_rows(
    writer: LakeWriter, dataset: Dataset, paths: list[Path], stem: str, condition: str = "true"
) -> str:
    """Write the rows of files that meet a condition as one file, in the order of a landed one."""
    event = dataset.document.event_date
    is_stored = event in stored_columns(paths[0])
    order = ", ".join(["enterprise_key", *([str(event)] if is_stored else []), "row_id"])
    query = f"SELECT * FROM {parquet(paths, {})} WHERE {condition} ORDER BY {order}"
    return _copy(writer, "data", dataset, query, stem, landing.ROW_GROUP)


def copy_retired(
    writer: LakeWriter, dataset: Dataset, paths: list[Path], stem: str, condition: str = "true"
) -> str:
    """Write the superseded rows named by files, those that meet a condition, as one file."""
    rows = parquet(paths, RETIRED_COLUMNS)
    query = f"SELECT * FROM {rows} WHERE {condition} ORDER BY row_id, valid_to"
    return _copy(writer, "retired", dataset, query, stem, None)


def _copy(
    writer: LakeWriter, kind: str, dataset: Dataset, query: str, stem: str, row_group: int | None
) -> str:
    path = writer.new_file(kind, dataset.name, stem)
    with connect() as connection:
        # What the lake stores of persons is sealed, so this may spill.
        connection.execute("SET temp_directory = ?", [str(writer.root / "staging")])
        landing.copy_to(connection, query, path, row_group)
    return writer.relative(path)
