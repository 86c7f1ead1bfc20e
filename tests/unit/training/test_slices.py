"""Figures of slices and pictures of a validation."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models.metrics import grade_rates
from models.scale import load_scale
from training.plots import draw_plots
from training.slices import slice_metrics
from training.study import SEGMENTS, Sample

SCALE = load_scale()
IS_DEFAULT = np.arange(100) % 5 == 0
PROBABILITY = np.where(np.arange(100) < 50, 0.1, 0.3)


def sample() -> Sample:
    size = np.where(np.arange(100) < 50, "micro", "")
    return Sample(
        firm=np.arange(100),
        as_of_date=np.array(["2024-08-31", "2025-02-28"] * 50, dtype="datetime64[D]"),
        is_default=IS_DEFAULT,
        is_indeterminate=np.zeros(100, dtype=np.bool_),
        probability=PROBABILITY,
        matrix=np.zeros((100, 1)),
        segments=dict.fromkeys(SEGMENTS, size),
    )


def test_every_slice_is_counted_and_an_unknown_value_is_none() -> None:
    found = slice_metrics(sample(), SCALE)
    # 50 rows, 10 of them defaults, 50 times 0.1 expected; all of one probability, so no ranking.
    assert found["size_class/micro/n"] == 50
    assert found["size_class/micro/observed_expected"] == pytest.approx(2)
    assert found["size_class/micro/auc"] == 0.5
    assert not [name for name in found if "//" in name]
    # Defaults lie at 0, 5, 10, …; every other one of them falls on an even row, which is of 2024.
    assert found["year/2024/defaults"] == found["year/2025/defaults"] == 10
    # 0.1 is CCC and 0.3 is CC: 10 defaults of 5 expected, 10 of 15.
    assert found["grade/CC/observed_expected"] == pytest.approx(2 / 3)
    assert "grade/CC/auc" not in found


def test_too_few_defaults_are_not_ranked() -> None:
    whole = sample()
    few = replace(whole, is_default=np.arange(100) < 9)
    assert "size_class/micro/auc" not in slice_metrics(few, SCALE)


def test_pictures_are_written(tmp_path: Path) -> None:
    grades = grade_rates(SCALE, SCALE.score_of(PROBABILITY), IS_DEFAULT)
    draw_plots(IS_DEFAULT, PROBABILITY, grades, SCALE, tmp_path / "plots")
    for name in ("roc.png", "calibration_by_grade.png"):
        assert (tmp_path / "plots" / name).read_bytes().startswith(b"\x89PNG")
