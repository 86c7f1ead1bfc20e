"""Runs the tables of `tests/spec/features`; `tests/value_tables.py` says how to read one."""

from pathlib import Path

import pytest

from features.definitions import REGISTRY
from tests.value_tables import Firm, Results, look_up, read_firms, require_complete, require_said

FIRMS = read_firms(Path(__file__).parent / "features")


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    return look_up(FIRMS, REGISTRY, tmp_path_factory.mktemp("spec"))


@pytest.mark.parametrize("firm", FIRMS, ids=lambda firm: f"{firm.table}: {firm.case.title}")
def test_features_say_what_the_table_says(firm: Firm, results: Results) -> None:
    require_said(firm, results, REGISTRY)


def test_every_feature_has_a_case_with_a_value_and_one_without() -> None:
    require_complete(FIRMS, REGISTRY)
