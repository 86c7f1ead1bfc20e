"""`xinqiao nightly` and `xinqiao match` on a small town: one pass says what the single verbs say.

No product is for the drawn firms; three whose records are known, and a start-up, live among them.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from features.clock import now_in_shanghai
from features.contracts import load_catalogue
from features.declared import self_scope
from features.identifiers import synthetic_uscc
from features.rules.evaluate import Columns, build
from features.rules.normal import parts_of
from features.rules.syntax import AnyOf, Not, names_of
from features.snapshot import open_snapshot
from models.arrays import BoolArray
from models.matching.facts import load_facts
from models.matching.inputs import read_columns
from models.matching.offering import ASKED, Offering, Rated
from models.products.base import base_rule
from models.products.shelf import rule_of
from tests.cases import land
from tests.command import run
from tests.leaving import KNOWN
from tests.matching_town import FOUNDED, POOR, SOUND, land_firms
from tests.rated_town import land_town, promote_model
from xinqiao.night import open_desk
from xinqiao.settings import load_settings

DAY = "2026-05-31"
#: Six months old to the day.
STARTUP = synthetic_uscc("matching", "start-up")


@dataclass(frozen=True)
class Night:
    home: Path
    said: dict[str, dict[str, Any]]

    @property
    def folder(self) -> Path:
        return self.home / "night" / DAY

    def rows(self, name: str) -> list[dict[str, Any]]:
        return pq.read_table(self.folder / f"{name}.parquet").to_pylist()

    def bytes(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in sorted(self.folder.glob("*.*"))}


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Night]:
    home = tmp_path_factory.mktemp("night")
    land_town(home)
    land_firms(home, FOUNDED | {STARTUP: "2025-11-30"})
    filed = [
        {"uscc": SOUND, "consent_id": "C-1", "month": month, "vat_paid": "15000", "cit_paid": "5000",
         "filed_on": "2026-05-15", "due_on": "2026-05-15"}
        for month in ("202602", "202603", "202604")
    ]  # fmt: skip
    land(home, "tax_filing_month", *filed, now=KNOWN)
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


def test_match_for_everyone_says_the_same(
    night: Night, at_home: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    code, printed = run(at_home, "match", "--as-of", DAY, "--out", str(tmp_path), "--json")
    assert code == 0, printed
    assert json.loads(printed) == night.said["ratings"]
    for name in ("matches.parquet", "products.parquet", "conditions.parquet"):
        assert (tmp_path / name).read_bytes() == (night.folder / name).read_bytes()


def test_match_for_everyone_is_told_in_a_table(
    night: Night, at_home: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    code, printed = run(at_home, "match", "--as-of", DAY, "--out", str(tmp_path), "--top", "1")
    assert code == 0, printed
    told = re.findall(
        r"^[│ ]*(P\d+) .*?│ *(\d+) │ *(\d+) │ *(\d+) │ *(\d+) ", printed, re.MULTILINE
    )
    said = night.said["ratings"]["products"]
    assert {one: tuple(map(int, counts)) for one, *counts in told} == {
        one: (c["fits"], c["sure"], c["undecided"], c["near"]) for one, c in said.items()
    }
    best = [row for row in night.rows("matches") if row["place"] == 1]
    assert pq.read_table(tmp_path / "matches.parquet").to_pylist() == best


def test_everything_found_is_found_by_a_naive_loop(
    night: Night, at_home: pytest.MonkeyPatch
) -> None:
    del at_home
    now, catalogue = now_in_shanghai(), load_catalogue()
    desk = open_desk(load_settings(), date.fromisoformat(DAY), now)
    assert desk.raters is not None
    with open_snapshot(desk.lake, catalogue, desk.day, self_scope(catalogue, now.date()), now=now) as look:  # fmt: skip
        firms = read_columns(look, desk.offering.names)
    ratings = {row["uscc"]: row for row in night.rows("ratings")}
    own = [ratings[uscc] for uscc in firms.usccs]
    table = pa.Table.from_pylist(own)
    rated = Rated.of(desk.raters.letters, table["grade"], table["score"])
    seen = desk.offering.seen(firms.columns, rated)
    judged = [judge(desk.offering, place, seen) for place in range(len(desk.offering.shelf))]
    codes = [entry.code for entry, _ in desk.offering.shelf.products]
    counts = {code: {name: int(each.sum()) for name, each in one.items()} for code, one in zip(codes, judged, strict=True)}  # fmt: skip
    assert night.said["ratings"]["products"] == counts
    file = [{"product": code, "firms": len(firms), **one} for code, one in counts.items()]
    assert night.rows("products") == file
    found = night.rows("matches")
    for at, uscc in enumerate(firms.usccs):
        rank = rated.rank[at]
        order = desk.offering.everyone.order[-1 if np.isnan(rank) else int(rank) - 1].tolist()
        fits = [(codes[p], bool(judged[p]["sure"][at])) for p in order if judged[p]["fits"][at]]
        kept = [(row["product"], row["is_sure"]) for row in found if row["uscc"] == uscc]
        assert kept == fits[:10]
    assert {row["uscc"] for row in found} >= {SOUND, STARTUP}
    # On the list of dishonest debtors, which every product asks about.
    assert POOR in firms.usccs
    assert POOR not in {row["uscc"] for row in found}


def judge(offering: Offering, place: int, seen: Columns) -> dict[str, BoolArray]:
    """What firms are to a product, by asking each part of its rule alone."""
    entry, version = offering.shelf.products[place]
    rule = rule_of(version, base_rule(offering.shelf.as_of_date), entry.code)
    assert rule is not None
    left = {fact.name for fact in load_facts().of(*ASKED)}
    failed, unknown, to_ask = (np.zeros(len(seen["grade_rank"]), dtype=np.int64) for _ in range(3))
    for part in parts_of(rule):
        any_of = AnyOf(tuple(Not(one.clause) if one.is_negated else one.clause for one in part))
        planes = build(any_of, offering.tags.vocabulary, entry.code)(seen)
        failed += planes.false
        unknown += ~planes.known
        if not left.isdisjoint(names_of(any_of)):
            to_ask += ~planes.known
    fits = (failed == 0) & (unknown == to_ask)
    sure = (failed == 0) & (unknown == 0)
    return {"fits": fits, "sure": sure, "undecided": (failed == 0) & ~fits, "near": failed == 1}


def test_one_firm_is_told_what_everyone_was(night: Night, at_home: pytest.MonkeyPatch) -> None:
    code, printed = run(at_home, "match", SOUND, "--as-of", DAY, "--json")
    assert code == 0, printed
    told = json.loads(printed)
    assert told["grade"] == next(r["grade"] for r in night.rows("ratings") if r["uscc"] == SOUND)
    rows = [row for row in night.rows("matches") if row["uscc"] == SOUND]
    assert [(one["product"], not one["to_ask"]) for one in told["fits"]] == [
        (row["product"], row["is_sure"]) for row in rows
    ]
    offers = {one["product"]: one for one in told["fits"]}
    # A flat 4.35 % for 12 to 36 months, the longest where nobody asked for less; at most 3,000 万元.
    assert terms(offers["P02"]) == (30_000_000, 4.35, 36)
    # Filed for February to April: 3 * (15,000 + 5,000) / 3 = 20,000 a month. Taxpayers of grade A may have 60 months
    # of it, 60 * 20,000, others 36; the lender publishes no rate.
    assert terms(offers["P04"]) == (1_200_000, None, 12)


def terms(offer: dict[str, Any]) -> tuple[float, float | None, float]:
    return offer["limit_cny"], offer["rate_percent"], offer["term_months"]


def test_one_firm_is_told_in_tables(night: Night, at_home: pytest.MonkeyPatch) -> None:
    code, printed = run(at_home, "match", STARTUP, "--as-of", DAY)
    assert code == 0, printed
    grade = next(r["grade"] for r in night.rows("ratings") if r["uscc"] == STARTUP)
    assert f"{STARTUP} as of {DAY}, grade {grade}: " in printed
    assert "need more data" in printed
    # P26 is for firms of at least 6 months. Its 3.6 to 5.0 % spread over the eight letters from AAA to CC, 0.2 each.
    rank = ["AAA", "AA", "A", "BBB", "BB", "B", "CCC", "CC"].index(grade)
    told = next(line for line in printed.splitlines() if "P26" in line)
    assert [cell.strip() for cell in told.split("│")][2:5] == ["50.0", f"{3.6 + 0.2 * rank:.2f}", "24"]  # fmt: skip
    fits = [row["product"] for row in night.rows("matches") if row["uscc"] == STARTUP]
    assert re.findall(r"^│ (P\d+) ", printed, re.MULTILINE) == fits


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


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nightly", "--as-of", "2090-01-01"), "lies in the future"),
        (("match", "--as-of", "2090-01-01", "--out", "m"), "lies in the future"),
        (("match",), "Say either one enterprise"),
        (("match", "E1", "--out", "m"), "Say either one enterprise"),
        (("match", "NOBODY", "--as-of", DAY), "NOBODY"),
        (("match", "--as-of", DAY, "--out", "taken/m"), "written to the folder taken/m: Not a dir"),
        (("nightly", "--as-of", DAY, "--out", "taken"), "written to the folder taken: File exists"),
    ],
)
def test_what_cannot_be_matched_is_one_sentence(
    at_home: pytest.MonkeyPatch, tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    at_home.chdir(tmp_path)
    (tmp_path / "taken").touch()
    code, printed = run(at_home, *arguments)
    assert code != 0
    assert said in printed
    assert "Traceback" not in printed
