"""Facts of exposures that need their firms' columns, too.

Guarantors in trouble, executions beside the loan, mortgages to others, authorised data that have stopped.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np

from features.facts.feeds import FEED_FACTS
from features.facts.mortgages import DATASET, NEW_MORTGAGES, NewMortgage, to_others
from models.arrays import FloatArray
from models.signals.levels import UNKNOWN
from models.watching.exposures import Exposures, Firms
from models.watching.watch import Watch, run_watch

#: A guarantor in whom one of these holds is in trouble (domain: W49).
TROUBLE = frozenset({"W01", "W04", "W17"})
_NEW_EXECUTIONS, _OVER_LOAN = (
    "executions_new_amount_sum_1m_cny",
    "executions_new_over_own_loan_ratio",
)
_MOST_RATIO = 10.0


_DAYS_OVERDUE = "authorised_data_days_overdue_days"
_TO_OTHERS = "mortgages_to_others_new_count_1m"


@dataclass(frozen=True)
class Behind:
    """What else the loans and consents of n exposures say.

    Attributes
    ----------
    guarantors : sequence of str, length n
        Who stands for the loans, empty for nobody.
    last_granted : sequence of (date or None), length n
        Day of the latest of them.
    opened_since : sequence of (date or None), length n
        First day of the consents under which the institution watches the firm.
    """

    guarantors: Sequence[str]
    last_granted: Sequence[date | None]
    opened_since: Sequence[date | None]


#: `usccs -> mortgages by firm`; asked of the few firms that have new ones.
MortgageLook = Callable[[Collection[str]], Mapping[str, Collection[NewMortgage]]]


def complete_facts(
    watch: Watch,
    firms: Firms,
    exposures: Exposures,
    behind: Behind,
    of_guarantor: Mapping[str, int],
    mortgages: MortgageLook,
) -> Exposures:
    """Exposures with the facts that are made of their own and of firms' columns.

    Parameters
    ----------
    exposures : Exposures
        With the facts that loans give.
    of_guarantor : mapping of str to int
        Row of each guarantor that is on the register.
    """
    facts = dict(exposures.facts)
    troubled = _troubled(watch, firms, of_guarantor)
    told = [0.0 if not one else troubled.get(one, np.nan) for one in behind.guarantors]
    facts["guarantor_in_trouble"] = np.array(told, dtype=np.float64)
    if _NEW_EXECUTIONS in firms.columns:
        owed = np.maximum(facts["own_loan_balance_cny"], 1.0)
        new = firms.columns[_NEW_EXECUTIONS][exposures.firm]
        facts[_OVER_LOAN] = np.minimum(new / owed, _MOST_RATIO)
    if NEW_MORTGAGES in firms.columns:
        facts[_TO_OTHERS] = _to_others(firms, exposures, behind.last_granted, mortgages)
    facts[_DAYS_OVERDUE] = _overdue(firms, exposures, behind.opened_since)
    return replace(exposures, facts=facts)


def _to_others(
    firms: Firms, exposures: Exposures, granted: Sequence[date | None], look: MortgageLook
) -> FloatArray:
    """New mortgages to others; only firms that have new ones at all are looked up."""
    found = firms.columns[NEW_MORTGAGES][exposures.firm].copy()
    open_ones = ~exposures.closes(frozenset({DATASET}), np.arange(len(found)))
    rows = np.flatnonzero((found > 0) & open_ones).tolist()
    usccs = {row: firms.usccs[int(exposures.firm[row])] for row in rows}
    known = look(set(usccs.values())) if usccs else {}
    for row, uscc in usccs.items():
        found[row] = to_others(known.get(uscc, ()), exposures.institutions[row], granted[row])
    return found


def _overdue(firms: Firms, exposures: Exposures, since: Sequence[date | None]) -> FloatArray:
    """Days by which the latest feed is late, of those that are open and still came in when they were opened."""
    everyone = np.arange(len(exposures))
    days = [np.nan if day is None else (firms.as_of_date - day).days for day in since]
    opened_for, found = np.array(days, dtype=np.float64), np.full(len(everyone), np.nan)
    for fact in FEED_FACTS:
        if fact.name in firms.columns:
            late = firms.columns[fact.name][exposures.firm].copy()
            stopped_before = ~(late <= opened_for)
            late[stopped_before | exposures.closes(fact.datasets, everyone)] = np.nan
            found = np.fmax(found, late)
    return found


def _troubled(watch: Watch, firms: Firms, guarantors: Mapping[str, int]) -> dict[str, float]:
    """1 for guarantors that are in trouble by public record, 0 for those that are not; unknown ones absent."""
    signals = tuple(one for one in watch.signals if one.code in TROUBLE)
    if not guarantors or not signals:
        return {}
    alone = replace(watch, signals=signals, warning=None, rating=None)
    names, rows = list(guarantors), np.array(list(guarantors.values()), dtype=np.int64)
    asked = Exposures(names, rows, (frozenset(),), np.zeros(len(rows), dtype=np.int64), {})
    levels = run_watch(alone, asked, firms).levels
    worst = levels.max(axis=1)
    is_known = (levels != UNKNOWN).all(axis=1) | (worst > 0)
    return {
        name: float(level > 0)
        for name, level, known in zip(names, worst.tolist(), is_known.tolist(), strict=True)
        if known
    }
