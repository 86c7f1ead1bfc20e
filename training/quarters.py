"""Firms at quarterly month ends: features of then, outcomes known on the day of training."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt

from features.contracts import Catalogue
from features.errors import CohortError
from features.firm_segments import (
    HIDDEN_FIGURES,
    PUBLIC_SIZE,
    SEGMENT_DATASETS,
    segment_of,
)
from features.lake import LakeView
from features.pipeline import FeatureTable
from features.registry import Registry
from features.scope import DataScope, Purpose
from features.snapshot import open_snapshot
from training.cohort import MAX_REFERENCE, MIN_DEFAULTS, MIN_REFERENCE, PLATFORM
from training.looks import Looks, Opened, first_month, stack
from training.performance import (
    BAD,
    INDETERMINATE,
    LABEL_DATASETS,
    PUBLIC_DATASETS,
    Performance,
    load_performance_rules,
    performance,
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
        timeline = plan_timeline(data_until, first_month(snapshot), rules)
        labels = performance(snapshot, timeline.dates, rules)
        opened = Opened.at(snapshot, sorted(read | LABEL_DATASETS | SEGMENT_DATASETS))
    looks = Looks(lake, catalogue, features, scope, now, parts)
    tables = looks.take({day: sorted(labels.outcomes(day)) for day in timeline.dates}, on_progress)
    cohort = _cohort(tables, labels, timeline, features, opened)
    _require_enough(cohort)
    return cohort


def _cohort(
    tables: Sequence[FeatureTable],
    labels: Performance,
    timeline: Timeline,
    features: Registry,
    opened: Opened,
) -> QuarterCohort:
    rows = stack(tables, features, opened)
    outcome = np.array([
        labels.called[table.as_of_date][key]
        for table in tables
        for key in table.enterprise_keys.tolist()
    ])  # fmt: skip
    has_record = ~np.isnan(rows.matrix).all(axis=1)
    return QuarterCohort(
        firm=rows.firm[has_record],
        place=rows.place[has_record],
        matrix=rows.matrix[has_record],
        is_default=np.asarray(outcome == BAD)[has_record],
        is_indeterminate=np.asarray(outcome == INDETERMINATE)[has_record],
        timeline=timeline,
        features=features,
        excluded=labels.excluded | {"no_record": int((~has_record).sum())},
        without_consent=opened.without_label,
        segments={
            name: values[has_record]
            for name, values in _segments(tables, rows.firm, opened).items()
        },
    )


def _segments(
    tables: Sequence[FeatureTable], firm: IntArray, opened: Opened
) -> dict[str, TextArray]:
    """Every segment of every row; sizes that rest on figures closed since go back to public ones."""

    def column(name: str) -> TextArray:
        return np.array([v for each in tables for v in segment_of(each.table, name)], dtype=np.str_)

    found = {name: column(name) for name in SEGMENTS}
    is_open = opened.opens(firm, frozenset({HIDDEN_FIGURES}))
    found["size_class"] = np.where(is_open, found["size_class"], column(PUBLIC_SIZE))
    return found


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
