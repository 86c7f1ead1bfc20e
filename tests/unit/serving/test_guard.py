"""Limits of size, time and number; headers; and nothing about anybody in logs and counts."""

import asyncio
import uuid
from collections.abc import AsyncGenerator, Generator
from typing import Any

import httpx
import pytest

from serving.database.addresses import Addresses
from serving.database.migrate import newest
from tests.databases import Ledger
from tests.service import ANYBODY, Running, service
from tests.service_rooms import GRANT, TRIAL, door


@pytest.fixture(scope="module")
def running(fresh_database: Addresses) -> Generator[Running]:
    limits: dict[str, Any] = {
        "request_seconds": 0.4,
        "body_bytes": 1000,
        "in_flight": 3,
        "pool_size": 2,
    }
    with service(fresh_database, rooms=[door], hosts=("xinqiao.test",), **limits) as started:
        started.sql(TRIAL)
        started.sql(GRANT)
        yield started


def test_a_request_id_is_taken_only_if_it_cannot_be_a_persons(running: Running) -> None:
    ours = str(uuid.UUID(int=0xABCDEF, version=4))
    assert running.get("/healthz", headers={"X-Request-Id": ours}).headers["X-Request-Id"] == ours
    for planted in ("110101199003077512", "张三".encode(), ours.upper(), ours + " ", ""):
        given = running.get("/healthz", headers={"X-Request-Id": planted}).headers["X-Request-Id"]
        assert given.startswith("R-")
        assert len(given) == 22  # "R-" and 20 hex digits


def test_every_answer_bears_the_headers_of_safety(running: Running) -> None:
    for path in ("/healthz", "/docs", "/problems", "/openapi.json", "/nowhere", "/v1/trials"):
        headers = running.get(path).headers
        assert headers["Content-Security-Policy"].startswith("default-src 'self';")
        assert "unsafe" not in headers["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert headers["Cache-Control"] == "no-store"
        assert "Strict-Transport-Security" not in headers
        assert "Server" not in headers


def test_over_tls_browsers_are_told_to_stay_there(ledger: Ledger) -> None:
    with service(ledger.clone(), is_https=True) as started:
        assert "max-age" in started.get("/healthz").headers["Strict-Transport-Security"]


def test_another_host_is_sent_away(running: Running) -> None:
    for host in ("evil.example", "xinqiao.test.evil.example", ""):
        answer = running.get("/healthz", headers={"Host": host})
        assert (answer.status_code, answer.json()["code"]) == (421, "misdirected")
    assert running.get("/healthz", headers={"Host": "XINQIAO.test:8000"}).status_code == 200


def test_a_body_without_a_length_stops_at_the_limit(running: Running) -> None:
    sent: list[int] = []

    async def body() -> AsyncGenerator[bytes]:
        for number in range(100):
            sent.append(number)
            yield b" " * 100

    answer = running.post("/v1/trials", running.operator(), content=body())
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
    assert answer.headers["Connection"] == "close"
    assert (
        len(sent) == 11
    )  # ten parts of 100 bytes are the limit of 1,000; the next is one too many


def test_the_last_byte_of_the_limit_is_read(running: Running) -> None:
    body = b'{"step": 1}'.ljust(1000)
    json = {"Content-Type": "application/json"}
    operator = running.operator()
    assert running.post("/v1/trials", operator, content=body, headers=json).status_code == 201
    assert (
        running.post("/v1/trials", operator, content=body + b" ", headers=json).status_code == 413
    )
    wrong = {"Content-Type": "application/json", "Content-Length": "-1"}
    assert running.post("/v1/trials", operator, content=body, headers=wrong).status_code == 413


def test_a_slow_body_ends_at_the_deadline_and_holds_no_connection(running: Running) -> None:
    def asked_for() -> int:
        return running.house.database.pool.get_stats().get("requests_num", 0)

    operator = running.operator()
    before = asked_for()

    async def body() -> AsyncGenerator[bytes]:
        yield b"{"
        assert asked_for() == before
        await asyncio.Event().wait()

    answer = running.post("/v1/trials", operator, content=body())
    assert (answer.status_code, answer.json()["code"]) == (504, "timeout")


def test_after_the_deadline_nothing_was_done_and_the_connection_is_clean(running: Running) -> None:
    before = running.sql("SELECT count(*) FROM trial")
    for _ in range(3):  # more often than there are connections
        answer = running.get("/v1/trials/slow/3", headers={"Accept-Language": "en"})
        assert (answer.status_code, answer.json()["code"]) == (504, "timeout")
    assert running.sql("SELECT count(*) FROM trial") == before
    assert running.get("/v1/trials", running.operator()).status_code == 200
    busy = running.sql(
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'xinqiao' AND state <> 'idle'"
    )
    assert busy == [(0,)]


def test_more_than_fits_hears_so_at_once_and_watchers_still_see(running: Running) -> None:
    operator = running.operator()

    async def crowd() -> tuple[list[httpx.Response], httpx.Response]:
        inside = [
            asyncio.create_task(running.asking("GET", "/v1/trials/wait/x", operator))
            for _ in range(5)
        ]
        await asyncio.sleep(0)
        while len([task for task in inside if task.done()]) < 2:
            await asyncio.sleep(0)
        watcher = await running.asking("GET", "/healthz", ANYBODY)
        return list(await asyncio.gather(*inside)), watcher

    answers, watcher = running.run(crowd())
    # Three of five are let in and end at the deadline; for two there is no place.
    assert sorted(answer.json()["code"] for answer in answers).count("overloaded") == 2
    refused = next(answer for answer in answers if answer.json()["code"] == "overloaded")
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "1")
    assert watcher.status_code == 200


def test_nothing_of_a_request_reaches_logs_or_counts(running: Running) -> None:
    planted = [
        "110101199003077512",
        "13900001111",
        "91370000MA3TEST01X",
        "青岛某某贸易有限公司",
        "QingdaoTrading",
    ]
    operator = running.operator()
    for word in planted:
        headers = {
            "X-Request-Id": word.encode(),
            "User-Agent": word.encode(),
            "Referer": word.encode(),
        }
        running.get(f"/v1/trials/wait/{word}?name={word}", headers=headers)
        running.get(f"/{word}?{word}={word}", headers=headers)
        running.get(f"/v1/trials/slow/{word}", headers=headers)
        running.post("/v1/trials/broken", json={"word": word}, headers=headers)
        running.post("/v1/trials", operator, json={"step": word, word: word})
        running.post("/v1/trials", operator, json={"step": 1, "uscc": word})
        running.ask("Q" + word if word.isascii() else "Q", "/healthz")
    written = running.logged.getvalue() + running.get("/metrics").text
    for word in planted:
        assert word not in written
        assert word.encode("unicode_escape").decode() not in written
    routes = {line["route"] for line in running.log_lines if line["event"] == "request.answered"}
    assert "/v1/trials/slow/{seconds}" in routes
    broke = [line for line in running.log_lines if line["event"] == "request.broke"]
    assert broke[-1]["error"] == "RuntimeError"
    assert "service_rooms.py" in broke[-1]["frames"][-1]


def test_counts_are_by_template_and_code(running: Running) -> None:
    running.get("/nowhere")
    assert running.get("/v1/trials", running.operator()).status_code == 200
    page = running.get("/metrics").text
    assert 'xinqiao_requests_total{method="GET",route="unmatched",status="404"}' in page
    assert 'xinqiao_refused_total{code="not_found"}' in page
    assert 'xinqiao_audit_rows_total{outcome="granted"}' in page
    assert "xinqiao_pool_connections" in page


def test_counts_are_for_this_host_or_for_the_secret(ledger: Ledger, running: Running) -> None:
    assert running.get("/metrics").status_code == 200
    assert running.get("/metrics", headers={"X-Forwarded-For": "8.8.8.8"}).status_code == 404
    with service(ledger.clone(), address="198.51.100.7") as afar:
        assert afar.get("/metrics").status_code == 404
        assert afar.get("/healthz").status_code == 200
    with service(ledger.clone(), address="198.51.100.7", metrics_secret="open") as afar:  # noqa: S106
        assert afar.get("/metrics").status_code == 404
        assert afar.get("/metrics", headers={"Authorization": "Bearer open"}).status_code == 200


def test_readiness_says_which_part_is_missing(ledger: Ledger) -> None:
    addresses = ledger.clone()
    with service(addresses, pool_wait_seconds=0.2, revision=newest() or "") as started:
        assert started.get("/readyz").json() == {
            "ready": True, "serving": True, "ledger": True, "schema_current": True, "keys": True,
        }  # fmt: skip
        started.sql("UPDATE alembic_version SET version_num = '9999'")
        answer = started.get("/readyz")
        assert (answer.status_code, answer.json()["schema_current"]) == (503, False)
        started.sql("UPDATE alembic_version SET version_num = '0001'")
        started.app.state.is_stopping = True
        assert started.get("/readyz").json()["serving"] is False
        started.app.state.is_stopping = False
        ledger.drop(addresses)
        answer = started.get("/readyz")
        assert (answer.status_code, answer.json()["ledger"]) == (503, False)
        assert started.get("/healthz").status_code == 200
