"""Clients, secrets and tokens at the wire."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from serving.access.decision import Action
from serving.auth.rules import load_rules
from serving.auth.wire import Instant, Uscc, Wire

_MOST = load_rules().rates.client_at_most
Label = Annotated[str, StringConstraints(strip_whitespace=True, min_length=2, max_length=60)]


class NewClient(Wire):
    """A program of an institution, with what it may do."""

    institution: Uscc
    label: Label
    permissions: Annotated[list[Action], Field(min_length=1, max_length=64)]
    rate_per_second: Annotated[float, Field(gt=0, le=_MOST.rate_per_second)] = (
        load_rules().rates.client.rate_per_second
    )
    burst: Annotated[int, Field(ge=1, le=_MOST.burst)] = load_rules().rates.client.burst


class SecretAnswer(Wire):
    """One secret, without its text."""

    secret_id: str
    created_at: Instant
    expires_at: Instant | None
    revoked_at: Instant | None


class ClientAnswer(Wire):
    """A client as the ledger has it."""

    client_id: str
    institution: str
    label: str
    permissions: list[str]
    rate_per_second: float
    burst: int
    state: Literal["active", "revoked"]
    created_at: Instant
    secrets: list[SecretAnswer]


class ShownSecret(Wire):
    """A new secret, shown this once: only its digest is kept."""

    client_id: str
    secret_id: str
    client_secret: str


class TokenAnswer(Wire):
    """RFC 6749, 5.1."""

    access_token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - RFC 6749's word
    expires_in: int
    scope: str


class KeySet(Wire):
    """RFC 7517: the public keys that verify our tokens."""

    keys: list[dict[str, str]]
