"""Endpoints over HTTP, and notices from the outbox to a receiver over a real socket."""

import asyncio
import json
import random
from collections.abc import Generator
from datetime import timedelta
from typing import Any

import pytest
from standardwebhooks import Webhook

from features.identifiers import synthetic_uscc
from serving.database.addresses import Addresses
from serving.webhooks.dispatching import Dispatcher, dispatch_due
from serving.webhooks.outbox import Notice, post
from serving.webhooks.rules import load_rules
from serving.webhooks.secrets import Keyring
from serving.webhooks.sending import Parcel, Reply, Sender
from serving.webhooks.tasks import forget_notices
from tests.consents_by_hand import grant
from tests.notice_servers import receiving
from tests.service import FIRM, NOON, OTHER_BANK, Ask, Running, service

BANK = synthetic_uscc("banks", "notices")
MAY = ["webhook:create", "webhook:read", "webhook:change"]
URL = "https://receiver.bank.cn/notices"
NEW = {"institution": BANK, "label": "贷后系统", "url": URL}


@pytest.fixture(scope="module")
def started(fresh_database: Addresses) -> Generator[Running]:
    with service(fresh_database, webhooks_to_loopback=True) as one:
        yield one


@pytest.fixture
def running(started: Running) -> Running:
    """The service without endpoints, at noon."""
    started.clock.now = NOON
    started.sql(
        "TRUNCATE webhook_attempt, notice, webhook_stream, webhook_secret, webhook_endpoint, consent CASCADE"
    )
    started.sql("UPDATE institution SET state = 'active'")
    return started


def register(running: Running, who: Ask, url: str = URL) -> tuple[str, str]:
    """A new endpoint with a secret: its id and the secret."""
    made = running.post("/v1/webhook-endpoints", who, json=NEW | {"url": url})
    assert made.status_code == 201, made.text
    endpoint_id = made.json()["endpoint_id"]
    shown = running.post(f"/v1/webhook-endpoints/{endpoint_id}/secrets", who, json={})
    assert shown.status_code == 201, shown.text
    assert shown.headers["cache-control"] == "no-store"
    return endpoint_id, shown.json()["secret"]


def leave(
    running: Running, thing: str = "AL-1", *, needs: tuple[str, ...] = (), **body: object
) -> int:
    """Post a state of something."""

    async def posted() -> int:
        notice = Notice(
            BANK, "alert.changed", FIRM, thing, FIRM, frozenset(needs), {"alert": thing, **body}
        )
        async with running.house.database.transaction() as connection:
            return await post(connection, notice, running.clock.now)

    return running.run(posted())


class Wire:
    """A receiver without a socket; what it got, and what it answers."""

    def __init__(self, *replies: Reply) -> None:
        self.parcels: list[Parcel] = []
        self.replies = list(replies)

    async def __call__(self, parcel: Parcel) -> Reply:
        self.parcels.append(parcel)
        await asyncio.sleep(0)
        return self.replies.pop(0) if self.replies else Reply("sent", 200)

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return [json.loads(parcel.text) for parcel in self.parcels]


def dispatch(running: Running, wire: Wire, **more: Any) -> int:
    """Send what is due."""
    house = running.house
    dispatcher = Dispatcher(
        house.database,
        Keyring(house.vault),
        wire,
        subject_of=house.subject_of,
        clock=running.clock,
        rng=random.Random(1),  # noqa: S311 - a seed, not a secret
    )
    return running.run(dispatch_due(dispatcher, **more))


def states(running: Running) -> list[tuple[Any, ...]]:
    return running.sql("SELECT thing, sequence, state FROM notice ORDER BY sequence")


def recorded(running: Running) -> list[tuple[Any, ...]]:
    return running.sql(
        "SELECT action, subject, consents, fields FROM audit_event WHERE action LIKE 'notice:%%' ORDER BY audit_id"
    )


def test_a_notice_is_received_signed_and_once(running: Running) -> None:
    who = running.bank(MAY, uscc=BANK)
    with receiving() as server:
        endpoint_id, secret = register(running, who, server.url)
        assert leave(running, level="R") == 1
        sender = Sender(may_loop_back=True)
        wire = Dispatcher(
            running.house.database,
            Keyring(running.house.vault),
            sender,
            subject_of=running.house.subject_of,
            clock=running.clock,
        )
        assert running.run(dispatch_due(wire)) == 1
        assert running.run(dispatch_due(wire)) == 0
        sender.close()
    headers = {
        name: server.header(name)
        for name in ("webhook-id", "webhook-timestamp", "webhook-signature")
    }
    body = Webhook(secret).verify(server.body(), headers)
    assert body == {
        "type": "alert.changed",
        "timestamp": "2026-11-20T12:00:00+08:00",
        "stream": FIRM,
        "sequence": 1,
        "data": {"alert": "AL-1", "level": "R"},
    }
    assert server.header("content-type") == "application/json"
    listed = running.get(f"/v1/webhook-endpoints/{endpoint_id}/attempts", who).json()["items"]
    assert [(one["outcome"], one["status"], one["state"]) for one in listed] == [
        ("sent", 200, "sent")
    ]
    assert listed[0]["notice_id"] == headers["webhook-id"]
    found = running.get(f"/v1/webhook-endpoints/{endpoint_id}", who).json()
    assert (found["waiting"], found["last_success_at"]) == (0, "2026-11-20T12:00:00+08:00")


def test_without_an_endpoint_nothing_is_written(running: Running) -> None:
    running.institution(BANK)
    assert leave(running) == 0
    assert states(running) == []


def test_nothing_leaves_before_there_is_a_secret(running: Running) -> None:
    who = running.bank(MAY, uscc=BANK)
    made = running.post("/v1/webhook-endpoints", who, json=NEW).json()
    leave(running)
    assert dispatch(running, Wire()) == 0
    running.post(f"/v1/webhook-endpoints/{made['endpoint_id']}/secrets", who, json={})
    assert dispatch(running, Wire()) == 1


def test_a_newer_state_takes_the_place_of_one_that_waits(running: Running) -> None:
    register(running, running.bank(MAY, uscc=BANK))
    leave(running, "AL-1", level="Y")
    leave(running, "AL-2", level="B")
    leave(running, "AL-1", level="R")
    wire = Wire()
    dispatch(running, wire)
    assert [(body["sequence"], body["data"]) for body in wire.bodies] == [
        (2, {"alert": "AL-2", "level": "B"}),
        (3, {"alert": "AL-1", "level": "R"}),
    ]
    assert states(running) == [("AL-1", 1, "folded"), ("AL-2", 2, "sent"), ("AL-1", 3, "sent")]


def test_a_failing_stream_waits_in_order_under_one_id_and_holds_up_itself_alone(
    running: Running,
) -> None:
    register(running, running.bank(MAY, uscc=BANK))
    leave(running, "AL-1")
    leave(running, "AL-2")
    wire = Wire(Reply("http_500", 500), Reply("timeout"))
    assert dispatch(running, wire) == 1
    running.clock.move(seconds=4)  # the first pause is 5 seconds and up to a fifth more
    assert dispatch(running, wire) == 0
    running.clock.move(seconds=3)
    assert dispatch(running, wire) == 1
    running.clock.move(seconds=37)
    assert dispatch(running, wire) == 2
    ids = [parcel.headers["webhook-id"] for parcel in wire.parcels]
    assert ids[0] == ids[1] == ids[2] != ids[3]
    assert [body["sequence"] for body in wire.bodies] == [1, 1, 1, 2]


def test_a_receiver_that_asks_for_time_is_given_it_up_to_a_day(running: Running) -> None:
    register(running, running.bank(MAY, uscc=BANK))
    leave(running)
    wire = Wire(Reply("http_503", 503, 3_600.0), Reply("http_429", 429, 9e9))
    dispatch(running, wire)
    running.clock.move(minutes=59)
    assert dispatch(running, wire) == 0
    running.clock.move(minutes=1)
    assert dispatch(running, wire) == 1
    running.clock.move(hours=24)
    assert dispatch(running, wire) == 1


def test_consent_is_asked_for_again_when_the_notice_leaves(running: Running) -> None:
    register(running, running.bank(MAY, uscc=BANK))
    consent = grant(running, FIRM, "tax", "invoice", purpose="postloan", grantee=BANK)
    leave(running, "AL-1", needs=("tax",))
    wire = Wire()
    dispatch(running, wire)
    assert recorded(running)[-1] == (
        "notice:push:granted",
        running.house.subject_of(FIRM),
        [consent],
        ["tax"],
    )
    leave(running, "AL-1", needs=("tax",), level="R")
    leave(running, "AL-2")  # of public data
    running.sql("UPDATE consent SET status = 'revoked'")
    dispatch(running, wire)
    assert [body["sequence"] for body in wire.bodies] == [1, 3]
    assert states(running)[1] == ("AL-1", 2, "withheld")
    assert [row[0].split(":")[2] for row in recorded(running)[-2:]] == ["withheld", "granted"]
    grant(running, FIRM, "tax", purpose="postloan", grantee=BANK)
    leave(running, "AL-1", needs=("tax",), level="Y")
    dispatch(running, wire)
    assert wire.bodies[-1]["data"] == {"alert": "AL-1", "level": "Y"}


@pytest.mark.parametrize(
    "given", [{"purpose": "apply"}, {"scopes": ("invoice",)}, {"grantee": OTHER_BANK}]
)
def test_another_consent_opens_nothing(running: Running, given: dict[str, Any]) -> None:
    given = dict(given)
    running.institution(OTHER_BANK)
    register(running, running.bank(MAY, uscc=BANK))
    scopes = given.pop("scopes", ("tax",))
    grant(running, FIRM, *scopes, **({"purpose": "postloan", "grantee": BANK} | given))
    leave(running, needs=("tax",))
    assert dispatch(running, Wire()) == 0
    assert states(running) == [("AL-1", 1, "withheld")]


@pytest.mark.parametrize("state", ["suspended", "exited"])
def test_an_institution_that_is_not_active_hears_nothing(running: Running, state: str) -> None:
    register(running, running.bank(MAY, uscc=BANK))
    leave(running)
    running.sql(
        "UPDATE institution SET state = %(state)s WHERE uscc = %(bank)s", state=state, bank=BANK
    )
    assert dispatch(running, Wire()) == 0
    running.sql("UPDATE institution SET state = 'active' WHERE uscc = %(bank)s", bank=BANK)
    running.clock.move(days=366)  # its yearly assessment is over
    assert dispatch(running, Wire()) == 0
    running.clock.move(days=-2)
    assert dispatch(running, Wire()) == 1


def test_days_of_failure_disable_the_endpoint_and_nothing_is_lost(running: Running) -> None:
    who = running.bank(MAY, uscc=BANK)
    endpoint_id, _ = register(running, who)
    leave(running, "AL-1")
    began = running.clock.now
    tries, down = 0, Wire(*[Reply("connection")] * 100)
    while running.get(f"/v1/webhook-endpoints/{endpoint_id}", who).json()["state"] == "active":
        running.clock.move(hours=1)
        tries += dispatch(running, down)
        who = running.bank(MAY, uscc=BANK)  # a token lasts ten minutes
    assert running.clock.now - began >= timedelta(hours=75)
    assert tries == 12, "the first try and one after each of the eleven pauses"
    found = running.get(f"/v1/webhook-endpoints/{endpoint_id}", who).json()
    assert (found["state_reason"], found["waiting"]) == ("failing", 1)
    leave(running, "AL-2")
    running.clock.move(days=3)
    who = running.bank(MAY, uscc=BANK)
    wire = Wire()
    assert dispatch(running, wire) == 0
    running.ask("PATCH", f"/v1/webhook-endpoints/{endpoint_id}", who, json={"state": "active"})
    assert dispatch(running, wire) == 2
    assert [body["sequence"] for body in wire.bodies] == [1, 2]


def test_one_notice_that_a_well_receiver_refuses_for_days_is_given_up_and_replayed(
    running: Running,
) -> None:
    endpoint_id, _ = register(running, running.bank(MAY, uscc=BANK))
    leave(running, "AL-1")
    for _ in range(12):
        dispatch(running, Wire(Reply("http_422", 422)))
        running.clock.move(hours=29)
        if _ == 5:
            running.run(_succeed(running, endpoint_id))
    assert states(running) == [("AL-1", 1, "failed")]
    leave(running, "AL-2")
    wire = Wire()
    dispatch(running, wire)
    who = running.bank(MAY, uscc=BANK)
    again = running.post(
        f"/v1/webhook-endpoints/{endpoint_id}/replay", who, json={"only_failed": True}
    )
    assert again.json() == {"notices": 1}
    dispatch(running, wire)
    assert [(body["sequence"], body["data"]["alert"]) for body in wire.bodies] == [
        (2, "AL-2"),
        (3, "AL-1"),  # at the end of its stream, under the id it always had
    ]


async def _succeed(running: Running, endpoint_id: str) -> None:
    from serving.webhooks import repository  # noqa: PLC0415 - of this helper alone

    async with running.house.database.transaction() as connection:
        await repository.note_success(connection, endpoint_id, running.clock.now)


def test_replay_sends_the_newest_state_of_each_thing_under_its_own_id(running: Running) -> None:
    who = running.bank(MAY, uscc=BANK)
    endpoint_id, _ = register(running, who)
    first = Wire()
    for thing, level in (("AL-1", "Y"), ("AL-1", "R"), ("AL-2", "B")):
        leave(running, thing, level=level)
        dispatch(running, first)
    asked = {"since": "2026-11-20T04:00:00Z"}  # noon in Shanghai
    again = running.post(f"/v1/webhook-endpoints/{endpoint_id}/replay", who, json=asked)
    assert again.json() == {"notices": 2}
    second = Wire()
    dispatch(running, second)
    assert [(body["sequence"], body["data"]["level"]) for body in second.bodies] == [
        (4, "R"),
        (5, "B"),
    ]
    ids = [parcel.headers["webhook-id"] for parcel in first.parcels]
    assert [parcel.headers["webhook-id"] for parcel in second.parcels] == ids[1:]


@pytest.mark.parametrize("body", [{}, {"since": "2026-11-20T04:00:00Z", "only_failed": True}])
def test_a_replay_says_which(running: Running, body: dict[str, Any]) -> None:
    who = running.bank(MAY, uscc=BANK)
    endpoint_id, _ = register(running, who)
    answer = running.post(f"/v1/webhook-endpoints/{endpoint_id}/replay", who, json=body)
    assert answer.status_code == 422


def test_a_receiver_that_is_gone_is_not_asked_again(running: Running) -> None:
    who = running.bank(MAY, uscc=BANK)
    endpoint_id, _ = register(running, who)
    leave(running)
    dispatch(running, Wire(Reply("http_410", 410)))
    running.clock.move(days=9)
    assert dispatch(running, Wire()) == 0
    found = running.get(f"/v1/webhook-endpoints/{endpoint_id}", running.bank(MAY, uscc=BANK)).json()
    assert (found["state"], found["state_reason"], found["waiting"]) == ("disabled", "gone", 1)
    rows = running.sql("SELECT detail FROM audit_event WHERE action = 'webhook:disable:granted'")
    assert json.loads(rows[-1][0]) == {"endpoint": endpoint_id, "reason": "gone"}


def test_the_old_and_the_new_secret_sign_for_a_day(running: Running) -> None:
    who = running.bank(MAY, uscc=BANK)
    endpoint_id, old = register(running, who)
    path = f"/v1/webhook-endpoints/{endpoint_id}/secrets"
    new = running.post(path, who, json={}).json()["secret"]
    assert running.post(path, who, json={}).status_code == 409
    wire = Wire()
    leave(running)
    dispatch(running, wire)
    for secret in (old, new):
        Webhook(secret).verify(wire.parcels[0].text, dict(wire.parcels[0].headers))
    running.clock.move(hours=24)
    leave(running)
    dispatch(running, wire)
    assert wire.parcels[1].headers["webhook-signature"].count("v1,") == 1
    Webhook(new).verify(wire.parcels[1].text, dict(wire.parcels[1].headers))
    third = running.post(path, running.bank(MAY, uscc=BANK), json={"drop_old": True}).json()[
        "secret"
    ]
    leave(running)
    dispatch(running, wire)
    assert wire.parcels[2].headers["webhook-signature"].count("v1,") == 1
    Webhook(third).verify(wire.parcels[2].text, dict(wire.parcels[2].headers))
    kept = running.sql("SELECT sealed FROM webhook_secret")
    assert all(secret.encode() not in bytes(row[0]) for secret in (old, new, third) for row in kept)


def test_a_test_notice_leaves_as_any_other(running: Running) -> None:
    who = running.bank(MAY, uscc=BANK)
    endpoint_id, _ = register(running, who)
    answer = running.post(f"/v1/webhook-endpoints/{endpoint_id}/test", who)
    assert answer.status_code == 202
    wire = Wire()
    dispatch(running, wire)
    assert wire.parcels[0].headers["webhook-id"] == answer.json()["notice_id"]
    assert (wire.bodies[0]["type"], wire.bodies[0]["stream"]) == ("endpoint.tested", "test")


def test_a_removed_endpoint_is_gone_and_hears_nothing(running: Running) -> None:
    who = running.bank(MAY, uscc=BANK)
    endpoint_id, _ = register(running, who)
    leave(running)
    path = f"/v1/webhook-endpoints/{endpoint_id}"
    assert running.ask("DELETE", path, who).status_code == 204
    assert running.get(path, who).status_code == 404
    assert running.get("/v1/webhook-endpoints", who).json()["items"] == []
    assert dispatch(running, Wire()) == 0
    assert leave(running) == 0
    assert states(running) == [("AL-1", 1, "failed")]


def test_an_institution_has_a_few_endpoints_and_each_hears_everything(running: Running) -> None:
    who = running.bank(MAY, uscc=BANK)
    most = load_rules().endpoints.per_institution
    for _ in range(most):
        register(running, who)
    assert running.post("/v1/webhook-endpoints", who, json=NEW).status_code == 409
    assert leave(running) == most
    assert dispatch(running, Wire()) == most
    first = running.get("/v1/webhook-endpoints?limit=2", who).json()
    rest = running.get(f"/v1/webhook-endpoints?cursor={first['next']}", who).json()
    assert len({one["endpoint_id"] for one in first["items"] + rest["items"]}) == most


@pytest.mark.parametrize(
    "url", ["https://10.0.0.1/", "http://bank.cn/", "https://bank.local/", "https://u:p@bank.cn/"]
)
def test_an_address_of_a_private_network_is_refused_when_it_is_given(
    running: Running, url: str
) -> None:
    who = running.bank(MAY, uscc=BANK)
    answer = running.post("/v1/webhook-endpoints", who, json=NEW | {"url": url})
    assert (answer.status_code, answer.json()["code"]) == (422, "address_refused")
    endpoint_id, _ = register(running, who)
    moved = running.ask("PATCH", f"/v1/webhook-endpoints/{endpoint_id}", who, json={"url": url})
    assert moved.json()["code"] == "address_refused"


def test_two_dispatchers_share_the_streams_and_none_sends_twice(running: Running) -> None:
    register(running, running.bank(MAY, uscc=BANK))
    firms = [f"firm-{number}" for number in range(30)]
    for firm in firms:
        running.run(_post_about(running, firm))
    wire = Wire()
    house = running.house
    pair = [
        Dispatcher(house.database, Keyring(house.vault), wire, house.subject_of, running.clock)
        for _ in range(2)
    ]

    async def both() -> list[int]:
        return list(await asyncio.gather(*(dispatch_due(one, hands=3) for one in pair)))

    assert sum(running.run(both())) == 60
    heard = [(body["stream"], body["sequence"]) for body in wire.bodies]
    assert len(set(heard)) == 60
    for firm in firms:
        assert [sequence for stream, sequence in heard if stream == firm] == [1, 2]


async def _post_about(running: Running, firm: str) -> None:
    async with running.house.database.transaction() as connection:
        for thing in ("a", "b"):
            notice = Notice(BANK, "alert.changed", firm, thing, "", frozenset(), {"alert": thing})
            await post(connection, notice, running.clock.now)


def test_settled_notices_are_forgotten_after_a_month_and_waiting_ones_are_not(
    running: Running,
) -> None:
    who = running.bank(MAY, uscc=BANK)
    endpoint_id, _ = register(running, who)
    leave(running, "AL-1")
    dispatch(running, Wire())
    leave(running, "AL-2")
    running.clock.move(days=30)
    assert running.run(forget_notices(running.house.database, running.clock.now)) == 0
    running.clock.move(seconds=1)
    assert running.run(forget_notices(running.house.database, running.clock.now)) == 1
    assert states(running) == [("AL-2", 2, "waiting")]
    who = running.bank(MAY, uscc=BANK)
    assert running.get(f"/v1/webhook-endpoints/{endpoint_id}/attempts", who).json()["items"] == []


def test_the_pauses_add_up_to_three_days_and_more() -> None:
    retries = load_rules().retries
    assert sum(retries.pauses_seconds) >= 75 * 3600
    assert retries.pause(1, 0.0, None) == timedelta(seconds=5)
    assert retries.pause(1, 0.5, None) == timedelta(seconds=5.5)  # 5 * (1 + 0.2 * 0.5)
    assert retries.pause(12, 0.0, None) is None
