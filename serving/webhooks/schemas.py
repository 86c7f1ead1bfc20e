"""Endpoints, secrets and attempts at the wire."""

from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from serving.auth.wire import Instant, Uscc, Wire

Label = Annotated[str, StringConstraints(strip_whitespace=True, min_length=2, max_length=60)]
Url = Annotated[str, StringConstraints(min_length=9, max_length=500)]


class NewEndpoint(Wire):
    """Where an institution wants to hear; its notices begin with what happens next."""

    institution: Uscc
    label: Label
    url: Url


class EndpointChange(Wire):
    """What shall be otherwise; what is left out stays."""

    label: Label | None = None
    url: Url | None = None
    state: Literal["active", "disabled"] | None = None


class EndpointSecret(Wire):
    """A secret without its text; after `expires_at` it signs no more."""

    secret_id: str
    created_at: Instant
    expires_at: Instant | None


class EndpointAnswer(Wire):
    """An endpoint as the ledger has it.

    `state_reason` says why it is disabled: `asked`, `failing` (every try for days failed) or `gone` (the
    receiver answered 410). `waiting` notices leave when it is active again.
    """

    endpoint_id: str
    institution: str
    label: str
    url: str
    state: Literal["active", "disabled"]
    state_reason: str
    created_at: Instant
    changed_at: Instant
    last_success_at: Instant | None
    waiting: int
    secrets: list[EndpointSecret]


class ShownEndpointSecret(Wire):
    """A new secret, shown this once; signatures by the one before go on beside it for a day."""

    endpoint_id: str
    secret_id: str
    secret: str


class NewSecret(Wire):
    """`drop_old` ends the secrets before at once: for one that was lost."""

    drop_old: bool = False


class TestSent(Wire):
    """The notice that is on its way; its attempts say what came of it."""

    __test__ = False  # an answer, not a test

    notice_id: str


class Replay(Wire):
    """Which notices to send again: all posted since a moment, or those that were given up."""

    since: Instant | None = None
    only_failed: bool = False

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if (self.since is None) != self.only_failed:
            message = "give `since`, or `only_failed: true`, not both"
            raise ValueError(message)
        return self


class Replayed(Wire):
    """How many notices wait again: the newest state of each thing, at the end of its stream."""

    notices: int


class AttemptAnswer(Wire):
    """One sending: when, of what, and what came of it; an empty `outcome` was cut short and is tried again."""

    attempt_no: int
    notice_id: str
    kind: str
    sequence: int
    state: Annotated[
        Literal["waiting", "sent", "folded", "withheld", "failed"],
        Field(description="Of the notice now."),
    ]
    began_at: Instant
    outcome: str
    status: int | None
    milliseconds: int | None
