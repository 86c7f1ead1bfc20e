"""Around everything: an id for each request, limits of size, time and number, and headers of safety.

One plain ASGI layer. Whatever goes wrong inside, it answers with a problem and logs the place; no
exception passes it, so that no library can print one with its values.
"""

import re
import secrets
import time
from collections.abc import MutableMapping
from dataclasses import dataclass, field
from typing import Any

from fastapi import Request
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.typing import FilteringBoundLogger

from features.errors import XinqiaoError
from serving.deadline import Deadline, LateError
from serving.errors import MisdirectedError, OverloadedError, TimeoutExceededError
from serving.observe.log import frames_of
from serving.observe.meters import Meters, known_method
from serving.problems import internal, problem, too_large
from serving.settings import Settings

#: An id from outside is taken if it is a UUID, which cannot be read as anybody's number.
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
#: Never refused for the number of requests: who watches must see that we are busy.
_WATCHING = frozenset({"/healthz", "/readyz", "/metrics"})
_CLIENT_LEFT = 499

POLICY = (
    "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
    "object-src 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
HSTS = "max-age=31536000; includeSubDomains"


@dataclass
class _Passage:
    """One request on its way in and its answer on the way out."""

    scope: Scope
    receive: Receive
    send: Send
    settings: Settings
    deadline: Deadline | None = None
    status: int = _CLIENT_LEFT
    has_started: bool = False
    received: int = 0
    started: float = field(default_factory=time.perf_counter)

    @property
    def state(self) -> MutableMapping[str, Any]:
        """What travels with the request."""
        state: MutableMapping[str, Any] = self.scope.setdefault("state", {})
        return state

    async def take(self) -> Message:
        """Receive a part of the body, up to the limit."""
        message = await self.receive()
        self.received += len(message.get("body", b""))
        if self.received > self.settings.body_bytes:
            raise HTTPException(413)
        return message

    async def give(self, message: Message) -> None:
        """Send a part of the answer; the deadline ends where the answer begins."""
        if message["type"] == "http.response.start":
            self.has_started = True
            self.status = message["status"]
            if self.deadline is not None:
                self.deadline.lift()
            self._dress(MutableHeaders(scope=message))
        await self.send(message)

    async def refuse(self, error: XinqiaoError) -> None:
        """Answer with a problem, unless an answer has begun: then the connection ends there."""
        if self.has_started:
            return
        answer = problem(Request(self.scope), error, self.settings.language)
        await answer(self.scope, self.receive, self.give)

    def _dress(self, headers: MutableHeaders) -> None:
        for name, value in HEADERS.items():
            headers.setdefault(name, value)
        headers.setdefault("Cache-Control", "no-store")
        if self.settings.is_https:
            headers["Strict-Transport-Security"] = HSTS
        if self.status == 413:  # noqa: PLR2004 - the rest of the body is not read
            headers["Connection"] = "close"
        headers["X-Request-Id"] = self.state["request_id"]


class Guard:
    """The layer itself."""

    def __init__(
        self, app: ASGIApp, settings: Settings, meters: Meters, log: FilteringBoundLogger
    ) -> None:
        self.app = app
        self.settings = settings
        self.meters = meters
        self.log = log
        self.in_flight = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or say why not."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        passage = _Passage(scope, receive, send, self.settings)
        headers = Headers(scope=scope)
        passage.state["request_id"] = _request_id(headers)
        refused = self._refused(scope, headers)
        self._count(1)
        try:
            if refused is None:
                await self._through(passage)
            else:
                await passage.refuse(refused)
        finally:
            self._count(-1)
            self._tell(passage)

    async def _through(self, passage: _Passage) -> None:
        try:
            async with Deadline(self.settings.request_seconds) as passage.deadline:
                await self.app(passage.scope, passage.take, passage.give)
        except ClientDisconnect:
            return
        except LateError:
            await passage.refuse(_timeout())
        except HTTPException:  # a body beyond the limit, read outside any route
            await passage.refuse(too_large())
        except Exception as broken:  # noqa: BLE001 - the last place that can answer
            await passage.refuse(self._defect(passage, broken))

    def _refused(self, scope: Scope, headers: Headers) -> XinqiaoError | None:
        host = headers.get("host", "").rsplit(":", 1)[0].lower()
        if self.settings.hosts and host not in self.settings.hosts:
            return MisdirectedError(
                en="This service does not go by that host name.", zh="本服务不使用该主机名。"
            )
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length[:20]) > self.settings.body_bytes:
            return too_large()
        if self.in_flight >= self.settings.in_flight and scope["path"] not in _WATCHING:
            return OverloadedError(
                en="The service has as much in work as it takes. Nothing was begun; ask again in a second.",
                zh="服务繁忙，本次未作任何处理，请一秒后重试。",
                details={"retry_after_seconds": 1},
            )
        return None

    def _defect(self, passage: _Passage, broken: Exception) -> XinqiaoError:
        self.log.error(
            "request.broke",
            request_id=passage.state["request_id"],
            route=route_of(passage.scope),
            error=type(broken).__name__,
            frames=frames_of(broken.__traceback__),
        )
        return internal()

    def _count(self, step: int) -> None:
        self.in_flight += step
        self.meters.in_flight.set(self.in_flight)

    def _tell(self, passage: _Passage) -> None:
        seconds = time.perf_counter() - passage.started
        method, route = known_method(passage.scope["method"]), route_of(passage.scope)
        self.meters.answered(method, route, passage.status, seconds)
        state = passage.state
        if (code := state.get("problem")) is not None:
            self.meters.refused.labels(code).inc()
        caller = getattr(state.get("look"), "caller", None)
        self.log.info(
            "request.answered",
            request_id=state["request_id"],
            method=method,
            route=route,
            status=passage.status,
            milliseconds=round(seconds * 1000, 2),
            kind=getattr(caller, "kind", None),
            role=str(caller.role) if caller is not None else None,
            code=code,
        )


def route_of(scope: Scope) -> str:
    """The template of the path, `/v1/consents/{consent_id}`; the path itself holds ids."""
    return str(getattr(scope.get("route"), "path", "unmatched"))


def _request_id(headers: Headers) -> str:
    given = headers.get("x-request-id", "")
    return given if _UUID.fullmatch(given) else f"R-{secrets.token_hex(10)}"


def _timeout() -> TimeoutExceededError:
    return TimeoutExceededError(
        en="The answer took too long and was given up. Nothing was done; ask again.",
        zh="处理超时，已放弃，本次未作任何处理，请重试。",
    )
