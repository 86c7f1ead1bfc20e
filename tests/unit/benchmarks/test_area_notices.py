import asyncio
import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from benchmarks.area_notices import landings, sendings
from benchmarks.load.receiver import SECRETS, Message, Receiver
from benchmarks.notices_landed import Landed, told
from benchmarks.notices_sent import Sent
from benchmarks.our_notices import Heard
from features.clock import now_in_shanghai
from serving.webhooks.signing import Letter, new_webhook_secret, signed_headers

NOW = datetime(2026, 11, 22, 8)


def heard(path: str, uscc: str, at: float) -> Heard:
    return Heard(path, f"N-{path}-{at}", "alert.changed", uscc, "W01", at)


@pytest.mark.parametrize(
    ("arrived", "is_right"),
    [
        ([heard("/0", "A", 10.5), heard("/2", "A", 11.0), heard("/1", "B", 10.7)], True),
        ([heard("/0", "A", 10.5)], False),  # one of two lenders never heard
        ([heard("/0", "A", 10.5), heard("/2", "A", 11.0), heard("/2", "A", 12.0)], False),
        ([heard("/0", "A", 10.5), heard("/2", "A", 11.0), heard("/1", "A", 12.0)], False),
    ],
)
def test_a_record_is_heard_of_by_its_lenders_and_once(
    arrived: list[Heard], *, is_right: bool
) -> None:
    found = told(arrived, "A", frozenset({"/0", "/2"}), 10.0, {})
    assert found.is_right == is_right
    assert found.seconds[0] == 0.5


def answer(receiver: Receiver, path: str, headers: dict[str, str], body: str) -> int:
    sent: list[Message] = []
    scope: Message = {
        "method": "POST",
        "path": path,
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
    }
    half = len(body.encode()) // 2
    parts = [
        {"body": body.encode()[:half], "more_body": True},
        {"body": body.encode()[half:], "more_body": False},
    ]

    async def receive() -> Message:
        return parts.pop(0)

    async def send(message: Message) -> None:
        sent.append(message)

    asyncio.run(receiver(scope, receive, send))
    return int(sent[0]["status"])


def test_the_receiver_takes_what_its_own_secret_signed_and_notes_what_another_did(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets = {"/0": new_webhook_secret(), "/1": new_webhook_secret()}
    (tmp_path / "secrets").write_text(json.dumps(secrets))
    monkeypatch.setenv(SECRETS, str(tmp_path / "secrets"))
    data: dict[str, Any] = {"seen": {"signal": "W01"}}
    text = Letter("N-1", "alert.changed", "A", 1, NOW, json.dumps(data)).text
    headers = signed_headers("N-1", text, [secrets["/0"]], now_in_shanghai())
    receiver = Receiver()
    assert [answer(receiver, path, headers, text) for path in ("/0", "/1")] == [204, 401]
    assert answer(receiver, "/0", headers, text.replace("W01", "W02")) == 401
    assert [row[:5] for row in receiver.heard] == [
        ("/0", "N-1", "alert.changed", "A", "W01"),
        ("/1", "N-1", "", "", ""),
        ("/0", "N-1", "", "", ""),
    ]


def test_entries_say_what_was_heard_and_what_it_cost() -> None:
    landed = [
        Landed("A", [1.0, 3.0], {"noticed": 0.5, "sent": 0.1}, is_right=True),
        Landed("B", [2.0], {"noticed": 0.7, "sent": 0.3}, is_right=False),
    ]
    middle, last, wrong = landings(landed, 6_000, NOW)
    assert (middle.ours, last.ours, wrong.ours) == (2.0, 3.0, 1.0)
    assert "noticed 0.60 s, sent 0.20 s" in middle.note
    ours = Sent(1_000, 50, 5.0, {"service": 4.0, "PostgreSQL": 2.0, "receiver": 9.0}, 3)
    bare = Sent(1_000, 50, 1.0, {"client": 1.0, "receiver": 9.0}, 0)
    rate, cpu = sendings(ours, bare, NOW)
    # 1,000 / 5 s against 1,000 / 1 s; (4 + 2) s / 1,000 against 1 s / 1,000
    assert (rate.ours, rate.peer, rate.ratio) == (200.0, 1_000.0, 0.2)
    assert (cpu.ours, cpu.peer) == (6.0, 1.0)
    assert "3 of them twice" in rate.note
