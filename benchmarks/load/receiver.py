"""A bank's receiver of notices: checks every signature, answers 204, and tells what it has heard.

Run under uvicorn on loopback; a lender's endpoint is a path of its own. `GET /?from=N` answers with what
was heard from the N-th on.
"""

import json
import os
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from standardwebhooks import Webhook, WebhookVerificationError

#: Names a file with the secret of every path.
SECRETS = "XINQIAO_BENCH_SECRETS"
_HEADERS = ("webhook-id", "webhook-timestamp", "webhook-signature")

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class Receiver:
    """The application.

    Attributes
    ----------
    heard : list of [path, webhook id, kind, enterprise, signal, moment]
        The kind is empty where the signature was not right; the moment is the machine's [s].
    """

    def __init__(self) -> None:
        self.heard: list[tuple[str, str, str, str, str, float]] = []
        self._keys: dict[str, Webhook] = {}

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request."""
        at = time.time()
        body, is_more = b"", True
        while is_more:
            part = await receive()
            body += part.get("body", b"")
            is_more = part.get("more_body", False)
        if scope["method"] == "GET":
            start = int(scope["query_string"].partition(b"=")[2] or b"0")
            await _answer(send, 200, json.dumps(self.heard[start:]).encode())
        else:
            is_right = self._hear(scope, body.decode(), at)
            await _answer(send, 204 if is_right else 401, b"")

    def _hear(self, scope: Message, body: str, at: float) -> bool:
        given = {name.decode(): value.decode() for name, value in scope["headers"]}
        headers = {name: given.get(name, "") for name in _HEADERS}
        path = scope["path"]
        try:
            told: dict[str, Any] = self._key(path).verify(body, headers)
        except WebhookVerificationError:
            self.heard.append((path, headers["webhook-id"], "", "", "", at))
            return False
        signal = (told["data"].get("seen") or {}).get("signal", "")
        self.heard.append((path, headers["webhook-id"], told["type"], told["stream"], signal, at))
        return True

    def _key(self, path: str) -> Webhook:
        """The key of a path; endpoints that are new since are looked up again."""
        if path not in self._keys:
            listed: dict[str, str] = json.loads(Path(os.environ[SECRETS]).read_text("utf-8"))
            self._keys = {name: Webhook(secret) for name, secret in listed.items()}
        return self._keys[path]


async def _answer(send: Send, status: int, body: bytes) -> None:
    length = [(b"content-length", str(len(body)).encode())] if status != 204 else []  # noqa: PLR2004 - No Content
    await send({"type": "http.response.start", "status": status, "headers": length})
    await send({"type": "http.response.body", "body": body})


app = Receiver()
