"""A small client of the rating service, to paste: ask, read, order many, collect.

Needs `httpx` alone. It gets and renews its own token, waits when told to, and asks again under the same
Idempotency-Key when an answer was lost, so that nothing is done twice.
"""

import json
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx

Document = dict[str, Any]
_TRIES = 5


class RefusedError(Exception):
    """What the service refused; `problem` is its document, `code` is stable."""

    def __init__(self, status: int, problem: Document) -> None:
        super().__init__(problem.get("detail", f"status {status}"))
        self.status = status
        self.problem = problem
        self.code: str = problem.get("code", problem.get("error", ""))

    @property
    def need_authorisation(self) -> list[str]:
        """Consent scopes to ask the enterprise for; empty if that is not what is missing."""
        return list(self.problem.get("need_authorisation", []))


@dataclass
class XinqiaoClient:
    """One institution's program.

    Parameters
    ----------
    http : httpx.Client
        With the service's `base_url`; close it yourself.
    client_id, secret : str
        From the platform; the secret is shown once.
    """

    http: httpx.Client
    client_id: str
    secret: str
    _token: str = field(default="", repr=False)
    _good_until: float = field(default=0.0, repr=False)

    def rate(self, uscc: str, purpose: str = "apply", **more: Any) -> Document:
        """Rate one enterprise; `more`: `as_of`, `need_id`, `require`, `public_only`."""
        return self._json("POST", "/v1/ratings", {"uscc": uscc, "purpose": purpose, **more})

    def rating(self, rating_id: str) -> Document:
        """Read a rating again, while what it was made from is still open."""
        return self._json("GET", f"/v1/ratings/{rating_id}")

    def replay(self, rating_id: str) -> Document:
        """Have a rating computed again: `outcome` is `equal`, or says what is gone."""
        return self._json("POST", f"/v1/ratings/{rating_id}/replay")

    def order(self, usccs: list[str], purpose: str = "postloan", **more: Any) -> str:
        """Order up to 10,000 ratings; the id of the order."""
        asked = {"usccs": usccs, "purpose": purpose, **more}
        return str(self._json("POST", "/v1/rating-batches", asked)["batch_id"])

    def progress(self, batch_id: str) -> Document:
        """How far an order is; `state` is `done` at the end."""
        return self._json("GET", f"/v1/rating-batches/{batch_id}")

    def result(self, batch_id: str) -> Iterator[Document]:
        """Every row of an order, with its `rating` or the `reason` why there is none."""
        cursor: dict[str, str] = {}
        while True:
            path = f"/v1/rating-batches/{batch_id}/result"
            answer = self._send("GET", path, params={"limit": "200", **cursor})
            yield from map(json.loads, answer.text.splitlines())
            if "X-Next-Cursor" not in answer.headers:
                return
            cursor = {"cursor": answer.headers["X-Next-Cursor"]}

    def _json(self, method: str, path: str, body: Document | None = None) -> Document:
        document: Document = self._send(method, path, json=body).json()
        return document

    def _send(self, method: str, path: str, **more: Any) -> httpx.Response:
        key = {"Idempotency-Key": str(uuid.uuid4())} if method == "POST" else {}
        for left in reversed(range(_TRIES)):
            headers = {"Authorization": f"Bearer {self._bearer()}", **key}
            try:
                answer = self.http.request(method, path, headers=headers, **more)
            except httpx.TransportError:
                if not left:
                    raise
                time.sleep(1)
                continue
            if answer.is_success:
                return answer
            if answer.status_code not in {429, 503} or not left:
                raise RefusedError(answer.status_code, answer.json())
            time.sleep(float(answer.headers.get("Retry-After", "1")))
        raise AssertionError("unreachable")

    def _bearer(self) -> str:
        if time.monotonic() >= self._good_until:
            form = {"grant_type": "client_credentials"}
            answer = self.http.post("/v1/token", data=form, auth=(self.client_id, self.secret))
            if not answer.is_success:
                raise RefusedError(answer.status_code, answer.json())
            told = answer.json()
            self._token = told["access_token"]
            self._good_until = time.monotonic() + told["expires_in"] - 30
        return self._token
