"""Notices at the wire, signed as Standard Webhooks asks: by every secret that is live."""

import base64
import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from standardwebhooks import Webhook

from features.clock import SHANGHAI

SECRET_BYTES = 32


@dataclass(frozen=True)
class Letter:
    """What one notice says, the same at every attempt.

    Attributes
    ----------
    stream : str
        USCC of the enterprise; `sequence` counts up within it, with gaps.
    posted_at : datetime
        Asia/Shanghai wall time.
    data : str
        The thing's whole state, JSON.
    """

    notice_id: str
    kind: str
    stream: str
    sequence: int
    posted_at: datetime
    data: str

    @property
    def text(self) -> str:
        """The body: `type`, `timestamp` and `data` as Standard Webhooks names them, and the place in the stream."""
        whole = {
            "type": self.kind,
            "timestamp": self.posted_at.replace(tzinfo=SHANGHAI).isoformat(),
            "stream": self.stream,
            "sequence": self.sequence,
            "data": json.loads(self.data),
        }
        return json.dumps(whole, ensure_ascii=False, separators=(",", ":"))


def signed_headers(notice_id: str, text: str, keys: Sequence[str], now: datetime) -> dict[str, str]:
    """The headers that go with a body.

    Parameters
    ----------
    keys : sequence of str
        Live secrets, `whsec_…`; each gives one signature.
    now : datetime
        Asia/Shanghai wall time of this attempt: a receiver refuses what is older than five minutes.
    """
    moment = now.replace(tzinfo=SHANGHAI).astimezone(UTC)
    return {
        "Content-Type": "application/json",
        "webhook-id": notice_id,
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": " ".join(Webhook(key).sign(notice_id, moment, text) for key in keys),
    }


def new_webhook_secret() -> str:
    """256 random bits, in the spelling of Standard Webhooks."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()
