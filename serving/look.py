"""One look: a caller, an action, a transaction, and what the record will say of it."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Literal, LiteralString

from fastapi import Depends, Request

from serving.access.callers import NOBODY, Caller
from serving.access.decision import Action, LiveConsent, Resource, needs_consent, refusal
from serving.ahead import Ahead
from serving.audit.record import Entry
from serving.consent.live import live_consent
from serving.db import Connection
from serving.house import House


@dataclass
class Look:
    """What an endpoint works with; the door opens it before and writes its record after.

    Attributes
    ----------
    connection : Connection
        Inside the request's one transaction.
    now : datetime
        Asia/Shanghai wall time of the request.
    paid : collection of str or None
        The consents by which an answer was given that is now given again; None for a new one.
    ahead : Ahead
        What was read of the ledger together with who asks.
    last : list of (str, mapping)
        Statements that are sent with the record; see `at_last`.
    """

    house: House
    action: Action
    request_id: str
    now: datetime
    caller: Caller = NOBODY
    connection: Connection = field(init=False)
    asked: list[Resource] = field(default_factory=list[Resource])
    consents: set[str] = field(default_factory=set[str])
    fields: set[str] = field(default_factory=set[str])
    detail: dict[str, object] = field(default_factory=dict[str, object])
    paid: Collection[str] | None = None
    ahead: Ahead = field(default_factory=Ahead)
    last: list[tuple[LiteralString, Mapping[str, object]]] = field(
        default_factory=list[tuple[LiteralString, Mapping[str, object]]]
    )

    @property
    def outcome(self) -> Literal["granted", "replayed"]:
        """What the record calls an answer that leaves."""
        return "granted" if self.paid is None else "replayed"

    async def allow(self, resource: Resource) -> LiveConsent:
        """Let the caller take the action on this, or refuse; every endpoint asks before it answers.

        An answer that is only given again asks, too, and spends nothing of a consent with a limit.

        Raises
        ------
        ServingError
            What `serving.access.decision.refusal` says; 404 for another tenant's.
        """
        self.asked.append(resource)
        consent = LiveConsent()
        if (
            needs_consent(self.caller, self.action)
            and resource.purpose is not None
            and not resource.is_public
        ):
            consent = await live_consent(
                self.connection,
                resource.uscc,
                self.caller.tenant,
                resource.purpose,
                self.now,
                paid=self.paid,
                ahead=self.ahead,
            )
        refused = refusal(self.caller, self.action, resource, consent)
        if refused is not None:
            raise refused
        self.consents.update(consent.ids)
        return consent

    def at_last(self, query: LiteralString, given: Mapping[str, object]) -> None:
        """Write this when the answer is ready: on one trip with the record and the commit, or not at all."""
        self.last.append((query, given))

    def says(self, *, fields: Collection[str] = (), **detail: object) -> None:
        """Add to the record: names of what the answer holds, ids and counts. Never values."""
        self.fields.update(fields)
        self.detail.update(detail)

    def entry(self, outcome: str, result: str) -> Entry:
        """The row of the record; `outcome` is granted, refused or replayed."""
        subjects = {resource.uscc for resource in self.asked if resource.uscc}
        purposes = {str(resource.purpose) for resource in self.asked if resource.purpose}
        return Entry(
            at=self.now,
            request_id=self.request_id,
            actor_kind=self.caller.kind,
            actor=self.caller.id,
            role=str(self.caller.role),
            tenant=self.caller.tenant or None,
            action=f"{self.action}:{outcome}",
            subject=self.house.subject_of(subjects.pop()) if len(subjects) == 1 else None,
            purpose=purposes.pop() if len(purposes) == 1 else None,
            consents=tuple(sorted(self.consents)),
            fields=tuple(sorted(self.fields)),
            result=result,
            detail=self.detail,
        )


async def _current_look(request: Request) -> Look:
    # A plain function would be run in a thread of its own.
    look: Look = request.state.look
    return look


CurrentLook = Annotated[Look, Depends(_current_look)]
