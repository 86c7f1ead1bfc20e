"""Alarms over HTTP."""

from dataclasses import asdict
from typing import Annotated

from fastapi import Path, Query

from serving.access.decision import Action
from serving.auth.alarms import service
from serving.auth.alarms.repository import Alarm
from serving.auth.alarms.schemas import Acknowledgement, AlarmAnswer
from serving.door import Door, asks
from serving.look import CurrentLook
from serving.pages import CurrentPager, Page

door = Door("/v1/alarms", "alarms")


@door.get("")
@asks(Action.ALARM_READ)
async def list_alarms(
    look: CurrentLook,
    pager: CurrentPager,
    only_open: Annotated[bool, Query(alias="open")] = False,  # noqa: FBT002 - a query parameter
) -> Page[AlarmAnswer]:
    """Alarms 告警 about unusual access, the oldest first."""
    after = int(pager.after[0]) if pager.after else 0
    found = await service.list_some(look, only_open=only_open, after=after, limit=pager.fetch)
    return pager.page(found, _answer, lambda row: (row.alarm_id,))


@door.post("/{alarm_id}/acknowledge", status_code=204)
@asks(Action.ALARM_CHANGE)
async def acknowledge(
    alarm_id: Annotated[int, Path(ge=1, lt=2**63)], body: Acknowledgement, look: CurrentLook
) -> None:
    """Close an alarm with what was found 处置结果."""
    await service.acknowledge(look, alarm_id, body.outcome)


def _answer(row: Alarm) -> AlarmAnswer:
    return AlarmAnswer.model_validate(asdict(row))
