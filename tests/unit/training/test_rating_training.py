import numpy as np

from training.enrol import hostile_rows


def test_hostile_rows_hold_what_readers_of_trees_differ_on() -> None:
    matrix = np.array([[1.0, np.nan], [0.0, 5.0]])
    rows = hostile_rows(matrix)
    assert rows.shape == (12, 2)
    assert np.isnan(rows).any()
    assert np.isposinf(rows).any()
    assert np.isneginf(rows).any()
    assert (rows == 1e-36).any()
    assert np.signbit(rows[rows == 0]).any()
    assert (rows == np.nextafter(1.0, 2)).any()
    assert (rows == np.nextafter(5.0, 4)).any()
