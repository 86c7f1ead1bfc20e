"""Positions among peers: worked numbers, who the peers are, and what a bundle must not tell."""

import json
from dataclasses import replace
from datetime import date
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from features.definitions import REGISTRY
from features.errors import ModelInputError
from models.bundle import Bundle, write_bundle
from models.card import Subject, card_facts, render_card
from models.portrait import Kinds, Portraits
from models.portrait_tables import (
    Peers,
    PeerTables,
    PortraitRules,
    count_peers,
    dimension_points,
    load_portrait_rules,
    percentiles,
)
from models.reasons import load_reasons
from models.record import rating_table
from models.scorer import Scorer
from tests.unit.models.conftest import Workshop
from tests.unit.models.small_registry import REGISTRY as REGISTRY_OF_MODEL

RULES = load_portrait_rules()
AS_OF = date(2026, 6, 30)
FIRM = np.array([-0.4, 0.8, 2.5, 12.0, 3.0, 40.0])
GRIDS = st.lists(st.integers(-30, 30).map(float), min_size=1, max_size=40).map(sorted)


def standing(sizes: list[int], points: list[int]) -> PeerTables:
    """Tables of firms of some size classes with these points in one dimension."""
    rows = len(points)
    size = np.array(["small", "micro"])[np.array(sizes)]
    peers = Peers(np.zeros((rows, 1)), size, np.full(rows, "C"))
    values, known = {"F1": np.array(points, dtype=float)}, {"F1": np.ones(rows, dtype=bool)}
    return count_peers(peers, values, known, RULES)


def drawn(
    bundle: Bundle, matrix: np.ndarray, withheld: set[str], kinds: Kinds | None = None
) -> Portraits:
    scorer = Scorer(bundle)
    of_kind = kinds or Kinds.unknown(len(matrix))
    return bundle.portraitist.draw(matrix, scorer.hidden_columns(withheld), of_kind)


def test_every_reason_group_is_in_one_dimension() -> None:
    listed = [group for one in RULES.dimensions.values() for group in one.groups]
    assert sorted(listed) == sorted(load_reasons().groups)
    assert {feature.group for feature in REGISTRY} <= set(listed)
    assert list(RULES.dimensions) == ["F1", "F2", "F3", "F4", "F5", "F6"]
    twice = RULES.model_dump()
    twice["dimensions"]["F6"]["groups"].append("R01")
    with pytest.raises(ValidationError, match="reason group R01 counts in two dimensions"):
        PortraitRules.model_validate(twice)


@given(GRIDS, st.lists(st.integers(-40, 40), min_size=2, max_size=30))
def test_more_points_are_never_a_lower_position(grid: list[float], points: list[int]) -> None:
    found = percentiles(np.array(sorted(points), dtype=float), grid)
    assert (np.diff(found) >= 0).all()
    assert found.min() >= 0
    assert found.max() <= 100


@given(GRIDS, st.integers(-40, 40))
def test_a_position_is_the_share_below_with_ties_counted_half(
    grid: list[float], points: int
) -> None:
    share = sum(step < points for step in grid) + 0.5 * sum(step == points for step in grid)
    assert percentiles(np.array([float(points)]), grid)[0] == pytest.approx(100 * share / len(grid))


def test_quantiles_are_as_many_as_the_firms_bear() -> None:
    # 60 firms bear 60 / 3 = 20 steps; the first lies in the middle of the lowest twentieth,
    # at place 0.025 * 59 = 1.475 of the points 0, 1, 2 …
    [grid] = [
        table.grids["F1"]
        for table in standing([0] * 60, list(range(60))).tables
        if table.code == "all"
    ]
    assert len(grid) == 20
    assert grid[0] == pytest.approx(1.475)
    assert len(standing([0] * 900, list(range(900))).tables[0].grids["F1"]) == 100


def test_groups_of_too_few_firms_are_not_kept() -> None:
    at_limit = standing([0] * 50 + [1] * 49, list(range(99)))
    assert [table.code for table in at_limit.tables] == ["all", "small", "small/C"]
    assert standing([0] * 49, list(range(49))).tables == []


def test_a_firm_is_compared_with_the_narrowest_group_there_is(
    workshop: Workshop, bundle: Bundle, tmp_path_factory: pytest.TempPathFactory
) -> None:
    rows = len(workshop.sample)
    size = np.where(np.arange(rows) < 300, "small", "micro")
    section = np.where(np.arange(rows) < 290, "C", "F")
    folder = tmp_path_factory.mktemp("portrait") / "one"
    peers = Peers(workshop.sample, size, section)
    made = write_bundle(
        workshop.recipe, folder, sample=workshop.sample, rng=np.random.default_rng(0), peers=peers
    )
    codes = {table.code for table in made.peers.tables}
    assert codes == {
        "all",
        "small",
        "small/C",
        "micro",
        "micro/F",
    }  # ten firms of small/F are too few
    kinds = Kinds(np.array(["small", "small", "", "large"]), np.array(["C", "F", "C", "C"]))
    found = drawn(made, np.tile(FIRM, (4, 1)), set(), kinds)
    assert found.peer_codes().tolist() == ["small/C", "small", "all", "all"]
    card = render_card(card_facts(
        Subject("信桥", "E1", AS_OF), made, Scorer(made).rate(FIRM[None, :]), FIRM,
        kinds=Kinds(kinds.size_class[:1], kinds.industry_section[:1]),
    ))  # fmt: skip
    assert "同业：小型 · 制造业，100–299 家" in card


def test_the_median_firm_stands_in_the_middle(bundle: Bundle, workshop: Workshop) -> None:
    found = drawn(bundle, workshop.sample, set())
    known = ~np.isnan(found.scores["F2"])
    assert np.median(found.scores["F2"][known]) == pytest.approx(50, abs=3)
    # The six features of this model all belong to one dimension.
    assert found.absent["F5"].tolist() == ["not_read"] * len(workshop.sample)


def test_a_worse_value_is_never_a_better_position(bundle: Bundle) -> None:
    for column, feature in enumerate(REGISTRY_OF_MODEL):
        rows = np.tile(FIRM, (60, 1))
        rows[:, column] = np.linspace(-1, 12, 60)
        steps = np.diff(drawn(bundle, rows, set()).scores["F2"])
        if feature.direction:
            assert (steps * feature.direction <= 0).all(), feature.name


def test_what_else_is_withheld_changes_no_position(bundle: Bundle, workshop: Workshop) -> None:
    halves = RULES.model_dump()["dimensions"] | {
        "F1": {"words": {"zh": "a", "en": "a"}, "groups": ["R27", "R08"]}
    }
    halves["F2"]["groups"] = ["R07", "R28", "R29"]
    rules = PortraitRules.model_validate(RULES.model_dump() | {"dimensions": halves})
    half = replace(bundle.portraitist, rules=rules)
    points = dimension_points(bundle.model, workshop.sample, half.columns)
    known = {name: np.ones(len(workshop.sample), dtype=bool) for name in points}
    tables = count_peers(Peers.of_any_kind(workshop.sample), points, known, rules)
    half = replace(half, tables=tables)
    kinds = Kinds.unknown(len(workshop.sample))
    is_first = half.columns["F1"]
    whole = half.draw(workshop.sample, np.zeros(6, dtype=bool), kinds)
    closed = half.draw(np.where(is_first, np.nan, workshop.sample), is_first, kinds)
    assert closed.absent["F1"].tolist() == ["withheld"] * len(workshop.sample)
    np.testing.assert_array_equal(closed.scores["F2"], whole.scores["F2"])
    assert len(np.unique(whole.scores["F2"])) > 10


def test_what_cannot_be_compared_says_why(bundle: Bundle) -> None:
    silent = drawn(bundle, np.full((1, 6), np.nan), set())
    assert silent.position("F2") == "no_record"
    closed = drawn(bundle, FIRM[None, :], {"invoice_line"})
    assert closed.position("F2") == "withheld"
    assert closed.position("F3") == "not_read"


def test_a_portrait_does_not_depend_on_the_company(bundle: Bundle, workshop: Workshop) -> None:
    together = drawn(bundle, workshop.sample[:40], set())
    alone = [drawn(bundle, workshop.sample[[row]], set()).position("F2") for row in range(40)]
    assert [together.position("F2", row) for row in range(40)] == alone


def test_the_record_and_the_card_tell_the_same(bundle: Bundle) -> None:
    matrix = np.vstack([FIRM, np.full(6, np.nan)])
    rate = partial(rating_table, bundle, matrix, usccs=["a", "b"], source_ids=["a", "b"])
    columns = rate(as_of_date=AS_OF, scope="self").to_pydict()
    position = columns["portrait_f2"][0]
    assert isinstance(position, int)
    assert (columns["portrait_f2"][1], columns["portrait_peers"]) == (None, ["all", None])
    assert columns["portrait_f1"] == [None, None]
    facts = card_facts(
        Subject("信桥", "E1", AS_OF), bundle, Scorer(bundle).rate(FIRM[None, :]), FIRM
    )
    lines = render_card(facts, "en").splitlines()
    [line] = [one for one in lines if one.startswith(" F2 Vitality")]
    assert line.split()[-1] == str(position)
    assert any("F3 Finance and tax" in one and "not read by the model" in one for one in lines)
    assert any("Peers: all firms, 300–999 firms" in one for one in lines)


def test_a_bundle_tells_no_extreme_and_no_row_of_its_peers(
    bundle: Bundle, workshop: Workshop
) -> None:
    points = dimension_points(bundle.model, workshop.sample, {"F2": np.ones(6, dtype=bool)})["F2"]
    stored = json.loads((bundle.path / "portrait.json").read_text(encoding="utf-8"))
    grid = stored["tables"][0]["grids"]["F2"]
    assert points.min() < grid[0]
    assert grid[-1] < points.max()
    assert len(grid) <= len(points) / RULES.firms_a_step.value


def test_peers_need_a_kind_a_row() -> None:
    with pytest.raises(ModelInputError, match="2 rows, 1 sizes, 2 sections"):
        Peers(np.zeros((2, 1)), np.array([""]), np.array(["", ""]))
