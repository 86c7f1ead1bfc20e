"""Callers who write to a real service, and ask again under the same key until they are answered.

A story is told for one firm after the other: the writes of `STORY` in their order. Every attempt has a
request id of its own, so that the record can be held against what was asked and answered.
"""

import http.client
import json
import random
import threading
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from string import Template
from typing import Any, Literal

from benchmarks.callers import Headers
from features.clock import now_in_shanghai
from serving.consent.notices import notice_on

#: Statuses after which nothing is known, or nothing was done: ask again.
_AGAIN = {0, 429, 503, 504}
_PATIENCE_SECONDS = 60.0


@dataclass(frozen=True)
class Write:
    """One thing that is asked of the service in a story; in its body `$` names the firm, bank, days."""

    name: str
    who: Literal["owner", "bank"]
    path: str
    body: str = ""
    method: str = "POST"


GRANT = Write(
    "grant",
    "owner",
    "/v1/consents",
    '{"grantee": "$bank", "purpose": "apply", "scopes": ["tax", "invoice", "loan"], '
    '"valid_from": "$today", "valid_to": "$until", "notice_version": "$notice"}',
)
LOOK = Write("look", "bank", "/v1/consents/{consent}", method="GET")
RATE = Write("rate", "bank", "/v1/ratings", '{"uscc": "$firm", "purpose": "apply"}')
NARROW = Write("narrow", "owner", "/v1/consents/{consent}/narrow", '{"scopes": ["tax", "loan"]}')
REVOKE = Write("revoke", "owner", "/v1/consents/{consent}/revoke")
STORY = (GRANT, LOOK, NARROW, REVOKE)


@dataclass
class Asked:
    """One write with all its attempts."""

    write: Write
    key: str
    attempts: list[str] = field(default_factory=list[str])
    status: int = 0
    answer: dict[str, Any] = field(default_factory=dict[str, Any])

    @property
    def is_done(self) -> bool:
        """Whether it was answered with success."""
        return 200 <= self.status < 300


@dataclass
class Teller(threading.Thread):
    """Tells stories of its own firms until it is told to stop; the story in work is finished."""

    port: int
    bank: str
    bank_headers: Headers
    owners: Sequence[tuple[str, Headers]]
    seed: int
    story: Sequence[Write] = STORY
    asked: list[Asked] = field(default_factory=list[Asked])
    stopped: threading.Event = field(default_factory=threading.Event)
    _line: http.client.HTTPConnection | None = None

    def __post_init__(self) -> None:
        super().__init__(daemon=True)
        self.rng = random.Random(self.seed)  # noqa: S311 - a seed, not a secret

    __hash__ = threading.Thread.__hash__

    def run(self) -> None:
        """Tell."""
        while not self.stopped.is_set():
            firm, owner = self.rng.choice(self.owners)
            consent = ""
            for write in self.story:
                done = self._settle(write, firm, owner, consent)
                if not done.is_done:
                    self.stopped.set()  # what came is told when the answers are looked at
                    break
                consent = consent or str(done.answer.get("consent_id", ""))
        if self._line is not None:
            self._line.close()

    def _settle(self, write: Write, firm: str, owner: Headers, consent: str) -> Asked:
        asked = Asked(write, str(self._id()))
        headers = {
            **(owner if write.who == "owner" else self.bank_headers),
            "Idempotency-Key": asked.key,
            "Content-Type": "application/json",
        }
        body = self._body(write, firm)
        for _ in range(int(_PATIENCE_SECONDS / 0.05)):
            asked.attempts.append(str(self._id()))
            headers["X-Request-Id"] = asked.attempts[-1]
            path = write.path.format(consent=consent)
            asked.status, asked.answer = self._ask(write.method, path, body, headers)
            if asked.status not in _AGAIN:
                break
            threading.Event().wait(0.05)
        self.asked.append(asked)
        return asked

    def _body(self, write: Write, firm: str) -> str:
        today = now_in_shanghai().date()
        return Template(write.body).substitute(
            firm=firm,
            bank=self.bank,
            today=today,
            until=today + timedelta(days=2),
            notice=notice_on(today).version,
        )

    def _ask(
        self, method: str, path: str, body: str, headers: Headers
    ) -> tuple[int, dict[str, Any]]:
        """Status 0 where the connection broke before the whole answer came."""
        line = self._line or http.client.HTTPConnection("127.0.0.1", self.port, timeout=15)
        self._line = None
        try:
            line.request(method, path, body, headers)
            answer = line.getresponse()
            content = json.loads(answer.read())
        except (OSError, http.client.HTTPException):
            line.close()
            return 0, {}
        self._line = line
        return answer.status, content

    def _id(self) -> uuid.UUID:
        return uuid.UUID(int=self.rng.getrandbits(128), version=4)
