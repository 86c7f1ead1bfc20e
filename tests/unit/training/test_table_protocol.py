import numpy as np
import pyarrow as pa
import pytest

from features.errors import TableError
from training.table.columns import LabelledTable, label_table
from training.table.protocol import join_test, parse_protocol

RNG = np.random.default_rng(3)
ROWS = 400
FIRM = [f"F{n % 80}" if n % 50 else None for n in range(ROWS)]
TABLE = pa.table(
    {
        "firm": FIRM,
        "year": [2000 + n % 8 for n in range(ROWS)],
        "day": [f"20{n % 8 + 10}-06-30" for n in range(ROWS)],
        "x": RNG.normal(size=ROWS).tolist(),
        "bad": (RNG.uniform(size=ROWS) < 0.2).tolist(),
    }
)


def labelled(table: pa.Table = TABLE) -> LabelledTable:
    return label_table(table, target="bad")


def test_every_row_is_held_out_once_and_outcomes_are_spread() -> None:
    rows = labelled()
    splits = parse_protocol("kfold:5").splits(rows, seed=1)
    assert [split.name for split in splits] == [f"fold {n}" for n in range(1, 6)]
    assert sorted(np.concatenate([split.test for split in splits])) == list(range(ROWS))
    bad = [int(rows.is_positive[split.test].sum()) for split in splits]
    assert max(bad) - min(bad) <= 1
    for split in splits:
        assert sorted([*split.train, *split.test]) == list(range(ROWS))


def test_a_seed_gives_the_same_folds_again_and_another_gives_others() -> None:
    protocol = parse_protocol("kfold:5")
    first, again, other = (protocol.splits(labelled(), seed=seed)[0] for seed in (1, 1, 2))
    assert np.array_equal(first.test, again.test)
    assert not np.array_equal(first.test, other.test)


def test_a_group_never_stands_on_both_sides_outside_or_inside() -> None:
    protocol = parse_protocol("group:firm:4")
    rows = labelled()
    firm = np.array(FIRM, dtype=object)
    for split in protocol.splits(rows, seed=1):
        inside = protocol.inner(rows, split.train, folds=3, seed=2)
        for train, test in [(split.train, split.test), *((s.train, s.test) for s in inside)]:
            assert not (set(firm[train]) & set(firm[test])) - {None}
        assert np.array_equal(np.sort(np.concatenate([s.test for s in inside])), split.train)


@pytest.mark.parametrize("cut", ["time:year<=2004", "time:day<=2014-12-31"])
def test_a_cut_in_time_learns_from_the_past_alone(cut: str) -> None:
    protocol = parse_protocol(cut)
    (split,) = protocol.splits(labelled(), seed=1)
    year = np.array(TABLE["year"].to_pylist())
    assert year[split.train].max() == 2004
    assert year[split.test].min() == 2005
    for inside in protocol.inner(labelled(), split.train, folds=3, seed=1):
        assert set(inside.train) | set(inside.test) == set(split.train)
        assert not set(inside.train) & set(inside.test)


def test_a_row_without_a_moment_stands_on_neither_side() -> None:
    year = [None, *TABLE["year"].to_pylist()[1:]]
    table = TABLE.set_column(1, "year", pa.array(year))
    (split,) = parse_protocol("time:year<=2004").splits(labelled(table), seed=1)
    assert 0 not in {*split.train, *split.test}
    assert len(split.train) + len(split.test) == ROWS - 1


def test_a_test_table_is_judged_by_all_rows_of_the_first() -> None:
    first = TABLE.slice(0, 300)
    # A row without an outcome is left out and must not shift the border between the two.
    first = first.set_column(4, "bad", pa.array([None, *first["bad"].to_pylist()[1:]]))
    both, border = join_test(first, TABLE.slice(300).select(["bad", "x", "day", "year", "firm"]))
    protocol = parse_protocol("group:firm:4", test=border)
    rows = labelled(both)
    (split,) = protocol.splits(rows, seed=1)
    assert rows.source.take(split.test.tolist()).equals(TABLE.slice(300))
    assert len(split.train) == 299
    assert len(protocol.inner(rows, split.train, folds=3, seed=1)) == 3


@pytest.mark.parametrize("text", ["kfold:10", "group:a:b:5", "time:ApprovalFY<=2002"])
def test_a_protocol_reads_as_it_was_written(text: str) -> None:
    assert str(parse_protocol(text)) == text


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("kfold", "none of `kfold:10`, `group:COL:5`, `time:COL<=V`"),
        ("time:year>2000", "none of"),
        ("kfold:1", "asks for 1 folds"),
    ],
)
def test_an_unknown_protocol_is_refused(text: str, sentence: str) -> None:
    with pytest.raises(TableError, match=sentence):
        parse_protocol(text)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("group:fir:5", "no column 'fir'. Did you mean 'firm'"),
        ("kfold:300", "300 folds need at least 300 rows of each outcome"),
        ("group:year:9", "9 folds need at least 9 values of 'year', the table has 8"),
        ("time:year<=2020", "The part after the cut has 0 rows"),
        ("time:year<=soon", "'year' cannot be cut at 'soon'"),
        ("time:firm<=2020", "'firm' cannot be cut at '2020'"),
    ],
)
def test_a_cut_that_cannot_be_made_is_said(text: str, sentence: str) -> None:
    with pytest.raises(TableError, match=sentence):
        parse_protocol(text).splits(labelled(), seed=1)


def test_a_test_table_needs_the_same_columns() -> None:
    with pytest.raises(TableError, match="no column 'day'"):
        join_test(TABLE, TABLE.drop_columns(["day"]))
    text = TABLE.set_column(3, "x", pa.array(["a"] * ROWS))
    with pytest.raises(TableError, match="of other types than the first"):
        join_test(TABLE, text)
