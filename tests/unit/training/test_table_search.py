import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from features.errors import RequestError
from training.table.search import SearchTask, search
from training.table.settings import SHAPES, Encoding, Limit, SearchRules, load_rules, shapes_within
from training.table.trees import Columns, InnerFold, Rows, grow
from training.table.trials import best_of

ROWS = 240


def quick(**limits: int) -> SearchRules:
    """The rules with small limits."""
    wanted = {"rounds": 40, "patience": 10, "bags": 2, **limits}
    told = {name: Limit(value=value, unit="-", source="test") for name, value in wanted.items()}
    return load_rules().model_copy(update=told)


def task(trials: int, diary: Path | None = None, *, seed: int = 1) -> SearchTask:
    rng = np.random.default_rng(0)
    matrix = rng.normal(size=(ROWS, 5))
    is_positive = rng.random(ROWS) < 1 / (1 + np.exp(-1.5 * matrix[:, 0]))
    matrix[rng.random(matrix.shape) < 0.1] = np.nan
    columns = Columns(tuple(f"c{place}" for place in range(5)), (), (0,) * 5)
    fold_of = np.arange(ROWS) % 3

    def rows(chosen: np.ndarray) -> Rows:
        return Rows(matrix[chosen], is_positive[chosen], np.ones(int(chosen.sum())))

    folds = [InnerFold(rows(fold_of != k), rows(fold_of == k), columns) for k in range(3)]
    return SearchTask(folds, SHAPES, trials, seed, diary)


def test_a_search_that_went_on_after_a_break_is_the_search_undisturbed(tmp_path: Path) -> None:
    whole = search(task(9), quick())
    diary = tmp_path / "trials.jsonl"
    search(task(6, diary), quick())
    with diary.open("a") as file:
        file.write('{"search": "cut sh')  # what a kill in the middle of a line leaves
    grown: list[int] = []
    again = search(task(9, diary), quick(), on_trial=lambda: grown.append(1))
    assert again == whole
    assert len(grown) == 9
    assert len([line for line in diary.read_text().splitlines() if line.endswith("}")]) == 9
    assert search(task(9, diary), quick()) == whole


def test_the_diary_belongs_to_its_rows_and_seed(tmp_path: Path) -> None:
    diary = tmp_path / "trials.jsonl"
    first = search(task(1, diary), quick())
    line = json.loads(diary.read_text())
    line["losses"] = [0.0, 0.0, 0.0]
    diary.write_text(json.dumps(line) + "\n")
    assert best_of(search(task(1, diary), quick())).loss == 0.0  # believed: same rows, same seed
    other = task(1, diary)
    flipped = replace(other.folds[0].train, is_positive=~other.folds[0].train.is_positive)
    folds = [replace(other.folds[0], train=flipped), *other.folds[1:]]
    for changed in (replace(other, seed=2), replace(other, folds=folds)):
        assert search(changed, quick())[0].loss > 0.0
    assert first[0].loss > 0.0


def test_every_shape_competes_and_a_pruned_trial_never_wins() -> None:
    trials = search(task(20), quick())
    assert [trial.candidate.shape for trial in trials[:4]] == list(SHAPES)
    assert any(trial.is_pruned for trial in trials)
    best = best_of(trials)
    assert not best.is_pruned
    assert best.loss == min(trial.loss for trial in trials if not trial.is_pruned)
    assert 1 <= best.trees <= 40


def test_without_trials_the_first_candidate_finds_its_number_of_trees() -> None:
    (only,) = search(task(0), quick())
    assert only.candidate.shape == "free"
    assert len(only.losses) == 3


def many_levels(*, told_by: str) -> SearchTask:
    """Rows whose outcome is told by a level of many, or by its rate; the other column is noise."""
    rng = np.random.default_rng(4)
    level, rate = rng.integers(0, 12, 600).astype(float), rng.random(600)
    is_positive = rng.random(600) < (0.1 + 0.8 * (level % 2 if told_by == "levels" else rate))
    matrix = np.column_stack([level, rate])
    columns = Columns(("c0", "c1"), (0,), (0, 0), levels=(0,), rates=(1,))
    fold_of = np.arange(600) % 3

    def rows(chosen: np.ndarray) -> Rows:
        return Rows(matrix[chosen], is_positive[chosen], np.ones(int(chosen.sum())))

    folds = [InnerFold(rows(fold_of != k), rows(fold_of == k), columns) for k in range(3)]
    return SearchTask(folds, SHAPES, 8, 1)


@pytest.mark.parametrize("told_by", ["levels", "rates"])
def test_the_encoding_that_tells_the_outcome_is_chosen(told_by: str) -> None:
    other = {"levels": "rates", "rates": "levels"}[told_by]
    trials = search(many_levels(told_by=told_by), quick())
    assert {trial.candidate.encoding for trial in trials} == {"levels", "rates", "both"}
    assert best_of(trials).candidate.encoding != other
    # The other column holds noise: without the one that tells, held-out rows are ranked at random.
    losses = [trial.loss for trial in trials if trial.candidate.encoding == other]
    assert min(losses) > 0.4
    assert best_of(trials).loss < 0.25


def test_an_encoding_does_without_the_columns_it_hides() -> None:
    fold = many_levels(told_by="levels").folds[0]
    parameters = quick().parameters(quick().candidates[0], seed=1)
    told: dict[Encoding, set[int]] = {"levels": {0}, "rates": {1}, "both": {0, 1}}
    for encoding, used in told.items():
        seen = fold.train.hiding(fold.columns.hidden(encoding))
        booster = grow(seen, fold.columns, parameters, 20)
        assert set(np.flatnonzero(booster.feature_importance())) == used
    assert not np.isnan(fold.train.matrix).any()  # the rows given are left as they are


def test_weights_count_in_what_is_chosen_by() -> None:
    plain = task(1)
    heavy = [
        replace(fold, held_out=replace(fold.held_out, weight=np.linspace(0.1, 2, 80)))
        for fold in plain.folds
    ]
    assert search(replace(plain, folds=heavy), quick())[0].loss != search(plain, quick())[0].loss


@pytest.mark.parametrize(
    ("depth", "shapes"),
    [(None, SHAPES), (3, ("depth_3",)), (4, ("depth_4",)), (7, ("depth_4", "depth_5", "depth_6"))],
)
def test_a_limit_of_depth_leaves_the_shapes_within_it(
    depth: int | None, shapes: tuple[str, ...]
) -> None:
    assert shapes_within(depth) == shapes
    for shape in shapes:
        for candidate in load_rules().starts((shape,)):
            parameters = load_rules().parameters(candidate, seed=1)
            assert int(str(parameters["max_depth"])) <= (depth or 8)


def test_trees_too_deep_to_explain_are_refused() -> None:
    with pytest.raises(RequestError, match="--max-depth must be 1 to 10, got 11"):
        shapes_within(11)
