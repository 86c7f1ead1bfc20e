"""Looks into a lake: at the firms of a watch on any day, and back to when their loans were granted."""

from collections.abc import Callable, Collection, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property

import numpy as np
import pyarrow as pa

from features.contracts import REGISTER, Catalogue, Words
from features.engine import connect, literal
from features.facts.mortgages import DATASET, NewMortgage, new_mortgages
from features.firm_segments import SEGMENT_DATASETS, add_segments, segment_of
from features.lake import LakeView
from features.registry import Registry
from features.renewal import self_features
from features.scope import DataScope, Purpose
from features.slices import Cut
from features.snapshot import open_snapshot
from models.arrays import FloatArray, IntArray
from models.watching.exposures import Firms

#: Features and segments of firms by key at a day, as `features.firm_segments.add_segments` lays them out;
#: None for a day it does not have.
Ready = Callable[[Registry, date, IntArray], pa.Table | None]
_KEYS = "SELECT party_id, party_key FROM {parties} WHERE party_id IN ({listed})"
#: The first moment of a dataset, from what its files say of their columns; no row is read.
_BEGINS = (
    "SELECT min(CAST(stats_min_value AS TIMESTAMP)) FROM parquet_metadata([{files}]) "
    "WHERE path_in_schema = 'available_at'"
)


@dataclass(frozen=True)
class Look:
    """Looks at the firms of a portfolio; m of them, by key."""

    lake: LakeView
    catalogue: Catalogue
    keys: IntArray
    now: datetime
    ready: Ready | None = None

    def take(self, registry: Registry, day: date) -> tuple[Firms, dict[str, list[str]]]:
        """Columns and segments of the firms at a day; NaN and empty where one was not registered yet."""
        usccs = [""] * len(self.keys)
        parts = {name: [""] * len(self.keys) for name in ("region", "industry_section")}
        columns = {name: np.full(len(self.keys), np.nan) for name in registry.names}
        ready = self.ready(registry, day, self.keys) if self.ready is not None else None
        for table in self._built(registry, day) if ready is None else [ready]:
            known = table["enterprise_key"].to_numpy().astype(np.int64)
            place = np.searchsorted(self.keys, known)
            inside = np.minimum(place, len(self.keys) - 1)
            mine = np.flatnonzero(self.keys[inside] == known)
            rows = inside[mine]
            for target, column in ((usccs, table["uscc"].to_pylist()), *(
                (parts[name], segment_of(table, name)) for name in parts
            )):  # fmt: skip
                for row, source in zip(rows.tolist(), mine.tolist(), strict=True):
                    target[row] = column[source]
            for name, values in columns.items():
                found = table[name].to_numpy(zero_copy_only=False).astype(np.float64)
                values[rows] = found[mine]
        return Firms(usccs, day, columns), parts

    def _built(self, registry: Registry, day: date) -> Generator[pa.Table]:
        """Slices of the firms: a large portfolio is never whole in memory twice."""
        datasets = frozenset(self.catalogue.datasets)
        scope = DataScope(datasets, Purpose.POSTLOAN, max(day, self.now.date()))
        cut = Cut(self.lake, self.catalogue, day, scope, self.now)
        for table in cut.tables(registry, self.keys.tolist()):
            with open_snapshot(
                self.lake,
                self.catalogue,
                day,
                scope,
                now=self.now,
                enterprises=table["enterprise_key"].to_pylist(),
                datasets=SEGMENT_DATASETS,
            ) as snapshot:
                yield add_segments(table, snapshot)


@dataclass(frozen=True)
class LookBack:
    """What was held about firms at earlier days; a firm and a day are looked up once.

    Parameters
    ----------
    registry : Registry
        The features asked for.
    kept : dict of date to dict of str to ndarray of shape (k,)
        What was looked up so far; what has been repaired by `now` is not in it.
    """

    lake: LakeView
    catalogue: Catalogue
    registry: Registry
    now: datetime
    kept: dict[date, dict[str, FloatArray]] = field(
        default_factory=dict[date, dict[str, FloatArray]]
    )

    def firms(self, day: date, usccs: Sequence[str]) -> Firms:
        """Some firms at a day, in the order asked; NaN where nothing was held."""
        kept = self.kept.setdefault(day, {})
        new = sorted(set(usccs).difference(kept))
        if new:
            keys = keys_of(self.lake, new)
            table = self_features(
                self.lake, self.registry, day, now=self.now, enterprises=sorted(keys.values())
            )
            kept |= dict.fromkeys(new, np.full(len(self.registry), np.nan))
            kept |= dict(zip(table.usccs, table.matrix(), strict=True))
        matrix = np.array([kept[uscc] for uscc in usccs]).reshape(len(usccs), len(self.registry))
        return Firms(usccs, day, dict(zip(self.registry.names, matrix.T, strict=True)))

    @property
    def begins(self) -> Mapping[str, date]:
        """The first day on which anything of a dataset was known, of those that hold anything."""
        return self._begins

    @cached_property
    def _begins(self) -> Mapping[str, date]:
        files = {name: self.lake.files(name) for name in self.registry.datasets}
        found: dict[str, date] = {}
        with connect(threads=1) as connection:
            for name, paths in files.items():
                listed = ", ".join(literal(str(path)) for path in paths)
                query = _BEGINS.format(files=listed)
                first = connection.execute(query).fetchall()[0][0] if paths else None
                if first is not None:
                    found[name] = first.date()
        return found

    def title(self, dataset: str) -> Words:
        """What a dataset is called."""
        return self.catalogue[dataset].document.title


def keys_of(lake: LakeView, usccs: Collection[str]) -> dict[str, int]:
    """Keys of some firms, of those the lake has heard of."""
    listed = ", ".join(literal(one) for one in sorted(usccs))
    query = _KEYS.format(parties=lake.parties_sql(), listed=listed)
    with connect(threads=1) as connection:
        return {str(uscc): int(key) for uscc, key in connection.execute(query).fetchall()}


def mortgages_of(
    lake: LakeView, catalogue: Catalogue, usccs: Collection[str], day: date, now: datetime
) -> dict[str, list[NewMortgage]]:
    """New mortgages of some firms."""
    with open_snapshot(
        lake,
        catalogue,
        day,
        DataScope(frozenset({REGISTER, DATASET}), Purpose.POSTLOAN, max(day, now.date())),
        now=now,
        enterprises=sorted(keys_of(lake, usccs).values()),
        threads=1,
        datasets={REGISTER, DATASET},
    ) as snapshot:
        return new_mortgages(snapshot)
