"""How firms with a loan did in the year after a month end: the label of the 12-month rating.

A firm counts at a month end if a loan of it was live, or was granted soon after. It is bad if it
defaults on any loan within the window. Everything is read through one snapshot of the day of
training, so the label knows only what was visible under the consents of that day; features never
read it. The numbers are `performance.yaml`.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from pathlib import Path

from pydantic import Field

from features.documents import Document, load_document
from features.engine import literal
from features.errors import CohortError
from features.snapshot import Snapshot

RULES = Path(__file__).with_name("performance.yaml")
#: Loan data the label is made of; a firm whose consents do not open them has none.
LABEL_DATASETS = frozenset({"loan_account", "repayment_snapshot"})
#: Public records that end a firm or its credit.
PUBLIC_DATASETS = frozenset({"bankruptcy_case", "reg_status_event"})

GOOD, BAD, INDETERMINATE = "good", "bad", "indeterminate"
#: Why a firm with a loan is no row of the cohort.
EXCLUDED = ("in_default", "recently_cured", "dead", "censored")


class Limit(Document):
    """One number with its unit and where it comes from."""

    value: float = Field(ge=0)
    unit: str
    source: str


class Kinds(Document):
    """Codes of a dataset's column."""

    values: list[str] = Field(min_length=1)
    source: str


class PerformanceRules(Document):
    """Content of `performance.yaml`."""

    effective_from: date
    window_months: Limit
    reporting_lag_months: Limit
    granted_within_months: Limit
    default_dpd_over: Limit
    default_overdue_from: Limit
    default_overdue_share_from: Limit
    default_class_from: Limit
    indeterminate_dpd_over: Limit
    cured_months: Limit
    observed_months_from: Limit
    bankrupt: Kinds
    dead: Kinds
    step_months: Limit
    oldest_months: Limit
    out_of_time_months: Limit

    @property
    def matured_after_months(self) -> int:
        """Months until the outcome of a month end is known, at the latest."""
        return int(self.window_months.value + self.reporting_lag_months.value)


@dataclass(frozen=True)
class Performance:
    """What became of firms with a loan.

    Attributes
    ----------
    called : dict of date to dict of int to str
        By month end and enterprise key: an outcome, or why the firm is left out.
    """

    called: dict[date, dict[int, str]]

    def outcomes(self, day: date) -> dict[int, str]:
        """`good`, `bad` or `indeterminate` by enterprise key, without those left out."""
        return {firm: word for firm, word in self.called[day].items() if word not in EXCLUDED}

    @property
    def excluded(self) -> dict[str, int]:
        """Firms at month ends left out, by reason."""
        words = Counter(word for firms in self.called.values() for word in firms.values())
        return {reason: words[reason] for reason in EXCLUDED}


@cache
def load_performance_rules(path: Path = RULES) -> PerformanceRules:
    """Read the rules.

    Raises
    ------
    CohortError
        With the file, the key and what was expected there.
    """
    return load_document(path, PerformanceRules, CohortError)


def performance(
    snapshot: Snapshot, as_of_dates: Sequence[date], rules: PerformanceRules
) -> Performance:
    """Label every firm with a loan at every month end.

    Parameters
    ----------
    snapshot : Snapshot
        Of the day of training, whose scope opens the label's datasets.

    Raises
    ------
    CohortError
        If a date is no month end.
    """
    months = {month_number(day): month_end(day) for day in as_of_dates}
    rows = snapshot.connection.execute(_labels(list(months), rules)).fetchall()
    called: dict[date, dict[int, str]] = {day: {} for day in months.values()}
    for month, firm, word in rows:
        called[months[month]][int(firm)] = str(word)
    return Performance(called)


def month_number(day: date) -> int:
    """Months since year 0, so that months can be subtracted.

    Examples
    --------
    >>> month_number(date(2026, 1, 31)) - month_number(date(2025, 12, 31))
    1
    """
    return day.year * 12 + day.month


def whole_months(data_until: date) -> int:
    """`month_number` of the last month that the data hold to its end.

    Examples
    --------
    >>> whole_months(date(2026, 6, 30)) - whole_months(date(2026, 6, 29))
    1
    """
    return month_number(data_until + timedelta(days=1)) - 1


def month_end(day: date) -> date:
    """The day itself.

    Raises
    ------
    CohortError
        If it is not the last one of its month.
    """
    if (day + timedelta(days=1)).day != 1:
        raise CohortError(
            en=f"{day} is not the last day of a month; outcomes are known by whole months. "
            "Give a month end.",
            zh=f"{day} 不是月末；履约结果按月统计，请给出月末日期。",
        )
    return day


def _labels(months: Sequence[int], rules: PerformanceRules) -> str:
    """(month, enterprise_key, outcome or why there is none), one row a firm with a loan."""
    window = int(rules.window_months.value)
    ahead = f"m > month AND m <= month + {window}"
    return f"""
    WITH cut AS (SELECT unnest([{", ".join(map(str, months))}]) AS month),
    seen AS ({monthly_records(rules)}),
    firm_month AS (SELECT enterprise_key, m, max(dpd) AS dpd, bool_or(is_bad) AS is_bad,
        max(balance_fen) AS balance_fen FROM seen GROUP BY enterprise_key, m),
    state AS (SELECT month, enterprise_key,
        bool_or(m = month AND balance_fen > 0) AS is_live,
        bool_or(is_bad AND {ahead}) AS defaults,
        coalesce(max(dpd) FILTER ({ahead}), 0) AS worst,
        coalesce(max(m) FILTER ({ahead}) - month, 0) AS observed,
        bool_or(is_bad AND m <= month AND m >= month - {rules.cured_months.value:.0f}) AS was_bad
        FROM cut CROSS JOIN firm_month GROUP BY month, enterprise_key),
    unresolved AS ({unresolved_defaults("cut", "seen")}),
    granted AS (SELECT DISTINCT month, enterprise_key FROM cut JOIN visible_loan_account
        ON {month_of("granted_at")} > month
        AND {month_of("granted_at")} <= month + {rules.granted_within_months.value:.0f}),
    bankrupt AS ({first_record("bankruptcy_case", "event_on", "kind", rules.bankrupt.values)}),
    dead AS ({first_record("reg_status_event", "decided_on", "event", rules.dead.values)})
    SELECT month, enterprise_key, CASE
        WHEN u.month IS NOT NULL OR b.m <= month THEN 'in_default'
        WHEN s.was_bad THEN 'recently_cured'
        WHEN d.m <= month THEN 'dead'
        WHEN s.defaults OR b.m <= month + {window} THEN '{BAD}'
        WHEN coalesce(s.observed, 0) < {rules.observed_months_from.value:.0f} THEN 'censored'
        WHEN s.worst > {rules.indeterminate_dpd_over.value:.0f} THEN '{INDETERMINATE}'
        ELSE '{GOOD}' END
    FROM state s FULL JOIN granted g USING (month, enterprise_key)
    LEFT JOIN unresolved u USING (month, enterprise_key)
    LEFT JOIN bankrupt b USING (enterprise_key) LEFT JOIN dead d USING (enterprise_key)
    WHERE s.is_live OR g.month IS NOT NULL ORDER BY month, enterprise_key"""


def monthly_records(rules: PerformanceRules) -> str:
    """Query of one row a loan and month (`m`, by `month_number`), with whether it was in default then."""
    overdue = "(coalesce(overdue_principal_fen, 0) + coalesce(overdue_interest_fen, 0))"
    return f"""SELECT enterprise_key, loan_id, (month // 100) * 12 + month % 100 AS m, balance_fen,
        dpd, CAST(five_class AS INTEGER) AS five_class, coalesce(dpd > {rules.default_dpd_over.value:.0f}
            AND {overdue} >= {rules.default_overdue_from.value * 100:.0f}
            AND {overdue} >= {rules.default_overdue_share_from.value} * balance_fen, false)
        OR coalesce(CAST(five_class AS INTEGER) >= {rules.default_class_from.value:.0f}, false)
        OR coalesce(written_off_fen > 0, false) OR coalesce(guarantor_paid_fen > 0, false)
        OR coalesce(restructured, false) AS is_bad FROM visible_repayment_snapshot"""


def unresolved_defaults(cut: str, seen: str) -> str:
    """Query of firms with a loan that was in default when last heard of, by month."""
    return f"""SELECT DISTINCT month, enterprise_key FROM (
        SELECT month, enterprise_key, arg_max(is_bad, m) AS is_bad FROM {cut} JOIN {seen}
        ON m <= month GROUP BY month, enterprise_key, loan_id) WHERE is_bad"""


def first_record(dataset: str, day: str, column: str, kinds: Sequence[str]) -> str:
    """Query of the month of each firm's first record of some kinds."""
    listed = ", ".join(literal(kind) for kind in kinds)
    return (
        f"SELECT enterprise_key, min({month_of(day)}) AS m FROM visible_{dataset} "
        f"WHERE {column} IN ({listed}) GROUP BY enterprise_key"
    )


def month_of(column: str) -> str:
    """`month_number` of a date column, as SQL."""
    return f"(year({column}) * 12 + month({column}))"
