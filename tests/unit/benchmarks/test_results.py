import json
from datetime import datetime
from pathlib import Path

import pytest

from benchmarks.results import Better, Entry, compared, read_results, record

NOW = datetime.fromisoformat("2026-03-01T09:30")


def entry(area: str = "features", name: str = "CPU", *, ours: float = 2.0) -> Entry:
    return compared(area, name, ours=ours, peer=8.0, better="lower", unit="s", now=NOW)


@pytest.mark.parametrize(
    ("ours", "peer", "better", "ratio"),
    [
        (2.0, 8.0, "lower", 4.0),  # 8 / 2 seconds
        (8.0, 2.0, "lower", 0.25),  # slower than the peer says so
        (900.0, 300.0, "higher", 3.0),  # 900 / 300 rows per second
        (3.0, 3.0, "higher", 1.0),
        (2.0, None, "lower", None),  # nobody to compare with
        (0.0, 2.0, "lower", None),  # a ratio to nothing is not infinite, it is unknown
    ],
)
def test_ratio_above_one_means_ours_is_better(
    ours: float, peer: float | None, better: Better, ratio: float | None
) -> None:
    made = compared("a", "b", ours=ours, peer=peer, better=better, unit="s", now=NOW)
    assert made.ratio == ratio


def test_ratio_is_taken_before_rounding() -> None:
    made = compared("a", "b", ours=1.00004, peer=2.00016, better="lower", unit="s", now=NOW)
    # 2.00016 / 1.00004 = 2.00008, to four digits 2.0
    assert (made.ours, made.peer, made.ratio) == (1.0, 2.0, 2.0)


@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), -0.5])
def test_a_figure_that_says_nothing_is_refused(wrong: float) -> None:
    with pytest.raises(ValueError, match=r"Result 'features: CPU' has ours = .*0 or more"):
        entry(ours=wrong)
    with pytest.raises(ValueError, match="has peer = "):
        compared("a", "b", ours=1.0, peer=wrong, better="lower", unit="s", now=NOW)


def test_an_absent_store_is_empty(tmp_path: Path) -> None:
    assert read_results(tmp_path / "results.json") == []


def test_what_is_recorded_is_read_back_in_order_of_area_and_name(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    first, second, third = entry("a", "z"), entry("b", "a"), entry("b", "b")
    record([third, second], path)
    record([first], path)
    assert read_results(path) == [first, second, third]


def test_an_area_measured_again_replaces_all_it_held_and_no_other(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    record([entry("a", "gone"), entry("a", "x"), entry("b", "x")], path)
    record([entry("a", "x", ours=4.0)], path)
    found = [(one.area, one.name, one.ours) for one in read_results(path)]
    assert found == [("a", "x", 4.0), ("b", "x", 2.0)]


def test_recording_the_same_again_changes_no_byte(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    record([entry("a", "x"), entry("a", "y")], path)
    before = path.read_bytes()
    record([entry("a", "y"), entry("a", "x")], path)
    assert path.read_bytes() == before
    assert [child.name for child in tmp_path.iterdir()] == ["results.json"]


def test_the_file_has_the_agreed_keys(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    record([entry()], path)
    assert json.loads(path.read_text()) == [
        {
            "area": "features",
            "name": "CPU",
            "ours": 2.0,
            "peer": 8.0,
            "ratio": 4.0,
            "unit": "s",
            "note": "",
            "at": "2026-03-01T09:30",
        }
    ]
