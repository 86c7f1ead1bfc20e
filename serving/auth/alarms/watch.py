"""The watch over access: more looks at strangers in an hour than work can need is an alarm (C42)."""

from collections.abc import Callable
from datetime import datetime, timedelta

from serving.audit.record import Entry, write_entry
from serving.auth.alarms.repository import (
    Busy,
    busy_actors,
    raise_alarm,
    related_enterprises,
)
from serving.auth.rules import load_rules
from serving.db import Connection

UNRELATED = "unrelated_enterprises"


async def watch_access(
    connection: Connection, now: datetime, subject_of: Callable[[str], str]
) -> int:
    """Raise an alarm for every actor that asked about too many strangers; at most one an hour each.

    A stranger is an enterprise without a live or recent consent to the actor's institution, whatever
    the answer was; of a firm's owner, every enterprise but its own. Looks that found nothing count
    one each.

    Parameters
    ----------
    subject_of : callable
        The record's pseudonym of an enterprise (`House.subject_of`).

    Returns
    -------
    int
        New alarms.
    """
    rules = load_rules().alarms.unrelated_enterprises
    since = now - timedelta(seconds=rules.window_seconds)
    raised = 0
    for busy in await busy_actors(connection, since, now, rules.limit):
        known = await _related(connection, busy, now, subject_of)
        count = len(set(busy.subjects or ()) - known) + busy.misses
        if count > rules.limit:
            number = await raise_alarm(connection, UNRELATED, busy, count, rules.limit, since, now)
            if number is not None:
                await write_entry(connection, _entry(busy, number, count, now))
                raised += 1
    return raised


async def _related(
    connection: Connection, busy: Busy, now: datetime, subject_of: Callable[[str], str]
) -> set[str]:
    """Pseudonyms of the enterprises an actor has to do with; none for who works for the platform."""
    if not busy.tenant:
        return set()
    since = now - timedelta(days=load_rules().alarms.unrelated_enterprises.related_days)
    codes = await related_enterprises(connection, busy.tenant, since, since.date())
    return {subject_of(code) for code in (*codes, busy.tenant)}


def _entry(busy: Busy, number: int, count: int, now: datetime) -> Entry:
    return Entry(
        at=now,
        request_id=f"alarm-{number}",
        actor_kind="system",
        actor="watch",
        role="system",
        tenant=None,
        action="alarm:raise:granted",
        subject=None,
        purpose=None,
        consents=(),
        fields=(),
        result="granted",
        detail={"alarm": number, "kind": UNRELATED, "of": busy.actor, "count": count},
    )
