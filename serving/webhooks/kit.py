"""A bank's receiver tried out: told the truth, then lied to in every way that happens on a network.

Each check sends one thing and looks at the status that comes back. What the receiver did with a notice
cannot be seen from here; whoever tries it looks into its own books afterwards.
"""

import json
import socket
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Literal
from urllib.parse import urlsplit

from features.errors import RequestError
from serving.auth.marks import new_id
from serving.webhooks.outbox import NOTICE_PREFIX
from serving.webhooks.rules import load_rules
from serving.webhooks.signing import Letter, new_webhook_secret, signed_headers

_HUGE_BYTES = 4_000_000
_SLOW_PIECES = 40
_STREAM = "kit"

Want = Literal["accept", "refuse", "survive"]


@dataclass(frozen=True)
class Verdict:
    """What came of one check.

    Attributes
    ----------
    status : int or None
        What the receiver answered; None if it cut the connection or was too slow.
    en, zh : str
        What was sent and what is right, in one sentence.
    """

    name: str
    is_passed: bool
    status: int | None
    en: str
    zh: str


@dataclass
class Kit:
    """Tries one receiver.

    Parameters
    ----------
    url : str
        Any http or https address: the one who calls this owns the receiver, so nothing is closed to it.
    clock : callable
        Asia/Shanghai wall time.

    Raises
    ------
    RequestError
        If URL or secret are not what they must be.
    """

    url: str
    secret: str
    clock: Callable[[], datetime]
    seconds: float = field(default_factory=lambda: load_rules().sending.total_seconds)
    sequence: int = 0

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise RequestError(
                en=f"'{self.url}' is not an http or https address. Give the receiver's whole URL.",
                zh=f"“{self.url}”不是 http 或 https 地址，请给出接收端的完整地址。",
            )
        try:
            signed_headers("N", "", [self.secret], self.clock())
        except Exception:  # noqa: BLE001 - the library raises whatever base64 does
            raise RequestError(
                en="The secret is not one of a webhook: it begins with whsec_ and goes on in base64.",
                zh="密钥格式不正确：应以 whsec_ 开头，其后为 base64。",
            ) from None

    def checks(self) -> Iterator[Verdict]:
        """Every check, one after the other."""
        for name, (want, en, zh, ask) in _CHECKS.items():
            status = ask(self)
            yield Verdict(name, _is_right(want, status), status, en, zh)

    def letter(self, **changes: object) -> Letter:
        """A new notice, at the end of the kit's own stream."""
        self.sequence = max(self.sequence + 1, int(self.clock().timestamp()))
        usual: dict[str, object] = {
            "notice_id": new_id(NOTICE_PREFIX),
            "kind": load_rules().test_notice.kind,
            "stream": _STREAM,
            "sequence": self.sequence,
            "posted_at": self.clock(),
            "data": json.dumps({"from": "webhook-kit"}),
        }
        return Letter(**{**usual, **changes})  # type: ignore[arg-type]

    def send(
        self,
        letter: Letter,
        *,
        keys: list[str] | None = None,
        aged: timedelta = timedelta(0),
        text: str | None = None,
        sent: str | None = None,
        headers: Mapping[str, str | None] | None = None,
    ) -> int | None:
        """Post a letter; `text` is signed, `sent` goes out, headers given as None are left out."""
        signed = letter.text if text is None else text
        made: dict[str, str | None] = {
            **signed_headers(letter.notice_id, signed, keys or [self.secret], self.clock() - aged),
            **(headers or {}),
        }
        kept = {name: value for name, value in made.items() if value is not None}
        return self.ask("POST", (signed if sent is None else sent).encode(), kept)

    def ask(self, method: str, body: bytes, headers: Mapping[str, str]) -> int | None:
        """One request; its status, or None."""
        with closing(self.connection()) as connection, suppress(OSError, HTTPException):
            connection.request(method, self.path, body, dict(headers))
            return connection.getresponse().status
        return None

    @property
    def path(self) -> str:
        """What is asked for."""
        parts = urlsplit(self.url)
        return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")

    def connection(self) -> HTTPConnection:
        """A new connection."""
        parts = urlsplit(self.url)
        kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        return kind(parts.hostname or "", parts.port, timeout=self.seconds)


def _is_right(want: Want, status: int | None) -> bool:
    if want == "accept":
        return status is not None and 200 <= status < 300  # noqa: PLR2004 - the class of successes
    if want == "refuse":
        return status is not None and 400 <= status < 500  # noqa: PLR2004 - the class of the caller's mistakes
    return status is None or status < 500  # noqa: PLR2004 - not a crash


def _twice(kit: Kit) -> int | None:
    letter = kit.letter()
    first = kit.send(letter)
    return kit.send(letter) if _is_right("accept", first) else first


def _at_once(kit: Kit) -> int | None:
    """The same notice several times at the same moment; the worst answer."""
    letter = kit.letter()
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: kit.send(letter), range(8)))
    return next((one for one in answers if not _is_right("accept", one)), answers[0])


def _reordered(kit: Kit) -> int | None:
    first, second = kit.letter(), kit.letter()
    later = kit.send(second)
    return kit.send(first) if _is_right("accept", later) else later


def _replayed_old(kit: Kit) -> int | None:
    letter = kit.letter()
    first = kit.send(letter)
    return kit.send(letter, aged=timedelta(hours=1)) if _is_right("accept", first) else first


def _beside_a_slow_one(kit: Kit) -> int | None:
    """A body that comes byte by byte holds up nobody else."""
    with closing(kit.connection()) as slow, suppress(OSError):
        slow.putrequest("POST", kit.path)
        slow.putheader("Content-Length", str(_SLOW_PIECES))
        slow.endheaders()
        slow.send(b"{")
        return kit.send(kit.letter())
    return None


def _cut_midway(kit: Kit) -> int | None:
    """A sender that goes away in the middle leaves the receiver at work."""
    with suppress(OSError):
        connection = kit.connection()
        connection.putrequest("POST", kit.path)
        connection.putheader("Content-Length", "1000")
        connection.endheaders()
        connection.send(b'{"type":')
        if connection.sock is not None:
            connection.sock.shutdown(socket.SHUT_RDWR)
        connection.close()
    return kit.send(kit.letter())


def _huge(kit: Kit) -> int | None:
    """More than any notice; afterwards a right one must still be taken."""
    letter = kit.letter(data=json.dumps({"padding": "x" * _HUGE_BYTES}))
    status = kit.send(letter)
    if not _is_right("survive", status):
        return status
    after = kit.send(kit.letter())
    return after if not _is_right("accept", after) else status


def _with_a_new_version(kit: Kit) -> int | None:
    letter = kit.letter()
    right = signed_headers(letter.notice_id, letter.text, [kit.secret], kit.clock())
    both = f"v2,AAAA {right['webhook-signature']}"
    return kit.send(letter, headers={"webhook-signature": both})


_FIVE_MINUTES_AND_MORE = timedelta(minutes=10)
_UNSIGNED = {"webhook-signature": None}
#: By name: what is right, what was sent (English, Chinese), and how.
_CHECKS: dict[str, tuple[Want, str, str, Callable[[Kit], int | None]]] = {
    "right": (
        "accept",
        "A right notice is answered with 2xx in time.",
        "正确的通知应及时以 2xx 应答。",
        lambda kit: kit.send(kit.letter()),
    ),
    "wrong_signature": (
        "refuse",
        "A notice signed with another secret is refused with 4xx.",
        "用其他密钥签名的通知应以 4xx 拒绝。",
        lambda kit: kit.send(kit.letter(), keys=[new_webhook_secret()]),
    ),
    "no_signature": (
        "refuse",
        "A notice without a signature is refused with 4xx.",
        "没有签名的通知应以 4xx 拒绝。",
        lambda kit: kit.send(kit.letter(), headers=_UNSIGNED),
    ),
    "empty_signature": (
        "refuse",
        "An empty or senseless signature is refused with 4xx.",
        "空的或无意义的签名应以 4xx 拒绝。",
        lambda kit: kit.send(kit.letter(), headers={"webhook-signature": "v1, v1 ,,"}),
    ),
    "another_version": (
        "refuse",
        "A signature of an unknown version alone is refused with 4xx.",
        "仅有未知版本的签名应以 4xx 拒绝。",
        lambda kit: kit.send(kit.letter(), headers={"webhook-signature": "v9,AAAA"}),
    ),
    "no_id": (
        "refuse",
        "A notice without webhook-id is refused with 4xx.",
        "缺少 webhook-id 的通知应以 4xx 拒绝。",
        lambda kit: kit.send(kit.letter(), headers={"webhook-id": None}),
    ),
    "another_id": (
        "refuse",
        "A webhook-id that was not signed is refused with 4xx.",
        "webhook-id 与签名不符应以 4xx 拒绝。",
        lambda kit: kit.send(kit.letter(), headers={"webhook-id": new_id(NOTICE_PREFIX)}),
    ),
    "changed_body": (
        "refuse",
        "A body changed after signing is refused with 4xx.",
        "签名后被改动的内容应以 4xx 拒绝。",
        lambda kit: kit.send(kit.letter(), sent=kit.letter().text),
    ),
    "old": (
        "refuse",
        "A notice signed ten minutes ago is refused with 4xx.",
        "十分钟前签名的通知应以 4xx 拒绝。",
        lambda kit: kit.send(kit.letter(), aged=_FIVE_MINUTES_AND_MORE),
    ),
    "from_the_future": (
        "refuse",
        "A notice signed ten minutes ahead is refused with 4xx.",
        "时间戳超前十分钟的通知应以 4xx 拒绝。",
        lambda kit: kit.send(kit.letter(), aged=-_FIVE_MINUTES_AND_MORE),
    ),
    "replayed_old": (
        "refuse",
        "A notice recorded an hour ago and sent again as it was is refused with 4xx.",
        "一小时前截获并原样重发的通知应以 4xx 拒绝。",
        _replayed_old,
    ),
    "senseless_time": (
        "refuse",
        "A timestamp that is no number is refused with 4xx.",
        "时间戳不是数字应以 4xx 拒绝。",
        lambda kit: kit.send(kit.letter(), headers={"webhook-timestamp": "now"}),
    ),
    "twice": (
        "accept",
        "The same notice a second time is answered with 2xx, and acted on once.",
        "同一通知第二次送达仍应答 2xx，且只处理一次。",
        _twice,
    ),
    "eight_at_once": (
        "accept",
        "The same notice eight times at the same moment is answered with 2xx, and acted on once.",
        "同一通知同时送达八次均应答 2xx，且只处理一次。",
        _at_once,
    ),
    "reordered": (
        "accept",
        "A notice that comes after a later one of its stream is answered with 2xx and left.",
        "晚于同一序列后续通知到达的旧通知应答 2xx 并忽略。",
        _reordered,
    ),
    "gap": (
        "accept",
        "A gap in the sequence is no reason to refuse.",
        "序号出现间隔不应拒绝。",
        lambda kit: kit.send(kit.letter(sequence=kit.sequence + 1_000)),
    ),
    "two_signatures": (
        "accept",
        "While secrets change, one right signature among two is enough.",
        "密钥轮换期间，两个签名中有一个正确即应接受。",
        lambda kit: kit.send(kit.letter(), keys=[new_webhook_secret(), kit.secret]),
    ),
    "new_version_beside": (
        "accept",
        "A signature of an unknown version beside a right one is left aside.",
        "正确签名旁的未知版本签名应忽略。",
        _with_a_new_version,
    ),
    "unknown_kind": (
        "accept",
        "A kind of notice that is not known yet is answered with 2xx and left.",
        "尚不认识的通知类型应答 2xx 并忽略。",
        lambda kit: kit.send(kit.letter(kind="something.new")),
    ),
    "unknown_members": (
        "accept",
        "Members that are not known yet are left aside.",
        "尚不认识的字段应忽略。",
        lambda kit: kit.send(kit.letter(data=json.dumps({"new": {"deep": [1, None, "新"]}}))),
    ),
    "not_json": (
        "refuse",
        "A signed body that is not JSON is refused with 4xx.",
        "签名正确但不是 JSON 的内容应以 4xx 拒绝。",
        lambda kit: kit.send(kit.letter(), text="{"),
    ),
    "not_an_object": (
        "refuse",
        "A signed body that is JSON and no notice is refused with 4xx.",
        "签名正确但不是通知的 JSON 应以 4xx 拒绝。",
        lambda kit: kit.send(kit.letter(), text="[1, 2]"),
    ),
    "empty": (
        "refuse",
        "An empty body is refused with 4xx.",
        "空内容应以 4xx 拒绝。",
        lambda kit: kit.send(kit.letter(), text=""),
    ),
    "another_type": (
        "survive",
        "A content type that is not JSON's does not break the receiver.",
        "非 JSON 的 Content-Type 不应使接收端出错。",
        lambda kit: kit.send(kit.letter(), headers={"Content-Type": "text/plain"}),
    ),
    "huge": (
        "survive",
        "A body of four megabytes does not break the receiver; it may refuse it.",
        "四兆字节的内容不应使接收端出错，可以拒绝。",
        _huge,
    ),
    "slow": (
        "accept",
        "While one sender is slow, another's notice is answered in time.",
        "一个发送方缓慢时，其他通知仍应及时应答。",
        _beside_a_slow_one,
    ),
    "cut_midway": (
        "accept",
        "After a sender that went away midway the next notice is taken.",
        "发送方中途断开后，下一条通知仍应接受。",
        _cut_midway,
    ),
}
