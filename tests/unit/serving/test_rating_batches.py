"""Orders of many ratings: rows claimed once, consents read row by row, results that can be closed."""

import json
from collections.abc import Generator
from typing import Any

import pytest

from serving.database.addresses import Addresses
from serving.ratings.batches.work import work_batches
from tests.consents_by_hand import grant, revoke
from tests.rated_town import Town
from tests.service import OTHER_BANK, Ask, Running, service

MAY = ["rating:create", "rating_batch:create", "rating_batch:read", "rating_batch:change"]
PATH = "/v1/rating-batches"


@pytest.fixture(scope="module")
def running(fresh_database: Addresses, town: Town) -> Generator[Running]:
    with service(fresh_database, before=town.move_in) as started:
        yield started


@pytest.fixture
def bank(running: Running) -> Ask:
    return running.bank(MAY)


@pytest.fixture(autouse=True)
def _nothing_is_open_yet(running: Running) -> None:
    """What another test of this ledger opened is closed again."""
    running.sql("UPDATE consent SET status = 'revoked' WHERE status = 'active'")


def order(running: Running, who: Ask, usccs: list[str], **more: Any) -> str:
    answer = running.post(PATH, who, json={"usccs": usccs, "purpose": "apply", **more})
    assert answer.status_code == 202, answer.text
    batch_id: str = answer.json()["batch_id"]
    return batch_id


def work_off(running: Running, *, most: int = 50) -> int:
    done = 0
    while rows := running.run(work_batches(running.house, running.clock.now, most=most)):
        done += rows
    return done


def result(running: Running, who: Ask, batch_id: str) -> list[dict[str, Any]]:
    lines: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while True:
        answer = running.get(f"{PATH}/{batch_id}/result", who, params={"limit": 3, **cursor})
        assert answer.status_code == 200, answer.text
        lines += [json.loads(line) for line in answer.text.splitlines()]
        if "X-Next-Cursor" not in answer.headers:
            return lines
        cursor = {"cursor": answer.headers["X-Next-Cursor"]}


def test_every_row_gets_its_rating_or_its_reason(running: Running, bank: Ask, town: Town) -> None:
    first, second, third, *_ = town.usccs
    grant(running, first, "tax", "loan")
    grant(running, second, "tax", purpose="postloan")
    grant(running, third, "invoice")
    asked = [first, "not a code", second, first, third, "91370100MA99999999"]
    batch_id = order(running, bank, asked)
    assert work_off(running, most=2) == 4  # two were refused when they were ordered
    told = running.get(f"{PATH}/{batch_id}", bank).json()
    assert (told["state"], told["rated"], told["refused"], told["waiting"]) == ("done", 2, 4, 0)
    rows = result(running, bank, batch_id)
    assert [(row["row"], row["state"], row["reason"]) for row in rows] == [
        (1, "rated", ""),
        (2, "refused", "malformed"),
        (3, "refused", "need_authorisation"),
        (4, "refused", "duplicate"),
        (5, "rated", ""),
        (6, "refused", "not_found"),
    ]
    alone = running.post("/v1/ratings", bank, json={"uscc": first, "purpose": "apply"}).json()
    of_the_asking = {"rating_id", "rated_at", "beside"}
    assert {k: v for k, v in rows[0]["rating"].items() if k not in of_the_asking} == {
        k: v for k, v in alone.items() if k not in of_the_asking
    }
    actions = running.sql(
        "SELECT action, count(*) FROM audit_event WHERE actor = %(id)s AND detail LIKE %(batch)s "
        "AND subject IS NOT NULL GROUP BY action ORDER BY action",
        id=bank.id,
        batch=f"%{batch_id}%",
    )
    assert actions == [
        ("rating:create:granted", 2),
        ("rating:create:refused", 2),
        ("rating:read:granted", 2),
    ]


def test_consent_is_read_when_a_rows_turn_comes_and_again_when_it_is_collected(
    running: Running, bank: Ask, town: Town
) -> None:
    early, late, kept = town.usccs[3:6]
    ended_early, ended_late = grant(running, early, "tax"), grant(running, late, "tax")
    grant(running, kept, "tax", most=1)  # used up by its own rating, which it paid for
    batch_id = order(running, bank, [early, late, kept])
    revoke(running, ended_early)
    work_off(running)
    revoke(running, ended_late)
    rows = result(running, bank, batch_id)
    assert [(row["state"], row["is_locked"], row["rating"] is None) for row in rows] == [
        ("refused", False, True),
        ("rated", True, True),
        ("rated", False, False),
    ]


def test_a_chunk_that_dies_leaves_its_rows_to_be_rated_once(
    running: Running, bank: Ask, town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    usccs = town.usccs[6:12]
    for uscc in usccs:
        grant(running, uscc, "tax")
    batch_id = order(running, bank, usccs)
    assert running.run(work_batches(running.house, running.clock.now, most=2)) == 2

    async def dies(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("serving.ratings.batches.work.keep_done", dies)
        with pytest.raises(KeyboardInterrupt):
            running.run(work_batches(running.house, running.clock.now, most=2))
    assert work_off(running, most=2) == 4
    counted = running.sql(
        "SELECT count(*), count(DISTINCT uscc) FROM rating WHERE batch_id = %(id)s", id=batch_id
    )
    recorded = running.sql(
        "SELECT count(*) FROM audit_event WHERE request_id = %(id)s AND result = 'granted'",
        id=batch_id,
    )
    assert (counted, recorded) == ([(6, 6)], [(6,)])


def test_two_workers_share_an_order(running: Running, bank: Ask, town: Town) -> None:
    usccs = town.usccs[:8]
    for uscc in usccs:
        grant(running, uscc, "tax")
    batch_id = order(running, bank, usccs)
    while sum(
        running.together(
            *(work_batches(running.house, running.clock.now, most=2) for _ in range(3))
        )
    ):
        pass
    rows = result(running, bank, batch_id)
    assert [row["state"] for row in rows] == ["rated"] * 8


def test_a_cancelled_order_keeps_what_is_rated(running: Running, bank: Ask, town: Town) -> None:
    batch_id = order(running, bank, town.usccs[6:10], public_only=True)
    running.run(work_batches(running.house, running.clock.now, most=1))
    assert running.post(f"{PATH}/{batch_id}/cancel", bank).json()["state"] == "cancelled"
    assert work_off(running) == 0
    assert running.post(f"{PATH}/{batch_id}/cancel", bank).status_code == 409
    told = running.get(f"{PATH}/{batch_id}", bank).json()
    assert (told["rated"], told["waiting"]) == (1, 3)


def test_a_file_is_an_order_too(running: Running, bank: Ask, town: Town) -> None:
    column = ("name,uscc\n" + "".join(f"甲,{uscc}\n" for uscc in town.usccs[:2])).encode(
        "utf-8-sig"
    )
    lines = "".join(f'{{"uscc": "{uscc}"}}\n' for uscc in town.usccs[:2])
    for content, kind in ((column, "text/csv"), (lines, "application/x-ndjson")):
        answer = running.post(
            f"{PATH}/file?purpose=apply",
            bank,
            content=content,
            headers={"Content-Type": kind},
        )
        assert (answer.status_code, answer.json()["waiting"]) == (202, 2)
    for content, kind in (
        (b"name\nx\n", "text/csv"),
        (b"\xff", "text/csv"),
        (b"", "text/csv"),
        (b"[" * 100_000, "application/x-ndjson"),
    ):
        answer = running.post(
            f"{PATH}/file?purpose=apply", bank, content=content, headers={"Content-Type": kind}
        )
        assert answer.status_code == 422
    work_off(running)


def test_whoever_may_not_ask_any_more_gets_nothing(running: Running, bank: Ask, town: Town) -> None:
    grant(running, town.usccs[3], "tax")
    batch_id = order(running, bank, [town.usccs[3]])
    running.sql("UPDATE client SET state = 'revoked' WHERE client_id = %(id)s", id=bank.id)
    work_off(running)
    rows = running.sql(
        "SELECT state, reason FROM rating_batch_row WHERE batch_id = %(id)s", id=batch_id
    )
    assert rows == [("refused", "not_permitted")]


def test_orders_are_their_institutions_own(running: Running, bank: Ask, town: Town) -> None:
    batch_id = order(running, bank, [town.usccs[4]])
    stranger = running.bank(MAY, uscc=OTHER_BANK)
    for path in (batch_id, f"{batch_id}/result"):
        assert running.get(f"{PATH}/{path}").status_code == 401
        assert running.get(f"{PATH}/{path}", stranger).status_code == 404
        assert running.get(f"{PATH}/{path}", running.owner()).status_code == 403
    assert running.post(f"{PATH}/{batch_id}/cancel", stranger).status_code == 404
    assert running.get(PATH, stranger).json()["items"] == []
    assert batch_id in [batch["batch_id"] for batch in running.get(PATH, bank).json()["items"]]
    work_off(running)
