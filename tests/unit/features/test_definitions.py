"""Hygiene of every declared feature: what a reviewer would otherwise have to check by eye."""

import re
from datetime import date
from typing import get_args

import pytest

from features.contracts import load_catalogue
from features.definitions import REGISTRY, invoice
from features.facts import FACTS
from features.pipeline import render
from features.registry import Direction, Feature, Grain, Missing, Registry, Unit, lineage_of

AS_OF = date(2020, 2, 29)
#: Facts obey the laws of features; only how recent they are does not matter, since no model reads them.
DECLARED = Registry((*REGISTRY, *FACTS))
each_declared = pytest.mark.parametrize("feature", list(DECLARED), ids=DECLARED.names)
each_feature = pytest.mark.parametrize("feature", list(REGISTRY), ids=REGISTRY.names)
GRAINS = {g.name: g for f in DECLARED for own in f.grains for g in lineage_of(own)}
each_grain = pytest.mark.parametrize("grain", list(GRAINS.values()), ids=list(GRAINS))


def test_single_invoices_give_at_least_45_features():
    own = [feature for feature in REGISTRY if feature.datasets == frozenset({"invoice_line"})]
    assert len(own) == len(invoice.FEATURES) >= 45


@each_declared
def test_a_feature_says_all_there_is_to_say(feature: Feature):
    assert feature.unit in get_args(Unit)
    assert feature.direction in get_args(Direction)
    assert feature.missing in get_args(Missing)
    assert re.fullmatch(r"R\d\d", feature.group)
    assert re.search(r"[\u4e00-\u9fff]", feature.words.zh)
    assert re.fullmatch(r"[A-Za-z][ -~]+", feature.words.en)
    assert feature.datasets


@each_declared
def test_names_are_lower_snake_and_carry_their_unit(feature: Feature):
    assert re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", feature.name)
    if feature.unit == "cny":
        assert feature.name.endswith("_cny")


def test_names_and_words_are_told_apart():
    for values in (
        DECLARED.names,
        [feature.words.zh for feature in DECLARED],
        [feature.words.en for feature in DECLARED],
        [feature.definition_hash for feature in DECLARED],
    ):
        assert len(set(values)) == len(DECLARED)


@each_declared
def test_no_feature_reads_labels_or_consents(feature: Feature):
    assert not feature.datasets & {"loan_outcome", "consent_event"}
    assert feature.datasets <= set(load_catalogue().datasets)


@each_grain
def test_a_grain_declares_exactly_the_datasets_its_lineage_reads(grain: Grain):
    sql = " ".join(ancestor.select(AS_OF) for ancestor in lineage_of(grain))
    assert set(re.findall(r"(?:visible|everyone)_(\w+)", sql)) == grain.datasets


@each_feature
def test_recency_is_flagged_where_the_last_months_or_days_decide(feature: Feature):
    is_recent = re.search(r"_3m(_|$)|(days|months)_since_last|_gap_max_", feature.name) is not None
    assert feature.is_recency is is_recent


def test_both_sides_have_their_recency_features():
    flagged = {feature.name for feature in invoice.FEATURES if feature.is_recency}
    assert flagged == {
        "sales_amount_sum_3m_cny",
        "sales_invoices_count_3m",
        "purchase_amount_sum_3m_cny",
        "sales_amount_yoy_3m",
        "sales_days_since_last",
        "sales_gap_max_12m_days",
        "purchase_days_since_last",
        "purchase_gap_max_12m_days",
    }


def test_no_decimal_enters_feature_sql():
    """Engines round DECIMAL differently; a fraction is written as a DOUBLE cast."""
    sql = render(REGISTRY, AS_OF)
    without_casts = re.sub(r"CAST\([0-9.]+ AS DOUBLE\)", "", sql)
    assert re.findall(r"\d+\.\d+", without_casts) == []
    assert "DECIMAL" not in sql.upper()


@pytest.mark.parametrize("word", ["least(", "greatest(", "ifnull", "now()", "current_date", "::"])
def test_words_that_engines_read_differently_stay_out(word: str):
    assert word not in render(REGISTRY, AS_OF).lower()
