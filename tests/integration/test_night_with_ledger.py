"""What was entered in the ledger counts at night as it does in the service: the same products, tags and answers."""

import json
from collections.abc import Generator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from models.matching.facts import load_facts
from models.matching.offering import ASKED
from models.products.book import load_products
from serving.database.addresses import Addresses
from tests.cases import land
from tests.command import run
from tests.leaving import KNOWN
from tests.matching_town import FIRMS, MAY, POOR, SOUND, YOUNG, ask, publish, put_on_shelf, settle
from tests.service import BANK, NOON, Running, service

DAY = NOON.date()
STARTER = load_products()[0].code
#: Said by the firm or its lender when it looks for money; a night leaves them open.
SAID = {entry.name for entry in load_facts().of(*ASKED)}


@dataclass(frozen=True)
class House:
    running: Running
    patch: pytest.MonkeyPatch

    @property
    def night(self) -> Path:
        return self.running.house.settings.home / "night" / DAY.isoformat()

    def said(self, *arguments: str) -> dict[str, Any]:
        code, printed = run(self.patch, *arguments, "--as-of", DAY.isoformat(), "--json")
        assert code == 0, printed
        found: dict[str, Any] = json.loads(printed)
        return found

    def tags(self, uscc: str) -> dict[str, bool]:
        rows = pq.read_table(self.night / "tags.parquet").to_pylist()
        return {row["tag"]: row["state"] for row in rows if row["uscc"] == uscc}

    def products(self, uscc: str) -> list[str]:
        rows = pq.read_table(self.night / "matches.parquet").to_pylist()
        return [row["product"] for row in rows if row["uscc"] == uscc]


def _settle(home: Path) -> None:
    household = {"household_id": "1", "village_code": "371322100201", "grade": "A"}
    for firm in FIRMS:
        land(home, "rural_household", {"uscc": firm, "consent_id": "C-1", **household, "rated_on": "2026-01-01"}, now=KNOWN)  # fmt: skip
    settle(home, DAY)


@pytest.fixture(scope="module")
def house(fresh_database: Addresses) -> Generator[House]:
    with service(fresh_database, before=_settle) as running, pytest.MonkeyPatch.context() as patch:
        patch.setenv("XINQIAO_HOME", str(running.house.settings.home))
        patch.setenv("XINQIAO_DATABASE_URL", fresh_database.app)
        patch.setenv("XINQIAO_LANG", "en")
        for verb in ("match", "nightly"):
            patch.setattr(f"xinqiao.{verb}.now_in_shanghai", lambda: NOON)
        _publish(running)
        _say(running)
        started = House(running, patch)
        started.said("nightly")
        yield started


def _publish(running: Running) -> None:
    bank = running.bank(MAY)
    publish(running, bank, "AA-NEWCOMER", requires_tags=["new_citizen"])
    rules: dict[str, dict[str, object]] = {
        "AA-PLAIN": {},
        "AA-GEESE": {"requires_tags": ["four_geese"]},
        "AA-RURAL": {"requires_tags": ["rural_household"]},
        "AA-TOWN": {"when": "not tag_rural_household"},
        "AA-TRADE": {"requires_tags": ["ind_c"]},
        "AA-AWAY": {"regions": ["11"]},
        "AA-EXPIRED": {"valid_until": f"{DAY - timedelta(days=1)}", "valid_from": "2026-01-01"},
        "AA-COMING": {"valid_from": f"{DAY + timedelta(days=1)}"},
        "AA-GONE": {},
        # Half of what was won in tenders, which is known to be nothing: 0.5 * 0 < 100,000.
        "AA-SMALL": {"limit": {"at_least": "10 万元", "bounds": [[{"of": "bid_awards_sum_24m_cny", "times": 0.5}]]}},
    }  # fmt: skip
    for code, rule in rules.items():
        put_on_shelf(running, BANK, code, **rule)
    for code in ("AA-GONE", STARTER):
        gone = running.post(
            f"/v1/products/{code}/withdraw", running.operator(), json={"reason": "test"}
        )
        assert gone.status_code == 204, gone.text


def _say(running: Running) -> None:
    operator = running.operator()
    geese = [
        {"tag": "four_geese", "uscc": uscc, "authority": "a", "evidence_no": "1", "valid_from": day}
        for uscc, day in ((SOUND, "2026-01-01"), (YOUNG, "2026-01-01"), (POOR, f"{DAY + timedelta(1)}"))
    ]  # fmt: skip
    brought = running.post("/v1/tag-certificates", operator, json={"certificates": geese})
    assert brought.status_code == 201, brought.text
    assert running.post("/v1/tags/new_citizen/declaration", running.owner(SOUND)).is_success
    young = running.owner(YOUNG)
    for tag in ("four_geese", "rural_household"):
        assert running.post(f"/v1/tags/{tag}/removal", young).status_code == 204
    made = running.post("/v1/tags/ind_c/contests", young, json={"text": "行业有误。"}).json()
    path = f"/v1/tag-contests/{made['contest_id']}/answer"
    upheld = {"outcome": "upheld", "answer_zh": "属实。"}
    assert running.post(path, operator, json=upheld).is_success


def online(house: House, uscc: str) -> dict[str, Any]:
    got = house.running.post("/v1/matches", house.running.owner(uscc), json=ask(uscc, limit=100))
    assert got.status_code == 201, got.text
    told: dict[str, Any] = got.json()
    return told


def on_record(told: dict[str, Any]) -> set[str]:
    """Products that miss nothing but what is said with a need."""
    return {
        one["code"]
        for part in ("eligible", "near", "need_data")
        for one in told[part]
        if all(condition["is_met"] or _is_said(condition) for condition in one["conditions"])
    }


def _is_said(condition: dict[str, Any]) -> bool:
    """A condition that what is said decides, or that a limit worked out is too small."""
    asked = {ask["name"] for ask in condition["asks"]}
    return not asked or bool(asked & SAID)


def test_a_night_finds_what_the_service_finds(house: House) -> None:
    said = json.loads((house.night / "night.json").read_text("utf-8"))["ratings"]["said"]
    assert said["ledger"] == {"is_read": True, "products": 8, "tags_given": 3, "tags_removed": 3}
    assert said["products"].keys() >= {"AA-PLAIN", "AA-AWAY"}
    assert said["products"].keys().isdisjoint({"AA-EXPIRED", "AA-COMING", "AA-GONE", STARTER})
    # Two firms fail on the region alone; on the household one, for of the other nobody may know.
    assert said["products"]["AA-AWAY"]["near"] == 2
    assert said["products"]["AA-TOWN"]["near"] == said["products"]["AA-TOWN"]["undecided"] == 1
    for uscc in FIRMS:
        told = online(house, uscc)
        assert told["counts"]["products"] == len(said["products"])
        assert set(house.products(uscc)) == on_record(told)
    assert {"AA-GEESE", "AA-NEWCOMER", "AA-RURAL", "AA-TRADE"} <= set(house.products(SOUND))
    # Of what was removed nobody knows whether it holds, nor whether it does not.
    assert "AA-PLAIN" in house.products(YOUNG)
    assert {"AA-GEESE", "AA-RURAL", "AA-TOWN", "AA-TRADE"}.isdisjoint(house.products(YOUNG))
    assert house.products(POOR) == []


def test_tags_of_the_night_are_those_a_firm_is_shown(house: House) -> None:
    state = {True: "yes", False: "no", None: "unknown"}
    for uscc in FIRMS:
        owner = house.running.owner(uscc)
        shown = house.running.get("/v1/tags", owner, params={"uscc": uscc}).json()["tags"]
        kept = house.tags(uscc)
        # Nobody has asked for a rating yet: the service does not make one to show a tag.
        free = [one for one in shown if "grade_rank" not in {name["name"] for name in one["rests_on"]}]  # fmt: skip
        assert {one["tag"]: one["state"] for one in free} == {
            one["tag"]: state[kept.get(one["tag"])] for one in free
        }
        assert kept.keys() <= {one["tag"] for one in shown}
    assert house.tags(SOUND)["four_geese"]
    assert house.tags(SOUND)["new_citizen"]
    assert house.tags(SOUND)["rural_household"]
    assert house.tags(YOUNG).keys().isdisjoint({"four_geese", "rural_household", "ind_c"})
    assert "four_geese" not in house.tags(POOR)  # From tomorrow on.


def test_what_is_entered_later_makes_the_night_work_again(house: House) -> None:
    written = (house.night / "matches.parquet").stat().st_mtime_ns
    house.said("nightly")
    assert (house.night / "matches.parquet").stat().st_mtime_ns == written
    owner, path = house.running.owner(SOUND), "/v1/tags/rural_household/removal"
    for taken, is_there in (("POST", False), ("DELETE", True)):
        assert house.running.ask(taken, path, owner).status_code == 204
        house.said("nightly")
        assert ("rural_household" in house.tags(SOUND)) is is_there
        assert ("AA-RURAL" in house.products(SOUND)) is is_there


def test_one_firm_is_told_the_same(house: House) -> None:
    told = house.said("match", YOUNG)
    assert told["ledger"]["products"] == 8
    # A night works no limit out.
    assert "AA-SMALL" in house.products(YOUNG)
    assert [one["product"] for one in told["fits"]] == [
        code for code in house.products(YOUNG) if code != "AA-SMALL"
    ]
    (small,) = [one for one in told["near"] if one["product"] == "AA-SMALL"]
    (served,) = [one for one in online(house, YOUNG)["near"] if one["code"] == "AA-SMALL"]
    # The command is told no need, so what only a need says is missing, too.
    said = "the limit worked out reaches the product's least, CNY 100,000"
    assert [small["missing"][-1]] == [one["words"]["en"] for one in served["conditions"]] == [said]
    code, printed = run(house.patch, "match", YOUNG, "--as-of", DAY.isoformat())
    assert code == 0, printed
    assert "One short: AA-SMALL loan AA-SMALL: the limit worked out" in printed
    (plain,) = [one for one in told["fits"] if one["product"] == "AA-PLAIN"]
    assert (plain["limit_cny"], plain["rate_percent"], plain["term_months"]) == (3e6, 4.0, 36)


def test_a_ledger_that_does_not_answer_is_said_and_not_passed_over(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XINQIAO_DATABASE_URL", "postgresql://app:secret@127.0.0.1:1/ledger")
    for arguments in (("match", SOUND), ("nightly",)):
        code, printed = run(monkeypatch, *arguments, "--as-of", DAY.isoformat())
        assert code != 0
        assert "The ledger does not answer" in printed
        assert "secret" not in printed
