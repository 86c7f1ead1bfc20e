"""A study survives its folder."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from features.errors import StudyError
from training.evaluate import Estimate
from training.study import SEGMENTS, Sample, Scenario, Study, read_study, write_study


def sample(rows: int) -> Sample:
    rng = np.random.default_rng(rows)
    matrix = rng.normal(size=(rows, 2))
    matrix[0, 0] = np.nan
    return Sample(
        firm=np.arange(rows, dtype=np.int64),
        as_of_date=np.full(rows, "2024-02-29", dtype="datetime64[D]"),
        is_default=rng.random(rows) < 0.3,
        is_indeterminate=np.zeros(rows, dtype=np.bool_),
        probability=rng.random(rows),
        matrix=matrix,
        segments={name: np.array(["", "小型"] * (rows // 2)) for name in SEGMENTS},
    )


STUDY = Study(
    bundle_id="ab" * 32,
    model="base_12m",
    version="1",
    features=("sales_12m_cny", "age_months"),
    data_until=date(2026, 6, 30),
    figures={"auc": Estimate(0.8, 0.7, 0.9)},
    scenarios=(Scenario("without_tax", ("tax",), {"auc": Estimate(0.7, 0.6, 0.8)}),),
    parameters={"trees": "40"},
    development=sample(6),
    out_of_time=sample(4),
)


def test_a_study_is_read_as_it_was_written(tmp_path: Path):
    home = write_study(STUDY, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [STUDY.bundle_id]
    found = read_study(tmp_path, STUDY.bundle_id)
    bare = {"development": STUDY.development, "out_of_time": STUDY.out_of_time}
    assert replace(found, **bare) == STUDY
    for name, wanted in bare.items():
        got: Sample = getattr(found, name)
        for column in (
            "firm",
            "as_of_date",
            "is_default",
            "is_indeterminate",
            "probability",
            "matrix",
        ):
            np.testing.assert_array_equal(getattr(got, column), getattr(wanted, column))
        assert {k: v.tolist() for k, v in got.segments.items()} == {
            k: v.tolist() for k, v in wanted.segments.items()
        }
    assert home == tmp_path / STUDY.bundle_id


@pytest.mark.parametrize("broken", ["study.json", "out_of_time.parquet"])
def test_a_damaged_study_says_what_to_do(broken: str, tmp_path: Path):
    home = write_study(STUDY, tmp_path)
    (home / broken).write_bytes(b"{")
    with pytest.raises(StudyError, match="Train the model again"):
        read_study(tmp_path, STUDY.bundle_id)
