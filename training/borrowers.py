"""Live borrowers at month ends: features of then, and what became of them in the half year after.

Development has a row a firm and quarter; the later months, on which alerts are judged, have every
month. Development ends where its outcomes were known before the first later month: what is judged
could have been in use then, and no event is both learned from and foreseen.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt

from features.contracts import Catalogue
from features.errors import CohortError
from features.firm_segments import SEGMENT_DATASETS
from features.lake import LakeView
from features.registry import Registry
from features.scope import PLATFORM, DataScope, Purpose
from features.snapshot import open_snapshot
from models.arrays import BoolArray, FloatArray
from training.cohort import MAX_REFERENCE, MIN_DEFAULTS, MIN_REFERENCE
from training.looks import Looks, Opened, Rows, first_month, stack
from training.performance import load_performance_rules, whole_months
from training.timeline import Timeline, last_day_of
from training.warning import (
    EVENT,
    WARNING_DATASETS,
    Outcomes,
    WarningRules,
    load_warning_rules,
    outcomes,
)

IntArray = npt.NDArray[np.int64]
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Borrowers:
    """Rows by month end, then enterprise key.

    Attributes
    ----------
    matrix : ndarray of float64, shape (n, k)
        Features in registry order, NaN where unknown.
    outcomes : Outcomes
        Of the same n rows; `place` counts in `timeline.dates`.
    timeline : Timeline
    features : Registry
    excluded : dict of str to int
        Live borrowers left out, by reason.
    without_consent : int
        Registered firms not looked at on the day of training.
    """

    matrix: FloatArray
    outcomes: Outcomes
    timeline: Timeline
    features: Registry
    excluded: dict[str, int]
    without_consent: int

    @property
    def is_event(self) -> BoolArray:
        """Whether the event came within the window, shape (n,)."""
        return np.asarray(self.outcomes.called == EVENT)

    @property
    def is_development(self) -> BoolArray:
        """Rows that may be learned from, shape (n,)."""
        return np.asarray(self.outcomes.place < len(self.timeline.development))

    @property
    def reference(self) -> FloatArray:
        """Borrowers of the last development date, thinned evenly; shape (m, k)."""
        rows = self.matrix[self.outcomes.place == len(self.timeline.development) - 1]
        return rows[:: max(1, -(-len(rows) // MAX_REFERENCE))]


def build_borrowers(
    lake: LakeView,
    catalogue: Catalogue,
    features: Registry,
    *,
    data_until: date,
    now: datetime,
    parts: Path,
    on_progress: Progress | None = None,
) -> Borrowers:
    """Label the borrowers, then look at them month by month as the platform would have.

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
        If the history is too short or too few borrowers had an event.
    """
    rules = load_warning_rules()
    read = frozenset(name for feature in features for name in feature.datasets)
    looked_at = read | WARNING_DATASETS | SEGMENT_DATASETS
    scope = DataScope(looked_at, Purpose.MODELLING, now.date(), grantee=PLATFORM)
    with open_snapshot(lake, catalogue, now.date(), scope, now=now) as snapshot:
        timeline = plan_months(data_until, first_month(snapshot), rules)
        labels = outcomes(snapshot, timeline.dates, rules, load_performance_rules())
        opened = Opened.at(snapshot, sorted(read | WARNING_DATASETS))
    asked = {
        day: labels.firm[labels.is_row & (labels.place == place)].tolist()
        for place, day in enumerate(timeline.dates)
    }
    tables = Looks(lake, catalogue, features, scope, now, parts).take(asked, on_progress)
    found = _borrowers(stack(tables, features, opened), labels, timeline, features, opened)
    _require_enough(found)
    return found


def plan_months(data_until: date, first: int, rules: WarningRules) -> Timeline:
    """Count back from the last whole month to those whose outcome is known.

    Parameters
    ----------
    data_until : date
        Last day of the data.
    first : int
        `month_number` of the first month with repayments.

    Raises
    ------
    CohortError
        If fewer than two month ends are left to learn from.

    Examples
    --------
    >>> found = plan_months(date(2026, 6, 30), 2020 * 12 + 1, load_warning_rules())
    >>> [day.isoformat() for day in (found.development[0], found.development[-1])]
    ['2023-02-28', '2024-11-30']
    >>> [day.isoformat() for day in (found.out_of_time[0], found.out_of_time[-1])]
    ['2025-06-30', '2025-11-30']
    """
    last = whole_months(data_until) - rules.matured_after_months
    later = range(last - int(rules.out_of_time_months.value) + 1, last + 1)
    known = later[0] - rules.matured_after_months
    oldest = max(first, known - int(rules.development_months.value) + 1)
    earlier = range(known, oldest - 1, -int(rules.step_months.value))[::-1]
    if len(earlier) <= 1:
        wanted = whole_months(data_until) - known + int(rules.step_months.value) + 1
        raise CohortError(
            en=f"By {data_until} the repayments of {max(0, whole_months(data_until) - first + 1)} months are "
            f"known; an early warning needs {wanted} at least, to learn from some months and be judged on "
            "later ones. Bring a longer history.",
            zh=f"截至 {data_until}，仅有 {max(0, whole_months(data_until) - first + 1)} 个月的还款记录；预警模型至少"
            f"需要 {wanted} 个月，以便在较早月份学习、在较晚月份检验。请提供更长的历史。",
        )
    return Timeline(
        tuple(last_day_of(month) for month in earlier), tuple(last_day_of(month) for month in later)
    )


def _borrowers(
    rows: Rows, labels: Outcomes, timeline: Timeline, features: Registry, opened: Opened
) -> Borrowers:
    """Rows that were looked at and have a record, with their outcomes."""
    has_record = ~np.isnan(rows.matrix).all(axis=1)
    keys = labels.place << 32 | labels.firm
    wanted = (rows.place << 32 | rows.firm)[has_record]
    return Borrowers(
        matrix=rows.matrix if has_record.all() else rows.matrix[has_record],
        outcomes=labels.take(np.searchsorted(keys, wanted)),
        timeline=timeline,
        features=features,
        excluded=labels.excluded | {"no_record": int((~has_record).sum())},
        without_consent=opened.without_label,
    )


def _require_enough(found: Borrowers) -> None:
    early, events = found.is_development, found.is_event
    counts = [int(events[rows].sum()) for rows in (early, ~early)]
    if min(counts) < MIN_DEFAULTS or len(found.reference) < MIN_REFERENCE:
        raise CohortError(
            en=f"{len(events)} rows of borrowers can be learned from: {counts[0]} with an event in development, "
            f"{counts[1]} out of time, {len(found.reference)} firms to compare with; at least {MIN_DEFAULTS}, "
            f"{MIN_DEFAULTS} and {MIN_REFERENCE} are needed. Bring more firms or more consents for modelling.",
            zh=f"可用借款企业样本 {len(events)} 行：开发期风险事件 {counts[0]}，时间外 {counts[1]}，参照企业 "
            f"{len(found.reference)} 家；至少需要 {MIN_DEFAULTS}、{MIN_DEFAULTS} 和 {MIN_REFERENCE}。"
            "请增加企业或建模授权。",
        )
