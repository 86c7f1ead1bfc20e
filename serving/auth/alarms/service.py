"""Decisions about alarms."""

from serving.access.decision import Resource, not_found
from serving.auth.alarms import repository
from serving.auth.alarms.repository import Alarm
from serving.errors import ConflictError
from serving.look import Look


async def list_some(look: Look, *, only_open: bool, after: int, limit: int) -> list[Alarm]:
    """Alarms, the oldest first."""
    await look.allow(Resource())
    return await repository.read_some(
        look.connection, only_open=only_open, after=after, limit=limit
    )


async def acknowledge(look: Look, alarm_id: int, outcome: str) -> None:
    """Close an alarm with what was found.

    Raises
    ------
    ConflictError
        If somebody else did, or it is about the caller itself.
    """
    await look.allow(Resource())
    alarm = await repository.lock_one(look.connection, alarm_id)
    if alarm is None:
        raise not_found()
    if alarm.acknowledged_at is not None or alarm.actor == look.caller.id:
        raise ConflictError(
            en="This alarm was acknowledged already, or is about yourself.",
            zh="该告警已被确认，或与您本人有关，不能由您确认。",
            details={"acknowledged_by": alarm.acknowledged_by},
        )
    await repository.acknowledge(look.connection, alarm_id, look.caller.id, outcome, look.now)
    look.says(alarm=alarm_id, of=alarm.actor)
