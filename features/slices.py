"""All firms in slices, a few at a time: each has a cut of its own, and what comes of them keeps its order.

One thread a slice keeps every core busy where one query over everybody waits for its slowest part, and
memory is that of the slices under way however many firms there are.
"""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
import pyarrow as pa

from features.contracts import REGISTER, Catalogue
from features.engine import connect, literal
from features.lake import LakeView
from features.pipeline import FeatureTable, build_features, reads_neighbours
from features.registry import Registry
from features.scope import DataScope
from features.snapshot import NEIGHBOURHOOD, open_snapshot

#: Firms of a slice; some 0.9 GB for all features.
SLICE = 50_000
#: Slices under way.
WORKERS = 2
#: Fewer are not worth a cut of their own.
FEW = 2_000

Given = TypeVar("Given")
Found = TypeVar("Found")


@dataclass(frozen=True)
class Cut:
    """What `open_snapshot` is told, whatever firms it is about.

    Attributes
    ----------
    memory_limit : str or None
        Of each slice.
    spill : Path or None
        Where a slice beyond its limit is put.
    datasets : frozenset of str or None
        See `open_snapshot`; those of the features when omitted.
    """

    lake: LakeView
    catalogue: Catalogue
    as_of_date: date
    scope: DataScope
    now: datetime
    memory_limit: str | None = None
    spill: Path | None = None
    datasets: frozenset[str] | None = None

    def tables(
        self, registry: Registry, keys: Sequence[int] | None = None, *, workers: int = WORKERS
    ) -> Generator[pa.Table]:
        """Feature tables of slices of firms, all when no keys are given; together they are in order of keys."""
        keys = None if keys is None else sorted(keys)
        parts = self._register(workers) if keys is None else slices(keys, workers=workers)
        if len(parts) == 1:
            return in_order(partial(self._table, registry), parts, workers=1)
        # What is read of everybody is read once, not once a slice.
        tied = [f for f in registry if reads_neighbours(f, NEIGHBOURHOOD, self.as_of_date)]
        own = Registry(tuple(feature for feature in registry if feature not in tied))
        beside = self._table(Registry(tuple(tied)), keys) if tied else None

        def work(part: Sequence[int]) -> pa.Table:
            table = self._table(own, part)
            return table if beside is None else _beside(table, beside, registry)

        return in_order(work, parts, workers=workers)

    def table(
        self, registry: Registry, keys: Sequence[int] | None = None, *, workers: int = WORKERS
    ) -> FeatureTable:
        """The slices put together."""
        whole = pa.concat_tables(self.tables(registry, keys, workers=workers))
        return FeatureTable(whole, self.as_of_date, registry)

    def _table(self, registry: Registry, keys: Sequence[int] | None) -> pa.Table:
        with open_snapshot(
            self.lake,
            self.catalogue,
            self.as_of_date,
            self.scope,
            now=self.now,
            enterprises=keys,
            threads=1,
            memory_limit=self.memory_limit,
            datasets=registry.datasets if self.datasets is None else self.datasets,
        ) as snapshot:
            if self.spill is not None:
                snapshot.connection.execute(f"SET temp_directory = {literal(str(self.spill))}")
            return build_features(snapshot, registry).table

    def _register(self, workers: int) -> list[range]:
        """Ranges of keys, together everybody who was ever on the register."""
        rows = self.lake.rows(self.catalogue[REGISTER])
        query = f"SELECT DISTINCT enterprise_key FROM {rows} ORDER BY enterprise_key"
        with connect(threads=1) as connection:
            keys = [int(key) for (key,) in connection.execute(query).fetchall()]
        return [range(part[0], part[-1] + 1) for part in slices(keys or [0], workers=workers)]


def _beside(table: pa.Table, wider: pa.Table, registry: Registry) -> pa.Table:
    """Columns of the same firms from a table of more of them, both in order of keys."""
    start = 0
    if table.num_rows:
        keys, first = wider["enterprise_key"].to_numpy(), table["enterprise_key"].to_numpy()[0]
        start = int(np.searchsorted(keys, first))
    rows = wider.slice(start, table.num_rows)
    names = ["enterprise_key", "uscc", *registry.names]
    held = set(table.column_names)
    return pa.table({name: (table if name in held else rows)[name] for name in names})


def slices(
    keys: Sequence[int], *, workers: int = WORKERS, size: int = SLICE
) -> list[Sequence[int]]:
    """Cut into equal parts of at most `size`, as many as keep all workers busy; a few stay together.

    Examples
    --------
    >>> [len(part) for part in slices(range(10_000), workers=2, size=4_000)]
    [2500, 2500, 2500, 2500]
    >>> [len(part) for part in slices(range(10), workers=2)]
    [10]
    """
    parts = max(-(-len(keys) // size), min(workers, len(keys) // FEW), 1)
    if parts > 1:
        parts = -(-parts // workers) * workers
    length = -(-len(keys) // parts) or 1
    return [keys[start : start + length] for start in range(0, len(keys) or 1, length)]


def in_order(
    work: Callable[[Given], Found], given: Iterable[Given], *, workers: int
) -> Generator[Found]:
    """What becomes of each, in their order, with no more than `workers` + 1 begun and not yet taken."""
    running = deque[Future[Found]]()
    with ThreadPoolExecutor(workers) as pool:
        try:
            for one in given:
                running.append(pool.submit(work, one))
                if len(running) > workers:
                    yield running.popleft().result()
            while running:
                yield running.popleft().result()
        finally:
            for left in running:
                left.cancel()
