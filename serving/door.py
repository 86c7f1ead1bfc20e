"""The one door: who asks, may it, the answer, its record; one request is one transaction.

A room makes a `Door` instead of a router and names an action for every endpoint::

    door = Door("/v1/consents", "consents")

    @door.get("/{consent_id}")
    @asks(Action.CONSENT_READ)
    async def read_consent(consent_id: str, look: CurrentLook) -> ConsentAnswer: ...

The endpoint must ask `look.allow(...)`; an answer that was never allowed does not leave. The record's
row is written last, in the same transaction: no row, no answer. A refusal undoes what was done and
leaves a row of its own.
"""

from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import Any, TypeVar

from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute

from features.errors import XinqiaoError
from serving.access.decision import Action, LiveConsent, refusal
from serving.ahead import Ahead, Foresight
from serving.audit.record import write_entry
from serving.auth.identify import address_of, identify
from serving.db import COMMIT, begin
from serving.house import house_of
from serving.idempotency import answer_once
from serving.look import Look
from serving.observe.meters import meters_of
from serving.reference.responses import problem_responses

Answer = Callable[[Request], Coroutine[Any, Any, Response]]
Endpoint = TypeVar("Endpoint", bound=Callable[..., object])
_ACTIONS: dict[Callable[..., object], Action] = {}
_FORESIGHTS: dict[Callable[..., object], Foresight] = {}
#: Refusals that are not looks at anybody's data: a malformed request, a busy service, one request too many.
_UNRECORDED = frozenset(
    {"malformed", "unavailable", "overloaded", "timeout", "too_large", "too_many_requests"}
)


class UndecidedError(Exception):
    """An endpoint answered without asking whether it may: a defect of ours, never a caller's."""


def asks(action: Action, *, foresees: Foresight | None = None) -> Callable[[Endpoint], Endpoint]:
    """Name the action that the access policy decides about.

    Parameters
    ----------
    foresees : callable, optional
        From a program's JSON, what the endpoint will read; it travels with the question about who asks.
    """

    def name(endpoint: Endpoint) -> Endpoint:
        _ACTIONS[endpoint] = action
        if foresees is not None:
            _FORESIGHTS[endpoint] = foresees
        return endpoint

    return name


def action_of(endpoint: Callable[..., object]) -> Action:
    """The action an endpoint was given by `asks`.

    Raises
    ------
    UndecidedError
        If it was given none: then nobody could say who may call it.
    """
    try:
        return _ACTIONS[endpoint]
    except KeyError:
        raise UndecidedError(f"{endpoint.__qualname__} names no action; use `asks`.") from None


class DoorRoute(APIRoute):
    """A route that opens a look before its endpoint and closes it with a row of the record."""

    def get_route_handler(self) -> Answer:
        """As FastAPI's, with the door around it."""
        answer = super().get_route_handler()
        action, foresees = action_of(self.endpoint), _FORESIGHTS.get(self.endpoint)

        async def through_the_door(request: Request) -> Response:
            house = house_of(request)
            look = Look(house, action, request.state.request_id, house.clock())
            request.state.look = look
            await request.body()  # a slow sender keeps no connection of the ledger
            if foresees is not None:
                look.ahead = await _foreseen(foresees, request, look.now)
            try:
                async with house.database.connection() as connection:
                    look.connection = connection
                    await _admit(look, request)
                    response = await answer_once(look, request, answer)
                    if not look.asked:
                        raise UndecidedError(f"{self.path}: nothing was asked of `look.allow`.")
                    await _close(look)
            except XinqiaoError as refused:
                if refused.code not in _UNRECORDED:
                    await _record_refusal(look, refused)
                raise
            meters_of(request).audit_rows.labels(look.outcome).inc()
            return response

        return through_the_door


async def _foreseen(foresees: Foresight, request: Request, now: datetime) -> Ahead:
    """What can be foreseen of a request; of one that is malformed, nothing."""
    try:
        body: object = await request.json()
    except ValueError:
        return Ahead()
    return Ahead(lambda institution: foresees(body, institution, now))


async def _admit(look: Look, request: Request) -> None:
    """Say who asks, count the request, and refuse a role that lacks the action before any look-up."""
    look.caller = await identify(look.house, request, look.connection, look.now, look.ahead)
    await begin(look.connection)  # it is begun, unless nobody had to be asked about
    look.house.limits.take(look.caller, look.now, address_of(request))
    refused = refusal(look.caller, look.action, None, LiveConsent())
    if refused is not None:
        raise refused


async def _close(look: Look) -> None:
    """What was left for the end, the record and the commit, in one trip to the ledger."""
    async with look.connection.pipeline():
        for query, given in look.last:
            await look.connection.execute(query, given)
        await _record(look, look.outcome, "granted")
        await look.connection.execute(COMMIT)


async def _record_refusal(look: Look, refused: XinqiaoError) -> None:
    """Write what was refused in a transaction of its own; the first one is undone by now."""
    if look.caller.kind == "anonymous" and refused.status in {401, 404}:
        return
    look.detail["status"] = refused.status
    async with look.house.database.transaction() as look.connection:
        await _record(look, "refused", refused.code)


async def _record(look: Look, outcome: str, result: str) -> None:
    await write_entry(look.connection, look.entry(outcome, result))


class Door(APIRouter):
    """A router all of whose endpoints are behind the door."""

    def __init__(self, prefix: str, tag: str) -> None:
        super().__init__(
            prefix=prefix, tags=[tag], route_class=DoorRoute, responses=problem_responses()
        )
