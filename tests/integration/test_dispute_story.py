"""A fine that was repaired: the owner objects, the bank sees it marked, the firm is rated anew, all on record."""

import json
from collections.abc import Generator
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest

from serving.audit.heads import Custody
from serving.audit.verify import verify_record
from serving.disputes import tasks
from serving.errors import UnavailableError
from serving.jobs import Upkeep, rate_for_cases, seal_record, tend
from serving.observe.meters import Meters
from serving.ratings import again
from tests.cases import FIRM, PENALTY, PENALTY_NO, checking, desk, filed, land, penalty, step
from tests.consents_by_hand import grant
from tests.databases import Ledger
from tests.rated_town import Town, make_town
from tests.service import NOON, Ask, Running, service

MAY = ["rating:create", "rating:read", "rating:replay", "dispute:marks"]
DECIDED = datetime(2026, 11, 20, 13)


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Town:
    """With a firm whose code is right, so that files about it can land: months of taxes and a fine."""
    made = make_town(tmp_path_factory.mktemp("story"))
    early = datetime(2026, 10, 20)
    land(made.home, "reg_basic", {"uscc": FIRM, "name": "测试公司", "status": "active"}, now=early)
    land(made.home, "admin_penalty", penalty(FIRM), now=early)
    for month in range(6, 10):
        filing = {
            "uscc": FIRM,
            "consent_id": "C-1",
            "month": f"2026-{month:02d}",
            "vat_sales": "800000.00",
            "vat_payable": "20000.00",
            "vat_paid": "20000.00",
            "filed_on": f"2026-{month + 1:02d}-15",
            "due_on": f"2026-{month + 1:02d}-18",
        }
        land(made.home, "tax_filing_month", filing, now=early)
    return made


@pytest.fixture
def running(ledger: Ledger, town: Town) -> Generator[Running]:
    addresses = ledger.clone()
    with service(addresses, before=town.move_in) as started:
        yield started
    ledger.drop(addresses)


def home_of(running: Running) -> Path:
    return running.house.settings.home


def upkeep_of(running: Running) -> Upkeep:
    house = running.house
    return Upkeep(house.settings, house.database, house.vault, Meters())


def rating(running: Running, who: Ask, **more: str) -> Any:
    body = {"uscc": FIRM, "purpose": "self_report", "as_of": f"{running.clock.now:%F}", **more}
    answer = running.post("/v1/ratings", who, json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()


def corrected(running: Running) -> str:
    """A dispute that was decided for the firm; nothing has landed yet."""
    owner, operator = running.owner(FIRM), running.operator()
    case_id = filed(running, owner)
    checking(running, operator, case_id)
    step(running, operator, case_id, "correct", basis="处罚已撤销")
    return case_id


def repair(running: Running) -> None:
    """The provider's notice that the fine was repaired lands like any other file."""
    notice = {
        "uscc": FIRM,
        "dataset": "admin_penalty",
        "record_no": PENALTY_NO,
        "repaired_at": DECIDED.isoformat(sep=" "),
    }
    land(home_of(running), "credit_repair", notice, now=running.clock.now)


def by_system(running: Running) -> list[tuple[str, str]]:
    return running.sql("SELECT rating_id, uscc FROM rating WHERE asked_by = 'system'")


def test_from_the_objection_to_the_new_rating(running: Running) -> None:
    owner, operator, bank = running.owner(FIRM), running.operator(), running.bank(MAY)
    grant(running, FIRM, "tax")
    first = rating(running, owner)
    assert first["beside"]["marks"] == []
    held = rating(running, bank, purpose="apply")

    case_id = filed(running, owner)
    running.post("/v1/statements", owner, json={**PENALTY, "text": "处罚决定已被撤销。"})
    seen = running.get(f"/v1/ratings/{held['rating_id']}", bank).json()
    (mark,) = seen.pop("beside")["marks"]
    assert (mark["mark"], mark["record"]) == ("disputed", {"doc_no": PENALTY_NO})
    held_beside = held.pop("beside")
    assert (seen, held_beside["marks"]) == (held, [])  # the rating itself stays as it was
    asked_anew = rating(running, bank, purpose="apply")["beside"]
    assert [said["text"] for said in asked_anew["statements"]] == ["处罚决定已被撤销。"]

    checking(running, operator, case_id)
    step(running, operator, case_id, "correct", basis="处罚已撤销")
    running.clock.move(hours=2)
    # Sessions and tokens have ended by now.
    owner, operator, bank = running.owner(FIRM), running.operator(), running.bank(MAY)
    assert running.run(tend(upkeep_of(running), running.clock.now)) == 0
    repair(running)
    assert running.run(tend(upkeep_of(running), running.clock.now)) == 1
    assert running.run(rate_for_cases(upkeep_of(running), running.clock.now)) == 1
    assert running.run(rate_for_cases(upkeep_of(running), running.clock.now)) == 0
    told = step(running, operator, case_id, "answer", answer_zh="处罚已撤销，已重新评级。")
    assert (told["state"], told["outcome"]) == ("answered", "corrected")

    ((new_id, _),) = by_system(running)
    new = running.get(f"/v1/ratings/{new_id}", owner).json()
    # The model is made up and may give the fine no points; that it was not seen is what counts.
    assert new["feature_hash"] != first["feature_hash"]
    assert new["beside"]["marks"] == []
    closed = running.get(f"/v1/ratings/{held['rating_id']}", bank).json()["beside"]
    assert (closed["marks"], closed["records_changed_at"]) == ([], f"{running.clock.now:%FT%T}")

    for who, number in ((owner, PENALTY_NO), (bank, None)):
        rating_id = first["rating_id"] if who is owner else held["rating_id"]
        replayed = running.post(f"/v1/ratings/{rating_id}/replay", who).json()
        assert (replayed["outcome"], replayed["differs"]) == ("equal", [])
        assert replayed["repaired"] == [
            {"dataset": "admin_penalty", "record_no": number, "repaired_at": f"{DECIDED:%FT%T}"}
        ]
    assert running.post(f"/v1/ratings/{new_id}/replay", owner).json()["repaired"] == []
    _is_whole(running)


def _is_whole(running: Running) -> None:
    assert running.run(seal_record(upkeep_of(running), running.clock.now)) > 0
    custody = Custody(home_of(running) / "audit", home_of(running) / "vault" / "audit", None)
    with psycopg.connect(running.addresses.sealer) as connection:
        report = verify_record(connection, custody)
    assert (report.is_whole, report.waiting) == (True, 0)
    written = running.sql("SELECT detail FROM audit_event WHERE actor_kind = 'system'")
    assert sorted(key for (detail,) in written for key in json.loads(detail)) == sorted(
        ["case", "rating", "case_id", "step", "state", "case_id", "step", "state"]
    )


@pytest.mark.parametrize("place", ["rated", "add_rating", "write_entry"])
def test_a_fault_on_the_way_leaves_one_new_rating(
    running: Running, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    corrected(running)
    running.clock.move(hours=2)
    repair(running)
    running.run(tend(upkeep_of(running), running.clock.now))
    real = getattr(again, place)

    async def broken(*given: object) -> object:
        await real(*given)
        raise UnavailableError(en="Gone.", zh="不可用。")

    with monkeypatch.context() as patch:
        patch.setattr(again, place, broken)
        with pytest.raises(UnavailableError, match="Gone"):
            running.run(rate_for_cases(upkeep_of(running), running.clock.now))
    assert by_system(running) == []
    assert running.sql("SELECT 1 FROM audit_event WHERE actor = 'system'") == []
    assert running.run(rate_for_cases(upkeep_of(running), running.clock.now)) == 1
    assert [uscc for _, uscc in by_system(running)] == [FIRM]
    duty = running.sql("SELECT is_done, rating_id FROM case_duty WHERE duty = 're_rate'")
    assert duty == [(True, by_system(running)[0][0])]


def test_two_upkeeps_at_once_rate_once(running: Running) -> None:
    corrected(running)
    running.clock.move(hours=2)
    repair(running)
    running.run(tend(upkeep_of(running), running.clock.now))
    both = [rate_for_cases(upkeep_of(running), running.clock.now) for _ in range(2)]
    assert sorted(running.together(*both)) == [0, 1]
    assert len(by_system(running)) == 1


def test_a_corrected_version_counts_though_the_build_is_older(running: Running) -> None:
    first = rating(running, running.owner(FIRM))
    corrected(running)
    running.clock.move(hours=2)
    version = penalty(FIRM, decided_on="2026-05-01")
    land(home_of(running), "admin_penalty", version, now=running.clock.now)
    running.run(tend(upkeep_of(running), running.clock.now))
    assert running.run(rate_for_cases(upkeep_of(running), running.clock.now)) == 1
    ((new_id, _),) = by_system(running)
    new = running.get(f"/v1/ratings/{new_id}", running.owner(FIRM)).json()
    assert (new["as_of"], new["scope"]) == (f"{running.clock.now:%F}", "self")
    assert new["feature_hash"] != first["feature_hash"]


def test_a_firm_without_a_record_left_goes_on_without_a_rating(running: Running) -> None:
    case_id = corrected(running)
    running.sql("UPDATE credit_case SET state = 'correction_landed', uscc = '91370100MA99999999'")
    running.sql(
        "INSERT INTO case_duty (case_id, duty, opened_at, due_at, is_provisional) "
        "VALUES (%(id)s, 're_rate', %(now)s, '2026-11-23 18:00', false)",
        id=case_id,
        now=NOON,
    )
    assert running.run(rate_for_cases(upkeep_of(running), running.clock.now)) == 1
    assert by_system(running) == []
    assert running.sql("SELECT state FROM credit_case") == [("re_rated",)]
    done = running.sql("SELECT is_done, rating_id FROM case_duty WHERE duty = 're_rate'")
    assert done == [(True, None)]


def test_without_a_model_the_duty_waits_and_raises_its_alarm(running: Running) -> None:
    corrected(running)
    running.clock.move(hours=2)
    repair(running)
    upkeep = upkeep_of(running)
    running.run(tend(upkeep, running.clock.now))
    aliases = home_of(running) / "bundles"
    aliases.rename(aliases.with_name("elsewhere"))
    assert running.run(rate_for_cases(upkeep, running.clock.now)) == 0
    # landed on Friday, due on Monday 18:00
    late = datetime(2026, 11, 23, 18, 0, 1)
    assert (
        running.run(tasks.raise_alarms(desk(running), late)) == 1
    )  # forwarding is answered for too
    aliases.with_name("elsewhere").rename(aliases)
    assert running.run(rate_for_cases(upkeep, late)) == 1
