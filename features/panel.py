"""Panels: the production query once for each of many as-of dates, a Parquet part each.

A part says in its own metadata what it was made from, so it is whole or not there, and a run that
was killed goes on where it was. Parts of another state of the lake, of other definitions or under
another scope are made again. A part is computed and written a slice of firms at a time: no date's
table is ever whole in memory, and what does not fit a slice's limit is spilled to disk.
"""

import json
from collections.abc import Generator, Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Literal

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from features.contracts import Catalogue
from features.errors import PanelError
from features.lake import LakeView
from features.registry import Registry
from features.repairs import repaired_between
from features.scope import DataScope
from features.slices import WORKERS, Cut
from features.windows import months_before

Step = Literal["month", "quarter"]
_MONTHS: dict[Step, int] = {"month": 1, "quarter": 3}
_METADATA = "xinqiao"
#: Of a slice.
MEMORY_LIMIT = "1GB"


@dataclass(frozen=True)
class PartManifest:
    """What a part was made from.

    Attributes
    ----------
    made_at : str
        Moment of the look [ISO, Asia/Shanghai]; records repaired by then are not in it.
    features : dict of str to str
        Definition hash of every column.
    """

    as_of_date: str
    made_at: str
    lake_version: int
    purpose: str
    grantee: str | None
    datasets: list[str]
    features: dict[str, str]

    def is_like(self, other: "PartManifest") -> bool:
        """Whether both were made from the same, whenever that was."""
        mine, theirs = asdict(self), asdict(other)
        return all(mine[name] == theirs[name] for name in mine if name != "made_at")


@dataclass(frozen=True)
class PanelPart:
    """One date of a panel; `is_kept` where an earlier run had made it."""

    path: Path
    as_of_date: date
    rows: int
    is_kept: bool


def as_of_dates(first: date, last: date, every: Step) -> list[date]:
    """Dates from the last one backwards, a month or a quarter apart, oldest first.

    Examples
    --------
    >>> [str(day) for day in as_of_dates(date(2020, 1, 1), date(2020, 3, 31), "month")]
    ['2020-01-31', '2020-02-29', '2020-03-31']
    """
    found: list[date] = []
    while (day := months_before(last, len(found) * _MONTHS[every])) >= first:
        found.append(day)
    return found[::-1]


def write_panel(
    lake: LakeView,
    catalogue: Catalogue,
    registry: Registry,
    scope: DataScope,
    dates: Sequence[date],
    folder: Path,
    *,
    now: datetime,
    memory_limit: str = MEMORY_LIMIT,
    workers: int = WORKERS,
) -> Generator[PanelPart]:
    """Make the parts that are not there yet, in the order of the dates.

    Parameters
    ----------
    folder : Path
        Gets `<as_of>.parquet` for each date.
    memory_limit : str
        Of DuckDB for each slice; it spills below the folder beyond that.
    workers : int
        Slices under way.

    Raises
    ------
    ScopeError
        If the scope has ended.
    PanelError
        If the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for as_of_date in dates:
        path = folder / f"{as_of_date}.parquet"
        manifest = _manifest(lake, registry, scope, as_of_date, now)
        if _is_current(path, manifest, lake, catalogue, now):
            yield PanelPart(path, as_of_date, _rows(path), is_kept=True)
            continue
        cut = Cut(lake, catalogue, as_of_date, scope, now, memory_limit, folder / ".spill")
        _write(cut.tables(registry, workers=workers), path, manifest)
        yield PanelPart(path, as_of_date, _rows(path), is_kept=False)


def read_manifest(path: Path) -> PartManifest | None:
    """What a part was made from; None if there is no part, or the file is not one."""
    try:
        metadata = pq.read_metadata(path).metadata or {}
        return PartManifest(**json.loads(metadata[_METADATA.encode()]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _write(tables: Iterable[pa.Table], path: Path, manifest: PartManifest) -> None:
    temporary = path.with_name(f".{path.name}.tmp")
    said = {_METADATA: json.dumps(asdict(manifest))}
    writer: pq.ParquetWriter | None = None
    try:
        for table in tables:
            if writer is None:
                schema = table.schema.with_metadata(said)
                writer = pq.ParquetWriter(temporary, schema, compression="zstd")
            writer.write_table(table.replace_schema_metadata(said))
        if writer is not None:
            writer.close()
        temporary.replace(path)
    except (OSError, duckdb.IOException, duckdb.OutOfMemoryException) as failed:
        temporary.unlink(missing_ok=True)
        raise PanelError(
            en=f"Part {path.name} of the panel cannot be written ({type(failed).__name__}). Look at the space "
            f"on the disk of {path.parent} and at the memory limit; the parts before it are whole.",
            zh=f"面板分区 {path.name} 写入失败（{type(failed).__name__}）。请检查 {path.parent} 所在磁盘空间与内存上限；此前的分区均完整。",
        ) from failed


def _manifest(
    lake: LakeView, registry: Registry, scope: DataScope, as_of_date: date, now: datetime
) -> PartManifest:
    return PartManifest(
        as_of_date=as_of_date.isoformat(),
        made_at=now.isoformat(),
        lake_version=lake.version,
        purpose=scope.purpose.value,
        grantee=scope.grantee,
        datasets=sorted(scope.datasets),
        features={feature.name: feature.definition_hash for feature in registry},
    )


def _is_current(
    path: Path, wanted: PartManifest, lake: LakeView, catalogue: Catalogue, now: datetime
) -> bool:
    """Whether the part is what a look now would give: a repair can fall due without a new commit."""
    found = read_manifest(path)
    if found is None or not found.is_like(wanted):
        return False
    made_at = datetime.fromisoformat(found.made_at)
    return made_at <= now and not repaired_between(lake, catalogue, made_at, now)


def _rows(path: Path) -> int:
    return int(pq.read_metadata(path).num_rows)
