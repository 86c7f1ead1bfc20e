"""What like firms saw: the spread of real differences, never under a scope the firm already has data of."""

from datetime import date
from typing import TYPE_CHECKING

import numpy as np
import pytest

from features.definitions import REGISTRY
from models.aliases import named_bundle
from models.bundle import load_bundle
from models.scorer import Scorer
from models.wayup.peers import PeerRules, PeerTable, load_peer_rules, peer_table, scopes_of
from tests.rated_town import promote_model

if TYPE_CHECKING:
    from pathlib import Path

RULES = PeerRules(
    valid_from=date(2026, 1, 1), source="test", least_firms=20, most_firms=150, low=0.1, high=0.9
)


@pytest.fixture(scope="module")
def scorer(tmp_path_factory: pytest.TempPathFactory) -> Scorer:
    home: Path = tmp_path_factory.mktemp("peers")
    promote_model(home)
    return Scorer(load_bundle(named_bundle(home / "bundles"), REGISTRY, home / "tables"))


@pytest.fixture(scope="module")
def matrix(scorer: Scorer) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """400 firms, each with nothing at all under some of the scopes."""
    rng = np.random.default_rng(7)
    values = rng.gamma(2.0, 1.0, (400, len(scorer.bundle.layout.features)))
    for datasets in scopes_of(scorer).values():
        columns = np.flatnonzero(scorer.hidden_columns(datasets))
        values[np.ix_(np.flatnonzero(rng.random(400) < 0.4), columns)] = np.nan
    return values


@pytest.fixture(scope="module")
def table(scorer: Scorer, matrix: np.ndarray[tuple[int, int], np.dtype[np.float64]]) -> PeerTable:
    return peer_table(scorer, matrix, RULES, build="2026-06-30")


def test_spreads_are_those_of_firms_rated_one_by_one(
    scorer: Scorer, matrix: np.ndarray[tuple[int, int], np.dtype[np.float64]], table: PeerTable
) -> None:
    rules = RULES.model_copy(update={"most_firms": 400})
    whole = peer_table(scorer, matrix, rules, build="x")
    told = [(scope, grade) for scope, by in whole.spreads.items() for grade in by]
    assert len(told) > 3
    scope, grade = max(told, key=lambda one: whole.spreads[one[0]][one[1]].firms)
    datasets = scopes_of(scorer)[scope]
    hidden = scorer.hidden_columns(datasets)
    changes: list[int] = []
    for row in matrix:
        closed = scorer.rate(row[np.newaxis], datasets)
        if np.isnan(row[hidden]).all() or closed.grade[0] != grade:
            continue
        changes.append(int(scorer.rate(row[np.newaxis]).score[0] - closed.score[0]))
    found = whole.spreads[scope][grade]
    assert found.firms == len(changes)
    # Eight in ten firms lie within; the ends are rounded outwards.
    inside = sum(found.low <= change <= found.high for change in changes)
    assert inside >= 0.8 * len(changes)
    assert found.low >= min(changes)
    assert found.high <= max(changes)
    assert table.spreads.keys() == whole.spreads.keys()


def test_a_grade_of_few_firms_is_not_told(
    scorer: Scorer, matrix: np.ndarray[tuple[int, int], np.dtype[np.float64]], table: PeerTable
) -> None:
    assert all(s.firms >= RULES.least_firms for by in table.spreads.values() for s in by.values())
    lone = peer_table(scorer, matrix[: RULES.least_firms - 1], RULES, build="x")
    assert not any(lone.spreads.values())


def test_a_firm_hears_only_of_scopes_it_has_nothing_under(scorer: Scorer, table: PeerTable) -> None:
    scope, by = next((scope, by) for scope, by in sorted(table.spreads.items()) if by)
    grade = next(iter(by))
    own = np.ones(len(scorer.bundle.layout.features))
    assert table.ranges(scorer, own, grade) == []
    own[scorer.hidden_columns(scopes_of(scorer)[scope])] = np.nan
    told = {one.consent_scope: one for one in table.ranges(scorer, own, grade)}
    assert (told[scope].low, told[scope].high) == (by[grade].low, by[grade].high)


def test_rules_need_as_many_firms_as_the_file_says() -> None:
    assert load_peer_rules(date(2026, 6, 30)).least_firms >= 30
