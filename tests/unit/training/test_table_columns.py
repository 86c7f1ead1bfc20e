from datetime import date, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from features.errors import TableError
from training.table.columns import Kind, label_table
from training.table.kinds import as_days, as_numbers, column_of, load_column_rules

TWENTY = range(20)


KINDS: list[tuple[list[Any], Kind, str]] = [
    ([1.5, 2.0, None], Kind.NUMBER, "numbers"),
    (["1,234.5", "¥ 20", None], Kind.NUMBER, "numbers_as_text"),
    (["1,5", "2,5"], Kind.CATEGORY, "levels"),  # a decimal comma is not guessed at
    (["007", "12"], Kind.CATEGORY, "levels"),  # a leading zero makes a code
    (["Y", "n", None], Kind.FLAG, "yes_or_no"),
    (["是", "否"], Kind.FLAG, "yes_or_no"),
    ([0.0, 1.0, None], Kind.FLAG, "yes_or_no"),
    ([True, None], Kind.FLAG, "yes_or_no"),
    (["2020-02-29", "2020/3/1 08:00"], Kind.DATE, "dates"),
    (["20200229", "20200301"], Kind.DATE, "dates"),
    (["20200230", "20200301"], Kind.NUMBER, "numbers_as_text"),  # no 30 February
    ([date(2020, 1, 1), date(2020, 1, 2)], Kind.DATE, "dates"),
    ([7, 7], Kind.CONSTANT, "one_value"),
    ([None, ""], Kind.EMPTY, "empty"),
    (["a", "b", "a"], Kind.CATEGORY, "levels"),
    ([f"E{n}" for n in TWENTY], Kind.TEXT_ID, "unique_text"),
    ([f"E{n}" for n in range(19)], Kind.CATEGORY, "levels"),  # 19 rows may all differ
    ([f"E{max(n, 1)}" for n in TWENTY], Kind.TEXT_ID, "unique_text"),  # 19 of 20 = 0.95
    ([f"E{max(n, 2)}" for n in TWENTY], Kind.CATEGORY, "levels"),  # 18 of 20 = 0.90
    (list(TWENTY), Kind.TEXT_ID, "counted"),
    ([n * 3 for n in TWENTY], Kind.NUMBER, "numbers"),  # 0..57 is wider than 2 x 20
    ([10_000_000 + n * n * 999 for n in TWENTY], Kind.TEXT_ID, "long_number"),
    ([1_000_000 + n * n * 999 for n in TWENTY], Kind.NUMBER, "numbers"),  # 7 digits
]


@pytest.mark.parametrize(("values", "kind", "why"), KINDS)
def test_kinds(values: list[Any], kind: Kind, why: str) -> None:
    column = column_of("a", pa.chunked_array([values]))
    assert (column.kind, column.why) == (kind, why)
    assert column.reason.zh


def test_one_slip_in_a_hundred_leaves_numbers_numbers() -> None:
    text = [f"{n}.5" for n in range(99)]
    assert column_of("a", pa.chunked_array([[*text, "?"]])).kind is Kind.NUMBER
    assert column_of("a", pa.chunked_array([[*text[1:], "?", "!"]])).kind is Kind.TEXT_ID


def test_dates_are_days_and_what_is_no_date_is_missing() -> None:
    # 1970-01-02 is day 1; 2020-02-29 is 50 years of 365 days, 12 leap days, 31 + 28 days = 18321.
    told = ["1970-01-02", "2020年2月29日", "2021-02-29", "2020-13-01", "today", None]
    days = as_days(pa.array(told))
    assert days == pytest.approx([1, 18321, np.nan, np.nan, np.nan, np.nan], nan_ok=True)
    stamps = pa.array([datetime(1970, 1, 2, 23), None])
    assert as_days(stamps) == pytest.approx([1, np.nan], nan_ok=True)


def test_infinite_and_unreadable_numbers_are_missing() -> None:
    told = ["1e3", "+2", "-.5", "12,345,678", "inf", "abc", "1 000"]
    found = as_numbers(pa.array(told))
    expected = [1000, 2, -0.5, 12345678, np.nan, np.nan, 1000]
    assert found == pytest.approx(expected, nan_ok=True)
    assert np.isnan(as_numbers(pa.array([np.inf, np.nan]))).all()


def test_target_weight_and_dropped_columns_are_not_learned_from() -> None:
    table = pa.table(
        {"a": [1.5, 2.5, 3.5], "w": [1, 2, 3], "b": ["x", "y", "x"], "bad": ["1", None, "0"]}
    )
    labelled = label_table(table, target="bad", drop=["b"], weight="w")
    assert labelled.frame.column_names == ["a"]
    assert labelled.is_positive.tolist() == [True, False]
    assert labelled.weight is not None
    assert labelled.weight.tolist() == [1, 3]
    assert labelled.row.tolist() == [0, 2]
    assert (labelled.without_outcome, labelled.positive) == (1, "1")
    assert labelled.source.column_names == table.column_names
    assert labelled.source.num_rows == 2


def test_the_outcome_may_be_any_value_of_the_target() -> None:
    table = pa.table({"a": [1.0, 2.0, 3.0], "state": ["PIF", "CHGOFF", "late"]})
    labelled = label_table(table, target="state", positive="CHGOFF")
    assert labelled.is_positive.tolist() == [False, True, False]
    numbers = pa.table({"a": [1.0, 2.0], "grade": [1.0, 2.0]})
    assert label_table(numbers, target="grade", positive="2").is_positive.tolist() == [False, True]


TABLE = pa.table(
    {"income": [1, 2, 3], "state": ["PIF", "CHGOFF", "late"], "one": [1, 1, 1], "w": [1, 0, 2]}
)


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"target": "stat"}, "no column 'stat'. Did you mean 'state'"),
        ({"target": "zzz"}, "no column 'zzz'. It has income, state, one, w."),
        ({"target": "state", "positive": "PIF", "drop": ["incom"]}, "no column 'incom'"),
        ({"target": "one"}, "'one' has one value only, '1'"),
        ({"target": "state"}, "values CHGOFF, PIF, late. Say which one is the outcome"),
        ({"target": "state", "positive": "paid"}, "No row has 'paid'.*CHGOFF, PIF, late"),
        ({"target": "state", "positive": "PIF", "weight": "w"}, "not above 0 in 1 of 3 rows"),
    ],
)
def test_what_cannot_be_labelled_is_said(asked: dict[str, Any], sentence: str) -> None:
    with pytest.raises(TableError, match=sentence):
        label_table(TABLE, **asked)


def test_every_reason_has_an_example_here_and_words() -> None:
    assert {why for _, _, why in KINDS} == set(load_column_rules().reasons)
