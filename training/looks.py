"""Looks at firms at past month ends, as the platform would have had them; kept on disk.

A row needs two live consents for modelling: at its month end, for the data its features read, and
on the day of training. What a firm has closed since is masked in its old rows too. Features of a
month end are used again while the lake, the definitions and the day are the same.
"""

import hashlib
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from features.contracts import Catalogue
from features.engine import identifier
from features.errors import CohortError
from features.firm_segments import add_segments
from features.lake import LakeView
from features.pipeline import FeatureTable, build_features
from features.registry import Registry
from features.scope import DataScope
from features.snapshot import Snapshot, open_snapshot
from models.arrays import BoolArray, FloatArray
from training.performance import LABEL_DATASETS
from training.study import SEGMENTS

IntArray = npt.NDArray[np.int64]
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Looks:
    """Where looks are taken, for what, and where they are kept.

    Attributes
    ----------
    scope : DataScope
        For modelling; opens what the features, the label and the segments read.
    now : datetime
        The moment of training, Asia/Shanghai wall time.
    parts : Path
        Folder of the kept features; those of other lakes, days or definitions are dropped.
    """

    lake: LakeView
    catalogue: Catalogue
    features: Registry
    scope: DataScope
    now: datetime
    parts: Path

    def take(
        self, asked: Mapping[date, Sequence[int]], on_progress: Progress | None = None
    ) -> list[FeatureTable]:
        """Features of the firms asked about at each month end, of those that may be learned from."""
        _drop_others(self.parts, self._folder)
        tables: list[FeatureTable] = []
        for day, firms in asked.items():
            if on_progress is not None:
                on_progress(len(tables), len(asked))
            tables.append(self._kept(day, firms) or self._take(day, firms))
        if on_progress is not None:
            on_progress(len(asked), len(asked))
        return tables

    @property
    def _folder(self) -> Path:
        """Named by what decides a kept value; the day, because consents and repairs go by it."""
        hashes = (feature.definition_hash for feature in self.features)
        key = _digest([str(self.lake.version), self.now.date().isoformat(), *SEGMENTS, *hashes])
        return self.parts / key[:16]

    def _kept(self, day: date, firms: Sequence[int]) -> FeatureTable | None:
        """The kept features of a month end, if the same firms were asked about."""
        path = self._folder / f"{day}.parquet"
        if not path.is_file():
            return None
        table: pa.Table = pq.read_table(path)
        is_same = (table.schema.metadata or {}).get(b"asked") == _digest(map(str, firms)).encode()
        return FeatureTable(table, day, self.features) if is_same else None

    def _take(self, day: date, firms: Sequence[int]) -> FeatureTable:
        snapshot = open_snapshot(
            self.lake, self.catalogue, day, self.scope, now=self.now, enterprises=firms
        )
        with snapshot:
            opened = " AND ".join(sorted(LABEL_DATASETS))
            snapshot.connection.execute(
                "DELETE FROM enterprise WHERE enterprise_key NOT IN "
                f"(SELECT enterprise_key FROM visibility WHERE {opened})"
            )
            built = build_features(snapshot, self.features)
            table = FeatureTable(add_segments(built.table, snapshot), day, self.features)
        asked = {"asked": _digest(map(str, firms))}
        self._folder.mkdir(parents=True, exist_ok=True)
        draft = self._folder / f".{day}.tmp"
        pq.write_table(table.table.replace_schema_metadata(asked), draft, compression="zstd")
        draft.replace(self._folder / f"{day}.parquet")
        return table


@dataclass(frozen=True)
class Opened:
    """What each firm opens on the day of training: one boolean a firm and dataset."""

    firms: IntArray
    datasets: list[str]
    is_open: BoolArray

    @classmethod
    def at(cls, snapshot: Snapshot, datasets: list[str]) -> "Opened":
        """Read it from a snapshot of that day."""
        columns = ", ".join(identifier(name) for name in datasets)
        found = snapshot.connection.execute(
            f"SELECT enterprise_key, {columns} FROM visibility ORDER BY enterprise_key"
        ).fetchnumpy()
        flags = [np.asarray(found[name], dtype=np.bool_) for name in datasets]
        return cls(np.asarray(found["enterprise_key"], np.int64), datasets, np.column_stack(flags))

    def opens(self, firm: IntArray, wanted: frozenset[str]) -> BoolArray:
        """Whether firms open all of the datasets."""
        columns = [self.datasets.index(name) for name in sorted(wanted)]
        is_open: BoolArray = np.all(self.is_open[:, columns], axis=1)
        return is_open[np.searchsorted(self.firms, firm)]

    @property
    def without_label(self) -> int:
        """Registered firms whose loans may not be learned from."""
        label = [self.datasets.index(name) for name in sorted(LABEL_DATASETS)]
        return int((~self.is_open[:, label]).any(axis=1).sum())


@dataclass(frozen=True)
class Rows:
    """Looks one below the other, without what firms have closed since.

    Attributes
    ----------
    firm, place : ndarray of int64, shape (n,)
        Enterprise key, and the place of the row's month end among the looks.
    matrix : ndarray of float64, shape (n, k)
    """

    firm: IntArray
    place: IntArray
    matrix: FloatArray


def stack(tables: Sequence[FeatureTable], features: Registry, opened: Opened) -> Rows:
    """Put looks together; one table at a time, so that only the result is large."""
    firm = np.concatenate([table.enterprise_keys for table in tables])
    ends = np.cumsum([table.table.num_rows for table in tables])
    matrix = np.empty((len(firm), len(features)))
    for table, end in zip(tables, ends.tolist(), strict=True):
        matrix[end - table.table.num_rows : end] = table.matrix()
    for column, feature in enumerate(features):
        matrix[~opened.opens(firm, feature.datasets), column] = np.nan
    place = np.repeat(np.arange(len(tables)), np.diff(ends, prepend=0))
    return Rows(firm, place, matrix)


def first_month(snapshot: Snapshot) -> int:
    """`month_number` of the first month with a repayment.

    Raises
    ------
    CohortError
        If no repayment may be learned from.
    """
    found = snapshot.connection.execute(
        "SELECT min((month // 100) * 12 + month % 100) FROM visible_repayment_snapshot"
    ).fetchall()[0][0]
    if found is None:
        raise CohortError(
            en="No repayment of a loan is visible to the platform for modelling, so nothing can be learned. "
            "Ingest repayment_snapshot and the consents (consent_event) first.",
            zh="平台没有可用于建模的还款记录，无法训练；请先入库履约快照（repayment_snapshot）及授权事件。",
        )
    return int(found)


def _digest(parts: Iterable[str]) -> str:
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()


def _drop_others(parts: Path, current: Path) -> None:
    """Features of other lakes, days or definitions will not be asked for again."""
    for folder in parts.glob("*"):
        if folder != current:
            shutil.rmtree(folder)
