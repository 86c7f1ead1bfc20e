"""`models.record` on the bundle that the other model tests use."""

from datetime import date

import numpy as np

from models.bundle import Bundle
from models.record import rating_columns

AS_OF = date(2020, 2, 29)


def test_rows_add_up_and_silence_is_not_rated(bundle: Bundle) -> None:
    width = len(bundle.layout.features)
    matrix = np.random.default_rng(2).normal(size=(4, width))
    matrix[1] = np.nan
    columns = rating_columns(
        bundle,
        matrix,
        usccs=[f"U{row}" for row in range(4)],
        source_ids=[f"E{row}" for row in range(4)],
        as_of_date=AS_OF,
        scope="self",
    )
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
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
    columns = rating_columns(
        bundle,
        matrix,
        usccs=["a", "b", "c"],
        source_ids=["a", "b", "c"],
        as_of_date=AS_OF,
        scope="self",
    )
    first, second, third = columns["feature_hash"]
    assert first != second
    assert second == third
