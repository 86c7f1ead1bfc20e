"""Rules and model within one budget of alerts: who is named, and what is news."""

from datetime import date

import numpy as np

from tests.unit.models.small_registry import REGISTRY
from training.borrowers import Borrowers
from training.signal_evaluation import BOTH, MODEL, RULES, judge_signals, raised
from training.timeline import Timeline
from training.warning import EVENT, GOOD, Outcomes

FIRMS = 400
DATES = Timeline((date(2025, 3, 31), date(2025, 6, 30)), (date(2026, 1, 31), date(2026, 2, 28)))


def borrowers(rng: np.random.Generator) -> Borrowers:
    place, firm = np.repeat(np.arange(4), FIRMS), np.tile(np.arange(FIRMS), 4)
    is_event = rng.random(len(firm)) < 0.1
    outcomes = Outcomes(
        place=place,
        firm=firm,
        called=np.where(is_event, EVENT, GOOD),
        dpd=np.zeros(len(firm), dtype=np.int64),
        months_to_event=np.where(is_event, 3.0, np.nan),
        days_to_late=np.where(is_event, 80.0, np.nan),
        defaults=is_event,
        only_closes=np.zeros(len(firm), dtype=np.bool_),
    )
    return Borrowers(np.zeros((len(firm), len(REGISTRY))), outcomes, DATES, REGISTRY, {}, 0)


def test_signals_and_model_share_one_budget() -> None:
    rng = np.random.default_rng(7)
    rows = borrowers(rng)
    # Red for one event in ten and for nobody else: 4 in 400, so 8 of the 12 that 3 % allow are the model's.
    holds = np.zeros(len(rows.is_event), dtype=np.bool_)
    for place in range(4):
        holds[np.flatnonzero(rows.is_event & (rows.outcomes.place == place))[:4]] = True
    levels = np.where(holds, 4, 0).astype(np.int8)[:, None]
    blind = rng.random(len(holds)) * 0.2
    early = rows.is_development
    found = judge_signals(rows, levels, blind[early], blind[~early], seed=1).ways
    caught = {name: report.figures["recall"].value for name, report in found.items()}
    share = {name: report.figures["alerted_share"].value for name, report in found.items()}
    assert found[RULES].figures["precision"].value == 1
    assert caught[BOTH] >= caught[RULES] > caught[MODEL]
    assert share[RULES] == 4 / 400
    # Beside the signals fewer are left to the model than alone; scores are of one kind in all months.
    assert share[RULES] < share[BOTH] < share[RULES] + share[MODEL]


def test_an_alert_is_raised_when_a_signal_comes_or_worsens_and_not_while_it_stands() -> None:
    rows = borrowers(np.random.default_rng(1)).outcomes.take(
        np.array([0, 1, FIRMS, FIRMS + 1, FIRMS + 2])
    )
    # Firm 0: orange stays, red stays beside it that was unknown; firm 1: orange turns red; firm 2 is new.
    levels = np.array([[3, -1], [3, 0], [3, 4], [4, 2], [3, 0]], dtype=np.int8)
    assert raised(levels, rows)[2:].tolist() == [True, True, True]
    standing = np.array([[3, 4], [3, 0], [3, 4], [3, 2], [2, 2]], dtype=np.int8)
    assert raised(standing, rows)[2:].tolist() == [False, False, False]
