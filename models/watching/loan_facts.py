"""Facts of exposures that need their firms' columns: guarantors in trouble, executions beside the loan."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from models.arrays import FloatArray, IntArray
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


def complete_facts(
    watch: Watch,
    firms: Firms,
    row: IntArray,
    figures: Mapping[str, FloatArray],
    guarantors: Sequence[str],
    of_guarantor: Mapping[str, int],
) -> dict[str, FloatArray]:
    """The facts that loans give, and those made of them and of firms' columns.

    Parameters
    ----------
    row : ndarray of int64, shape (n,)
        Each exposure's firm.
    figures : mapping of str to ndarray of shape (n,)
    guarantors : sequence of str, length n
        Who stands for each exposure's loans, empty for nobody.
    of_guarantor : mapping of str to int
        Row of each guarantor that is on the register.
    """
    facts = dict(figures)
    troubled = _troubled(watch, firms, of_guarantor)
    told = [0.0 if not one else troubled.get(one, np.nan) for one in guarantors]
    facts["guarantor_in_trouble"] = np.array(told, dtype=np.float64)
    if _NEW_EXECUTIONS in firms.columns:
        owed = np.maximum(facts["own_loan_balance_cny"], 1.0)
        facts[_OVER_LOAN] = np.minimum(firms.columns[_NEW_EXECUTIONS][row] / owed, _MOST_RATIO)
    return facts


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
