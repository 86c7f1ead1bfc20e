"""Everything a night asks of the records, of every firm, once: two Parquet files that the stages stream.

`<day>.parquet` holds features and facts and is made by `features.panel`, which keeps it while nothing has
changed; `firms.parquet` beside it holds what kind of firm each is. Both are in the order of keys.
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from features.contracts import Catalogue
from features.declared import self_scope
from features.firm_segments import SEGMENT_DATASETS, add_segments
from features.lake import LakeView
from features.panel import MEMORY_LIMIT, PanelPart, read_manifest, write_panel
from features.register_attributes import ATTRIBUTE_DATASETS, read_attributes
from features.registry import Registry
from features.rules.evaluate import Column
from features.snapshot import open_snapshot
from models.arrays import IntArray

#: Firms streamed together.
BLOCK = 20_000
ATTRIBUTES = ("region_code", "industry_code", "industry_section", "entity_type", "size_class")
_SEGMENT = "segment_"
_STAMP = b"features"


@dataclass(frozen=True, eq=False)
class FirmBlock:
    """n firms: codes, the columns that were asked for, and segments by name; empty where unknown."""

    usccs: list[str]
    columns: dict[str, Column]
    segments: dict[str, np.ndarray[tuple[int], np.dtype[np.str_]]]

    def __len__(self) -> int:
        """Count the firms."""
        return len(self.usccs)


@dataclass(frozen=True)
class NightFirms:
    """Both files of a day."""

    part: PanelPart
    firms: Path

    @property
    def stamp(self) -> str:
        """State of the lake and moment of the look, in one text."""
        return _stamp(self.part).decode()

    @property
    def is_kept(self) -> bool:
        """Whether an earlier run had made the features."""
        return self.part.is_kept

    def __len__(self) -> int:
        """Count the firms."""
        return self.part.rows

    def blocks(self, names: Sequence[str], size: int = BLOCK) -> Generator[FirmBlock]:
        """Some columns of all firms, a block at a time; names nobody has are left out."""
        features = pq.ParquetFile(self.part.path)
        held = set(features.schema_arrow.names)
        wanted = [name for name in names if name in held]
        kept = [name for name in ATTRIBUTES if name in names]
        with pq.ParquetFile(self.firms) as beside, features:
            pairs = zip(
                features.iter_batches(size, columns=["uscc", *wanted]),
                beside.iter_batches(size),
                strict=True,
            )
            for found, kinds in pairs:
                columns: dict[str, Column] = {name: _numbers(found[name]) for name in wanted}
                columns |= {name: _column(kinds[name]) for name in kept}
                segments = {
                    name.removeprefix(_SEGMENT): _texts(kinds[name])
                    for name in kinds.schema.names
                    if name.startswith(_SEGMENT)
                }
                yield FirmBlock(found["uscc"].to_pylist(), columns, segments)

    def rows(self, registry: Registry, keys: IntArray) -> pa.Table:
        """Features and segments of some firms, in key order; keys that are not there are left out."""
        names = ["enterprise_key", "uscc", *registry.names]
        found = list[pa.Table]()
        for path, columns in ((self.part.path, names), (self.firms, None)):
            with pq.ParquetFile(path) as file:
                batches = (
                    batch.filter(pa.array(np.isin(batch["enterprise_key"].to_numpy(), keys)))
                    for batch in file.iter_batches(BLOCK, columns=columns)
                )
                found.append(pa.Table.from_batches(list(batches)))
        features, kinds = found
        for name in kinds.column_names:
            if name.startswith(_SEGMENT):
                features = features.append_column(name, kinds[name])
        return features


def write_firms(
    lake: LakeView,
    catalogue: Catalogue,
    registry: Registry,
    day: date,
    folder: Path,
    *,
    now: datetime,
    memory_limit: str = MEMORY_LIMIT,
) -> NightFirms:
    """Make both files of a day, or keep them where nothing has changed.

    Raises
    ------
    PanelError
        If the folder cannot be written.
    """
    scope = self_scope(catalogue, max(day, now.date()))
    (part,) = write_panel(
        lake, catalogue, registry, scope, [day], folder, now=now, memory_limit=memory_limit
    )
    path, stamp = folder / "firms.parquet", _stamp(part)
    if path.exists() and (pq.read_metadata(path).metadata or {}).get(_STAMP) == stamp:
        return NightFirms(part, path)
    with open_snapshot(
        lake, catalogue, day, scope, now=now, memory_limit=memory_limit,
        datasets=SEGMENT_DATASETS | ATTRIBUTE_DATASETS,
    ) as snapshot:  # fmt: skip
        query = "SELECT enterprise_key, uscc FROM enterprise ORDER BY enterprise_key"
        attributes = read_attributes(snapshot)
        firms = snapshot.connection.sql(query).to_arrow_table()
        table = add_segments(firms, snapshot, attributes)
    for name in ATTRIBUTES:
        table = table.append_column(name, pa.array(getattr(attributes, name)))
    beside = path.with_name(f".{path.name}.tmp")
    pq.write_table(table.replace_schema_metadata({_STAMP: stamp}), beside, compression="zstd")
    beside.replace(path)
    return NightFirms(part, path)


def _stamp(part: PanelPart) -> bytes:
    """Which features a file of kinds belongs to."""
    manifest = read_manifest(part.path)
    return f"{manifest.lake_version} {manifest.made_at}".encode() if manifest else b""


def _numbers(column: pa.Array) -> Column:
    return column.to_numpy(zero_copy_only=False).astype(np.float64)


def _texts(column: pa.Array) -> np.ndarray[tuple[int], np.dtype[np.str_]]:
    return np.array(column.to_pylist(), dtype=np.str_)


def _column(column: pa.Array) -> Column:
    return _numbers(column) if pa.types.is_floating(column.type) else _texts(column)
