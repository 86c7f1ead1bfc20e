"""`models.record` on the bundle that the other model tests use."""

from datetime import date

import numpy as np

from features.registry import Missing
from models.bundle import Bundle
from models.manifest import ModelFeature
from models.record import has_any_record, rating_table

AS_OF = date(2020, 2, 29)


def test_rows_add_up_and_silence_is_not_rated(bundle: Bundle) -> None:
    width = len(bundle.layout.features)
    matrix = np.random.default_rng(2).normal(size=(4, width))
    matrix[1] = np.nan
    table = rating_table(
        bundle,
        matrix,
        usccs=[f"U{row}" for row in range(4)],
        source_ids=[f"E{row}" for row in range(4)],
        as_of_date=AS_OF,
        scope="self",
    )
    rows = table.to_pylist()
    assert rows[1]["score"] is None
    assert rows[1]["grade"] is None
    assert rows[1]["unrated_because"] == "no_record"
    for row in (rows[0], rows[2], rows[3]):
        points = sum(value for name, value in row.items() if name.startswith("points_"))
        assert row["base_points"] + points == row["score"]
        assert row["unrated_because"] is None
    assert rows[0]["valid_until"] == date(2020, 3, 30)


def test_the_feature_hash_tells_vectors_apart_but_not_kinds_of_nan(bundle: Bundle) -> None:
    width = len(bundle.layout.features)
    matrix = np.zeros((3, width))
    matrix[1, 0] = np.nan
    matrix[2, 0] = -np.float64(np.nan)
    table = rating_table(
        bundle,
        matrix,
        usccs=["a", "b", "c"],
        source_ids=["a", "b", "c"],
        as_of_date=AS_OF,
        scope="self",
    )
    first, second, third = table["feature_hash"].to_pylist()
    assert first != second
    assert second == third


def test_what_is_zero_without_records_and_the_register_prove_no_record() -> None:
    def column(name: str, datasets: list[str], missing: Missing) -> ModelFeature:
        return ModelFeature(
            name=name,
            definition_hash="0",
            group="R01",
            direction=0,
            datasets=datasets,
            missing=missing,
            gain=0,
        )

    features = [
        column("penalties", ["admin_penalty"], "zero"),
        column("age", ["reg_basic"], "unknown"),
        column("sales", ["invoice_line"], "unknown"),
    ]
    matrix = np.array([[0.0, 24.0, np.nan], [1.0, np.nan, np.nan], [0.0, np.nan, 0.0]])
    assert has_any_record(features, matrix).tolist() == [False, False, True]
    # A model of public lists alone has nothing else to go by.
    assert has_any_record(features[:1], matrix[:, :1]).tolist() == [True, True, True]
