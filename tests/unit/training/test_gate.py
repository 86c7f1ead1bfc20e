"""Every check of the gate passes what is sound and fails what is not, at the limit and one beyond."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from features.contracts import Words
from features.errors import GateError
from models.bundle import Bundle
from models.histograms import Limit
from models.metrics import auc, auc_difference, jeffreys_p_value
from models.stability import population_stability, quantile_bins
from models.tree_model import TreeEnsemble
from tests.unit.training.shelves import make_model, shelf_at
from training.evaluate import Estimate
from training.gate import judge_candidate
from training.gate_figures import (
    calibrated_by_grade,
    calibrated_slope,
    not_worse,
    segment_levels,
    stable,
    too_low,
)
from training.gate_identity import own_study, proof_rows, same_answers
from training.gate_terms import GateLimits, failed_checks, load_gate
from training.rivals import Comparison, Rival, champion_risk, compare
from training.study import Sample, Study

GATE = load_gate()


@dataclass(frozen=True)
class Models:
    good: Bundle
    good_study: Study
    poor: Bundle
    poor_study: Study


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Models:
    shelf = shelf_at(tmp_path_factory.mktemp("gate"))
    good, poor = make_model(shelf, 1), make_model(shelf, 2, trees=3, noise=0.9)
    return Models(*good, *poor)


def limits(**values: float) -> GateLimits:
    changed = {k: Limit(value=v, unit="test", source="test") for k, v in values.items()}
    return GATE.model_copy(update=changed)


def test_a_sound_first_model_passes_and_says_what_was_not_judged(models: Models) -> None:
    checks = judge_candidate(models.good, models.good_study, None)
    assert failed_checks(checks) == []
    told = {check.name: check.outcome for check in checks}
    assert told["not_worse"] == "not_judged"
    assert told["stable"] == "passed"
    assert told["segments_size_class"] == "passed"
    assert told["segments_region"] == "not_judged"
    assert [check.name for check in checks if check.is_safety] == [
        "same_answers",
        "proof_rows",
        "own_study",
        "keeps_directions",
    ]


def test_another_tree_is_noticed_on_hostile_rows(models: Models, tmp_path: Path) -> None:
    matrix = models.good_study.out_of_time.matrix
    told = same_answers(models.good, matrix, GATE)
    assert told.outcome == "passed"
    assert told.words.en.startswith("0 of 1000 hostile rows")
    text = (models.good.path / "model.txt").read_text()
    for file in models.good.path.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "model.txt").write_bytes((models.poor.path / "model.txt").read_bytes())
    turned = replace(models.good, path=tmp_path)
    assert text != (tmp_path / "model.txt").read_text()
    assert same_answers(turned, matrix, GATE).outcome == "failed"
    assert proof_rows(models.good).outcome == "passed"
    assert proof_rows(turned).outcome == "failed"


def test_one_unit_in_the_last_place_is_a_difference(
    models: Models, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = TreeEnsemble.margin

    def off(self: TreeEnsemble, matrix: np.ndarray) -> np.ndarray:
        found = honest(self, matrix)
        found[7] = np.nextafter(found[7], np.inf)
        return found

    monkeypatch.setattr(TreeEnsemble, "margin", off)
    told = same_answers(models.good, models.good_study.out_of_time.matrix, GATE)
    assert told.outcome == "failed"
    assert told.words.en.startswith("1 of 1000 hostile rows")


def test_a_study_of_another_bundle_is_noticed(models: Models) -> None:
    assert own_study(models.good, models.good_study).outcome == "passed"
    for wrong in (
        models.poor_study,
        replace(models.poor_study, bundle_id=models.good.id),
        replace(models.good_study, features=models.good_study.features[::-1]),
    ):
        assert own_study(models.good, wrong).outcome == "failed"


def test_a_worse_ranking_fails_and_a_better_one_passes(models: Models) -> None:
    sample = models.poor_study.out_of_time
    against = not_worse(models.poor_study, sample, Rival(models.good, models.good_study), GATE)
    assert against.outcome == "failed"
    found = compare(
        models.poor_study, sample, Rival(models.good, None), defaults_from=10, level=0.95
    )
    assert isinstance(found, Comparison)
    # Oracle: the champion's own study holds its answers to the same rows.
    theirs = models.good_study.out_of_time.probability
    assert found.auc == auc_difference(sample.is_default, sample.probability, theirs, 0.95)
    assert found.auc.difference == pytest.approx(
        auc(sample.is_default, sample.probability) - auc(sample.is_default, theirs), abs=1e-12
    )
    assert found.left_out.en == "0 firms learned from left out"
    sample = models.good_study.out_of_time
    other_way = not_worse(models.good_study, sample, Rival(models.poor, models.poor_study), GATE)
    assert other_way.outcome == "passed"


def test_a_fall_is_judged_at_its_limit(models: Models) -> None:
    # Few rows and a wide interval, so that its upper end reaches 0 and the fall itself decides.
    sample = models.poor_study.out_of_time.rows(np.arange(300))
    champion = Rival(models.good, None)
    found = compare(models.poor_study, sample, champion, defaults_from=10, level=0.95)
    assert isinstance(found, Comparison)
    fall = -found.auc.difference
    assert fall > 0

    def outcome(worse_to: float, level: float) -> str:
        at = limits(auc_worse_to=worse_to, comparison_level=level)
        return not_worse(models.poor_study, sample, champion, at).outcome

    sure = 1 - 1e-14
    assert outcome(fall, sure) == "passed"
    assert outcome(np.nextafter(fall, 0), sure) == "failed"
    assert outcome(1.0, 0.5) == "failed"


def test_firms_learned_from_are_left_out_where_enough_remain(models: Models) -> None:
    sample = models.good_study.out_of_time
    half = replace(sample, firm=np.where(np.arange(len(sample.firm)) < 700, 0, sample.firm))
    champion = Rival(models.poor, None)
    found = compare(models.good_study, half, champion, defaults_from=10, level=0.95)
    assert isinstance(found, Comparison)
    assert found.rows == len(sample.firm) - 700
    known = replace(sample, firm=models.good_study.development.firm)
    found = compare(models.good_study, known, champion, defaults_from=10, level=0.95)
    assert isinstance(found, Comparison)
    assert found.rows == len(sample.firm)
    assert "learned from at earlier dates stay" in found.left_out.en


def test_what_cannot_be_compared_does_not_pass(models: Models) -> None:
    study, sample = models.good_study, models.good_study.out_of_time
    gone = Rival(Words(zh="无法加载", en="it cannot be loaded"), None)
    assert not_worse(study, sample, gone, GATE).outcome == "failed"
    narrow = replace(study, features=("other", *study.features[1:]))
    told = not_worse(narrow, sample, Rival(models.poor, None), GATE)
    assert told.outcome == "failed"
    assert "reads 1 features the study does not hold (sales_amount_yoy_12m)" in told.words.en
    defaults = np.flatnonzero(sample.is_default)
    good = np.flatnonzero(~sample.is_default)
    nine = sample.rows(np.concatenate([defaults[:9], good]))
    ten = sample.rows(np.concatenate([defaults[:10], good]))
    assert "fewer than 10 firms" in not_worse(study, nine, Rival(models.poor, None), GATE).words.en
    assert not_worse(study, ten, Rival(models.poor, None), GATE).outcome == "passed"


def test_the_champion_answers_with_its_held_out_probability_where_it_has_one(
    models: Models,
) -> None:
    study = models.good_study
    rows = study.development
    champion_study = replace(
        models.poor_study, development=replace(rows, probability=np.full(len(rows.firm), 0.123))
    )
    held_out = champion_risk(study, rows, Rival(models.poor, champion_study))
    assert not isinstance(held_out, Words)
    assert set(held_out.tolist()) == {0.123}
    later = champion_risk(study, study.out_of_time, Rival(models.poor, champion_study))
    assert not isinstance(later, Words)
    np.testing.assert_allclose(later, models.poor_study.out_of_time.probability, rtol=0, atol=1e-12)


def one_grade(defaults: int, n: int, probability: float, sample: Sample) -> Sample:
    """So many firms of one probability, each once."""
    rows = sample.rows(np.arange(n))
    return replace(
        rows,
        firm=np.arange(n, dtype=np.int64),
        is_default=np.arange(n) < defaults,
        probability=np.full(n, probability),
    )


def test_a_grade_is_red_at_the_limit(models: Models) -> None:
    # domain vector: 30 of 1,000 at 2 % have p = 0.016238, which is above 0.01.
    sample = one_grade(30, 1_000, 0.02, models.good_study.out_of_time)
    every = np.ones(1_000, dtype=np.bool_)
    p = too_low(sample, every)
    assert p == pytest.approx(0.016238, abs=1e-6)
    assert calibrated_by_grade(models.good, sample, GATE).outcome == "passed"
    assert calibrated_by_grade(models.good, sample, limits(grade_p_above=p)).outcome == "failed"
    red = one_grade(33, 1_000, 0.02, models.good_study.out_of_time)
    told = calibrated_by_grade(models.good, red, GATE)
    assert told.outcome == "failed"
    assert "too low: BBB" in told.words.en


def test_a_firm_counts_once_however_many_quarters_it_has(models: Models) -> None:
    once = one_grade(33, 1_000, 0.02, models.good_study.out_of_time)
    four = once.rows(np.repeat(np.arange(250), 4))
    # 33 firms of 250 in 4 quarters each: 132 of 1,000 rows, tested as 33 of 250.
    every = np.ones(1_000, dtype=np.bool_)
    assert too_low(four, every) == jeffreys_p_value(33, 250, float(four.probability.mean()))


@pytest.mark.parametrize(
    ("low", "high", "outcome"),
    [(0.5, 0.8, "passed"), (0.5, 0.79, "failed"), (1.2, 2.0, "passed"), (1.21, 2.0, "failed")],
)
def test_the_slope_must_meet_its_limits(
    models: Models, low: float, high: float, outcome: str
) -> None:
    told = {"calibration_slope": Estimate((low + high) / 2, low, high)}
    study = replace(models.good_study, figures=told)
    assert calibrated_slope(study, study.out_of_time, GATE).outcome == outcome


def test_without_a_figure_the_slope_is_taken_from_the_rows(models: Models) -> None:
    study = replace(models.good_study, figures={})
    sample = study.out_of_time
    assert calibrated_slope(study, sample, GATE).outcome == "passed"
    odds = np.log(sample.probability / (1 - sample.probability))
    flat = replace(sample, probability=1 / (1 + np.exp(-3 * odds)))
    assert calibrated_slope(study, flat, GATE).outcome == "failed"
    nothing = replace(sample, is_default=np.zeros(len(sample.firm), dtype=np.bool_))
    assert calibrated_slope(study, nothing, GATE).outcome == "failed"


def test_a_moved_score_fails_at_the_limit(models: Models) -> None:
    study = models.good_study
    before, after = study.development, study.out_of_time
    moved = replace(study, out_of_time=replace(after, probability=np.sqrt(after.probability)))
    scale = models.good.scale
    scores = [
        scale.score_of(rows.probability).astype(float) for rows in (before, moved.out_of_time)
    ]
    shift = population_stability(scores[0], scores[1], bins=quantile_bins(scores[0], cells=10))
    assert shift > 0.25
    assert stable(models.good, moved, GATE).outcome == "failed"
    assert stable(models.good, moved, limits(shift_to=shift)).outcome == "passed"
    assert stable(models.good, moved, limits(shift_to=np.nextafter(shift, 0))).outcome == "failed"
    few = replace(study, out_of_time=after.rows(np.arange(199)))
    assert stable(models.good, few, GATE).outcome == "not_judged"


def two_groups(defaults: int, n: int, probability: float, sample: Sample) -> Sample:
    rows = one_grade(defaults, n, probability, sample)
    return replace(rows, segments={"region": np.full(n, "330100")})


@pytest.mark.parametrize(
    ("defaults", "outcome"),
    # 1,000 firms at 5 %: 50 expected. 70 is 1.4 times that, 35 is 0.7 times.
    [(50, "passed"), (70, "passed"), (71, "failed"), (35, "passed"), (33, "failed")],
)
def test_a_group_is_judged_at_its_limits(models: Models, defaults: int, outcome: str) -> None:
    sample = two_groups(defaults, 1_000, 0.05, models.good_study.out_of_time)
    told = segment_levels("region", sample, GATE)
    assert told.outcome == outcome
    assert ("330100" in told.words.en) == (outcome == "failed")


def test_a_small_group_is_not_judged(models: Models) -> None:
    later = models.good_study.out_of_time
    # 199 firms at 5 % are expected to default 9.95 times, 200 firms 10 times.
    assert segment_levels("region", two_groups(60, 199, 0.05, later), GATE).outcome == "not_judged"
    assert segment_levels("region", two_groups(60, 200, 0.05, later), GATE).outcome == "failed"
    assert segment_levels("unheard_of", later, GATE).outcome == "not_judged"


def test_an_undated_label_is_judged_on_its_held_out_rows(models: Models) -> None:
    study = models.good_study
    undated = replace(study, out_of_time=study.out_of_time.rows(np.arange(0)))
    told = {check.name: check for check in judge_candidate(models.good, undated, None)}
    assert told["own_study"].outcome == "passed"
    assert told["stable"].outcome == "not_judged"
    assert told["calibrated_by_grade"].outcome == "passed"


def test_the_limits_say_where_a_mistake_is(tmp_path: Path) -> None:
    path = tmp_path / "gate.yaml"
    path.write_text("effective_from: 2026-11-01\nslope_form: 1\n")
    with pytest.raises(GateError, match="'slope_form' is not a known key"):
        load_gate(path)
