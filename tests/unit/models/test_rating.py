from dataclasses import replace

import pytest

from features.registry import Aggregate, Grain, Registry
from models.rating import INVOICE_RATING
from tests.unit.models.small_registry import REGISTRY, make_feature


def test_the_model_reads_every_feature_of_its_datasets_and_no_other() -> None:
    registers = Grain("registers", frozenset({"reg_basic"}), lambda _: "SELECT 1 AS x")
    aged = replace(make_feature("age_months", "R01", -1), of={"a": Aggregate(registers, "max(x)")})
    both = Registry((aged, *REGISTRY.features))
    assert INVOICE_RATING.features(both).names == REGISTRY.names


def test_directions_become_constraints_in_column_order() -> None:
    found = INVOICE_RATING.training_parameters(REGISTRY, seed=5, threads=2)
    assert found["monotone_constraints"] == [-1, 1, 1, -1, -1, 0]
    assert (found["seed"], found["num_threads"], found["deterministic"]) == (5, 2, True)


def test_the_model_stays_small() -> None:
    limits = INVOICE_RATING.parameters
    assert (limits["max_depth"], limits["num_leaves"], INVOICE_RATING.rounds) == (3, 8, 300)
    with pytest.raises(TypeError, match="does not support item assignment"):
        limits["max_depth"] = 9  # pyright: ignore[reportIndexIssue]  the attempt is the test


def test_an_undated_label_is_never_called_a_twelve_month_probability() -> None:
    assert INVOICE_RATING.probability_kind == "default_probability"
    assert "undated label" in INVOICE_RATING.label.en
    assert "无日期" in INVOICE_RATING.label.zh
    assert INVOICE_RATING.disclaimer.zh == "仅供参考，不构成授信承诺"
