"""Rules and model within one budget: who is named, and what a signal is ranked by."""

from datetime import date

import numpy as np

from models.metrics import jeffreys_interval
from tests.unit.models.small_registry import REGISTRY
from training.borrowers import Borrowers
from training.signal_evaluation import (
    BOTH,
    BOTH_ADDED,
    MODEL,
    RULES,
    foretold,
    judge_signals,
    raised,
)
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


def test_a_signal_is_ranked_by_what_it_foretold_in_development() -> None:
    # The first signal held orange for 4 rows that are learned from, 3 of them with an event; the second
    # held red for 2, one with an event; yellow is not acted on.
    levels = np.array([[3, 0], [3, 0], [3, 4], [3, 4], [2, 0], [3, -1]], dtype=np.int8)
    is_event = np.array([True, True, True, False, True, True])
    learns = np.array([True, True, True, True, True, False])
    low = jeffreys_interval(3, 4, level=0.90).low
    # Red foretold 1 of 2, so the orange beside it ranks those rows; the row that is not learned from is
    # ranked by the others.
    assert low > jeffreys_interval(1, 2, level=0.90).low
    np.testing.assert_array_equal(
        foretold(levels, is_event, learns), [low, low, low, low, 0.0, low]
    )


def test_a_good_signal_beside_a_blind_model_is_what_is_named() -> None:
    rng = np.random.default_rng(7)
    rows = borrowers(rng)
    # Red for one event in ten and for nobody else: 1 % of borrowers, well within the budget.
    holds = rows.is_event & (rng.random(len(rows.is_event)) < 0.1)
    levels = np.where(holds, 4, 0).astype(np.int8)[:, None]
    blind = rng.random(len(holds)) * 0.2
    early = rows.is_development
    found = judge_signals(rows, levels, blind[early], blind[~early], seed=1).ways
    caught = {name: report.figures["recall"].value for name, report in found.items()}
    precise = {name: report.figures["precision"].value for name, report in found.items()}
    assert precise[RULES] == 1
    assert caught[BOTH] >= caught[RULES] > caught[MODEL]
    assert caught[BOTH_ADDED] >= caught[BOTH]
    share = {name: report.figures["alerted_share"].value for name, report in found.items()}
    assert share[BOTH_ADDED] >= max(share[RULES], share[MODEL])
    assert share[RULES] == holds[~early].mean()


def test_an_alert_is_raised_when_a_signal_comes_or_worsens_and_not_while_it_stands() -> None:
    rows = borrowers(np.random.default_rng(1)).outcomes.take(
        np.array([0, 1, FIRMS, FIRMS + 1, FIRMS + 2])
    )
    # Firm 0: orange stays, red stays beside it that was unknown; firm 1: orange turns red; firm 2 is new.
    levels = np.array([[3, -1], [3, 0], [3, 4], [4, 2], [3, 0]], dtype=np.int8)
    assert raised(levels, rows)[2:].tolist() == [True, True, True]
    standing = np.array([[3, 4], [3, 0], [3, 4], [3, 2], [2, 2]], dtype=np.int8)
    assert raised(standing, rows)[2:].tolist() == [False, False, False]
