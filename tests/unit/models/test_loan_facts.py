"""Facts of exposures: mortgages to others, authorised data that have stopped, each at its limit."""

from collections.abc import Collection
from datetime import date, timedelta

import numpy as np

from features.facts import FACTS
from features.facts.feeds import FEED_FACTS
from features.facts.mortgages import DATASET, NEW_MORTGAGES, NewMortgage
from features.rules.vocabulary import Vocabulary
from models.signals.book import load_signals
from models.signals.exposure_facts import EXPOSURE_FACTS
from models.watching.exposures import Exposures, Firms
from models.watching.loan_facts import Behind, complete_facts
from models.watching.setting import COLUMNS
from models.watching.watch import Watch

DAY, GRANTED = date(2026, 5, 31), date(2026, 3, 1)
PENSION, WATER = "pension_month_overdue_now_days", "water_month_overdue_now_days"
FIRMS = ["first", "second", "third"]


def completed(
    columns: dict[str, list[float]],
    *,
    institutions: list[str],
    firm: list[int],
    views: list[frozenset[str]],
    since: list[date | None] | None = None,
    mortgages: dict[str, list[NewMortgage]] | None = None,
    asked: list[set[str]] | None = None,
) -> dict[str, list[float]]:
    rows = len(institutions)
    distinct = tuple(dict.fromkeys(views))
    exposures = Exposures(
        institutions,
        np.array(firm),
        distinct,
        np.array([distinct.index(view) for view in views]),
        {},
    )

    def look(usccs: Collection[str]) -> dict[str, list[NewMortgage]]:
        if asked is not None:
            asked.append(set(usccs))
        return mortgages or {}

    found = complete_facts(
        Watch((), Vocabulary.of(COLUMNS, EXPOSURE_FACTS), COLUMNS),
        Firms(FIRMS, DAY, {name: np.array(values) for name, values in columns.items()}),
        exposures,
        Behind([""] * rows, [GRANTED] * rows, since or [None] * rows),
        {},
        look,
    )
    return {name: values.tolist() for name, values in found.facts.items()}


def test_a_mortgage_counts_if_it_is_anothers_and_later_than_the_grant() -> None:
    asked: list[set[str]] = []
    closed = frozenset({DATASET})
    later, same_day = GRANTED + timedelta(days=1), GRANTED
    facts = completed(
        {NEW_MORTGAGES: [2.0, 1.0, 0.0]},
        institutions=["A", "B", "A", "A", "C"],
        firm=[0, 0, 1, 2, 0],
        views=[frozenset(), frozenset(), frozenset(), frozenset(), closed],
        mortgages={
            "first": [NewMortgage(later, "B"), NewMortgage(later, None)],
            "second": [NewMortgage(same_day, "B")],
        },
        asked=asked,
    )
    # A sees B's; B sees none of another's but one whose mortgagee the register does not state; of the second
    # firm the mortgage came with the loan; the third has none. What is closed to C stays as it was, blanked later.
    np.testing.assert_equal(facts["mortgages_to_others_new_count_1m"], [1.0, np.nan, 0.0, 0.0, 2.0])
    assert asked == [{"first", "second"}]


def test_a_feed_counts_if_it_is_open_and_came_in_when_it_was_opened() -> None:
    opened = [DAY - timedelta(days=days) for days in (60, 59, 60, 10)]
    facts = completed(
        {PENSION: [60.0, np.nan, 0.0], WATER: [45.0, np.nan, 0.0]},
        institutions=["A", "B", "C", "D", "E", "F"],
        firm=[0, 0, 0, 0, 0, 2],
        views=[frozenset(), frozenset(), frozenset({"pension_month"}), frozenset(), frozenset(), frozenset()],
        since=[*opened, None, DAY],
    )  # fmt: skip
    # A: pension was due on the day it was opened. B: a day later, so only water counts. C sees no pension.
    # D: both had stopped long before. E opens nothing, as the platform's own view. F: nothing is late.
    np.testing.assert_equal(
        facts["authorised_data_days_overdue_days"], [60.0, 45.0, 45.0, np.nan, np.nan, 0.0]
    )


def test_a_watch_looks_up_what_its_facts_are_made_of() -> None:
    vocabulary = Vocabulary.of(COLUMNS, EXPOSURE_FACTS)
    names = Watch(load_signals().at(DAY, vocabulary), vocabulary, COLUMNS).names
    assert {NEW_MORTGAGES, *(fact.name for fact in FEED_FACTS)} <= set(names) & set(FACTS.names)
    assert set(names).isdisjoint(term.name for term in EXPOSURE_FACTS)
