import json
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.errors import TableError
from training.table.columns import LabelledTable, label_table
from training.table.encoding import FittedEncoder, fit_encoder, level_rates
from training.table.kinds import load_column_rules
from training.table.protocol import parse_protocol

RNG = np.random.default_rng(11)
ROWS = 300
CITIES = [f"city {n}" for n in range(80)]
TABLE = pa.table(
    {
        "id": [f"E{n:04}" for n in range(ROWS)],
        "amount": [None if n % 7 == 0 else n * 1.5 for n in range(ROWS)],
        "grade": [[None, "A", "B", "C"][n % 4] for n in range(ROWS)],
        "city": [None if n % 13 == 0 else CITIES[n % 80] for n in range(ROWS)],
        "granted": [None if n % 9 == 0 else f"2020-{n % 12 + 1:02}-15" for n in range(ROWS)],
        "is_new": [["Y", "N", None][n % 3] for n in range(ROWS)],
        "currency": ["CNY"] * ROWS,
        "remark": pa.nulls(ROWS),
        "bad": (RNG.uniform(size=ROWS) < 0.3).tolist(),
    }
)
LABELLED = label_table(TABLE, target="bad")
TRAIN = np.arange(0, 200, dtype=np.int64)
ENCODER = fit_encoder(LABELLED, TRAIN, seed=1)


def test_each_kind_becomes_its_numbers() -> None:
    names = ["amount", "grade", "city.rate", "city.rows", "granted.days", "granted.month", "is_new"]
    assert ENCODER.names == names
    assert ENCODER.categorical == [1]
    assert ENCODER.sources["city.rate"] == "city"
    assert ENCODER.dropped == {"id": "unique_text", "currency": "one_value", "remark": "empty"}
    # Row 1: 1 * 1.5; A is the first of A, B, C; 2020-02-15 is 50 * 365 + 12 leap days + 31 + 14.
    row = dict(zip(names, ENCODER.transform(TABLE.slice(1, 1))[0].tolist(), strict=True))
    assert row["amount"] == 1.5
    assert row["grade"] == 0
    assert (row["granted.days"], row["granted.month"]) == (18307, 2)
    assert row["is_new"] == 0
    # City 1 is in rows 1, 81, 161 of the first 200; none is a thirteenth row.
    assert row["city.rows"] == 3
    bad, every = LABELLED.is_positive[[1, 81, 161]].sum(), LABELLED.is_positive[TRAIN]
    assert row["city.rate"] == pytest.approx((bad + 10 * every.mean()) / (3 + 10))


def test_missing_stays_missing_and_the_unseen_has_the_overall_rate() -> None:
    told = dict.fromkeys(TABLE.column_names)
    nothing = pa.Table.from_pylist([told])
    assert np.isnan(ENCODER.transform(nothing)).all()
    told |= {"city": "elsewhere", "grade": "Z", "is_new": "perhaps", "amount": "?"}
    found = dict(
        zip(ENCODER.names, ENCODER.transform(pa.Table.from_pylist([told]))[0], strict=True)
    )
    assert found["city.rate"] == pytest.approx(LABELLED.is_positive[TRAIN].mean())
    assert found["city.rows"] == 0
    assert np.isnan([found["grade"], found["is_new"], found["amount"]]).all()


def test_a_row_is_the_same_in_a_batch_alone_and_after_a_round_trip() -> None:
    batch = ENCODER.transform(TABLE)
    alone = np.vstack([ENCODER.transform(TABLE.slice(row, 1)) for row in range(ROWS)])
    assert np.array_equal(batch, alone, equal_nan=True)
    back = FittedEncoder.from_json(ENCODER.to_json())
    assert back == ENCODER
    assert np.array_equal(back.transform(TABLE), batch, equal_nan=True)
    assert np.array_equal(ENCODER.transform(LABELLED.frame), batch, equal_nan=True)


def test_a_row_is_the_same_whatever_type_its_file_gives_it() -> None:
    text = pa.table(
        {name: pa.array([None if v is None else str(v) for v in TABLE[name].to_pylist()])
         for name in TABLE.column_names}
    )  # fmt: skip
    assert np.array_equal(ENCODER.transform(text), ENCODER.transform(TABLE), equal_nan=True)
    as_codes = pa.table({"code": ["1", "2", "x"] * 10, "bad": [True, False, False] * 10})
    encoder = fit_encoder(label_table(as_codes, target="bad"), np.arange(30), seed=1)
    for one in (pa.array([2]), pa.array([2.0]), pa.array(["2"]), pa.array(["2.0"])):
        assert encoder.transform(pa.table({"code": one})).tolist() == [[1.0]]


def test_rates_of_training_rows_come_from_other_folds() -> None:
    matrix, known = ENCODER.fit_transform_rows(), ENCODER.transform(TABLE.slice(0, 200))
    rate = ENCODER.names.index("city.rate")
    others = [place for place in range(len(ENCODER.names)) if place != rate]
    assert np.array_equal(matrix[:, others], known[:, others], equal_nan=True)
    assert np.array_equal(np.isnan(matrix[:, rate]), np.isnan(known[:, rate]))
    assert (matrix[:, rate] != known[:, rate])[~np.isnan(known[:, rate])].mean() > 0.9


def test_a_level_of_one_row_tells_nothing_in_training() -> None:
    names = [*(f"firm {n // 2}" for n in range(200)), *(f"other {n}" for n in range(200))]
    bad = RNG.uniform(size=400) < 0.3
    labelled = label_table(pa.table({"firm": names, "bad": bad.tolist()}), target="bad")
    rate = fit_encoder(labelled, np.arange(400), seed=1).fit_transform_rows()[:, 0]
    assert rate[200:] == pytest.approx(bad.mean())


def grouped() -> LabelledTable:
    """Each firm sits in a city of its own and all its rows have one outcome."""
    firm = np.repeat(np.arange(90), 5)
    table = {
        "firm": [f"F{n}" for n in firm],
        "city": [f"city {n}" for n in firm],
        "bad": (firm % 3 == 0).tolist(),
    }
    return label_table(pa.table(table), target="bad", drop=["firm"])


def test_rates_are_crossed_between_groups_where_rows_are_grouped() -> None:
    rows = np.arange(450)
    plain = fit_encoder(grouped(), rows, seed=1).fit_transform_rows()[:, 0]
    together = fit_encoder(
        grouped(), rows, seed=1, protocol=parse_protocol("group:firm:5")
    ).fit_transform_rows()[:, 0]
    is_bad = grouped().is_positive
    assert plain[is_bad].min() > plain[~is_bad].max()  # other rows of the firm tell its outcome
    assert together == pytest.approx(np.full(450, 1 / 3))  # no other firm is in its city


def test_weights_count_by_their_share() -> None:
    table = {"a": [f"L{n % 70}" for n in range(200)], "bad": (RNG.uniform(size=200) < 0.3).tolist()}
    weight = RNG.uniform(1, 3, size=200)
    light, heavy = (
        label_table(pa.table({**table, "w": (weight * k).tolist()}), target="bad", weight="w")
        for k in (1, 50)
    )
    rates = fit_encoder(light, np.arange(200), seed=1).transform(light.source)
    assert fit_encoder(heavy, np.arange(200), seed=1).transform(heavy.source) == pytest.approx(
        rates
    )
    prior = np.average(light.is_positive, weights=weight)
    assert fit_encoder(light, np.arange(200), seed=1).codings[0].prior == pytest.approx(prior)


def test_a_rate_is_drawn_towards_the_overall_rate_by_weight() -> None:
    place = np.array([0, 0, 1, -1])
    outcome = np.array([True, False, True, False])
    rates = level_rates(place, 3, outcome, np.array([1.5, 0.5, 1.0, 1.0]), prior=0.625)
    strength = load_column_rules().level_prior_rows.value
    assert rates == pytest.approx(
        [(1.5 + strength * 0.625) / (2 + strength), (1 + strength * 0.625) / (1 + strength), 0.625]
    )


def test_only_training_rows_are_learned_from() -> None:
    turned = LABELLED.is_positive.copy()
    turned[200:] = ~turned[200:]
    other = replace(LABELLED, is_positive=turned)
    again = fit_encoder(other, TRAIN, seed=1)
    assert again == ENCODER
    assert np.array_equal(again.fit_transform_rows(), ENCODER.fit_transform_rows(), equal_nan=True)


def test_every_category_may_become_rates() -> None:
    encoder = fit_encoder(LABELLED, TRAIN, seed=1, native_levels=0)
    assert encoder.categorical == []
    assert "grade.rate" in encoder.names


def test_a_wide_category_may_keep_its_levels_beside_its_rates() -> None:
    both = fit_encoder(LABELLED, TRAIN, seed=1, keeps_levels=True)
    assert both.names[2:5] == ["city", "city.rate", "city.rows"]
    assert both.categorical == [1, 2]
    assert both.choices == {"levels": (2,), "rates": (3, 4)}
    assert set(both.sources.values()) == set(ENCODER.sources.values())
    # All but the added column is what it was without it, crossed rates of training rows included.
    for wide, plain in (
        (both.fit_transform_rows(), ENCODER.fit_transform_rows()),
        (both.transform(TABLE), ENCODER.transform(TABLE)),
    ):
        assert np.array_equal(np.delete(wide, 2, axis=1), plain, equal_nan=True)
    place = both.transform(TABLE)[:, 2]
    levels = both.codings[2].levels
    told = [None if np.isnan(one) else levels[int(one)] for one in place]
    # Row 0 has no city; row 1 is in "city 1".
    assert told[:2] == [None, "city 1"]
    assert all(
        one in {None, cell} for one, cell in zip(told, TABLE["city"].to_pylist(), strict=True)
    )
    back = FittedEncoder.from_json(both.to_json())
    assert np.array_equal(back.transform(TABLE), both.transform(TABLE), equal_nan=True)


def test_a_name_is_never_given_twice() -> None:
    table = pa.table(
        {"d": ["2020-01-01", "2020-01-02"], "d.days": [1.5, 2.5], "bad": [True, False]}
    )
    encoder = fit_encoder(label_table(table, target="bad"), np.arange(2), seed=1)
    assert encoder.names == ["d..days", "d..month", "d.days"]


def test_what_cannot_be_encoded_is_said() -> None:
    with pytest.raises(TableError, match="no column 'city'"):
        ENCODER.transform(TABLE.drop_columns(["city"]))
    with pytest.raises(TableError, match="encoding of the columns cannot be read"):
        FittedEncoder.from_json(json.dumps({"form": 99, "codings": [], "dropped": {}}))
    with pytest.raises(ValueError, match="no training rows"):
        FittedEncoder.from_json(ENCODER.to_json()).fit_transform_rows()


@settings(max_examples=40, deadline=None)
@given(st.permutations(range(12)), st.integers(0, 100))
def test_the_order_of_rows_never_matters(order: list[int], start: int) -> None:
    some = TABLE.slice(start, 12)
    assert np.array_equal(
        ENCODER.transform(some.take(order)), ENCODER.transform(some)[order], equal_nan=True
    )
