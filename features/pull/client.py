"""One request to a provider, bounded in time and size whatever the other side does.

urllib3 keeps the connections and the TLS; what it leaves open is closed here: a deadline over the
whole exchange (its own timeouts start again with every byte), a pause that the provider cannot
stretch, and refusals that are counted by reason. Nothing is ever logged, and redirects are errors.
"""

import hashlib
import hmac
import json
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from urllib.parse import urlencode, urlsplit

import urllib3
from urllib3.exceptions import HTTPError, InvalidHeader, ReadTimeoutError

from features.errors import ProviderError
from features.pull.deadline import Deadline, Plain, Secure
from features.pull.endpoint import Auth, Endpoint

_CHUNK = 65_536
_OK = 200
CONSENT_ENDED = "consent_ended"
_BUSY = frozenset({429, 500, 502, 503, 504})


class RefusedError(Exception):
    """An answer that is not used, or none; the reason is a code that is counted.

    Parameters
    ----------
    reason : str
    is_down : bool
        The provider did not do its part; the circuit breaker counts it.
    """

    def __init__(self, reason: str, *, is_down: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.is_down = is_down


class Client:
    """Asks one endpoint; safe to use from many threads.

    Parameters
    ----------
    endpoint : Endpoint
    secret : str or None
        What `endpoint.auth` needs; never shown.
    wall_seconds : callable
        Seconds since 1970, for signatures.
    pause : callable
        Waits between attempts [s].

    Raises
    ------
    ProviderError
        If the endpoint asks for a secret and there is none.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        secret: str | None,
        *,
        wall_seconds: Callable[[], float] = time.time,
        pause: Callable[[float], object] = time.sleep,
    ) -> None:
        if endpoint.auth is not None and not secret:
            name = endpoint.auth.secret_variable
            raise ProviderError(
                en=f"The endpoint needs the secret in the environment variable {name}, which is not set.",
                zh=f"接口需要环境变量 {name} 中的密钥，但该变量未设置。",
            )
        self.endpoint = endpoint
        self._secret = secret or ""
        self._wall_seconds = wall_seconds
        self._pause = pause
        self._path = urlsplit(endpoint.url).path or "/"
        self._pool = _open_pool(endpoint)

    def close(self) -> None:
        """Close the kept connections."""
        self._pool.close()

    def ask(
        self, content: Mapping[str, str], *, may_ask: Callable[[], bool] = lambda: True
    ) -> bytes:
        """Send one request, with its retries, and return the answer's bytes.

        Parameters
        ----------
        may_ask : callable
            Asked right before each attempt; a consent may end between two of them.

        Raises
        ------
        RefusedError
            `timeout`, `connection`, `redirect`, `http_<status>`, `too_large` or `consent_ended`.
        """
        retries = self.endpoint.retries
        for attempt in range(retries.count + 1):
            if not may_ask():
                raise RefusedError(CONSENT_ENDED)
            usual = retries.backoff_seconds * 2**attempt
            try:
                return self._once(content)
            except _TryAgainError as again:
                wanted = usual if again.after is None else again.after
                if attempt == retries.count or wanted > retries.longest_pause_seconds:
                    raise RefusedError(again.reason, is_down=True) from None
                self._pause(wanted)
        raise AssertionError

    def _once(self, content: Mapping[str, str]) -> bytes:
        limits = self.endpoint.timeouts
        with Deadline(limits.total) as deadline:
            try:
                return self._exchange(content)
            except (HTTPError, OSError, ValueError) as failed:
                if deadline.is_over or isinstance(failed, ReadTimeoutError | TimeoutError):
                    raise RefusedError("timeout", is_down=True) from None
                raise _TryAgainError("connection") from None
            finally:
                if deadline.is_over:
                    # An answer without a length ends where the connection does: cut off, not complete.
                    raise RefusedError("timeout", is_down=True)

    def _exchange(self, content: Mapping[str, str]) -> bytes:
        target, body = self._path, None
        headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
        if self.endpoint.method == "GET":
            target += "?" + urlencode(content)
        else:
            body = json.dumps(dict(content), ensure_ascii=False).encode()
            headers["Content-Type"] = "application/json"
        limits = self.endpoint.timeouts
        response = self._pool.urlopen(
            self.endpoint.method,
            target,
            body=body,
            headers=headers | self._proof(content["request_id"], target, body or b""),
            retries=False,
            redirect=False,
            preload_content=False,
            decode_content=False,
            timeout=urllib3.Timeout(connect=limits.connect, read=limits.read),
        )
        try:
            _require_ok(response)
            answer = self._read(response)
        except BaseException:
            response.close()
            raise
        response.release_conn()
        return answer

    def _read(self, response: urllib3.BaseHTTPResponse) -> bytes:
        most = self.endpoint.answer.bytes
        answer = bytearray()
        while chunk := response.read1(_CHUNK):
            answer += chunk
            if len(answer) > most:
                raise RefusedError("too_large")
        return bytes(answer)

    def _proof(self, request_id: str, target: str, body: bytes) -> dict[str, str]:
        auth = self.endpoint.auth
        if auth is None:
            return {}
        if auth.kind == "bearer":
            return {"Authorization": f"Bearer {self._secret}"}
        return self._signed(auth, request_id, target, body)

    def _signed(self, auth: Auth, request_id: str, target: str, body: bytes) -> dict[str, str]:
        moment = str(int(self._wall_seconds()))
        digest = hashlib.sha256(body).hexdigest()
        text = "\n".join([self.endpoint.method, target, request_id, moment, digest])
        signature = hmac.new(self._secret.encode(), text.encode(), hashlib.sha256).hexdigest()
        return {
            "X-Key-Id": auth.key_id,
            "X-Request-Id": request_id,
            "X-Timestamp": moment,
            "X-Signature": signature,
        }


class _TryAgainError(Exception):
    def __init__(self, reason: str, after: float | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.after = after


def _require_ok(response: urllib3.BaseHTTPResponse) -> None:
    status = response.status
    if status in _BUSY:
        after = None
        with suppress(InvalidHeader):
            after = urllib3.Retry().get_retry_after(response)
        raise _TryAgainError(f"http_{status}", after)
    if 300 <= status < 400:  # noqa: PLR2004 - the class of redirects
        raise RefusedError("redirect")
    if status != _OK:
        raise RefusedError(f"http_{status}")


def _open_pool(endpoint: Endpoint) -> urllib3.HTTPConnectionPool:
    parts = urlsplit(endpoint.url)
    size = endpoint.concurrency
    if parts.scheme == "http":
        plain = urllib3.HTTPConnectionPool(parts.hostname or "", parts.port, maxsize=size)
        plain.ConnectionCls = Plain  # type: ignore[assignment]  # its protocol forbids subclasses
        return plain
    secure = urllib3.HTTPSConnectionPool(
        parts.hostname or "",
        parts.port,
        maxsize=size,
        cert_reqs="CERT_REQUIRED",
        ca_certs=endpoint.tls_ca_file,
    )
    secure.ConnectionCls = Secure  # type: ignore[assignment]  # as above
    return secure
