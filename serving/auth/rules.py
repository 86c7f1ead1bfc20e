"""The numbers of the room: lifetimes, limits and rates, as written in `rules.yaml`."""

from datetime import date
from functools import cache
from pathlib import Path

from pydantic import Field, PositiveFloat, PositiveInt

from features.documents import Document, load_document
from features.errors import CatalogueError

RULES = Path(__file__).with_name("rules.yaml")


class Tokens(Document):
    """Lifetimes and limits of access tokens."""

    lifetime_seconds: PositiveInt
    clock_leeway_seconds: int = Field(ge=0)
    reload_seconds: PositiveInt
    longest_characters: PositiveInt
    remembered: PositiveInt


class Secrets(Document):
    """How many secrets a client may have at a time."""

    live_per_client: PositiveInt


class Sessions(Document):
    """When a session ends by itself."""

    idle_seconds: PositiveInt
    absolute_seconds: PositiveInt
    touch_seconds: PositiveInt


class Passwords(Document):
    """What a password must be, and what checking one costs."""

    shortest_characters: PositiveInt
    longest_characters: PositiveInt
    distinct_characters: PositiveInt
    memory_kib: PositiveInt
    passes: PositiveInt
    lanes: PositiveInt
    at_once: PositiveInt
    waiting: int = Field(ge=0)


class Lockout(Document):
    """How long a login waits after failures."""

    free_failures: PositiveInt
    first_seconds: PositiveInt
    longest_seconds: PositiveInt


class RealName(Document):
    """The methods by which each level may be certified."""

    levels: dict[int, tuple[str, ...]]


class Institutions(Document):
    """What is asked of institutions."""

    assessment_days: PositiveInt


class Rate(Document):
    """Requests a second, and how many at once after a rest."""

    rate_per_second: PositiveFloat
    burst: PositiveInt


class Rates(Document):
    """Rates by kind of caller."""

    client: Rate
    client_at_most: Rate
    person: Rate
    anonymous: Rate


class UnrelatedEnterprises(Document):
    """When looks at strangers are too many."""

    limit: PositiveInt
    window_seconds: PositiveInt
    related_days: PositiveInt


class Alarms(Document):
    """Limits of what is normal."""

    unrelated_enterprises: UnrelatedEnterprises


class Rules(Document):
    """`rules.yaml` as written."""

    valid_from: date
    tokens: Tokens
    secrets: Secrets
    sessions: Sessions
    passwords: Passwords
    lockout: Lockout
    real_name: RealName
    institutions: Institutions
    rates: Rates
    alarms: Alarms


@cache
def load_rules() -> Rules:
    """Read the numbers once.

    Raises
    ------
    CatalogueError
        If the file is malformed; it names the key.
    """
    return load_document(RULES, Rules, CatalogueError)
