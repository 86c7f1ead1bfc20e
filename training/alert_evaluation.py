"""What alerts are worth: how many borrowers they name, whom they miss, and how early they come.

An alert counts only while the borrower is not late, and only if it comes in time to act. A firm
that is named in several months counts once, and its first alert in time gives the lead. The cut-off
is a decision on top of the probability: the lowest at which no month of development has more
borrowers alerted than the limit.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.arrays import BoolArray, FloatArray
from training.evaluate import LEVEL, Estimate
from training.warning import EVENT, Outcomes, WarningRules

IntArray = npt.NDArray[np.int64]

DRAWS = 2_000


@dataclass(frozen=True)
class AlertReport:
    """What one way of raising alerts did on the later months.

    Attributes
    ----------
    cut_off : float
        Alerted at or above.
    share_by_month : ndarray of float64, shape (months,)
        Alerted live borrowers by month end.
    alerted, late, defaulted : int
        Firms alerted, firms that became late and could have been named in time, and those of them
        that went on to default.
    figures : dict of str to Estimate
        `alerted_share`, `precision`, `recall`, `recall_defaults`, `recall_events`, `median_lead_days`;
        NaN where there is nothing to count.
    """

    cut_off: float
    share_by_month: FloatArray
    alerted: int
    late: int
    defaulted: int
    figures: dict[str, Estimate]


def choose_cut_off(
    score: FloatArray, place: IntArray, share: float, named: BoolArray | None = None
) -> float:
    """The lowest cut-off at which no month has more than a share of its rows alerted.

    Parameters
    ----------
    score : ndarray of shape (n,)
        Higher = riskier; development rows, from models that had not seen the firm.
    place : ndarray of int64, shape (n,)
        Month end of each row.
    share : float
        Of live borrowers a month, 0 to 1.
    named : ndarray of bool, shape (n,), optional
        Rows that are alerted anyway and count towards the share.

    Examples
    --------
    >>> score, month = np.array([0.1, 0.2, 0.3, 0.4]), np.zeros(4, dtype=np.int64)
    >>> (score >= choose_cut_off(score, month, 0.5)).tolist()
    [False, False, True, True]

    Where one of them is alerted already, room is left for one more.

    >>> (score >= choose_cut_off(score, month, 0.5, score < 0.2)).tolist()
    [False, False, False, True]
    """
    highest_left_out = [-np.inf]
    free = np.ones_like(place, dtype=np.bool_) if named is None else ~named
    for month in np.unique(place):
        here = place == month
        falling = np.sort(score[here & free])[::-1]
        room = max(0, int(share * here.sum()) - int((here & ~free).sum()))
        highest_left_out += falling[room : room + 1].tolist()
    return float(np.nextafter(max(highest_left_out), np.inf))


def judge_alerts(
    rows: Outcomes, score: FloatArray, cut_off: float, rules: WarningRules, *, seed: int
) -> AlertReport:
    """Judge the alerts that a score raises on later month ends.

    Parameters
    ----------
    rows : Outcomes
        Live borrowers of the later month ends, n of them, month by month.
    score : ndarray of shape (n,)
    cut_off : float
    seed : int
        Of the draws of firms that the 95 % intervals come from.
    """
    firms = _by_firm(rows, score >= cut_off, rules)
    months = rows.place - rows.place.min()
    alerted = np.bincount(months, weights=score >= cut_off)
    rng = np.random.default_rng(seed)
    count = len(firms.rows)
    drawn = [_figures(firms.take(rng.integers(0, count, count))) for _ in range(DRAWS)]
    tail = (1 - LEVEL) / 2
    return AlertReport(
        cut_off=cut_off,
        share_by_month=alerted / np.bincount(months),
        alerted=int((firms.alerts > 0).sum()),
        late=int(firms.could["recall"].sum()),
        defaulted=int(firms.could["recall_defaults"].sum()),
        figures={
            name: _interval(value, np.array([one[name] for one in drawn]), tail)
            for name, value in _figures(firms).items()
        },
    )


@dataclass(frozen=True)
class _Firms:
    """One entry a firm: its months, its alerts, and what alerts in time could and did foresee.

    `could` and `did` are by the name of the recall they give.
    """

    rows: IntArray
    alerts: IntArray
    is_right: BoolArray
    could: dict[str, BoolArray]
    did: dict[str, BoolArray]
    lead: FloatArray

    def take(self, drawn: IntArray) -> "_Firms":
        return _Firms(
            rows=self.rows[drawn],
            alerts=self.alerts[drawn],
            is_right=self.is_right[drawn],
            could={name: values[drawn] for name, values in self.could.items()},
            did={name: values[drawn] for name, values in self.did.items()},
            lead=self.lead[drawn],
        )


def _by_firm(rows: Outcomes, is_alerted: BoolArray, rules: WarningRules) -> _Firms:
    """Fold rows into firms."""
    keys, firm = np.unique(rows.firm, return_inverse=True)
    is_event = np.asarray(rows.called == EVENT)
    counts = rows.dpd <= rules.counted_dpd_up_to.value
    in_time = counts & (rows.days_to_late >= rules.counted_lead_days_from.value)
    # Of other events only the month is known; the second one is always far enough.
    other = counts & is_event & np.isnan(rows.days_to_late) & (rows.months_to_event > 1)
    could_by_row = {
        "recall": in_time,
        "recall_defaults": in_time & rows.defaults,
        "recall_events": in_time | other,
    }

    def any_row(flags: BoolArray) -> BoolArray:
        return np.bincount(firm, weights=flags, minlength=len(keys)) > 0

    lead = np.full(len(keys), np.nan)
    caught = np.flatnonzero(in_time & is_alerted)
    # Rows are in the order of their months, so a firm's first one is its first alert in time.
    named, first = np.unique(firm[caught], return_index=True)
    lead[named] = rows.days_to_late[caught[first]]
    return _Firms(
        rows=np.bincount(firm, minlength=len(keys)),
        alerts=np.bincount(firm, weights=is_alerted, minlength=len(keys)).astype(np.int64),
        is_right=any_row(is_alerted & is_event),
        could={name: any_row(flags) for name, flags in could_by_row.items()},
        did={name: any_row(flags & is_alerted) for name, flags in could_by_row.items()},
        lead=lead,
    )


def _figures(firms: _Firms) -> dict[str, float]:
    lead = firms.lead[~np.isnan(firms.lead)]
    return {
        "alerted_share": _ratio(firms.alerts.sum(), firms.rows.sum()),
        "precision": _ratio(firms.is_right.sum(), (firms.alerts > 0).sum()),
        **{name: _ratio(firms.did[name].sum(), could.sum()) for name, could in firms.could.items()},
        "median_lead_days": float(np.median(lead)) if lead.size else float("nan"),
    }


def _ratio(part: np.int64, whole: np.int64) -> float:
    return float(part / whole) if whole else float("nan")


def _interval(value: float, drawn: FloatArray, tail: float) -> Estimate:
    known = drawn[np.isfinite(drawn)]
    low, high = np.quantile(known, [tail, 1 - tail]) if known.size else (np.nan, np.nan)
    return Estimate(value, float(low), float(high))
