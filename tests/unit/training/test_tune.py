"""A search goes on where it stopped, and never ends with worse folds than no search."""

from dataclasses import replace
from pathlib import Path

import pytest

from features.contracts import load_catalogue
from models.rating import RatingSpec, base_12m
from training.development import search_key
from training.fit import FoldDone
from training.fitting import load_fitting_rules
from training.tune import Judge, Tuned, tune

SPEC = base_12m(load_catalogue())
RULES = load_fitting_rules()


class StoppedError(Exception):
    """The machine went away."""


def bowl(spec: RatingSpec, on_fold: FoldDone) -> float:
    """Lowest at 100 rows a leaf and half of the features."""
    leaf, share = (float(str(spec.parameters[n])) for n in ("min_data_in_leaf", "feature_fraction"))
    loss = 1 + ((leaf - 100) / 100) ** 2 + (share - 0.5) ** 2
    for fold in range(1, 6):
        on_fold(fold, loss)
    return loss


def search(journal: Path, trials: int, judge: Judge = bowl, seed: int = 1) -> Tuned:
    return tune(SPEC, judge, RULES, space=RULES.search, trials=trials, seed=seed, journal=journal)


def test_one_trial_is_the_specification_itself(tmp_path: Path) -> None:
    found = search(tmp_path / "a.log", 1)
    assert dict(found.spec.parameters) == dict(SPEC.parameters)
    # (40 - 100) / 100 squared is 0.36, (0.3 - 0.5) squared is 0.04.
    assert found.loss == found.loss_before == pytest.approx(1.4)


def test_a_search_finds_better_inside_its_bounds_and_cuts_the_hopeless_short(
    tmp_path: Path,
) -> None:
    found = search(tmp_path / "a.log", 25)
    assert found.loss < 1.1 < found.loss_before
    assert found.trials == 25
    assert found.pruned > 0
    assert found.spec.rounds == 400
    for name, span in RULES.search.items():
        assert span.low <= float(str(found.spec.parameters[name])) <= span.high


def test_a_search_that_was_interrupted_ends_as_one_in_a_single_run(tmp_path: Path) -> None:
    calls = 0

    def fails_once(spec: RatingSpec, on_fold: FoldDone) -> float:
        nonlocal calls
        calls += 1
        if calls == 7:
            raise StoppedError("the machine went away")
        return bowl(spec, on_fold)

    with pytest.raises(StoppedError, match="went away"):
        search(tmp_path / "broken.log", 12, fails_once)
    resumed, whole = search(tmp_path / "broken.log", 12), search(tmp_path / "whole.log", 12)
    assert resumed.spec == whole.spec
    assert (resumed.trials, resumed.pruned, resumed.loss) == (12, whole.pruned, whole.loss)
    # What is done is done: the same search asked again tries nothing.
    assert search(tmp_path / "whole.log", 12, fails_once) == whole
    assert search(tmp_path / "other.log", 12, seed=9).spec != whole.spec


def test_the_name_of_a_search_says_what_decides_it() -> None:
    def key(spec: RatingSpec = SPEC, data: str = "d", seed: int = 1) -> str:
        return search_key(spec, RULES, data=data, seed=seed)

    turned = dict(reversed(list(SPEC.parameters.items())))
    assert key() == key(replace(SPEC, parameters=turned))
    others = {
        key(replace(SPEC, is_shaped=False)),
        key(replace(SPEC, parameters={**turned, "max_bin": 31})),
        key(data="e"),
        key(seed=2),
    }
    assert len(others - {key()}) == 4


def test_a_line_that_a_kill_cut_short_spoils_no_other(tmp_path: Path) -> None:
    search(tmp_path / "a.log", 3)
    with (tmp_path / "a.log").open("ab") as journal:
        journal.write(b'{"op_code": 8, "trial_')
    assert search(tmp_path / "a.log", 5) == search(tmp_path / "whole.log", 5)
