"""What goes on with alerts without anybody asking: repeats, endings, alarms about lenders that are late.

Safe to run again after a kill at any point: every ending is decided from the ledger or the lake anew.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from features.contracts import Catalogue
from features.errors import LakeError, UnknownEnterpriseError
from features.lake import Lake
from features.on_demand import codes_of
from features.repairs import repaired_between, repairs_since
from models.signals.duties import load_levels, newest
from serving.alerts import repository
from serving.alerts.machine import take
from serving.alerts.rows import Alert
from serving.alerts.telling import Told, write_and_tell
from serving.db import Connection, Database

#: Alerts in one transaction.
BATCH = 500
_LONG_AGO = datetime(1949, 10, 1)
Find = Callable[[Connection, datetime, int], Awaitable[list[Alert]]]


@dataclass(frozen=True)
class Desk:
    """What the tasks work with."""

    database: Database
    subject_of: Callable[[str], str]


async def tend_alerts(desk: Desk, now: datetime) -> Mapping[str, int]:
    """Everything that is due now; how much of each was done."""
    return {
        "repaired": await _end(desk, "repaired", now, _repaired),
        "settled": await _end(desk, "loan_settled", now, _settled),
        "forgotten": await _end(desk, "expired", now, _forgotten),
        "repeated": await _repeat(desk, now),
        "alarms": await _alarm(desk, now),
    }


async def end_repaired(desk: Desk, lake: Lake, catalogue: Catalogue, now: datetime) -> int:
    """End alerts that rest on records of which a provider delivered a repair since they were last found.

    The alert ends at once. If the signal holds without the record, the next run re-opens it and says so.
    """
    bad = [one.name for one in catalogue if one.document.negative]
    async with desk.database.transaction() as connection:
        alerts = await repository.alerts_resting_on(connection, bad)
    # The lake is asked between two transactions, so that no run of the watch waits for it.
    found = await asyncio.to_thread(_repaired_in, lake, catalogue, alerts, now)
    seen = {one.alert_id: one.found_at for one in found}
    if not seen:
        return 0
    async with desk.database.transaction() as connection:
        held = await repository.hold_open(connection, sorted(seen))
        repaired = [one for one in held if one.found_at == seen[one.alert_id]]
        return await _ended(desk, connection, repaired, "repaired", now)


def _repaired_in(
    lake: Lake, catalogue: Catalogue, alerts: Sequence[Alert], now: datetime
) -> list[Alert]:
    """Those of the alerts with a repaired record in a dataset they rest on."""
    try:
        view = lake.view()
    except LakeError:
        return []
    keys = repaired_between(view, catalogue, _LONG_AGO, now)
    codes = codes_of(view, frozenset(keys)) if keys else set[str]()
    found: list[Alert] = []
    for alert in alerts:
        if alert.uscc not in codes:
            continue
        try:
            key = view.find_enterprise(alert.uscc).key
        except UnknownEnterpriseError:
            continue
        since = alert.found_at
        if repairs_since(view, catalogue, key, alert.datasets, since, now):
            found.append(alert)
    return found


async def _end(desk: Desk, outcome: str, now: datetime, find: Find) -> int:
    """End what is found, a batch a transaction, until nothing is found any more."""
    total = 0
    while True:
        async with desk.database.transaction() as connection:
            found = await find(connection, now, BATCH)
            total += await _ended(desk, connection, found, outcome, now)
        if len(found) < BATCH:
            return total


async def _ended(
    desk: Desk, connection: Connection, found: Sequence[Alert], outcome: str, now: datetime
) -> int:
    ended = [
        Told(
            replace(one, standing=take(one.standing, "end", "system", now=now, outcome=outcome)),
            ("end",),
            one.standing.state,
        )
        for one in found
    ]
    return await write_and_tell(connection, ended, now=now, subject_of=desk.subject_of)


async def _repaired(connection: Connection, now: datetime, limit: int) -> list[Alert]:
    del now
    return await repository.repaired_alerts(connection, limit=limit)


async def _settled(connection: Connection, now: datetime, limit: int) -> list[Alert]:
    del now
    return await repository.settled_alerts(connection, limit)


async def _forgotten(connection: Connection, now: datetime, limit: int) -> list[Alert]:
    days = newest(load_levels().ending, now.date()).forgotten_days
    return await repository.forgotten_alerts(connection, now - timedelta(days=days), limit)


async def _repeat(desk: Desk, now: datetime) -> int:
    """Send open alerts again as often as their level says."""
    total, done = 0, BATCH
    while done == BATCH:
        async with desk.database.transaction() as connection:
            due = await repository.alerts_to_repeat(connection, now, BATCH)
            again = [
                Told(
                    replace(one, standing=take(one.standing, "repeat", "system", now=now)),
                    ("repeat",),
                    one.standing.state,
                )
                for one in due
            ]
            done = await write_and_tell(connection, again, now=now, subject_of=desk.subject_of)
        total += done
    return total


async def _alarm(desk: Desk, now: datetime) -> int:
    async with desk.database.transaction() as connection:
        return await repository.alarm_overdue(connection, now)
