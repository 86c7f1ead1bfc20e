"""`provider.yaml`: where a provider answers, how patiently it is asked, what an answer may be.

Example::

    dataset: invoice_month
    mapping: tax.yaml
    url: https://tax.example.cn/share/invoice-month
    method: POST
    auth: {kind: hmac, key_id: platform, secret_variable: TAX_SHARE_SECRET}
    period_days: 1095

What an endpoint is allowed by default is read from `defaults.yaml` beside this file.
"""

from functools import cache
from pathlib import Path
from typing import Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from features.contracts import Words
from features.documents import Document, load_document
from features.errors import ProviderError

_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


class Auth(Document):
    """How a request proves who asks; the secret itself stands in an environment variable.

    Parameters
    ----------
    kind : str
        `bearer` sends the secret as a token; `hmac` signs each request with it.
    secret_variable : str
        Name of the environment variable.
    key_id : str
        Tells the provider which secret signed; only for `hmac`.
    """

    kind: Literal["bearer", "hmac"]
    secret_variable: str = Field(pattern=r"^[A-Z][A-Z0-9_]*$")
    key_id: str = "platform"


class Timeouts(Document):
    """How long a request may take [s]; `total` counts from its first byte to the answer's last."""

    connect: float = Field(gt=0)
    read: float = Field(gt=0)
    total: float = Field(gt=0)


class Retries(Document):
    """What is tried again: lost connections and busy providers, never an answer that came.

    Parameters
    ----------
    count : int
        Attempts after the first.
    backoff_seconds : float
        Pause before the first retry; it doubles with each [s].
    longest_pause_seconds : float
        A provider that asks for more by Retry-After is left alone for this run [s].
    """

    count: int = Field(ge=0, le=10)
    backoff_seconds: float = Field(ge=0)
    longest_pause_seconds: float = Field(ge=0)


class BreakerLimits(Document):
    """After this many failures in a row nobody is asked until the pause is over."""

    failures: int = Field(ge=1)
    pause_seconds: float = Field(ge=0)


class AnswerLimits(Document):
    """The largest answer that is read at all [bytes], and the most records of one firm."""

    bytes: int = Field(ge=1)
    records: int = Field(ge=1)


class Endpoint(Document):
    """A provider's endpoint as its file says it.

    Parameters
    ----------
    mapping : str
        The provider's mapping file, relative to this file; only a pull needs it.
    records_at : list of str
        Keys that lead to the list of records in the answer.
    period_days : int
        Records are asked for from this many days before the as-of date [days].
    tls_ca_file : str
        Certificates to trust instead of the machine's, relative to this file.
    questions : dict of str to Words
        What may be verified here, by the id that is sent.
    """

    dataset: str
    provider: str
    url: str
    mapping: str | None = None
    method: Literal["GET", "POST"] = "POST"
    auth: Auth | None = None
    timeouts: Timeouts
    retries: Retries
    breaker: BreakerLimits
    answer: AnswerLimits
    concurrency: int = Field(ge=1, le=64)
    period_days: int = Field(ge=1)
    records_at: list[str] = Field(min_length=1)
    tls_ca_file: str | None = None
    questions: dict[str, Words] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _fill_in(cls, content: object) -> object:
        """What the file leaves out is as `defaults.yaml` says, key by key."""
        if not isinstance(content, dict):
            return content
        filled: dict[str, Any] = {**_defaults().model_dump(), **content}
        for name in ("timeouts", "retries", "breaker", "answer"):
            if isinstance(content.get(name), dict):
                filled[name] = {**getattr(_defaults(), name).model_dump(), **content[name]}
        return filled

    @field_validator("url")
    @classmethod
    def _is_safe(cls, url: str) -> str:
        parts = urlsplit(url)
        is_local = parts.scheme == "http" and parts.hostname in _LOOPBACK
        if not parts.hostname or not (parts.scheme == "https" or is_local):
            msg = "use https; plain http is for this machine alone"
            raise ValueError(msg)
        if parts.username or parts.password or parts.query or parts.fragment:
            msg = "give the bare address: no user, password, query or fragment"
            raise ValueError(msg)
        return url

    @model_validator(mode="after")
    def _secrets_travel_safely(self) -> Self:
        if self.questions and self.method != "POST":
            msg = "questions are sent by POST: an address is written into logs, the asked value may not be"
            raise ValueError(msg)
        return self


class _Defaults(Document):
    timeouts: Timeouts
    retries: Retries
    breaker: BreakerLimits
    answer: AnswerLimits
    concurrency: int
    period_days: int
    records_at: list[str]


@cache
def _defaults() -> _Defaults:
    return load_document(Path(__file__).parent / "defaults.yaml", _Defaults, ProviderError)


def load_endpoint(path: Path) -> Endpoint:
    """Read an endpoint file; paths in it count from its folder.

    Raises
    ------
    ProviderError
        With the key and what was expected there.
    """
    endpoint = load_document(path, Endpoint, ProviderError)
    found = {
        name: str(path.parent / given)
        for name in ("mapping", "tls_ca_file")
        if (given := getattr(endpoint, name)) is not None
    }
    return endpoint.model_copy(update=found)
