"""Write what changed about alerts, tell the institutions by the outbox, and keep the record of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from features.scope import PLATFORM, Purpose
from serving.alerts import repository
from serving.alerts.body import alert_body
from serving.alerts.rows import Alert, NewEvent
from serving.alerts.steps import TABLE
from serving.audit.record import Entry, write_entry
from serving.db import Connection
from serving.loans.exposures import live_exposures
from serving.webhooks import outbox

KIND = "alert.changed"
#: What an institution hears of without having asked.
_NEWS = frozenset({"push", "lower", "end", "repeat"})


@dataclass(frozen=True)
class Told:
    """An alert as it stands now, and the steps that took it there.

    Attributes
    ----------
    before : str
        Its state before; empty for a new one.
    """

    alert: Alert
    steps: tuple[str, ...]
    before: str


async def write_and_tell(
    connection: Connection,
    changes: Sequence[Told],
    *,
    now: datetime,
    subject_of: Callable[[str], str],
) -> int:
    """Write changed alerts; of those with steps also what was done, notices and rows of the record.

    Returns
    -------
    int
        How many had steps.
    """
    if not changes:
        return 0
    await repository.write_alerts(connection, [one.alert for one in changes])
    # One order of enterprises for everybody who posts, so that no two wait for each other.
    moved = sorted((one for one in changes if one.steps), key=lambda one: one.alert.uscc)
    await repository.write_events(connection, [e for one in moved for e in _events(one, now)])
    loans = await own_loans(connection, [one.alert.uscc for one in moved])
    for one in moved:
        if one.alert.institution == PLATFORM or not _NEWS.intersection(one.steps):
            continue
        await outbox.post(connection, _notice(one.alert, loans), now)
        await write_entry(connection, _entry(one, now, subject_of))
    return len(moved)


async def own_loans(
    connection: Connection, usccs: Sequence[str]
) -> Mapping[tuple[str, str], list[str]]:
    """Numbers of the running loans by institution and enterprise, given or guaranteed."""
    found: dict[tuple[str, str], list[str]] = {}
    for one in await live_exposures(connection, sorted(set(usccs))) if usccs else []:
        found.setdefault((one.institution, one.uscc), []).extend(one.loan_ids)
    return found


def _notice(alert: Alert, loans: Mapping[tuple[str, str], list[str]]) -> outbox.Notice:
    return outbox.Notice(
        institution=alert.institution,
        kind=KIND,
        stream=alert.uscc,
        thing=alert.alert_id,
        uscc=alert.uscc,
        needs=frozenset(alert.needs),
        body=alert_body(alert, loans.get(alert.owner, [])),
    )


def _events(one: Told, now: datetime) -> list[NewEvent]:
    made: list[NewEvent] = []
    state: str = one.before
    for step in one.steps:
        target = "detected" if step == "detect" else TABLE[step].target or state
        said = {"outcome": str(one.alert.standing.outcome)} if step == "end" else {}
        level = one.alert.standing.level
        made.append(
            NewEvent(one.alert.alert_id, step, state, target, level, now, "system", "system", said)
        )
        state = target
    return made


def _entry(one: Told, now: datetime, subject_of: Callable[[str], str]) -> Entry:
    return Entry(
        at=now,
        request_id=f"task-{one.alert.alert_id}",
        actor_kind="system",
        actor="alerts",
        role="system",
        tenant=one.alert.institution,
        action="alert:push:granted",
        subject=subject_of(one.alert.uscc),
        purpose=Purpose.POSTLOAN,
        consents=(),
        fields=("alert",),
        result="granted",
        detail={"alert_id": one.alert.alert_id, "steps": list(one.steps)},
    )
