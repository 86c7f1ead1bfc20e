"""What became of borrowers in the half year after a month end: the label of the early warning.

A borrower counts at a month end if a loan of it is live and no more than 30 days late. Everything
is read through one snapshot of the day of training, as the label of the rating is. The numbers are
`warning.yaml`; what a default is, and when a firm is out of one, is `performance.yaml`. No dataset
says that a lender called a loan early, so that is not among the events.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from features.documents import Document, load_document
from features.engine import literal
from features.errors import CohortError
from features.snapshot import Snapshot
from models.arrays import BoolArray, FloatArray
from training.performance import (
    LABEL_DATASETS,
    PUBLIC_DATASETS,
    Kinds,
    Limit,
    PerformanceRules,
    first_record,
    month_end,
    month_number,
    month_of,
    monthly_records,
    unresolved_defaults,
)

RULES = Path(__file__).with_name("warning.yaml")
WARNING_DATASETS = LABEL_DATASETS | PUBLIC_DATASETS | {"dishonest_debtor"}

EVENT, GOOD = "event", "good"
#: Why a live borrower is no row.
EXCLUDED = ("in_default", "recently_cured", "closing", "has_warned", "censored")

IntArray = npt.NDArray[np.int64]
TextArray = npt.NDArray[np.str_]


class WarningRules(Document):
    """Content of `warning.yaml`."""

    effective_from: date
    window_months: Limit
    report_months: Limit
    reporting_lag_months: Limit
    event_dpd_over: Limit
    event_class_from: Limit
    bankrupt: Kinds
    closing: Kinds
    step_months: Limit
    development_months: Limit
    out_of_time_months: Limit
    alerted_share_up_to: Limit
    counted_dpd_up_to: Limit
    counted_lead_days_from: Limit
    served_auc_low_from: Limit
    served_share_up_to: Limit

    @property
    def matured_after_months(self) -> int:
        """Months until the outcome of a month end is known, at the latest."""
        return int(self.window_months.value + self.reporting_lag_months.value)


@dataclass(frozen=True)
class Outcomes:
    """Live borrowers at month ends, by month end and enterprise key.

    Attributes
    ----------
    place, firm : ndarray of int64, shape (n,)
        Month end of the row among those asked about, and enterprise key.
    called : ndarray of str, shape (n,)
        `event`, `good`, or why the row is left out.
    dpd : ndarray of int64, shape (n,)
        Days late at the month end.
    months_to_event : ndarray of float64, shape (n,)
        NaN without an event.
    days_to_late : ndarray of float64, shape (n,)
        Until the day on which a loan was 31 days late, NaN if none was.
    defaults : ndarray of bool, shape (n,)
        Whether a loan went on to default within the window.
    only_closes : ndarray of bool, shape (n,)
        Whether the event is a closing and nothing else. Most firms that close pay what they owe, so
        this is no lesson about trouble, though it counts when the probability is fitted and judged.
    """

    place: IntArray
    firm: IntArray
    called: TextArray
    dpd: IntArray
    months_to_event: FloatArray
    days_to_late: FloatArray
    defaults: BoolArray
    only_closes: BoolArray

    @property
    def is_row(self) -> BoolArray:
        """Rows that are not left out, shape (n,)."""
        return np.asarray((self.called == EVENT) | (self.called == GOOD))

    @property
    def excluded(self) -> dict[str, int]:
        """Rows left out, by reason."""
        return {reason: int((self.called == reason).sum()) for reason in EXCLUDED}

    def take(self, rows: BoolArray | IntArray) -> "Outcomes":
        """Some of the rows."""
        return Outcomes(
            place=self.place[rows],
            firm=self.firm[rows],
            called=self.called[rows],
            dpd=self.dpd[rows],
            months_to_event=self.months_to_event[rows],
            days_to_late=self.days_to_late[rows],
            defaults=self.defaults[rows],
            only_closes=self.only_closes[rows],
        )


@cache
def load_warning_rules(path: Path = RULES) -> WarningRules:
    """Read the rules.

    Raises
    ------
    CohortError
        With the file, the key and what was expected there.
    """
    return load_document(path, WarningRules, CohortError)


def outcomes(
    snapshot: Snapshot, dates: Sequence[date], rules: WarningRules, defaults: PerformanceRules
) -> Outcomes:
    """Label every live borrower at every month end.

    Parameters
    ----------
    snapshot : Snapshot
        Of the day of training, whose scope opens `WARNING_DATASETS`.

    Raises
    ------
    CohortError
        If a date is no month end.
    """
    months = [month_number(month_end(day)) for day in dates]
    found = snapshot.connection.execute(_labels(months, rules, defaults)).fetchnumpy()

    def known(name: str) -> FloatArray:
        return np.ma.filled(np.ma.asarray(found[name], dtype=np.float64), np.nan)

    return Outcomes(
        place=np.searchsorted(np.array(months), np.asarray(found["month"])),
        firm=np.asarray(found["enterprise_key"], dtype=np.int64),
        called=np.asarray(found["called"], dtype=np.str_),
        dpd=np.asarray(found["dpd"], dtype=np.int64),
        months_to_event=known("months_to_event"),
        days_to_late=known("days_to_late"),
        defaults=np.asarray(found["defaults"], dtype=np.bool_),
        only_closes=np.asarray(found["only_closes"], dtype=np.bool_),
    )


def _labels(months: Sequence[int], rules: WarningRules, defaults: PerformanceRules) -> str:
    """One row a month end and live borrower."""
    window = int(rules.window_months.value)
    ahead = f"m > month AND m <= month + {window}"
    over, cured = f"{rules.event_dpd_over.value:.0f}", f"{defaults.cured_months.value:.0f}"
    return f"""
    WITH cut AS (SELECT unnest([{", ".join(map(str, months))}]) AS month),
    seen AS ({monthly_records(defaults)}),
    firm_month AS (SELECT enterprise_key, m, max(dpd) AS dpd, bool_or(is_bad) AS is_bad,
        bool_or(coalesce(five_class >= {rules.event_class_from.value:.0f} AND dpd = 0, false))
            AS is_noticed, sum(balance_fen) AS balance_fen FROM seen GROUP BY enterprise_key, m),
    state AS (SELECT month, enterprise_key,
        any_value(dpd) FILTER (m = month) AS dpd,
        any_value(balance_fen) FILTER (m = month) AS balance_fen,
        bool_or(is_noticed) FILTER (m = month) AS is_noticed,
        min(m) FILTER ({ahead} AND (dpd > {over} OR is_noticed OR is_bad)) AS fails,
        min({_late_on(over)}) FILTER ({ahead} AND dpd > {over}) AS late_on,
        coalesce(bool_or(is_bad AND {ahead}), false) AS defaults,
        coalesce(bool_or(is_bad AND m <= month AND m >= month - {cured}), false) AS was_bad,
        coalesce(max(m) FILTER ({ahead}), month) AS last_seen,
        arg_max(balance_fen, m) FILTER (m >= month AND m <= month + {window}) AS last_balance_fen
        FROM cut CROSS JOIN firm_month GROUP BY month, enterprise_key),
    unresolved AS ({unresolved_defaults("cut", "seen")}),
    bankrupt AS ({first_record("bankruptcy_case", "event_on", "kind", defaults.bankrupt.values)}),
    closing AS ({first_record("reg_status_event", "decided_on", "event", rules.closing.values)}),
    filed AS (SELECT month, enterprise_key, min(m) FILTER (NOT is_closing) AS m,
        min(m) FILTER (is_closing) AS closes FROM cut JOIN ({_filed(rules)})
        ON {ahead} GROUP BY month, enterprise_key),
    judged AS (SELECT s.*, least(s.fails, f.m, f.closes) - month AS months_to_event,
        least(s.fails, f.m) IS NULL AND f.closes IS NOT NULL AS only_closes, CASE
        WHEN u.month IS NOT NULL OR b.m <= month THEN 'in_default'
        WHEN was_bad THEN 'recently_cured'
        WHEN c.m <= month THEN 'closing'
        WHEN dpd > {over} OR is_noticed THEN 'has_warned'
        WHEN least(s.fails, f.m, f.closes) IS NOT NULL THEN '{EVENT}'
        WHEN last_seen < month + {window} AND last_balance_fen > 0 THEN 'censored'
        ELSE '{GOOD}' END AS called
        FROM state s LEFT JOIN unresolved u USING (month, enterprise_key)
        LEFT JOIN filed f USING (month, enterprise_key)
        LEFT JOIN bankrupt b USING (enterprise_key) LEFT JOIN closing c USING (enterprise_key)
        WHERE balance_fen > 0)
    SELECT month, enterprise_key, called, dpd, defaults, only_closes,
        CAST(months_to_event AS DOUBLE) AS months_to_event,
        CAST(late_on - {_last_day("month")} AS DOUBLE) AS days_to_late
    FROM judged ORDER BY month, enterprise_key"""


def _late_on(over: str) -> str:
    """The day on which the number of days late passed the limit, counted back from the month end."""
    return f"{_last_day('m')} - CAST(dpd - {over} - 1 AS INTEGER)"


def _last_day(number: str) -> str:
    return f"last_day(make_date(({number} - 1) // 12, ({number} - 1) % 12 + 1, 1))"


def _filed(rules: WarningRules) -> str:
    """Months of public records that are an event: named dishonest, bankrupt, closing."""
    bankrupt = ", ".join(literal(kind) for kind in rules.bankrupt.values)
    closing = ", ".join(literal(kind) for kind in rules.closing.values)
    return f"""SELECT enterprise_key, {month_of("published_on")} AS m, false AS is_closing
        FROM visible_dishonest_debtor
        UNION ALL SELECT enterprise_key, {month_of("event_on")}, false FROM visible_bankruptcy_case
        WHERE kind IN ({bankrupt})
        UNION ALL SELECT enterprise_key, {month_of("decided_on")}, true FROM visible_reg_status_event
        WHERE event IN ({closing})"""
