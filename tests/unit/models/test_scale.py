from datetime import date
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.errors import ModelDocumentError, ModelInputError
from models.scale import SCALE_PATH, Scale, load_scale


@pytest.fixture(scope="module")
def scale() -> Scale:
    return load_scale(scale_id="xinqiao-2026")


def test_factor_and_offset_are_the_worked_example(scale: Scale) -> None:
    # 20 / ln 2 = 28.8539; 600 - 28.8539 * ln 50 = 600 - 28.8539 * 3.912023 = 487.123
    assert scale.factor == pytest.approx(28.8539, abs=1e-4)
    assert scale.offset == pytest.approx(487.123, abs=1e-3)


@pytest.mark.parametrize(
    ("probability", "score"),
    [
        (0.005, 640),  # 639.9
        (0.01, 620),  # 619.7
        (0.02, 599),  # 599.4
        (0.03, 587),  # 587.4
        (0.05, 572),  # 572.1
        (0.10, 551),  # 550.5 exactly 550.522
        (0.20, 527),  # 527.1
        (0.50, 487),  # 487.1
        (0.0003, 721),  # the floor ends the scale
        (0.0, 721),
        (0.9997, 253),  # the cap: 487.123 - (721.169 - 487.123) = 253.08
        (1.0, 253),
    ],
)
def test_scores_of_the_domain_table(scale: Scale, probability: float, score: int) -> None:
    assert scale.score_of([probability]).tolist() == [score]


@pytest.mark.parametrize(
    ("better", "worse", "lowest"),
    [  # lowest integer strictly above the score of the shared bound
        ("AAA", "AA", 655),  # 654.72
        ("AA", "A", 635),  # 634.63
        ("A", "BBB", 615),  # 614.41
        ("BBB", "BB", 595),  # 594.04
        ("BB", "B", 574),  # 573.33
        ("B", "CCC", 552),  # 551.83
        ("CCC", "CC", 529),  # 528.59
        ("CC", "C", 501),  # 500.76
    ],
)
def test_a_grade_begins_at_its_lowest_score_and_not_one_below(
    scale: Scale, better: str, worse: str, lowest: int
) -> None:
    assert scale.lowest_score(better) == lowest
    assert scale.grade_of([lowest, lowest - 1]).tolist() == [better, worse]


def test_an_integer_score_has_the_grade_of_the_probability_it_stands_for(scale: Scale) -> None:
    scores = np.arange(scale.worst_score, scale.best_score + 1)
    probability = 1 / (1 + np.exp((scores - scale.offset) / scale.factor))
    by_probability = [
        next(g.code for g in scale.version.grades if p < g.probability_to) for p in probability
    ]
    assert scale.grade_of(scores).tolist() == by_probability


def test_default_is_never_given_by_the_model(scale: Scale) -> None:
    everything = scale.grade_of(np.arange(-2000, 2000))
    assert "D" not in set(everything.tolist())
    assert scale.grade_of([10_000, -10_000]).tolist() == ["AAA", "C"]
    assert scale.grade("D").label.zh == "违约"


@given(st.lists(st.floats(0, 1), min_size=2, max_size=50))
def test_a_higher_probability_never_scores_or_grades_better(probabilities: list[float]) -> None:
    scale = load_scale(scale_id="xinqiao-2026")
    ordered = np.sort(np.array(probabilities))
    score = scale.score_of(ordered)
    codes = [grade.code for grade in scale.version.grades]
    places = [codes.index(code) for code in scale.grade_of(score).tolist()]
    assert np.all(np.diff(score) <= 0)
    assert np.all(np.diff(places) >= 0)


@given(st.floats(-1e6, 1e6))
def test_limit_is_what_the_ends_of_the_scale_took(log_odds: float) -> None:
    scale = load_scale(scale_id="xinqiao-2026")
    score, limit, _ = scale.score_and_limit(np.array([log_odds]))
    free = scale.unlimited_score(np.array([log_odds]))
    assert score[0] - limit[0] == free[0]
    if scale.worst_score < free[0] < scale.best_score:
        assert limit[0] == 0
    assert scale.worst_score <= score[0] <= scale.best_score


def test_floor_takes_and_cap_gives(scale: Scale) -> None:
    score, limit, _ = scale.score_and_limit(np.array([-10.0, 0.0, 10.0]))
    # offset ± 10 * 28.8539 = 775.66 and 198.58
    assert score.tolist() == [721, 487, 253]
    assert limit.tolist() == [721 - 776, 0, 253 - 199]


@pytest.mark.parametrize("wrong", [-0.1, 1.1, float("nan")])
def test_a_number_outside_is_no_probability(scale: Scale, wrong: float) -> None:
    with pytest.raises(ModelInputError, match="number from 0 to 1"):
        scale.score_of([0.5, wrong])


@pytest.mark.parametrize("wrong", [float("inf"), float("nan"), 2e9])
def test_log_odds_must_be_measurable(scale: Scale, wrong: float) -> None:
    with pytest.raises(ModelInputError, match="finite numbers"):
        scale.unlimited_score([wrong])


def test_an_unknown_grade_is_named(scale: Scale) -> None:
    with pytest.raises(ModelInputError, match="no grade 'E'"):
        scale.grade("E")


def test_grade_range_stays_on_the_scale(scale: Scale) -> None:
    assert scale.grade_range("BBB") == ("A", "BB")
    assert scale.grade_range("C") == ("CC", "C")


def test_the_version_in_force_on_a_day_is_found(tmp_path: Path) -> None:
    text = SCALE_PATH.read_text(encoding="utf-8")
    body = text.split("versions:\n")[1]
    later = body.replace("xinqiao-2026", "xinqiao-2027").replace("2026-01-01", "2027-01-01")
    path = tmp_path / "scale.yaml"
    path.write_text("versions:\n" + body + later, encoding="utf-8")
    assert load_scale(path, on=date(2026, 12, 31)).id == "xinqiao-2026"
    assert load_scale(path, on=date(2027, 1, 1)).id == "xinqiao-2027"
    with pytest.raises(ModelDocumentError, match="no scale with valid on 2025-12-31"):
        load_scale(path, on=date(2025, 12, 31))
    with pytest.raises(ModelDocumentError, match="no scale with id 'other'"):
        load_scale(path, scale_id="other")


@pytest.mark.parametrize(
    ("found", "written", "sentence"),
    [
        ("probability_floor: 0.0003", "probability_floor: 0.5", "must start at probability_floor"),
        ("probability_cap: 0.9997", "probability_cap: 1.0", "probability_cap < 1"),
        ("base_odds: 50", "base_odds: 0", "must be positive"),
        ("probability_to: 0.006", "probability_to: 0.007", "grade A must start where AA ends"),
        ("probability_to: 1.0", "probability_to: 0.99", "must end at 1"),
        ("probability_to: 1.0", "probability_to: 0.3", "probability_from < probability_to"),
    ],
)
def test_an_unsound_scale_is_refused(
    tmp_path: Path, found: str, written: str, sentence: str
) -> None:
    path = tmp_path / "scale.yaml"
    text = SCALE_PATH.read_text(encoding="utf-8")
    assert found in text
    path.write_text(text.replace(found, written), encoding="utf-8")
    with pytest.raises(ModelDocumentError, match=sentence):
        load_scale(path, scale_id="xinqiao-2026")
