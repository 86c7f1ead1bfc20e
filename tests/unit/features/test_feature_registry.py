import os
import subprocess
import sys
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from features.contracts import Words
from features.definitions import REGISTRY
from features.errors import FeatureDefinitionError
from features.pipeline import render
from features.registry import Aggregate, Feature, Grain, Registry, lineage_of
from features.windows import Window
from tests.negative import FINES_TO_SALES, PENALTIES

ROW = Grain(
    "row",
    frozenset({"invoice_line"}),
    lambda _: "SELECT * FROM visible_invoice_line",
    event_date="issued_on",
)


def _another(_: date) -> str:
    return "SELECT 1"


CHILD = Grain("child", ROW.datasets, lambda _: "SELECT * FROM row", parents=(ROW,))
SUM = Aggregate(ROW, "sum(amount_fen)", "status = 'valid'", Window(3), empty="0")
FEATURE = Feature(
    "amount_sum_3m", "{a}", {"a": SUM}, "cny", -1, "unknown", "R07", Words(zh="金额", en="amount")
)


def of(aggregate: Aggregate) -> Feature:
    return replace(FEATURE, of={"a": aggregate})


@pytest.mark.parametrize(
    "changed",
    [
        replace(FEATURE, expression="{a} / 100"),
        replace(FEATURE, name="amount_sum_4m"),
        replace(FEATURE, missing="zero"),
        of(replace(SUM, sql="max(amount_fen)")),
        of(replace(SUM, where="status = 'void'")),
        of(replace(SUM, window=Window(6))),
        of(replace(SUM, window=Window(3, offset=12))),
        of(replace(SUM, window=None)),
        of(replace(SUM, empty=None)),
        of(replace(SUM, grain=replace(ROW, event_date="available_at"))),
        of(replace(SUM, grain=replace(ROW, select=_another))),
        of(replace(SUM, grain=replace(ROW, name="other"))),
    ],
)
def test_the_hash_changes_with_whatever_decides_the_value(changed: Feature):
    assert changed.definition_hash != FEATURE.definition_hash


def test_the_hash_changes_with_a_parent_grain():
    def over(parent: Grain) -> str:
        return of(
            Aggregate(replace(CHILD, parents=(parent,)), "count(*)", empty="0")
        ).definition_hash

    assert over(ROW) != over(replace(ROW, select=_another))


def test_the_hash_does_not_change_with_words_unit_or_direction():
    same = replace(FEATURE, words=Words(zh="数", en="n"), unit="count", direction=1, group="R99")
    assert same.definition_hash == FEATURE.definition_hash


def test_hashes_are_the_same_in_another_process():
    code = (
        "from features.definitions import REGISTRY\n"
        "for feature in REGISTRY: print(feature.definition_hash)"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "4711"}
    root = Path(__file__).parents[3]
    told = subprocess.run(
        [sys.executable, "-c", code], env=environment, cwd=root, capture_output=True, check=True
    )
    assert told.stdout.decode().split() == [feature.definition_hash for feature in REGISTRY]


def test_two_features_of_one_name_are_refused():
    with pytest.raises(FeatureDefinitionError, match=r"'amount_sum_3m' is declared twice\."):
        Registry((FEATURE, FEATURE))


def test_two_grains_of_one_name_are_refused():
    clash = replace(of(replace(SUM, grain=replace(ROW, select=_another))), name="b")
    with pytest.raises(FeatureDefinitionError, match="another grain has that name already"):
        Registry((FEATURE, clash))


def test_an_expression_may_name_only_its_aggregates():
    with pytest.raises(FeatureDefinitionError, match="uses 'b', which is no aggregate of it"):
        Registry((replace(FEATURE, expression="{a} + {b}"),))


def test_a_grain_without_event_date_cannot_be_windowed():
    with pytest.raises(FeatureDefinitionError, match="'child' has no event date"):
        Aggregate(CHILD, "count(*)", window=Window(3)).render(date(2020, 2, 29))


def test_unknown_names_list_near_ones():
    with pytest.raises(FeatureDefinitionError, match="Did you mean 'sales_days_since_last'"):
        _ = REGISTRY["sales_day_since_last"]


def test_a_feature_reads_the_datasets_of_all_its_grains():
    assert FINES_TO_SALES.datasets == {"invoice_line", "penalty"}
    registry = Registry((FEATURE, PENALTIES, FINES_TO_SALES))
    assert registry.reading_only({"invoice_line"}).names == ("amount_sum_3m",)
    assert registry.select([PENALTIES.name]).names == (PENALTIES.name,)


def test_lineage_begins_with_the_furthest_ancestor():
    assert [grain.name for grain in lineage_of(CHILD)] == ["row", "child"]


def test_equal_aggregates_are_computed_once():
    twice = Registry((FEATURE, replace(FEATURE, name="again")))
    assert render(twice, date(2020, 2, 29)).count("sum(amount_fen)") == 1
