"""Which files hold the rows now: batches as they landed, then the rewrites that replaced their files.

A segment is one data file and the batches whose rows are in it. A batch lands as a segment of its own;
a rewrite puts one segment in the place of several, or of one from which rows were deleted. Row ids
stay, so a row still says which batch and line it came from.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pyarrow.parquet as pq

from features.contracts import Dataset
from features.engine import connect, identifier, parquet, readable
from features.errors import LakeError


@dataclass(frozen=True)
class Rewrite:
    """A replacement of the files of whole segments by one file, or by none.

    Attributes
    ----------
    batches : tuple of int
        Numbers of every batch whose rows were in the files replaced.
    data, retired : str or None
        The files that hold what is left: rows, and the rows that these batches superseded.
    rows, deleted : int
        Rows in `data`, and rows that are in no file any more.
    reason : str
        `compact` or `retain`.
    deletions : str or None
        Names deleted rows: (row_id, rule, deleted_at), no content.
    contract : str
        See `contract_of`.
    dropped : tuple of str
        Quarantine files that go without a successor.
    """

    dataset: str
    batches: tuple[int, ...]
    data: str | None
    retired: str | None
    rows: int
    deleted: int
    reason: str
    deletions: str | None = None
    contract: str = ""
    dropped: tuple[str, ...] = ()


@dataclass(frozen=True)
class Segment:
    """One data file of a dataset with the batches whose rows it holds.

    Attributes
    ----------
    first_event, last_event : str or None
        Days [ISO] between which every event date of the file lies; None where no row has one.
    """

    dataset: str
    batches: tuple[int, ...]
    data: str | None
    retired: str | None
    rows: int
    contract: str
    first_event: str | None
    last_event: str | None

    def may_hold(self, first: date, last: date) -> bool:
        """Whether an event between two days can be in the file."""
        if self.first_event is None or self.last_event is None:
            return False
        return self.first_event <= last.isoformat() and first.isoformat() <= self.last_event


def follow(segments: Sequence[Segment], rewrite: Rewrite) -> list[Segment]:
    """Segments after a rewrite, the new one in the place of the first it replaces."""
    replaced = [
        segment
        for segment in segments
        if segment.dataset == rewrite.dataset and set(segment.batches) <= set(rewrite.batches)
    ]
    if not replaced:
        return list(segments)
    new = Segment(
        dataset=rewrite.dataset,
        batches=rewrite.batches,
        data=rewrite.data,
        retired=rewrite.retired,
        rows=rewrite.rows,
        contract=rewrite.contract,
        first_event=min((s.first_event for s in replaced if s.first_event), default=None),
        last_event=max((s.last_event for s in replaced if s.last_event), default=None),
    )
    place = segments.index(replaced[0])
    kept = [segment for segment in segments if segment not in replaced]
    return [*kept[:place], new, *kept[place:]]


def contract_of(columns: Mapping[str, str]) -> str:
    """SHA-256 over names and types of stored columns, whatever their order.

    Examples
    --------
    >>> contract_of({"a": "DATE", "b": "BIGINT"}) == contract_of({"b": "BIGINT", "a": "DATE"})
    True
    """
    text = "\n".join(f"{name} {kind}" for name, kind in sorted(columns.items()))
    return hashlib.sha256(text.encode()).hexdigest()


def read_rows(root: Path, dataset: Dataset, segments: Sequence[Segment]) -> str:
    """FROM clause over files, in the shape the dataset has now.

    Files written under the present contract are read as they are. In an older file a column that has
    come since is NULL, and one that has gone is left alone.

    Raises
    ------
    LakeError
        If a column of an older file has another type now.
    """
    columns = dataset.lake_columns()
    present = contract_of(columns)
    filled = [segment for segment in segments if segment.rows]
    plain = [root / str(segment.data) for segment in filled if segment.contract == present]
    if len(plain) == len(filled):
        return parquet(plain, columns)
    others: dict[str, list[Path]] = {}
    for segment in filled:
        if segment.contract != present:
            # A batch from before contracts were written down is a group of its own.
            group = segment.contract or str(segment.data)
            others.setdefault(group, []).append(root / str(segment.data))
    parts = [_reshaped(dataset, paths) for paths in others.values()]
    if plain:
        listed = ", ".join(map(identifier, columns))
        parts.insert(0, f"SELECT {listed} FROM {parquet(plain, columns)}")
    return f"({' UNION ALL '.join(parts)})"


def _reshaped(dataset: Dataset, paths: Sequence[Path]) -> str:
    """Rows of files of one older shape in the present one."""
    found = stored_columns(paths[0])
    selected: list[str] = []
    for name, kind in dataset.lake_columns().items():
        if name not in found:
            selected.append(f"CAST(NULL AS {kind}) AS {identifier(name)}")
            continue
        if found[name] != kind:
            raise LakeError(
                en=f"Column '{name}' of dataset '{dataset.name}' is {kind} in the catalogue but {found[name]} "
                f"in {paths[0].name}. Give the new content a new column name.",
                zh=f"数据集“{dataset.name}”的列“{name}”在共享清单中为 {kind}，而文件 {paths[0].name} 中为 {found[name]}。"
                "请为新内容另取列名。",
            )
        selected.append(identifier(name))
    return f"SELECT {', '.join(selected)} FROM {parquet(paths, {})}"


def span_of(path: Path) -> tuple[int, int] | None:
    """First and last key of the firms in a data file, from what it says of its columns; None if it does not say."""
    said = pq.read_metadata(path)
    place = said.schema.names.index("enterprise_key")
    groups = [said.row_group(number).column(place) for number in range(said.num_row_groups)]
    found = [group.statistics for group in groups if group.is_stats_set]
    if len(found) < len(groups) or not all(one.has_min_max for one in found):
        return None
    return min(int(one.min) for one in found), max(int(one.max) for one in found)


def stored_columns(path: Path) -> dict[str, str]:
    """Name and type of every column of a data file."""
    with connect(threads=1) as connection:
        described = connection.execute(
            f"DESCRIBE SELECT * FROM read_parquet({readable(path)})"
        ).fetchall()
    return {str(name): str(kind).replace('"', "") for name, kind, *_ in described}
