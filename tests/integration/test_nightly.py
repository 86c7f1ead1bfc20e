"""`xinqiao nightly` and `xinqiao match` on a small town: one pass says what the single verbs say."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from features.clock import now_in_shanghai
from tests.command import run
from tests.rated_town import land_town, promote_model
from xinqiao.match_one import match_one
from xinqiao.night import open_desk
from xinqiao.settings import load_settings

DAY = "2026-05-31"


@dataclass(frozen=True)
class Night:
    home: Path
    said: dict[str, dict[str, object]]

    @property
    def folder(self) -> Path:
        return self.home / "night" / DAY

    def bytes(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in sorted(self.folder.glob("*.*"))}


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Night]:
    home = tmp_path_factory.mktemp("night")
    land_town(home)
    promote_model(home)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XINQIAO_HOME", str(home))
        patch.setenv("XINQIAO_LANG", "en")
        code, printed = run(patch, "nightly", "--as-of", DAY, "--json")
        assert code == 0, printed
        yield Night(home, json.loads(printed))


@pytest.fixture
def at_home(night: Night, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setenv("XINQIAO_HOME", str(night.home))
    monkeypatch.setenv("XINQIAO_LANG", "en")
    return monkeypatch


def test_the_same_night_again_changes_nothing(
    night: Night, at_home: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    before = night.bytes()
    code, printed = run(at_home, "nightly", "--as-of", DAY, "--out", str(tmp_path))
    assert code == 0, printed
    assert printed.count("kept") == 3
    assert "No ledger here: the starter catalogue alone is matched" in printed
    assert night.bytes() == before
    results = {"ratings.parquet", "matches.parquet", "products.parquet", "conditions.parquet",
               "findings.parquet", "moves.parquet", "night.json", "tags.parquet"}  # fmt: skip
    assert {path.name for path in tmp_path.iterdir()} == results
    assert all((tmp_path / name).read_bytes() == before[name] for name in results)


def test_a_stage_that_was_killed_is_run_again_alone(
    night: Night, at_home: pytest.MonkeyPatch
) -> None:
    before = night.bytes()
    (night.folder / "moves.parquet").unlink()
    code, printed = run(at_home, "nightly", "--as-of", DAY)
    assert code == 0, printed
    assert printed.count("kept") == 2
    assert night.bytes() == before


def test_ratings_are_those_of_rate(
    night: Night, at_home: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    code, printed = run(at_home, "rate", "--all", "--as-of", DAY, "--out", str(tmp_path / "r.parquet"))  # fmt: skip
    assert code == 0, printed
    assert pq.read_table(night.folder / "ratings.parquet").equals(pq.read_table(tmp_path / "r.parquet"))  # fmt: skip


def test_matches_are_those_of_match_for_everyone_and_for_one(
    night: Night, at_home: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    code, printed = run(at_home, "match", "--as-of", DAY, "--out", str(tmp_path), "--json")
    assert code == 0, printed
    assert json.loads(printed) == night.said["ratings"]
    for name in ("matches.parquet", "products.parquet", "conditions.parquet"):
        assert (tmp_path / name).read_bytes() == (night.folder / name).read_bytes()
    rows = pq.read_table(tmp_path / "matches.parquet").to_pylist()
    usccs = pq.read_table(night.folder / "ratings.parquet")["uscc"].to_pylist()
    desk = open_desk(load_settings(), date.fromisoformat(DAY), now_in_shanghai())
    codes = [entry.code for entry, _ in desk.offering.shelf.products]
    for uscc in usccs[:2]:
        found = match_one(desk, uscc)
        kept = [(row["product"], row["is_sure"]) for row in rows if row["uscc"] == uscc]
        assert kept == [(codes[place], not found.left[place]) for place in found.fits][:10]


def test_alerts_are_those_of_watch(night: Night, at_home: pytest.MonkeyPatch) -> None:
    before = (night.home / "watch" / f"{DAY}.parquet").read_bytes()
    code, printed = run(at_home, "watch", "--as-of", DAY, "--json")
    assert code == 0, printed
    assert json.loads(printed) == night.said["watch"]
    assert (night.home / "watch" / f"{DAY}.parquet").read_bytes() == before
    assert (night.folder / "findings.parquet").read_bytes() == before
    assert night.said["watch"]["exposures"]


def test_without_a_ledger_the_result_says_so(night: Night) -> None:
    nothing = {"is_read": False, "products": 0, "tags_given": 0, "tags_removed": 0}
    assert night.said["ratings"]["ledger"] == nothing


def test_one_firm_is_told_in_tables(night: Night, at_home: pytest.MonkeyPatch) -> None:
    uscc = pq.read_table(night.folder / "ratings.parquet")["uscc"][0].as_py()
    code, printed = run(at_home, "match", uscc, "--as-of", DAY)
    assert code == 0, printed
    assert f"{uscc} as of {DAY}, grade " in printed
    assert "need more data" in printed


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nightly", "--as-of", "2090-01-01"), "lies in the future"),
        (("match", "--as-of", "2090-01-01", "--out", "m"), "lies in the future"),
        (("match",), "Say either one enterprise"),
        (("match", "E1", "--out", "m"), "Say either one enterprise"),
        (("match", "NOBODY", "--as-of", DAY), "NOBODY"),
    ],
)
def test_what_cannot_be_matched_is_one_sentence(
    at_home: pytest.MonkeyPatch, arguments: tuple[str, ...], said: str
) -> None:
    code, printed = run(at_home, *arguments)
    assert code != 0
    assert said in printed
    assert "Traceback" not in printed
