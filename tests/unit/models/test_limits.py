from datetime import date
from pathlib import Path

import pytest

from features.errors import ModelDocumentError, ModelInputError
from models.limits import LIMITS_PATH, Limit, load_limits, worst_light

LIMITS = load_limits(date(2026, 11, 1))


@pytest.mark.parametrize(
    ("name", "lights"),
    [
        ("auc", {0.72: "green", 0.7199: "red"}),
        ("ks", {0.32: "green", 0.3199: "red"}),
        ("auc_fall", {-0.1: "green", 0.03: "green", 0.031: "amber", 0.06: "amber", 0.061: "red"}),
        ("jeffreys", {0.051: "green", 0.05: "amber", 0.011: "amber", 0.01: "red", 0.0: "red"}),
        ("binomial", {0.051: "green", 0.05: "amber", 0.011: "amber", 0.01: "red"}),
        ("hosmer_lemeshow", {0.05: "green", 0.049: "amber", 0.0: "amber"}),
        ("spiegelhalter", {1.96: "green", -1.97: "amber", 2.58: "amber", -2.59: "red", 3: "red"}),
        ("calibration_slope", {0.8: "green", 1.2: "green", 0.79: "amber", 1.21: "amber"}),
        ("calibration_intercept", {0.2: "green", -0.2: "green", -0.21: "amber", 0.21: "amber"}),
        ("population_stability", {0.099: "green", 0.1: "amber", 0.25: "amber", 0.251: "red"}),
        ("segment_auc", {0.65: "green", 0.649: "amber"}),
        ("segment_observed_expected", {0.7: "green", 1.4: "green", 0.69: "amber", 1.41: "amber"}),
        ("explanation_stability", {0.8: "green", 0.79: "amber"}),
    ],
)
def test_lights_at_each_limit_and_just_beyond(name: str, lights: dict[float, str]) -> None:
    limit: Limit = getattr(LIMITS, name)
    assert {value: limit.light(value) for value in lights} == lights


def test_what_was_not_measured_is_not_judged() -> None:
    with pytest.raises(ModelInputError, match="A light needs a figure, got NaN"):
        LIMITS.auc.light(float("nan"))


def test_the_worst_light_never_comes_from_nothing() -> None:
    assert worst_light(["green", "red", "amber"]) == "red"
    assert worst_light([None, "green"]) == "green"
    assert worst_light([None]) is None
    assert worst_light([]) is None


def test_an_interval_is_excluded_only_where_no_value_is_green() -> None:
    ratio = LIMITS.segment_observed_expected
    assert ratio.excludes(0.5, 0.69)
    assert not ratio.excludes(0.5, 0.7)
    assert ratio.excludes(1.41, 2)
    assert not ratio.excludes(1.4, 2)
    assert not ratio.excludes(0.5, 2)


def test_the_limits_of_the_day_are_found(tmp_path: Path) -> None:
    body = LIMITS_PATH.read_text(encoding="utf-8").split("versions:\n")[1]
    later = body.replace("validation-2026", "validation-2027").replace("2026-01-01", "2027-01-01")
    path = tmp_path / "validation.yaml"
    path.write_text("versions:\n" + body + later, encoding="utf-8")
    assert load_limits(date(2026, 12, 31), path).id == "validation-2026"
    assert load_limits(date(2027, 1, 1), path).id == "validation-2027"
    with pytest.raises(ModelDocumentError, match="no limits in force on 2025-12-31"):
        load_limits(date(2025, 12, 31), path)


@pytest.mark.parametrize(
    ("found", "written", "sentence"),
    [
        ("red: {below: 0.72}", "red: {}", "needs a bound of amber or red"),
        ("amber: {above: 0.03}, red: {above: 0.06}", "amber: {above: 0.07}, red: {above: 0.06}", "red must lie further out"),
        ("{below: 0.8, above: 1.2}", "{below: 1.2, above: 0.8}", "leave no green"),
        ("{below: 0.72}", "{under: 0.72}", "'under' is not a known key|versions.0.auc.red.under"),
        ("  {value: 20,", "  {value: 0,", "greater than or equal to 1"),
    ],
)  # fmt: skip
def test_unsound_limits_are_refused(
    tmp_path: Path, found: str, written: str, sentence: str
) -> None:
    text = LIMITS_PATH.read_text(encoding="utf-8")
    assert found in text
    path = tmp_path / "validation.yaml"
    path.write_text(text.replace(found, written), encoding="utf-8")
    with pytest.raises(ModelDocumentError, match=sentence):
        load_limits(date(2026, 11, 1), path)
    path.write_text(text.split("versions:\n")[0] + "versions:\n" + 2 * text.split("versions:\n")[1])
    with pytest.raises(ModelDocumentError, match="a day only once"):
        load_limits(date(2026, 11, 2), path)
