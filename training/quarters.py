"""Firms at quarterly month ends: features of then, outcomes known on the day of training.

A row needs two live consents for modelling: at its month end, for the data its features read, and
on the day of training. What a firm has closed since is masked in its old rows too. Features of a
month end are kept on disk and used again while the lake, the definitions and the day are the same.
"""

import hashlib
import shutil
from collections.abc import Callable, Mapping, Sequence
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
from features.lake import LakeView
from features.pipeline import FeatureTable, build_features
from features.registry import Registry
from features.scope import DataScope, Purpose
from features.snapshot import Snapshot, open_snapshot
from training.cohort import MAX_REFERENCE, MIN_DEFAULTS, MIN_REFERENCE, PLATFORM
from training.performance import (
    BAD,
    INDETERMINATE,
    LABEL_DATASETS,
    PUBLIC_DATASETS,
    Performance,
    load_performance_rules,
    performance,
)
from training.segments import (
    HIDDEN_FIGURES,
    PUBLIC_SIZE,
    SEGMENT_DATASETS,
    add_segments,
    segment_of,
)
from training.study import SEGMENTS, TextArray
from training.timeline import Timeline, plan_timeline

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.int64]
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class QuarterCohort:
    """Rows by month end, then enterprise key.

    Attributes
    ----------
    firm : ndarray of int64, shape (n,)
        Enterprise keys; a firm has a row a month end.
    place : ndarray of int64, shape (n,)
        Month end of the row in `timeline.dates`.
    matrix : ndarray of float64, shape (n, k)
        Features in registry order, NaN where unknown.
    is_default, is_indeterminate : ndarray of bool, shape (n,)
    timeline : Timeline
    features : Registry
    excluded : dict of str to int
        Rows left out, by reason.
    without_consent : int
        Registered firms not looked at on the day of training.
    segments : mapping of str to ndarray of str, shape (n,)
        What kind of firm a row is about, for each of `SEGMENTS`; empty where unknown.
    """

    firm: IntArray
    place: IntArray
    matrix: FloatArray
    is_default: BoolArray
    is_indeterminate: BoolArray
    timeline: Timeline
    features: Registry
    excluded: dict[str, int]
    without_consent: int
    segments: Mapping[str, TextArray]

    @property
    def is_development(self) -> BoolArray:
        """Rows that may be learned from."""
        return np.asarray(self.place < len(self.timeline.development))

    @property
    def reference(self) -> FloatArray:
        """Firms of the last development date, thinned evenly; shape (m, k)."""
        rows = self.matrix[self.place == len(self.timeline.development) - 1]
        return rows[:: max(1, -(-len(rows) // MAX_REFERENCE))]


def build_quarters(
    lake: LakeView,
    catalogue: Catalogue,
    features: Registry,
    *,
    data_until: date,
    now: datetime,
    parts: Path,
    on_progress: Progress | None = None,
) -> QuarterCohort:
    """Label the firms, then look at them once a quarter as the platform would have.

    Parameters
    ----------
    data_until : date
        Last day of the data.
    now : datetime
        The moment of training, Asia/Shanghai wall time.
    parts : Path
        Folder of the kept features.

    Raises
    ------
    CohortError
        If the history is too short or too few firms defaulted.
    """
    rules, today = load_performance_rules(), now.date()
    read = frozenset(name for feature in features for name in feature.datasets)
    looked_at = read | LABEL_DATASETS | PUBLIC_DATASETS | SEGMENT_DATASETS
    scope = DataScope(looked_at, Purpose.MODELLING, today, grantee=PLATFORM)
    with open_snapshot(lake, catalogue, today, scope, now=now) as snapshot:
        timeline = plan_timeline(data_until, _first_month(snapshot), rules)
        labels = performance(snapshot, timeline.dates, rules)
        opened = _Opened.at(snapshot, sorted(read | LABEL_DATASETS | SEGMENT_DATASETS))
    folder = parts / _key(lake, features, now)
    _drop_others(parts, folder)
    tables: list[FeatureTable] = []
    for done, day in enumerate(timeline.dates):
        if on_progress is not None:
            on_progress(done, len(timeline.dates))
        firms = sorted(labels.outcomes(day))
        tables.append(
            _kept(folder / f"{day}.parquet", firms, day, features)
            or _look(folder, lake, catalogue, features, scope, day=day, now=now, firms=firms)
        )
    if on_progress is not None:
        on_progress(len(timeline.dates), len(timeline.dates))
    cohort = _cohort(tables, labels, timeline, features, opened)
    _require_enough(cohort)
    return cohort


@dataclass(frozen=True)
class _Opened:
    """What each firm opens on the day of training: one boolean a firm and dataset."""

    firms: IntArray
    datasets: list[str]
    is_open: BoolArray

    @classmethod
    def at(cls, snapshot: Snapshot, datasets: list[str]) -> "_Opened":
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


def _look(
    folder: Path,
    lake: LakeView,
    catalogue: Catalogue,
    features: Registry,
    scope: DataScope,
    *,
    day: date,
    now: datetime,
    firms: Sequence[int],
) -> FeatureTable:
    """Features of the firms that let themselves be learned from at the month end; kept on disk."""
    with open_snapshot(lake, catalogue, day, scope, now=now, enterprises=firms) as snapshot:
        opened = " AND ".join(sorted(LABEL_DATASETS))
        snapshot.connection.execute(
            "DELETE FROM enterprise WHERE enterprise_key NOT IN "
            f"(SELECT enterprise_key FROM visibility WHERE {opened})"
        )
        built = build_features(snapshot, features)
        table = FeatureTable(add_segments(built.table, snapshot), day, features)
    asked = {"asked": _digest(map(str, firms))}
    folder.mkdir(parents=True, exist_ok=True)
    draft = folder / f".{day}.tmp"
    pq.write_table(table.table.replace_schema_metadata(asked), draft, compression="zstd")
    draft.replace(folder / f"{day}.parquet")
    return table


def _kept(path: Path, firms: Sequence[int], day: date, features: Registry) -> FeatureTable | None:
    """The kept features of a month end, if the same firms were asked about."""
    if not path.is_file():
        return None
    table: pa.Table = pq.read_table(path)
    is_same = (table.schema.metadata or {}).get(b"asked") == _digest(map(str, firms)).encode()
    return FeatureTable(table, day, features) if is_same else None


def _key(lake: LakeView, features: Registry, now: datetime) -> str:
    """What decides the value of a kept feature; the day, because consents and repairs go by it."""
    hashes = (feature.definition_hash for feature in features)
    return _digest([str(lake.version), now.date().isoformat(), *SEGMENTS, *hashes])[:16]


def _digest(parts: "map[str] | list[str]") -> str:
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()


def _drop_others(parts: Path, current: Path) -> None:
    """Features of other lakes, days or definitions will not be asked for again."""
    for folder in parts.glob("*"):
        if folder != current:
            shutil.rmtree(folder)


def _cohort(
    tables: Sequence[FeatureTable],
    labels: Performance,
    timeline: Timeline,
    features: Registry,
    opened: _Opened,
) -> QuarterCohort:
    firm = np.concatenate([table.enterprise_keys for table in tables])
    place = np.repeat(np.arange(len(tables)), [len(table.usccs) for table in tables])
    matrix = np.vstack([table.matrix() for table in tables])
    for column, feature in enumerate(features):
        matrix[~opened.opens(firm, feature.datasets), column] = np.nan
    outcome = np.array([
        labels.called[table.as_of_date][key]
        for table in tables
        for key in table.enterprise_keys.tolist()
    ])  # fmt: skip
    has_record = ~np.isnan(matrix).all(axis=1)
    without = ~opened.is_open[:, [opened.datasets.index(n) for n in sorted(LABEL_DATASETS)]]
    return QuarterCohort(
        firm=firm[has_record],
        place=place[has_record],
        matrix=matrix[has_record],
        is_default=np.asarray(outcome == BAD)[has_record],
        is_indeterminate=np.asarray(outcome == INDETERMINATE)[has_record],
        timeline=timeline,
        features=features,
        excluded=labels.excluded | {"no_record": int((~has_record).sum())},
        without_consent=int(without.any(axis=1).sum()),
        segments={
            name: values[has_record] for name, values in _segments(tables, firm, opened).items()
        },
    )


def _segments(
    tables: Sequence[FeatureTable], firm: IntArray, opened: _Opened
) -> dict[str, TextArray]:
    """Every segment of every row; sizes that rest on figures closed since go back to public ones."""

    def column(name: str) -> TextArray:
        return np.array([v for each in tables for v in segment_of(each.table, name)], dtype=np.str_)

    found = {name: column(name) for name in SEGMENTS}
    is_open = opened.opens(firm, frozenset({HIDDEN_FIGURES}))
    found["size_class"] = np.where(is_open, found["size_class"], column(PUBLIC_SIZE))
    return found


def _first_month(snapshot: Snapshot) -> int:
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


def _require_enough(cohort: QuarterCohort) -> None:
    early = cohort.is_development
    counts = [int(cohort.is_default[rows].sum()) for rows in (early, ~early)]
    if min(counts) < MIN_DEFAULTS or len(cohort.reference) < MIN_REFERENCE:
        raise CohortError(
            en=f"{len(cohort.firm)} rows can be learned from: {counts[0]} defaults in development, {counts[1]} "
            f"out of time, {len(cohort.reference)} firms to compare with; at least {MIN_DEFAULTS}, "
            f"{MIN_DEFAULTS} and {MIN_REFERENCE} are needed. Bring more firms or more consents for modelling.",
            zh=f"可用样本 {len(cohort.firm)} 行：开发期违约 {counts[0]}，时间外违约 {counts[1]}，参照企业 "
            f"{len(cohort.reference)} 家；至少需要 {MIN_DEFAULTS}、{MIN_DEFAULTS} 和 {MIN_REFERENCE}。"
            "请增加企业或建模授权。",
        )
