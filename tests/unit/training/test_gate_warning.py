"""A warning serves under its own name once its figures hold, and never as a rating."""

from dataclasses import replace
from pathlib import Path

import pytest

from features.errors import BundleError, GateError
from models.alert import ALERT_6M
from models.aliases import CHAMPION, named_bundle
from models.bundle import Bundle
from tests.unit.training.shelves import DATED, NOW, make_model, shelf_at
from training.gate_warning import judge_warning
from training.promotion import Decision, Shelf, judge, promote

TWO = Decision("张三", "李四", "first warning", NOW)
SOUND = {
    "auc_low": 0.51,
    "cut_off": 0.2,
    "alerted_share_highest": 0.05,
    "calibration_slope_low": 0.7,
    "calibration_slope_high": 0.8,
}


def warning_at(folder: Path, **figures: float) -> tuple[Shelf, Bundle]:
    shelf = shelf_at(folder)
    spec = replace(DATED, name=ALERT_6M, probability_kind="event_6m")
    return shelf, make_model(shelf, 1, spec=spec, metrics={**SOUND, **figures})[0]


def test_a_warning_is_promoted_under_its_own_name_alone(tmp_path: Path) -> None:
    shelf, bundle = warning_at(tmp_path)
    found, replaces, checks = judge(shelf, f"{ALERT_6M}@candidate")
    assert {check.outcome for check in checks} == {"passed"}
    promote(shelf, found, TWO, checks, replaces=replaces)
    assert named_bundle(shelf.bundles, ALERT_6M).name == bundle.id
    with pytest.raises(BundleError, match=r"No model is called|No model serves"):
        named_bundle(shelf.bundles, CHAMPION)


@pytest.mark.parametrize(
    ("figure", "value", "name"),
    [
        ("auc_low", 0.5, "ranks"),
        ("alerted_share_highest", 0.0501, "alerts_few"),
        ("calibration_slope_high", 0.79, "calibrated_slope"),
        ("calibration_slope_low", 1.21, "calibrated_slope"),
    ],
)
def test_one_beyond_a_limit_is_refused(
    tmp_path: Path, figure: str, value: float, name: str
) -> None:
    high = {"calibration_slope_high": 1.3} if figure == "calibration_slope_low" else {}
    shelf, bundle = warning_at(tmp_path, **{**high, figure: value})
    checks = judge_warning(bundle)
    assert [check.name for check in checks if check.outcome == "failed"] == [name]
    with pytest.raises(GateError, match=rf"does not serve: {name}: .*or say --despite"):
        promote(shelf, bundle, TWO, checks, replaces="")
