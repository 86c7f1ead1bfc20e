import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from features.errors import RequestError
from training.table.search import SearchTask, search
from training.table.settings import SHAPES, Limit, SearchRules, load_rules, shapes_within
from training.table.trees import Columns, InnerFold, Rows
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
    trials = search(task(12), quick())
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
