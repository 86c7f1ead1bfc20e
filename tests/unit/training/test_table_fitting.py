import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from features.errors import TableError
from models.tree_model import read_ensemble
from tests.own_fits import fit_quickly, labelled_loans, plan_of
from tests.own_tables import loans
from training.table.bagging import booster_of, grow_bag, join_models
from training.table.columns import label_table
from training.table.fitting import FittedTable
from training.table.report import DRAWS, held_out_table, judge
from training.table.settings import load_rules
from training.table.trees import Columns, Rows, grow

ROOT = Path(__file__).parents[3]


@cache
def fitted() -> FittedTable:
    return fit_quickly(labelled_loans())


def texts(found: FittedTable) -> list[str]:
    return [model.text for model in (*found.models, found.final)]


def test_a_fit_that_was_killed_goes_on_to_the_same_models(tmp_path: Path) -> None:
    # Five trials and a fit a model: step 9 is the third trial of the second.
    worker = [sys.executable, "-m", "tests.fit_worker", str(tmp_path), "9"]
    done = subprocess.run(worker, cwd=ROOT, check=False)
    assert done.returncode == -9
    assert len((tmp_path / "trials.jsonl").read_text().splitlines()) == 8
    again = fit_quickly(labelled_loans(), diary=tmp_path / "trials.jsonl")
    assert texts(again) == texts(fitted())
    assert [model.line for model in again.models] == [model.line for model in fitted().models]


def test_it_ranks_what_it_has_not_seen_and_says_how_sure_it_is() -> None:
    labelled = labelled_loans()
    report = judge(labelled, fitted(), plan_of())
    assert (report.n, report.positives) == (600, int(labelled.is_positive.sum()))
    assert report.pooled["auc"].low > 0.6
    for found in (report.pooled, report.mean_of_folds, *(fold.figures for fold in report.folds)):
        for name in ("auc", "ks", "pr_auc", "brier", "ece", "logloss", "calibration_slope"):
            assert found[name].low < found[name].high
        assert found["auc"].low < found["auc"].value < found["auc"].high
    assert report.mean_of_folds["auc"].value == pytest.approx(
        np.mean([fold.figures["auc"].value for fold in report.folds])
    )
    assert DRAWS >= 400


def test_held_out_rows_are_each_there_once() -> None:
    table = held_out_table(labelled_loans(), fitted())
    assert sorted(table["row"].to_pylist()) == list(range(1, 601))
    assert set(table["fold"].to_pylist()) == {"fold 1", "fold 2"}


def test_figures_and_models_follow_the_weights() -> None:
    plain, weighted = labelled_loans(), labelled_loans(weight="rows_meant")
    assert weighted.weight is not None
    found = fit_quickly(weighted, plan_of(trials=0))
    unweighted = fit_quickly(plain, plan_of(trials=0))
    assert texts(found) != texts(unweighted)
    report = judge(weighted, found, plan_of())
    rate = float(np.average(weighted.is_positive, weights=weighted.weight))
    assert report.rate == pytest.approx(rate)
    assert report.rate != pytest.approx(plain.is_positive.mean(), abs=1e-6)
    probability = np.empty(600)
    for split, part in zip(found.splits, found.probability, strict=True):
        probability[split.test] = part
    brier = np.average((probability - weighted.is_positive) ** 2, weights=weighted.weight)
    assert report.pooled["brier"].value == pytest.approx(brier)


def test_a_group_is_drawn_and_held_out_whole() -> None:
    labelled = labelled_loans()
    plan = plan_of("group:firm:2", trials=0)
    report = judge(labelled, fit_quickly(labelled, plan), plan)
    assert report.drawn == "groups of firm"
    assert report.n == 600


def test_a_cut_in_time_judges_the_model_of_the_bundle() -> None:
    labelled = labelled_loans()
    plan = plan_of("time:year<=2019", trials=0)
    found = fit_quickly(labelled, plan)
    assert found.final is found.models[0]
    year = np.asarray(labelled.source["year"])
    assert (year[found.splits[0].train] <= 2019).all()
    assert (year[found.splits[0].test] > 2019).all()


def test_labels_without_a_pattern_give_the_rate_and_no_opinion() -> None:
    rng = np.random.default_rng(2)
    noise = {f"x{place}": rng.normal(size=200).tolist() for place in range(3)}
    table = pa.table({**noise, "y": (rng.random(200) < 0.3).astype(int).tolist()})
    labelled = label_table(table, target="y", positive="1")
    found = fit_quickly(labelled, plan_of(trials=0))
    rate = labelled.is_positive.mean()
    for model, split in zip(found.models, found.splits, strict=True):
        told = model.probability(labelled, split.test)
        assert abs(told.mean() - rate) < 0.1
        assert told.std() < 0.2


def test_nothing_to_learn_from_is_refused() -> None:
    table = pa.table({"a": ["k"] * 40, "y": [0, 1] * 20})
    with pytest.raises(TableError, match="No column is left to learn from"):
        fit_quickly(label_table(table, target="y", positive="1"), plan_of(trials=0))


def test_a_bag_is_the_mean_of_its_seeds_in_one_text() -> None:
    rng = np.random.default_rng(1)
    matrix = rng.normal(size=(300, 4))
    matrix[:, 3] = rng.integers(0, 6, 300)
    rows = Rows(matrix, rng.random(300) < 1 / (1 + np.exp(-matrix[:, 0])), np.ones(300))
    columns = Columns(("c0", "c1", "c2", "c3"), (3,), (0, 0, 0, 0))
    rules = load_rules()
    parameters = rules.parameters(rules.candidates[1], seed=1)
    text = grow_bag(rows, columns, parameters, 30, (1, 2, 3))
    alone = [
        np.asarray(
            grow(rows, columns, {**parameters, "seed": seed}, 30).predict(matrix, raw_score=True)
        )
        for seed in (1, 2, 3)
    ]
    margin = read_ensemble(text).margin(matrix)
    assert np.abs(margin - np.mean(alone, axis=0)).max() < 1e-12
    assert np.array_equal(margin, np.asarray(booster_of(text).predict(matrix, raw_score=True)))
    assert not np.allclose(alone[0], alone[1])


def test_seeds_that_would_agree_are_grown_once() -> None:
    rng = np.random.default_rng(1)
    rows = Rows(rng.normal(size=(100, 2)), rng.random(100) < 0.5, np.ones(100))
    still = (
        load_rules().candidates[0].model_copy(update={"row_fraction": 1.0, "feature_fraction": 1.0})
    )
    text = grow_bag(
        rows,
        Columns(("c0", "c1"), (), (0, 0)),
        load_rules().parameters(still, seed=1),
        5,
        (1, 2, 3),
    )
    assert text.count("\nTree=") == 5
    assert join_models([text]) == text


def test_loans_are_the_same_every_time() -> None:
    assert loans().equals(loans())
