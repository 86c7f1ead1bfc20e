"""Alerts over HTTP: an institution reads and handles its own, the platform sees how good they are."""

from typing import Annotated, Literal

from fastapi import Path, Query

from serving.access.decision import Action, Resource
from serving.alerts import repository
from serving.alerts.kinds import kind_of
from serving.alerts.schemas import (
    AlertAnswer,
    AlertDetail,
    AlertStatistics,
    Closure,
    FirmWatched,
    NoteMade,
    OverdueAnswer,
    SignalStatistics,
    WatchedAnswer,
    detail_of,
)
from serving.alerts.service import (
    bodies,
    find_alert,
    list_alerts,
    read_watch_list,
    stop_watching,
    take_step,
    watch_firm,
)
from serving.alerts.statistics import by_signal, open_by_institution
from serving.alerts.steps import State
from serving.door import Door, asks
from serving.look import CurrentLook, Look
from serving.pages import CurrentPager, Page

alerts = Door("/v1/alerts", "alerts")
watched = Door("/v1/watch-list", "alerts")
statistics = Door("/v1/alert-statistics", "alerts")
DOORS = (alerts, watched, statistics)

AlertId = Annotated[str, Path(max_length=64)]
Uscc = Annotated[str, Path(pattern=r"^[0-9A-Z]{18}$")]
_OVERDUE = 200


@alerts.get("")
@asks(Action.ALERT_READ)
async def list_own(
    look: CurrentLook,
    pager: CurrentPager,
    level: Literal["B", "Y", "O", "R", ""] = "",
    state: State | Literal["open", ""] = "",
    signal: Annotated[str, Query(pattern=r"^([WU]\d{1,2})?$")] = "",
    uscc: Annotated[str, Query(pattern=r"^([0-9A-Z]{18})?$")] = "",
) -> Page[AlertAnswer]:
    """The institution's alerts, the newest first.

    A filter by signal passes over alerts whose signal may not be seen now, so it says nothing of them.
    """
    rows = await list_alerts(look, pager, filters_of(level, state, signal, uscc))
    told = await bodies(look, rows)
    page = pager.page(
        rows,
        lambda row: AlertAnswer.model_validate(told[row.alert_id]),
        lambda row: (row.alert_no,),
    )
    shown = [one for one in page.items if not signal or one.seen is not None]
    return Page(items=shown, next=page.next)


@alerts.get("/{alert_id}")
@asks(Action.ALERT_READ)
async def read_alert(alert_id: AlertId, look: CurrentLook) -> AlertDetail:
    """One alert with what was done about it."""
    await find_alert(look, alert_id)
    return await _answer(look, alert_id)


@alerts.post("/{alert_id}/acknowledgement")
@asks(Action.ALERT_CHANGE)
async def acknowledge(alert_id: AlertId, look: CurrentLook) -> AlertDetail:
    """Say that the alert was seen, which it must be before anything else."""
    await take_step(look, alert_id, "acknowledge")
    return await _answer(look, alert_id)


@alerts.post("/{alert_id}/notes", status_code=201)
@asks(Action.ALERT_CHANGE)
async def add_note(alert_id: AlertId, made: NoteMade, look: CurrentLook) -> AlertDetail:
    """Report what was done; no personal data, please."""
    await take_step(look, alert_id, "note", text=made.text)
    return await _answer(look, alert_id)


@alerts.post("/{alert_id}/closure")
@asks(Action.ALERT_CHANGE)
async def close(alert_id: AlertId, closed: Closure, look: CurrentLook) -> AlertDetail:
    """Close it with what came of it; precision of the signal is counted from these."""
    await take_step(look, alert_id, "close", text=closed.text or "", outcome=closed.outcome)
    return await _answer(look, alert_id)


@watched.get("")
@asks(Action.WATCH_LIST_READ)
async def list_watched(look: CurrentLook, pager: CurrentPager) -> Page[WatchedAnswer]:
    """Firms with an open orange or red alert, and those the institution put there."""
    after = str(pager.after[0]) if pager.after else ""
    rows = await read_watch_list(look, after=after, limit=pager.fetch)
    return pager.page(rows, WatchedAnswer.of, lambda row: (row.uscc,))


@watched.post("", status_code=204)
@asks(Action.WATCH_LIST_CHANGE)
async def put_on(made: FirmWatched, look: CurrentLook) -> None:
    """Put a borrower on the watch list, or give another reason for its being there."""
    await watch_firm(look, made.uscc, made.reason)


@watched.delete("/{uscc}", status_code=204)
@asks(Action.WATCH_LIST_CHANGE)
async def take_off(uscc: Uscc, look: CurrentLook) -> None:
    """Take off a firm that was put there."""
    await stop_watching(look, uscc)


@statistics.get("")
@asks(Action.ALERT_STATISTICS)
async def read_statistics(look: CurrentLook) -> AlertStatistics:
    """Alerts, outcomes and precision of every signal, and lenders that are late; nothing of any firm."""
    await look.allow(Resource())
    return await statistics_of(look)


def filters_of(level: str, state: str, signal: str = "", uscc: str = "") -> dict[str, str]:
    """What a list is asked for; empty is any."""
    return {"level": level, "state": state, "signal": signal, "uscc": uscc}


async def statistics_of(look: Look) -> AlertStatistics:
    """The same for the API and the operator's page."""
    counts = await repository.count_alerts(look.connection)
    overdue = await repository.overdue_alerts(look.connection, look.now, _OVERDUE)
    look.says(fields=["statistics"], count=len(counts))
    return AlertStatistics(
        signals=[
            SignalStatistics.of(one, words.zh, words.en)
            for one, words in ((one, kind_of(one.signal).words) for one in by_signal(counts))
        ],
        open_by_institution=open_by_institution(counts),
        overdue=[OverdueAnswer.of(row) for row in overdue],
    )


async def _answer(look: Look, alert_id: str) -> AlertDetail:
    """As it stands now, in the transaction that may have moved it."""
    alert = await find_alert(look, alert_id)
    body = (await bodies(look, [alert]))[alert_id]
    return detail_of(alert, body, await repository.read_events(look.connection, alert_id))
