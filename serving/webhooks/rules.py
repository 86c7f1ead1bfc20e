"""The numbers of the room, as written in `rules.yaml`."""

import ipaddress
from collections.abc import Sequence
from datetime import date, timedelta
from functools import cache, cached_property
from pathlib import Path

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt

from features.documents import Document, load_document
from features.errors import CatalogueError

RULES = Path(__file__).with_name("rules.yaml")

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Endpoints(Document):
    """How many endpoints and secrets there may be."""

    per_institution: PositiveInt
    live_secrets: PositiveInt
    overlap_hours: PositiveInt


class Sending(Document):
    """Limits of one sending."""

    connect_seconds: PositiveFloat
    total_seconds: PositiveFloat
    answer_bytes: PositiveInt
    addresses: PositiveInt
    kept_connections: PositiveInt


class Leases(Document):
    """How streams are shared out among senders."""

    seconds: PositiveInt
    per_endpoint: PositiveInt
    hands: PositiveInt


class Retries(Document):
    """When a stream that failed is tried again."""

    pauses_seconds: list[PositiveInt] = Field(min_length=1)
    jitter: NonNegativeFloat
    longest_wait_seconds: PositiveInt

    def pause(self, failures: int, chance: float, asked_seconds: float | None) -> timedelta | None:
        """How long to wait after so many failures in a row; None when that was the last try.

        Parameters
        ----------
        failures : int
            At least 1.
        chance : float
            In [0, 1), for the jitter.
        asked_seconds : float or None
            What the receiver's Retry-After said; it lengthens the pause, up to `longest_wait_seconds`.
        """
        if failures > len(self.pauses_seconds):
            return None
        usual = self.pauses_seconds[failures - 1] * (1 + self.jitter * chance)
        asked = min(asked_seconds or 0.0, self.longest_wait_seconds)
        return timedelta(seconds=max(usual, asked))

    @property
    def longest(self) -> timedelta:
        """No pause is longer; what seems to be was written under another clock."""
        usual = max(self.pauses_seconds) * (1 + self.jitter)
        return timedelta(seconds=max(usual, self.longest_wait_seconds))


class Keeping(Document):
    """How long the past is kept."""

    settled_days: PositiveInt


class TestNotice(Document):
    """What an institution sends itself to try an endpoint."""

    __test__ = False  # a notice, not a test

    kind: str
    stream: str


class Addresses(Document):
    """Where a notice may go."""

    ports: list[PositiveInt]
    longest_url: PositiveInt
    closed_names: list[str]
    closed_networks: list[str]

    @cached_property
    def networks(self) -> Sequence[Network]:
        """The closed networks."""
        return [ipaddress.ip_network(text) for text in self.closed_networks]


class Rules(Document):
    """`rules.yaml` as written."""

    valid_from: date
    endpoints: Endpoints
    sending: Sending
    leases: Leases
    retries: Retries
    keeping: Keeping
    test_notice: TestNotice
    addresses: Addresses


@cache
def load_rules() -> Rules:
    """Read the numbers once.

    Raises
    ------
    CatalogueError
        If the file is malformed; it names the key.
    """
    return load_document(RULES, Rules, CatalogueError)
