"""Receivers of notices for random histories: a bank's bookkeeping, and every way to answer badly.

The bookkeeping is the one that `docs/how-to/receive-notices.md` asks for: the signature first, a known id
is answered and left, a sequence that is not beyond the stream's last is too late and left.
"""

import json
import re
from dataclasses import dataclass, field
from typing import Any

from standardwebhooks import Webhook, WebhookVerificationError

from serving.webhooks.sending import Parcel, Reply

#: What each mood does: whether the bank has the notice afterwards, and what the sender hears.
MOODS = {
    "good": (True, Reply("sent", 200)),
    "odd_body": (True, Reply("sent", 204)),
    "cut_after": (True, Reply("timeout")),
    "broken_after": (True, Reply("http_500", 500)),
    "down": (False, Reply("http_500", 500)),
    "missing": (False, Reply("http_404", 404)),
    "busy": (False, Reply("http_503", 503, retry_after=7_200.0)),
    "greedy": (False, Reply("http_429", 429, retry_after=9e8)),
    "hanging": (False, Reply("timeout")),
    "unreachable": (False, Reply("connection")),
    "redirecting": (False, Reply("redirect", 302)),
    "gone": (False, Reply("http_410", 410)),
    "rebound": (False, Reply("address_closed")),
}
#: Good and bad days about equally often.
COMMON = ["good"] * 8 + sorted(MOODS.keys() - {"gone"}) + ["gone"]


@dataclass
class Receiver:
    """One endpoint's other side.

    Attributes
    ----------
    effects : list of (stream, sequence, thing, value)
        What the bank acted on, in its order.
    late : int
        Notices with a new id that came after a later one of their stream.
    """

    secrets: list[str]
    mood: str = "good"
    ids: set[str] = field(default_factory=set[str])
    last: dict[str, int] = field(default_factory=dict[str, int])
    things: dict[str, int] = field(default_factory=dict[str, int])
    effects: list[tuple[str, int, str, int]] = field(
        default_factory=list[tuple[str, int, str, int]]
    )
    arrivals: int = 0
    repeats: int = 0
    late: int = 0

    def answer(self, parcel: Parcel, *, may_be_late: bool) -> Reply:
        """Take a parcel as the mood is."""
        mood = self.mood
        if mood == "picky":  # some notices it will never have
            mood = "missing" if re.search(r'"value":\d*[13579]\b', parcel.text) else "good"
        takes, reply = MOODS[mood]
        if not takes:
            return reply
        body = self._verified(parcel)
        if body is None:
            return Reply("http_401", 401)
        self._take(parcel.headers["webhook-id"], body, may_be_late=may_be_late)
        return reply

    def _verified(self, parcel: Parcel) -> dict[str, Any] | None:
        for secret in self.secrets:
            try:
                body: dict[str, Any] = Webhook(secret).verify(parcel.text, dict(parcel.headers))
            except WebhookVerificationError:
                continue
            return body
        return None

    def _take(self, notice_id: str, body: dict[str, Any], *, may_be_late: bool) -> None:
        self.arrivals += 1
        stream, sequence = body["stream"], body["sequence"]
        if notice_id in self.ids:
            self.repeats += 1
            return
        if sequence <= self.last.get(stream, 0):
            assert may_be_late, f"reordered: {sequence} of {stream} after {self.last[stream]}"
            self.late += 1
            return
        self.ids.add(notice_id)
        self.last[stream] = sequence
        self.things[body["data"]["thing"]] = body["data"]["value"]
        self.effects.append((stream, sequence, body["data"]["thing"], body["data"]["value"]))


def body_of(thing: str, value: int) -> dict[str, object]:
    """The whole state of a thing in these histories."""
    return json.loads(json.dumps({"thing": thing, "value": value}))
