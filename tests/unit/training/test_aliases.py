"""The record of who serves: names, order, tampering, kills and crowds."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from features.errors import BundleError, RegistryError
from models.aliases import Entry, find_bundle, named_bundle, named_entry, read_record, served_before
from training.aliases import add_entry

ROOT = Path(__file__).parents[3]


def entry(bundle_id: str, action: str = "promoted", model: str = "base_12m") -> Entry:
    kind = "event_6m" if model == "alert_6m" else "pd_12m"
    return Entry(
        model=model,
        kind=kind,
        bundle_id=bundle_id,
        action=action,  # type: ignore[arg-type]
        since="2026-11-21T12:00:00",
        by="甲",
        reviewer="乙",
        reason="年度重训",
    )


def test_names_stand_for_what_was_decided_last(tmp_path: Path) -> None:
    for line in (
        entry("a", "trained"),
        entry("a"),
        entry("b", "trained"),
        entry("r", model="invoice-rating"),
        entry("w", model="alert_6m"),
    ):
        add_entry(tmp_path, line)
    assert named_bundle(tmp_path, "base_12m").name == "a"
    assert named_bundle(tmp_path, "base_12m@candidate").name == "b"
    assert named_bundle(tmp_path, "alert_6m").name == "w"
    # A warning model never answers for ratings, whenever it was promoted.
    assert named_bundle(tmp_path).name == "r"
    # Going back in another model does not make it the default.
    add_entry(tmp_path, entry("a", "rolled_back"))
    assert named_bundle(tmp_path).name == "r"
    assert named_entry(read_record(tmp_path), "base_12m@nonsense") is None
    assert len(read_record(tmp_path)) == 6


def test_going_back_twice_leads_further_back() -> None:
    trail = [entry("a"), entry("b"), entry("c")]
    assert served_before(trail, "base_12m") == ["a", "b"]
    trail.append(entry("b", "rolled_back"))
    assert served_before(trail, "base_12m") == ["a"]
    trail.append(entry("a", "rolled_back"))
    assert served_before(trail, "base_12m") == []
    trail.append(entry("d"))
    assert served_before(trail, "base_12m") == ["a"]
    trail.append(entry("c", "rolled_back"))
    assert served_before(trail, "base_12m") == ["a", "d"]
    assert served_before(trail, "other") == []


def test_no_model_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="Train one with `xinqiao train`"):
        named_bundle(tmp_path)
    add_entry(tmp_path, entry("a", "trained"))
    with pytest.raises(BundleError, match="xinqiao promote base_12m@candidate --by"):
        named_bundle(tmp_path)


def test_a_damaged_record_is_not_guessed_at(tmp_path: Path) -> None:
    (tmp_path / "aliases.json").write_text("[{")
    with pytest.raises(BundleError, match="cannot be read, so no model is known to serve"):
        named_bundle(tmp_path)
    (tmp_path / "aliases.json").write_text('[{"name": "champion"}]')
    with pytest.raises(BundleError, match="cannot be read, so no model is known to serve"):
        named_bundle(tmp_path)


Lines = list[dict[str, object]]
CHANGES: list[tuple[Callable[[Lines], object], int]] = [
    (lambda lines: lines[0].update(reviewer="丙"), 1),
    (lambda lines: lines[1].update(bundle_id="a"), 2),
    (lambda lines: lines[2].update(since="2020-01-01T00:00:00"), 3),
    (lambda lines: lines.pop(1), 2),
    (lambda lines: lines.pop(0), 1),
    (lambda lines: lines.insert(0, lines.pop(1)), 1),
    (lambda lines: lines.append(dict(lines[2])), 4),
]


@pytest.mark.parametrize(("change", "line"), CHANGES)
def test_a_changed_line_is_noticed(
    tmp_path: Path, change: Callable[[Lines], object], line: int
) -> None:
    for name in "abc":
        add_entry(tmp_path, entry(name))
    path = tmp_path / "aliases.json"
    lines = json.loads(path.read_text(encoding="utf-8"))
    change(lines)
    path.write_text(json.dumps(lines), encoding="utf-8")
    for use in (lambda: named_bundle(tmp_path), lambda: add_entry(tmp_path, entry("d"))):
        with pytest.raises(RegistryError, match=f"Line {line} of .* is not as it was written"):
            use()


def test_the_file_has_an_entry_a_line(tmp_path: Path) -> None:
    written = [add_entry(tmp_path, entry(name)) for name in "ab"]
    text = (tmp_path / "aliases.json").read_text(encoding="utf-8")
    assert text.count("\n") == 4
    assert "年度重训" in text
    assert written[1].before == written[0].sha256
    assert read_record(tmp_path) == written


def test_a_decision_against_another_champion_does_not_count(tmp_path: Path) -> None:
    add_entry(tmp_path, entry("a"), replaces="")
    add_entry(tmp_path, entry("b"), replaces="a")
    with pytest.raises(RegistryError, match="became the champion meanwhile"):
        add_entry(tmp_path, entry("c"), replaces="a")
    with pytest.raises(RegistryError, match="became the champion meanwhile"):
        add_entry(tmp_path, entry("c"), replaces="")
    add_entry(tmp_path, entry("x", model="alert_6m"), replaces="")
    assert named_bundle(tmp_path).name == "b"


def test_bundles_are_found_by_the_beginning_of_their_id(tmp_path: Path) -> None:
    ids = ["abcdef01", "abcdef02", "123456ff"]
    for name in [*ids, ".draft-1"]:
        (tmp_path / name).mkdir()
    assert find_bundle(tmp_path, "123456").name == "123456ff"
    assert find_bundle(tmp_path, "123456FF").name == "123456ff"
    add_entry(tmp_path, entry("abcdef02", "trained"))
    assert find_bundle(tmp_path, "base_12m@candidate").name == "abcdef02"
    for asked, count in (("abcdef", 2), ("12345", 0), ("ffffff", 0), ("", 0)):
        with pytest.raises(BundleError, match=f"^{count} bundles begin with '{asked}'"):
            find_bundle(tmp_path, asked)
    with pytest.raises(BundleError, match="There are 0"):
        find_bundle(tmp_path / "nowhere", "abcdef")


KILLED = """
import os, sys
from pathlib import Path
from tests.unit.training.test_aliases import entry
from training.aliases import add_entry
Path.replace = lambda *_: os._exit(9)
add_entry(Path(sys.argv[1]), entry("b"))
"""
CROWD = """
import sys
from pathlib import Path
from tests.unit.training.test_aliases import entry
from training.aliases import add_entry
for number in range(10):
    add_entry(Path(sys.argv[1]), entry(f"{sys.argv[2]}-{number}"))
"""


def test_a_writer_killed_before_the_file_appears_leaves_the_one_before(tmp_path: Path) -> None:
    add_entry(tmp_path, entry("a"))
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], cwd=ROOT, check=False)
    assert done.returncode == 9
    assert "b" in json.loads((tmp_path / ".aliases.json").read_text())[1]["bundle_id"]
    assert named_bundle(tmp_path).name == "a"
    add_entry(tmp_path, entry("c"))
    assert [line.bundle_id for line in read_record(tmp_path)] == ["a", "c"]


def test_writers_at_once_lose_nothing(tmp_path: Path) -> None:
    started = [
        subprocess.Popen([sys.executable, "-c", CROWD, str(tmp_path), str(who)], cwd=ROOT)
        for who in range(4)
    ]
    assert [process.wait(60) for process in started] == [0] * 4
    found = [line.bundle_id for line in read_record(tmp_path)]
    assert sorted(found) == sorted(f"{who}-{number}" for who in range(4) for number in range(10))
    for who in range(4):
        mine = [name for name in found if name.startswith(f"{who}-")]
        assert mine == [f"{who}-{number}" for number in range(10)]


def test_of_two_decisions_against_one_champion_one_counts(tmp_path: Path) -> None:
    add_entry(tmp_path, entry("a"))
    race = (
        CROWD.replace("range(10)", "range(1)")
        .replace('")))', '"), replaces="a")')
        .replace('}"))', '}"), replaces="a")')
    )
    started = [
        subprocess.Popen(
            [sys.executable, "-c", race, str(tmp_path), str(who)],
            cwd=ROOT,
            stderr=subprocess.PIPE,
            text=True,
        )
        for who in range(3)
    ]
    said = [process.communicate(timeout=60)[1] for process in started]
    assert sorted(process.returncode for process in started) == [0, 1, 1]
    assert sum("became the champion meanwhile" in words for words in said) == 2
    assert len(read_record(tmp_path)) == 2


def test_an_entry_is_only_what_was_written(tmp_path: Path) -> None:
    told = replace(entry("a"), despite="gate overruled", checks=[{"name": "stable"}])
    written = add_entry(tmp_path, told)
    assert read_record(tmp_path) == [written]
    assert replace(written, before="", sha256="") == told
