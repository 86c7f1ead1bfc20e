"""How good the signals are: alerts, outcomes and precision of each, without anything of any firm."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

from features.scope import PLATFORM
from serving.alerts.rows import CountRow

#: Two-sided 95 % of the normal distribution.
_Z = 1.959963984540054
RIGHT = frozenset({"confirmed_default", "mitigated"})
WRONG = frozenset({"false_alarm"})


@dataclass(frozen=True)
class Precision:
    """How many of the judged alerts were right.

    Attributes
    ----------
    judged : int
        Alerts that a lender closed with a judgement; those that ended by themselves say nothing.
    share, low, high : float or None
        With Wilson's 95 % interval; None if none was judged.
    """

    judged: int
    right: int
    share: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class SignalCount:
    """One signal over all institutions; `seen_by_platform` is what it found with everything it holds."""

    signal: str
    alerts: int
    open: int
    seen_by_platform: int
    by_level: dict[str, int]
    outcomes: dict[str, int]
    precision: Precision


def precision_of(right: int, judged: int) -> Precision:
    """Share of right alerts with Wilson's interval (E. B. Wilson, JASA 22, 1927).

    Examples
    --------
    >>> told = precision_of(8, 10)
    >>> told.share, round(told.low, 4), round(told.high, 4)
    (0.8, 0.4902, 0.9433)
    """
    if not judged:
        return Precision(0, 0, None, None, None)
    share, z2 = right / judged, _Z * _Z
    middle = share + z2 / (2 * judged)
    half = _Z * sqrt(share * (1 - share) / judged + z2 / (4 * judged * judged))
    scale = 1 + z2 / judged
    return Precision(judged, right, share, (middle - half) / scale, (middle + half) / scale)


def by_signal(counts: Sequence[CountRow]) -> list[SignalCount]:
    """The counts of every signal there are alerts of, in the order of codes."""
    groups: dict[str, list[CountRow]] = {}
    for one in counts:
        groups.setdefault(one.signal, []).append(one)
    return [_signal(signal, groups[signal]) for signal in sorted(groups)]


def open_by_institution(counts: Sequence[CountRow]) -> dict[str, dict[str, int]]:
    """Open alerts of every institution by level."""
    found: dict[str, Counter[str]] = {}
    for one in counts:
        if one.state != "closed" and one.institution != PLATFORM:
            found.setdefault(one.institution, Counter())[one.level] += one.alerts
    return {institution: dict(levels) for institution, levels in sorted(found.items())}


def _signal(signal: str, rows: Sequence[CountRow]) -> SignalCount:
    told = [row for row in rows if row.institution != PLATFORM]
    levels, outcomes = Counter[str](), Counter[str]()
    for row in told:
        levels[row.level] += row.alerts
        if row.outcome is not None:
            outcomes[row.outcome] += row.alerts
    right = sum(outcomes[name] for name in RIGHT)
    judged = right + sum(outcomes[name] for name in WRONG)
    alerts = sum(levels.values())
    return SignalCount(
        signal=signal,
        alerts=alerts,
        open=alerts - sum(outcomes.values()),
        seen_by_platform=sum(row.alerts for row in rows) - alerts,
        by_level=dict(levels),
        outcomes=dict(outcomes),
        precision=precision_of(right, judged),
    )
